//! How does the judge talk to the scheduler? The requests and answers of adapter protocol 1.

use crate::actor_finalize::{Actor, Finalize, FinalizeReason, Finalized};
use crate::failure::Failure;
use crate::json::{self, Value};
use crate::layout::Layout;
use crate::reading::{Reading, INTENT};
use crate::resp::Client;

/// The scheduler behind the protocol; there is none before hello.
#[derive(Default)]
pub struct Adapter {
    actor: Option<Actor>,
}

/// One line of input: the request as read (null if it is no JSON), and the line to answer.
pub fn answer_line(adapter: &mut Adapter, line: &str) -> (Value, String) {
    let (request, (member, body)) = match json::parse(line) {
        Ok(request) => {
            let answer = adapter.answer(&request);
            (request, answer)
        }
        Err(message) => (Value::Null, failed(&Failure::BadRequest(message))),
    };
    let id = request.get("id").cloned().unwrap_or(Value::Null);
    let line = Value::object([("id", id), (member, body)]).to_string();
    (request, line)
}

impl Adapter {
    /// `("ok", ...)` or `("error", {"code", "message"})`; members that we do not know are ignored.
    pub fn answer(&mut self, request: &Value) -> (&'static str, Value) {
        let version = request.get("v").map_or("1".to_string(), Value::to_string);
        if version != "1" {
            let message = format!("protocol version {version} is unknown");
            let supported = Value::Array(vec![Value::Number("1".into())]);
            let (member, mut body) = failed(&Failure::BadRequest(message));
            if let Value::Object(members) = &mut body {
                members.push(("supported".to_string(), supported));
            }
            return (member, body);
        }
        match self.carry_out(request) {
            Ok(answer) => ("ok", answer),
            Err(failure) => failed(&failure),
        }
    }

    fn carry_out(&mut self, request: &Value) -> Result<Value, Failure> {
        match request.get("op").and_then(Value::text) {
            Some("hello") => self.hello(request),
            Some("finalize") => {
                let finalize = read_finalize(request)?;
                self.actor()?.do_finalize(&finalize).map(finalized)
            }
            Some("select") => {
                let text = |name| request.get(name).and_then(Value::text);
                let pair = text("pair").filter(|pair| !pair.is_empty());
                let pair = pair.ok_or_else(|| Failure::BadRequest("pair must be a text such as zh:en".into()))?;
                let node_id = self.actor()?.pool_service().select_for_pair(pair, text("job_id"), text("turn_id"))?;
                Ok(Value::object([("node_id", node_id.into())]))
            }
            Some("bye") => Ok(Value::object([])),
            op => Err(Failure::Unsupported(format!("there is no op \"{}\"", op.unwrap_or("")))),
        }
    }

    fn hello(&mut self, request: &Value) -> Result<Value, Failure> {
        let url = request.get("redis_url").and_then(Value::text);
        let url = url.ok_or_else(|| Failure::BadRequest("redis_url is missing".into()))?;
        let reading = request.get("reading").and_then(Value::text).map_or(Ok(INTENT), Reading::parse)?;
        let layout = Layout::from_json(request.get("layout"))?;
        self.actor = Some(Actor::new(Client::open(url)?, reading, layout));
        let choices = reading.choices().map(|(decision, choice)| (decision, Value::from_text(choice)));
        Ok(Value::object([
            ("name", Value::from_text(env!("CARGO_PKG_NAME"))),
            ("version", Value::from_text(env!("CARGO_PKG_VERSION"))),
            ("language", Value::from_text("rust")),
            ("ops", Value::Array(vec![Value::from_text("finalize"), Value::from_text("select")])),
            ("decisions", Value::object(choices)),
        ]))
    }

    fn actor(&self) -> Result<&Actor, Failure> {
        self.actor.as_ref().ok_or_else(|| Failure::BadRequest("say hello first".into()))
    }
}

fn failed(failure: &Failure) -> (&'static str, Value) {
    let message = Value::from_text(failure.to_string());
    ("error", Value::object([("code", Value::from_text(failure.code())), ("message", message)]))
}

fn finalized(finalized: Finalized) -> Value {
    let jobs = finalized.jobs.into_iter().map(|job| {
        let (job_id, tgt_lang) = (Value::Text(job.job_id), Value::Text(job.tgt_lang));
        Value::object([("job_id", job_id), ("tgt_lang", tgt_lang), ("node_id", job.node_id.into())])
    });
    Value::object([("turn_id", Value::Text(finalized.turn_id)), ("jobs", Value::Array(jobs.collect()))])
}

/// The request, or why it is refused; nothing was sent to Redis yet.
fn read_finalize(request: &Value) -> Result<Finalize, Failure> {
    let text = |name: &str| request.get(name).and_then(Value::text).unwrap_or("").to_string();
    let session_id = text("session_id");
    if session_id.is_empty() {
        return Err(Failure::BadRequest("session_id must be a text that is not empty".into()));
    }
    let reason = FinalizeReason::parse(&text("reason"));
    let reason =
        reason.ok_or_else(|| Failure::BadRequest("reason must be manual, timeout or max_duration".to_string()))?;
    let room_langs = match request.get("room_langs") {
        None | Some(Value::Null) => None,
        Some(Value::Array(langs)) => Some(langs.iter().map(|lang| lang.text().unwrap_or("").to_string()).collect()),
        Some(_) => return Err(Failure::BadRequest("room_langs must be null or a list of languages".into())),
    };
    let finalize = Finalize { session_id, reason, src_lang: text("src_lang"), tgt_lang: text("tgt_lang"), room_langs };
    let targets = match finalize.room_langs.as_deref() {
        Some(langs) if !langs.is_empty() => langs,
        _ => std::slice::from_ref(&finalize.tgt_lang),
    };
    for lang in targets.iter().chain([&finalize.src_lang]) {
        if lang.is_empty() || lang.contains(':') {
            let message = format!("language \"{lang}\" must be a text that is not empty and has no colon");
            return Err(Failure::BadRequest(message));
        }
    }
    Ok(finalize)
}
