//! What does one vector ask, and does it hold? Given, when, then.

use turn_affinity_scheduler::json::Value;
use turn_affinity_scheduler::protocol::Adapter;
use turn_affinity_scheduler::resp::Reply;

use crate::matching::Bound;
use crate::server::Server;

const CONTRACT: &str = "1.0";

const CHOICES: [(&str, &[&str]); 4] = [
    ("D1", &["reuse", "mint"]),
    ("D2", &["before", "after"]),
    ("D3", &["after-batch", "after-first-job"]),
    ("D4", &["overwrite", "write-once", "repair"]),
];

pub struct Vector {
    pub id: String,
    pub title: String,
    /// Whether who fails it is only warned (SHOULD).
    pub only_warns: bool,
    whole: Value,
}

/// How a vector went: in how many readings it passed, why it was skipped, or what failed in which reading.
pub enum Outcome {
    Passed(usize),
    Skipped(String),
    Failed(Vec<String>),
}

impl Vector {
    /// The vector in a file; the error says which member is missing or unknown.
    pub fn read(whole: Value) -> Result<Self, String> {
        let text = |name: &str| {
            let found = whole.get(name).and_then(Value::text);
            found.map(str::to_string).ok_or_else(|| format!("\"{name}\" is missing"))
        };
        let contract = text("contract")?;
        if contract != CONTRACT {
            return Err(format!("contract {contract} is not {CONTRACT}, which this runner knows"));
        }
        let only_warns = whole.get("level").and_then(Value::text) == Some("SHOULD");
        Ok(Self { id: text("id")?, title: text("title")?, only_warns, whole })
    }

    /// Runs it in every reading that it is for.
    pub fn run(&self, server: &Server) -> Outcome {
        if self.whole.get("draws").is_some_and(|draws| *draws != Value::Null) {
            return Outcome::Skipped("it forces draws, which this runner cannot".to_string());
        }
        let readings = readings(self.whole.get("reading").unwrap_or(&Value::Null));
        let fails = |reading: &String| {
            let outcome = self.run_in(reading, server);
            outcome.err().map(|reason| format!("reading {reading}: {reason}"))
        };
        let failures: Vec<String> = readings.iter().filter_map(fails).collect();
        match failures.is_empty() {
            true => Outcome::Passed(readings.len()),
            false => Outcome::Failed(failures),
        }
    }

    fn run_in(&self, reading: &str, server: &Server) -> Result<(), String> {
        let mut bound = Bound::default();
        send(server, &Value::Array(vec![Value::from_text("FLUSHDB")]))?;
        for command in items(&self.whole, "given") {
            send(server, command)?;
        }
        let mut adapter = Adapter::default();
        let (url, reading) = (Value::from_text(&server.url), Value::from_text(reading));
        let hello = [("op", Value::from_text("hello")), ("redis_url", url), ("reading", reading)];
        if let ("error", error) = adapter.answer(&Value::object(hello)) {
            return Err(format!("hello: {error}"));
        }
        let then = self.whole.get("then").ok_or("\"then\" is missing")?;
        let (steps, results) = (items(&self.whole, "when"), items(then, "results"));
        if steps.len() != results.len() {
            return Err(format!("{} steps, but {} results", steps.len(), results.len()));
        }
        for (number, (step, expected)) in steps.iter().zip(results).enumerate() {
            let seen = take(&mut adapter, server, &bound.filled_in(step))?;
            bound.matches(expected, &seen).map_err(|reason| format!("step {}: {reason}", number + 1))?;
        }
        self.check_keys(&bound, then, server)
    }

    fn check_keys(&self, bound: &Bound, then: &Value, server: &Server) -> Result<(), String> {
        let mut bound = bound.clone();
        if let Some(Value::Object(keys)) = then.get("keys").map(|keys| bound.filled_in(keys)) {
            for (key, expected) in keys {
                let (expected, seen) = (sorted(expected), content(server, &key)?);
                let same = bound.matches(&expected, &seen).and_then(|()| same_fields(&expected, &seen));
                same.map_err(|reason| format!("{key}: {reason}"))?;
            }
        }
        for key in items(then, "absent").iter().map(|key| bound.filled_in(key)) {
            if ask(server, &["EXISTS", text_of(&key)?])? != Reply::Int(0) {
                return Err(format!("{key} is there: {}", content(server, text_of(&key)?)?));
            }
        }
        for key in items(then, "no_ttl").iter().map(|key| bound.filled_in(key)) {
            if matches!(ask(server, &["PTTL", text_of(&key)?])?, Reply::Int(left_ms) if left_ms >= 0) {
                return Err(format!("{key} has a TTL"));
            }
        }
        Ok(())
    }
}

/// The texts for hello: one preset, the choices of an object, or all 24 combinations for null.
fn readings(reading: &Value) -> Vec<String> {
    match reading {
        Value::Text(preset) => vec![preset.clone()],
        Value::Object(chosen) => {
            let choice = |(decision, choice): &(String, Value)| format!("{decision}={}", choice.text().unwrap_or(""));
            vec![chosen.iter().map(choice).collect::<Vec<_>>().join(",")]
        }
        _ => CHOICES.iter().fold(vec![String::new()], |readings, (decision, choices)| {
            let with = |reading: &String| {
                let comma = if reading.is_empty() { "" } else { "," };
                let grown = choices.iter().map(|choice| format!("{reading}{comma}{decision}={choice}"));
                grown.collect::<Vec<_>>()
            };
            readings.iter().flat_map(with).collect()
        }),
    }
}

/// One step and its result: null for a command, `{"error": code}` for a refusal, else what the adapter answers.
fn take(adapter: &mut Adapter, server: &Server, step: &Value) -> Result<Value, String> {
    if step.get("op").and_then(Value::text) == Some("redis") {
        send(server, step.get("command").unwrap_or(&Value::Null))?;
        return Ok(Value::Null);
    }
    match adapter.answer(step) {
        ("ok", answer) => Ok(answer),
        (_, error) => Ok(Value::object([("error", error.get("code").cloned().unwrap_or(Value::Null))])),
    }
}

fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::array).unwrap_or_default()
}

fn text_of(value: &Value) -> Result<&str, String> {
    value.text().ok_or_else(|| format!("{value} is no text"))
}

fn send(server: &Server, command: &Value) -> Result<(), String> {
    let argv: Vec<&str> = command.array().unwrap_or_default().iter().map(text_of).collect::<Result<_, _>>()?;
    ask(server, &argv).map(|_| ())
}

fn ask(server: &Server, argv: &[&str]) -> Result<Reply, String> {
    server.client.command(argv).map_err(|failure| format!("{}: {failure}", argv.join(" ")))
}

/// A hash as an object, a set as a sorted array, a string as a text, an absent key as null.
fn content(server: &Server, key: &str) -> Result<Value, String> {
    let kind = ask(server, &["TYPE", key])?.text().unwrap_or_default();
    let texts = |command: &str| match ask(server, &[command, key])? {
        Reply::Array(items) => Ok(items.into_iter().filter_map(Reply::text).collect::<Vec<_>>()),
        other => Err(format!("{command} {key} answered {other:?}")),
    };
    Ok(match kind.as_str() {
        "none" => Value::Null,
        "string" => ask(server, &["GET", key])?.text().into(),
        "set" => sorted(Value::Array(texts("SMEMBERS")?.into_iter().map(Value::Text).collect())),
        "hash" => {
            let pairs = texts("HGETALL")?;
            let member = |pair: &[String]| (pair[0].clone(), Value::from_text(&pair[1]));
            Value::Object(pairs.chunks_exact(2).map(member).collect())
        }
        other => return Err(format!("{key} is a {other}, which no vector judges")),
    })
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Array(mut items) => {
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        other => other,
    }
}

/// A hash is given whole: a field that is not named must not be there.
fn same_fields(expected: &Value, seen: &Value) -> Result<(), String> {
    let (Value::Object(wanted), Value::Object(there)) = (expected, seen) else { return Ok(()) };
    match there.iter().find(|(field, _)| !wanted.iter().any(|(name, _)| name == field)) {
        Some((field, value)) if !wanted.iter().any(|(name, _)| name == "one_of") => {
            Err(format!("the field {field} ({value}) should not be there"))
        }
        _ => Ok(()),
    }
}
