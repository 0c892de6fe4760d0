//! Does the flow keep the contract? Every committed vector, against a live server, in every reading that it is for.
//!
//! Vectors: $TURNAFFINITY_VECTORS, `vectors/` of this folder, or `../../vectors`. Server: $REDIS_URL (an empty
//! database; it is flushed between vectors), or a redis-server or valkey-server from PATH. What is skipped is said.
//! Words after `--` filter: `cargo test --test vectors -- TA-CLEAR` runs the vectors whose id or file contains one.

mod matching;
mod server;
mod vector;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use server::Server;
use turn_affinity_scheduler::json;
use vector::{Outcome, Vector};

fn main() -> ExitCode {
    let filters: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    match run_all(&filters) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("vectors: FAILED: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run_all(filters: &[String]) -> Result<(), String> {
    let Some(folder) = vectors_folder()? else {
        println!("vectors: skipped: there is no folder with vectors; name one in TURNAFFINITY_VECTORS");
        return Ok(());
    };
    let Some(server) = Server::open()? else {
        println!("vectors: skipped: no REDIS_URL, and neither redis-server nor valkey-server is on the PATH");
        return Ok(());
    };
    let (mut passed, mut skipped, mut failures, mut warnings) = (0, BTreeMap::new(), Vec::new(), Vec::new());
    for file in files_below(&folder)? {
        let name = file.strip_prefix(&folder).unwrap_or(&file).display().to_string();
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{name}: {error}"))?;
        let vector = json::parse(&text).and_then(Vector::read).map_err(|error| format!("{name}: {error}"))?;
        if !filters.is_empty() && !filters.iter().any(|word| name.contains(word) || vector.id.contains(word)) {
            continue;
        }
        match vector.run(&server) {
            Outcome::Passed(readings) => passed += readings,
            Outcome::Skipped(reason) => {
                let rule = Path::new(&name).parent().unwrap_or(Path::new("")).display().to_string();
                *skipped.entry((rule, reason)).or_insert(0) += 1;
            }
            Outcome::Failed(reasons) => {
                let told = reasons.iter().map(|reason| format!("{name} ({}): {reason}", vector.title));
                if vector.only_warns { warnings.extend(told) } else { failures.extend(told) }
            }
        }
    }
    for ((rule, reason), count) in &skipped {
        println!("vectors: {rule}: {count} skipped: {reason}");
    }
    for warning in &warnings {
        println!("vectors: warning (SHOULD): {warning}");
    }
    for failure in &failures {
        println!("vectors: {failure}");
    }
    let skipped: usize = skipped.values().sum();
    let warned = if warnings.is_empty() { String::new() } else { format!(", {} warned", warnings.len()) };
    println!("vectors: {passed} passed (one for each reading), {skipped} skipped, {} failed{warned}", failures.len());
    match failures.is_empty() {
        true => Ok(()),
        false => Err(format!("{} of the runs above", failures.len())),
    }
}

/// The folder, or None where there is none; a folder that was named has to be there.
fn vectors_folder() -> Result<Option<PathBuf>, String> {
    if let Ok(named) = std::env::var("TURNAFFINITY_VECTORS") {
        let folder = PathBuf::from(named);
        let missing = format!("TURNAFFINITY_VECTORS names {}, which is no folder with vectors", folder.display());
        return if holds_vectors(&folder) { Ok(Some(folder)) } else { Err(missing) };
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok([here.join("vectors"), here.join("../../vectors")].into_iter().find(|folder| holds_vectors(folder)))
}

fn holds_vectors(folder: &Path) -> bool {
    files_below(folder).is_ok_and(|files| !files.is_empty())
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let unreadable = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
