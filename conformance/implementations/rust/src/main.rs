//! The adapter: requests on stdin, answers on stdout, one JSON object a line; the log goes to stderr.

use std::io::{BufRead, Write};

use turn_affinity_scheduler::json::Value;
use turn_affinity_scheduler::protocol::{answer_line, Adapter};

fn main() -> std::io::Result<()> {
    let mut adapter = Adapter::default();
    let mut input = std::io::stdin().lock();
    let mut output = std::io::stdout().lock();
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        let (request, answer) = answer_line(&mut adapter, &String::from_utf8_lossy(&line));
        writeln!(output, "{answer}")?;
        output.flush()?;
        if request.get("op").and_then(Value::text) == Some("bye") {
            break;
        }
        line.clear();
    }
    Ok(())
}
