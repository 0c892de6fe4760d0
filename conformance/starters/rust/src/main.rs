//! How does the judge reach our scheduler? Requests on stdin, answers on stdout, one JSON object a line; log to stderr.

mod json; // replace it by serde_json where crates.io is at hand

use json::Value;
use std::io::{BufRead, Write};

/// An error's code (no_node, bad_request, unsupported, redis, internal) and its message.
type Refused = (&'static str, String);

fn hello(request: &Value) -> Result<Value, Refused> {
    if request.get("v") != Some(&Value::Number("1".into())) {
        return Err(("bad_request", "this adapter speaks version 1".into()));
    }
    // Connect to `redis_url`, and use the key names in `layout`.
    let told = [("name", "my-scheduler"), ("version", "0.1"), ("language", "rust")];
    let mut members: Vec<_> = told.map(|(name, text)| (name.to_string(), Value::from_text(text))).into();
    members.push(("ops".into(), Value::Array(vec![Value::from_text("finalize")])));
    Ok(Value::Object(members))
}

fn finalize(request: &Value) -> Result<Value, Refused> {
    let text = |name| request.get(name).and_then(Value::text).unwrap_or("");
    let room = request.get("room_langs").and_then(Value::array).unwrap_or_default();
    let mut langs: Vec<&str> = room.iter().map(|lang| lang.text().unwrap_or("")).collect();
    if langs.is_empty() {
        langs.push(text("tgt_lang"));
    }
    langs.push(text("src_lang"));
    let known = ["manual", "timeout", "max_duration"].contains(&text("reason"));
    if text("session_id").is_empty() || !known || langs.iter().any(|tag| tag.is_empty() || tag.contains(':')) {
        return Err(("bad_request", "a session, one of the three reasons, and language tags are needed".into())); // TA-TURN-5
    }
    // Call your scheduler here. In the note's order:
    // 1. manual and timeout: clear the open turn (TA-CLEAR-1)
    // 2. settle the turn id, a UUID v4 (TA-TURN-1)
    // 3. create one job for each distinct language, each selected under that id (TA-TURN-2, TA-TURN-6)
    // 4. max_duration: write the affinity and current_turn_id (TA-WRITE-1); else clear once more (TA-CLEAR-4)
    // and answer {"turn_id": "...", "jobs": [{"job_id": "...", "tgt_lang": "en", "node_id": "n1"}]}
    Err(("unsupported", "finalize is not written yet".into()))
}

fn main() -> std::io::Result<()> {
    for line in std::io::stdin().lock().lines() {
        let request = json::parse(&line?).unwrap_or(Value::Null);
        let op = request.get("op").and_then(Value::text).unwrap_or("").to_string();
        let answered = match op.as_str() {
            "hello" => hello(&request),
            "finalize" => finalize(&request),
            "bye" => Ok(Value::object([])),
            _ => Err(("unsupported", format!("there is no op \"{op}\""))),
        };
        let (member, body) = match answered {
            Ok(body) => ("ok", body),
            Err((code, message)) => {
                let supported = Value::Array(vec![Value::Number("1".into())]);
                let (code, message) = (Value::from_text(code), Value::from_text(message));
                ("error", Value::object([("code", code), ("message", message), ("supported", supported)]))
            }
        };
        let id = request.get("id").cloned().unwrap_or(Value::Null);
        writeln!(std::io::stdout(), "{}", Value::object([("id", id), (member, body)]))?;
        if op == "bye" {
            break;
        }
    }
    Ok(())
}
