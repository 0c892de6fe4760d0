//! Which node serves this job? The one round trip to `select_node.lua`.

use std::rc::Rc;

use crate::failure::Failure;
use crate::layout::Layout;
use crate::resp::Client;
use crate::script::{Script, SELECT_NODE_LUA};

pub struct PoolService {
    client: Rc<Client>,
    script: Script,
}

impl PoolService {
    pub fn new(client: Rc<Client>, layout: &Layout) -> Self {
        Self { client, script: Script::new(SELECT_NODE_LUA, layout) }
    }

    /// `turn_id` is `ARGV[3]`, the turn whose affinity is read; `job_id` is `ARGV[2]`, the job to bind.
    pub fn select_node(
        &self,
        src_lang: &str,
        tgt_lang: &str,
        job_id: Option<&str>,
        turn_id: Option<&str>,
    ) -> Result<Option<String>, Failure> {
        self.select_for_pair(&format!("{src_lang}:{tgt_lang}"), job_id, turn_id)
    }

    pub fn select_for_pair(
        &self,
        pair: &str,
        job_id: Option<&str>,
        turn_id: Option<&str>,
    ) -> Result<Option<String>, Failure> {
        let reply = self.script.run(&self.client, &[pair, job_id.unwrap_or(""), turn_id.unwrap_or("")])?;
        Ok(reply.text())
    }
}

#[cfg(test)]
mod tests {
    use super::SELECT_NODE_LUA;

    #[test]
    fn test_select_node_lua_turn_affinity_contract() {
        assert!(SELECT_NODE_LUA.contains("scheduler:turn:"));
        assert!(SELECT_NODE_LUA.contains("affinity_node_id"));
        assert!(!SELECT_NODE_LUA.contains("timeout_node_id"));
        assert!(!SELECT_NODE_LUA.contains("max_duration_node_id"));
    }
}
