//! Is what was seen what the vector expects? Values, one_of, and the ids that the implementation makes up.

use turn_affinity_scheduler::json::Value;

/// The ids bound so far, by name.
#[derive(Clone, Default)]
pub struct Bound(Vec<(String, Value)>);

const MATCHERS: [&str; 4] = ["bind", "same_as", "not", "one_of"];

impl Bound {
    fn get(&self, name: &str) -> Result<&Value, String> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value).ok_or_else(|| format!("{name} is not bound yet"))
    }

    /// `${T1}` in any text of `value`, member names too, replaced by the id that is bound to T1.
    pub fn filled_in(&self, value: &Value) -> Value {
        match value {
            Value::Text(text) => Value::Text(self.filled_text(text)),
            Value::Array(items) => Value::Array(items.iter().map(|item| self.filled_in(item)).collect()),
            Value::Object(members) => {
                let filled = |(name, value): &(String, Value)| (self.filled_text(name), self.filled_in(value));
                Value::Object(members.iter().map(filled).collect())
            }
            other => other.clone(),
        }
    }

    fn filled_text(&self, text: &str) -> String {
        let fill = |text: String, (name, value): &(String, Value)| {
            text.replace(&format!("${{{name}}}"), value.text().unwrap_or_default())
        };
        self.0.iter().fold(text.to_string(), fill)
    }

    /// Whether `seen` is what is expected; binds as it goes. The error says what was expected, and what was seen.
    pub fn matches(&mut self, expected: &Value, seen: &Value) -> Result<(), String> {
        let expected = self.filled_in(expected);
        match (&expected, seen) {
            (Value::Object(members), _) if is_matcher(members) => {
                members.iter().try_for_each(|(matcher, operand)| self.holds(matcher, operand, seen))
            }
            (Value::Object(members), Value::Object(_)) => members.iter().try_for_each(|(name, wanted)| {
                let there = seen.get(name).ok_or_else(|| format!("{name} is missing in {seen}"))?;
                self.matches(wanted, there).map_err(|reason| format!("{name}: {reason}"))
            }),
            (Value::Array(wanted), Value::Array(there)) if wanted.len() == there.len() => {
                wanted.iter().zip(there).try_for_each(|(wanted, there)| self.matches(wanted, there))
            }
            (wanted, there) if wanted == there => Ok(()),
            (wanted, there) => Err(format!("expected {wanted}, observed {there}")),
        }
    }

    fn holds(&mut self, matcher: &str, operand: &Value, seen: &Value) -> Result<(), String> {
        match (matcher, operand) {
            ("one_of", Value::Array(choices)) => {
                let fits = |choice: &Value| {
                    let mut tried = self.clone();
                    tried.matches(choice, seen).is_ok().then_some(tried)
                };
                let fitting = choices.iter().find_map(fits);
                *self = fitting.ok_or_else(|| format!("expected one of {operand}, observed {seen}"))?;
                Ok(())
            }
            ("bind", Value::Text(_)) if seen.text().unwrap_or("").is_empty() => {
                Err(format!("expected an id, observed {seen}"))
            }
            ("bind", Value::Text(name)) => {
                self.0.retain(|(known, _)| known != name);
                self.0.push((name.clone(), seen.clone()));
                Ok(())
            }
            ("same_as", Value::Text(name)) => match self.get(name)? {
                bound if bound == seen => Ok(()),
                bound => Err(format!("expected {name}, which is {bound}, observed {seen}")),
            },
            ("not", Value::Text(name)) if seen.text().unwrap_or("").is_empty() => {
                Err(format!("expected an id other than {name}, observed {seen}"))
            }
            ("not", Value::Text(name)) => match self.get(name)? {
                bound if bound == seen => Err(format!("expected another than {name}, observed {seen}")),
                _ => Ok(()),
            },
            ("not", Value::Array(names)) => names.iter().try_for_each(|name| self.holds("not", name, seen)),
            _ => Err(format!("the vector's {{\"{matcher}\": {operand}}} cannot be understood")),
        }
    }
}

fn is_matcher(members: &[(String, Value)]) -> bool {
    !members.is_empty() && members.iter().all(|(name, _)| MATCHERS.contains(&name.as_str()))
}
