//! What are the keys and fields called here? Templates such as `scheduler:turn:{turn_id}`, from hello.

use crate::failure::Failure;
use crate::json::Value;

/// The names that a deployment uses; the default is the kit's.
#[derive(Clone, Debug)]
pub struct Layout {
    pub turn: String,
    pub session: String,
    pub node: String,
    pub node_pools: String,
    pub pool: String,
    pub job: String,
    pub affinity_field: String,
    pub current_turn_field: String,
    pub job_ttl_s: String,
    pub pool_index: Option<String>,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            turn: "scheduler:turn:{turn_id}".into(),
            session: "scheduler:session:{session_id}".into(),
            node: "lingua:v1:node:{node_id}".into(),
            node_pools: "lingua:v1:node:{node_id}:pools".into(),
            pool: "lingua:v1:pool:{pair}:{pool_id}:nodes".into(),
            job: "lingua:v1:job:{job_id}:node".into(),
            affinity_field: "affinity_node_id".into(),
            current_turn_field: "current_turn_id".into(),
            job_ttl_s: "3600".into(),
            pool_index: None,
        }
    }
}

impl Layout {
    /// The layout of a hello: its members over the default's; members that we do not know are ignored.
    pub fn from_json(members: Option<&Value>) -> Result<Self, Failure> {
        let mut layout = Self::default();
        let Some(Value::Object(members)) = members else { return Ok(layout) };
        for (name, value) in members {
            let named = match name.as_str() {
                "turn" => &mut layout.turn,
                "session" => &mut layout.session,
                "node" => &mut layout.node,
                "node_pools" => &mut layout.node_pools,
                "pool" => &mut layout.pool,
                "job" => &mut layout.job,
                "affinity_field" => &mut layout.affinity_field,
                "current_turn_field" => &mut layout.current_turn_field,
                "job_ttl_s" => &mut layout.job_ttl_s,
                "pool_index" => {
                    layout.pool_index = value.text().map(str::to_string);
                    continue;
                }
                _ => continue,
            };
            *named = match value {
                Value::Text(text) | Value::Number(text) => text.clone(),
                _ => return Err(Failure::BadRequest(format!("layout, {name}: {value} is no name"))),
            };
        }
        Ok(layout)
    }

    /// A shared script with these names: the lines between its two `-- LAYOUT` marks are written anew.
    pub fn named_in(&self, source: &str) -> String {
        let mut inside = false;
        let mut lines = Vec::new();
        for line in source.lines() {
            if line.starts_with("-- LAYOUT") {
                inside = !line.starts_with("-- LAYOUT END");
            }
            let name = line.strip_prefix("local function ").or_else(|| line.strip_prefix("local "));
            match name.filter(|_| inside).and_then(|rest| self.definition(rest)) {
                Some(definition) => lines.push(definition),
                None => lines.push(line.to_string()),
            }
        }
        lines.join("\n") + "\n"
    }

    fn definition(&self, rest: &str) -> Option<String> {
        let name: String = rest.chars().take_while(|mark| mark.is_alphanumeric() || *mark == '_').collect();
        let (parameters, template) = match name.as_str() {
            "AFFINITY_FIELD" => return Some(format!("local {name} = {}", lua_text(&self.affinity_field))),
            "CURRENT_TURN_FIELD" => return Some(format!("local {name} = {}", lua_text(&self.current_turn_field))),
            "JOB_TTL_S" => return Some(format!("local {name} = {}", self.job_ttl_s)),
            "turn_key" => ("turn_id", Some(&self.turn)),
            "session_key" => ("session_id", Some(&self.session)),
            "node_key" => ("node_id", Some(&self.node)),
            "node_pools_key" => ("node_id", Some(&self.node_pools)),
            "pool_key" => ("pair, pool_id", Some(&self.pool)),
            "pool_key_ends" => {
                let (before, after) = self.pool.split_once("{pool_id}")?;
                let (before, after) = (lua_expression(before), lua_expression(after));
                return Some(format!("local function {name}(pair) return {before}, {after} end"));
            }
            "job_key" => ("job_id", Some(&self.job)),
            "pool_index_key" => ("pair", self.pool_index.as_ref()),
            _ => return None,
        };
        let value = template.map_or("nil".to_string(), |template| lua_expression(template));
        Some(format!("local function {name}({parameters}) return {value} end"))
    }
}

enum Part {
    Literal(String),
    Placeholder(String),
}

/// `a:{x}:{{b}}` is the literal `a:`, the placeholder `x` and the literal `:{b}`.
fn parts(template: &str) -> Vec<Part> {
    let (mut parts, mut literal) = (Vec::new(), String::new());
    let mut marks = template.chars().peekable();
    while let Some(mark) = marks.next() {
        if (mark == '{' || mark == '}') && marks.peek() == Some(&mark) {
            marks.next();
            literal.push(mark);
        } else if mark == '{' {
            parts.push(Part::Literal(std::mem::take(&mut literal)));
            parts.push(Part::Placeholder(marks.by_ref().take_while(|next| *next != '}').collect()));
        } else {
            literal.push(mark);
        }
    }
    parts.push(Part::Literal(literal));
    parts
}

/// A key: the template with its placeholders filled in.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let text = |part: Part| match part {
        Part::Literal(literal) => literal,
        Part::Placeholder(name) => {
            values.iter().find(|(known, _)| *known == name).map_or(String::new(), |(_, value)| value.to_string())
        }
    };
    parts(template).into_iter().map(text).collect()
}

fn lua_expression(template: &str) -> String {
    let text = |part: Part| match part {
        Part::Literal(literal) => lua_text(&literal),
        Part::Placeholder(name) => name,
    };
    parts(template).into_iter().map(text).collect::<Vec<_>>().join(" .. ")
}

fn lua_text(text: &str) -> String {
    let escaped = |mark: char| match mark {
        '\'' | '\\' => format!("\\{mark}"),
        mark if mark.is_ascii_control() => format!("\\{:03}", mark as u32),
        mark => mark.to_string(),
    };
    format!("'{}'", text.chars().map(escaped).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::SELECT_NODE_LUA;

    #[test]
    fn doubled_braces_are_literal_ones() {
        assert_eq!(fill("turn:{{{turn_id}}}", &[("turn_id", "t1")]), "turn:{t1}");
    }

    #[test]
    fn a_script_gets_the_names_of_the_layout_and_keeps_the_rest() {
        let layout = Layout { turn: "my:{turn_id}:turn".into(), ..Layout::default() };
        let script = layout.named_in(SELECT_NODE_LUA);
        assert!(script.contains("local function turn_key(turn_id) return 'my:' .. turn_id .. ':turn' end"), "{script}");
        assert!(!script.contains("scheduler:turn:"));
        let pools = Layout { pool: "my:{pair}:{pool_id}".into(), ..Layout::default() }.named_in(SELECT_NODE_LUA);
        assert!(pools.contains("local function pool_key_ends(pair) return 'my:' .. pair .. ':', '' end"), "{pools}");
        assert!(!pools.contains("lingua:v1:pool:"));
        assert_eq!(script.lines().count(), SELECT_NODE_LUA.lines().count());
    }
}
