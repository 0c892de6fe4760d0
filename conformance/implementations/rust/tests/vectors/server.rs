//! Which server do the vectors run against? One that was named, or one of our own that ends with us.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use turn_affinity_scheduler::resp::{Client, Reply};
use turn_affinity_scheduler::uuid::new_v4;

const PATIENCE: Duration = Duration::from_secs(10);

/// The shell's input is a pipe that we hold: when we end, however we end, it ends the server and removes the folder.
const KEEPER: &str = r#""$1" --port 0 --unixsocket "$2/s" --save "" --appendonly no --dir "$2" >"$2/log" 2>&1 &
cat >/dev/null; kill $! 2>/dev/null; wait; rm -rf "$2"; echo gone"#;

pub struct Server {
    pub url: String,
    pub client: Client,
    keeper: Option<Child>,
}

impl Server {
    /// The server in $REDIS_URL, or one from PATH; None if there is neither.
    pub fn open() -> Result<Option<Self>, String> {
        if let Ok(url) = std::env::var("REDIS_URL") {
            let client = Client::open(&url).map_err(|failure| format!("REDIS_URL: {failure}"))?;
            return match client.command(&["DBSIZE"]) {
                Ok(Reply::Int(0)) => Ok(Some(Self { url, client, keeper: None })),
                Ok(_) => Err("REDIS_URL names a database that holds keys; name an empty one".to_string()),
                Err(failure) => Err(format!("REDIS_URL: {failure}")),
            };
        }
        match ["redis-server", "valkey-server"].into_iter().find_map(on_path) {
            Some(program) => Self::start(&program).map(Some),
            None => Ok(None),
        }
    }

    fn start(program: &PathBuf) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("ta-{}", &new_v4()[..8]));
        std::fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut shell = Command::new("sh");
        shell.args(["-c", KEEPER, "keeper"]).arg(program).arg(&folder);
        let keeper = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let keeper = keeper.map_err(|error| format!("sh: {error}"))?;
        let url = format!("unix://{}/s?db=0", folder.display());
        let deadline = Instant::now() + PATIENCE;
        loop {
            match Client::open(&url) {
                Ok(client) => return Ok(Self { url, client, keeper: Some(keeper) }),
                Err(failure) if Instant::now() > deadline => {
                    let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
                    return Err(format!("{} did not start: {failure}\n{log}", program.display()));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(keeper) = &mut self.keeper else {
            let _ = self.client.command(&["FLUSHDB"]); // it was empty when we came
            return;
        };
        if let Some(mut input) = keeper.stdin.take() {
            let _ = input.flush();
        }
        let mut said = String::new();
        let _ = keeper.stdout.take().map(|mut output| output.read_to_string(&mut said));
        let _ = keeper.wait();
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|program| program.is_file())
}
