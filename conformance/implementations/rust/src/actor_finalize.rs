//! What happens when a segment of speech is closed? One finalize, from the turn id to the clear.

use std::rc::Rc;

use crate::failure::Failure;
use crate::job_creator::{create_translation_jobs, should_bind_job_to_node, Batch, Job};
use crate::layout::{fill, Layout};
use crate::minimal_scheduler::MinimalScheduler;
use crate::pool_service::PoolService;
use crate::reading::{Reading, D1, D2, D3};
use crate::resp::{Client, Reply};
use crate::script::{Script, CLEAR_AFFINITY_LUA, WRITE_AFFINITY_LUA};
use crate::uuid::new_v4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinalizeReason {
    Manual,
    Timeout,
    MaxDuration,
}

impl FinalizeReason {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "manual" => Some(Self::Manual),
            "timeout" => Some(Self::Timeout),
            "max_duration" => Some(Self::MaxDuration),
            _ => None,
        }
    }
}

/// One finalize. `room_langs`: None solo, empty for a room without other members, else the listeners' languages.
pub struct Finalize {
    pub session_id: String,
    pub reason: FinalizeReason,
    pub src_lang: String,
    pub tgt_lang: String,
    pub room_langs: Option<Vec<String>>,
}

/// A finalize that was carried out: the id that its jobs were selected under, and the jobs in order.
pub struct Finalized {
    pub turn_id: String,
    pub jobs: Vec<Job>,
}

/// The actor's surroundings: a connection, a reading of the open decisions, and the names of the keys.
pub struct Actor {
    client: Rc<Client>,
    reading: Reading,
    layout: Layout,
    scheduler: MinimalScheduler,
    write_script: Script,
    clear_script: Script,
}

impl Actor {
    pub fn new(client: Client, reading: Reading, layout: Layout) -> Self {
        let client = Rc::new(client);
        Self {
            scheduler: MinimalScheduler::new(PoolService::new(Rc::clone(&client), &layout)),
            write_script: Script::new(WRITE_AFFINITY_LUA, &layout),
            clear_script: Script::new(CLEAR_AFFINITY_LUA, &layout),
            client,
            reading,
            layout,
        }
    }

    pub fn pool_service(&self) -> &PoolService {
        &self.scheduler.pool_service
    }

    /// Close the current segment. The caller has checked the request; errors are `NoNode` and `Redis`.
    pub fn do_finalize(&self, finalize: &Finalize) -> Result<Finalized, Failure> {
        let finalized = match finalize.reason {
            FinalizeReason::MaxDuration => self.extend_turn(finalize)?,
            FinalizeReason::Manual | FinalizeReason::Timeout => self.close_turn(finalize)?,
        };
        match finalized.jobs.iter().any(|job| job.node_id.is_some()) {
            true => Ok(finalized),
            false => Err(Failure::NoNode),
        }
    }

    fn extend_turn(&self, finalize: &Finalize) -> Result<Finalized, Failure> {
        let open_turn = match self.reading.d1 {
            D1::Reuse => self.read_open_turn(&finalize.session_id)?,
            D1::Mint => None,
        };
        let turn_id = open_turn.unwrap_or_else(new_v4);
        let early = self.reading.d3 == D3::AfterFirstJob;
        let mut written = false;
        let jobs = create_translation_jobs(&self.scheduler, &batch_of(finalize), &turn_id, &mut |job| {
            if let (true, false, Some(node_id)) = (early, written, &job.node_id) {
                self.write_affinity(&finalize.session_id, &turn_id, node_id)?;
                written = true;
            }
            Ok(())
        })?;
        if let (false, Some(node_id)) = (written, jobs.iter().find_map(|job| job.node_id.as_ref())) {
            self.write_affinity(&finalize.session_id, &turn_id, node_id)?;
        }
        Ok(Finalized { turn_id, jobs })
    }

    fn close_turn(&self, finalize: &Finalize) -> Result<Finalized, Failure> {
        let clear_first = self.reading.d2 == D2::Before;
        if clear_first {
            if let Err(failure) = self.clear_affinity(&finalize.session_id) {
                eprintln!("first clear of {}: {failure}; the fallback clear repairs it", finalize.session_id);
            }
        }
        let batch = self.closing_batch(finalize, clear_first);
        // also when a job could not be created: the turn is over
        let cleared = self.clear_affinity(&finalize.session_id);
        let finalized = batch?;
        cleared?;
        Ok(finalized)
    }

    fn closing_batch(&self, finalize: &Finalize, cleared: bool) -> Result<Finalized, Failure> {
        let open_turn = if cleared { None } else { self.read_open_turn(&finalize.session_id)? };
        let turn_id = open_turn.unwrap_or_else(new_v4);
        let jobs = create_translation_jobs(&self.scheduler, &batch_of(finalize), &turn_id, &mut |_| Ok(()))?;
        Ok(Finalized { turn_id, jobs })
    }

    /// The open turn's id; an empty field is none.
    fn read_open_turn(&self, session_id: &str) -> Result<Option<String>, Failure> {
        let key = fill(&self.layout.session, &[("session_id", session_id)]);
        let reply = self.client.command(&["HGET", &key, &self.layout.current_turn_field])?;
        Ok(reply.text().filter(|turn_id| !turn_id.is_empty()))
    }

    /// Both fields in one atomic step, and no TTL.
    fn write_affinity(&self, session_id: &str, turn_id: &str, node_id: &str) -> Result<Reply, Failure> {
        self.write_script.run(&self.client, &[session_id, turn_id, node_id, self.reading.d4.as_str()])
    }

    /// The open turn's affinity and the session's pointer to it, in one atomic step.
    fn clear_affinity(&self, session_id: &str) -> Result<Reply, Failure> {
        self.clear_script.run(&self.client, &[session_id])
    }
}

fn batch_of(finalize: &Finalize) -> Batch<'_> {
    Batch {
        src_lang: &finalize.src_lang,
        tgt_lang: &finalize.tgt_lang,
        room_langs: finalize.room_langs.as_deref(),
        bind: should_bind_job_to_node(
            finalize.reason == FinalizeReason::Manual,
            finalize.reason == FinalizeReason::Timeout,
            finalize.reason == FinalizeReason::MaxDuration,
        ),
    }
}
