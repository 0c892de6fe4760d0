//! What stands between a job and the pool service? One selection, and a log line where it came to nothing.

use crate::failure::Failure;
use crate::pool_service::PoolService;

pub struct MinimalScheduler {
    pub pool_service: PoolService,
}

impl MinimalScheduler {
    pub fn new(pool_service: PoolService) -> Self {
        Self { pool_service }
    }

    /// The node for one job, or None; `job_id` asks for a job-level binding.
    pub fn node_for_job(
        &self,
        src_lang: &str,
        tgt_lang: &str,
        job_id: Option<&str>,
        turn_id: Option<&str>,
    ) -> Result<Option<String>, Failure> {
        let node_id = self.pool_service.select_node(src_lang, tgt_lang, job_id, turn_id)?;
        if node_id.is_none() {
            let turn = turn_id.unwrap_or("none");
            eprintln!("no node for {src_lang}:{tgt_lang}: neither affinity_node_id (turn {turn}) nor a candidate");
        }
        Ok(node_id)
    }
}
