//! How does a shared Lua script run? By its digest, and from its text on a server that does not know it.

use std::cell::RefCell;

use crate::failure::Failure;
use crate::layout::Layout;
use crate::resp::{Client, Reply};

pub const SELECT_NODE_LUA: &str = include_str!(concat!(env!("TURNAFFINITY_LUA_FOLDER"), "/select_node.lua"));
pub const WRITE_AFFINITY_LUA: &str = include_str!(concat!(env!("TURNAFFINITY_LUA_FOLDER"), "/write_affinity.lua"));
pub const CLEAR_AFFINITY_LUA: &str = include_str!(concat!(env!("TURNAFFINITY_LUA_FOLDER"), "/clear_affinity.lua"));

pub struct Script {
    source: String,
    digest: RefCell<Option<String>>,
}

impl Script {
    pub fn new(source: &str, layout: &Layout) -> Self {
        Self { source: layout.named_in(source), digest: RefCell::new(None) }
    }

    /// EVALSHA with no keys; the digest comes from SCRIPT LOAD, once, and again after a NOSCRIPT.
    pub fn run(&self, client: &Client, args: &[&str]) -> Result<Reply, Failure> {
        let known = self.digest.borrow().clone();
        if let Some(digest) = known {
            match client.command(&evalsha(&digest, args)) {
                Err(Failure::Redis(message)) if message.starts_with("NOSCRIPT") => (),
                answered => return answered,
            }
        }
        let loaded = client.command(&["SCRIPT", "LOAD", &self.source])?.text();
        let digest = loaded.ok_or_else(|| Failure::Redis("SCRIPT LOAD answered no digest".into()))?;
        let answered = client.command(&evalsha(&digest, args));
        *self.digest.borrow_mut() = Some(digest);
        answered
    }
}

fn evalsha<'a>(digest: &'a str, args: &[&'a str]) -> Vec<&'a str> {
    [&["EVALSHA", digest, "0"], args].concat()
}
