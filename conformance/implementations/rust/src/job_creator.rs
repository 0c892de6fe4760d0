//! Which jobs does one finalize create, and on which nodes?

use crate::failure::Failure;
use crate::minimal_scheduler::MinimalScheduler;
use crate::uuid::new_v4;

/// One job of a batch; `node_id` is None where no node was to be had.
#[derive(Debug)]
pub struct Job {
    pub job_id: String,
    pub tgt_lang: String,
    pub node_id: Option<String>,
}

/// What a finalize asks for. `room_langs`: None solo, empty for a room without other members.
pub struct Batch<'a> {
    pub src_lang: &'a str,
    pub tgt_lang: &'a str,
    pub room_langs: Option<&'a [String]>,
    pub bind: bool,
}

/// The jobs of one batch, in order, all under one turn id; `created` is told of each before the next is created.
pub fn create_translation_jobs(
    scheduler: &MinimalScheduler,
    batch: &Batch<'_>,
    turn_id: &str,
    created: &mut dyn FnMut(&Job) -> Result<(), Failure>,
) -> Result<Vec<Job>, Failure> {
    let mut jobs: Vec<Job> = Vec::new();
    match batch.room_langs {
        // call site 1: a solo session
        None => {
            let job = create_job_with_minimal_scheduler(scheduler, batch, batch.tgt_lang, Some(turn_id))?;
            created(&job)?;
            jobs.push(job);
        }
        // call site 2: a room without other members is served as a solo session is
        Some([]) => {
            let job = create_job_with_minimal_scheduler(scheduler, batch, batch.tgt_lang, Some(turn_id))?;
            created(&job)?;
            jobs.push(job);
        }
        // call site 3: one job for each distinct language
        Some(languages) => {
            for language in languages {
                if jobs.iter().any(|job| &job.tgt_lang == language) {
                    continue;
                }
                let job = create_job_with_minimal_scheduler(scheduler, batch, language, Some(turn_id))?;
                created(&job)?;
                jobs.push(job);
            }
        }
    }
    Ok(jobs)
}

/// One job on one node; a job that got no node stays in the batch.
pub fn create_job_with_minimal_scheduler(
    scheduler: &MinimalScheduler,
    batch: &Batch<'_>,
    tgt_lang: &str,
    turn_id: Option<&str>,
) -> Result<Job, Failure> {
    let job_id = new_v4();
    let bound_id = batch.bind.then_some(job_id.as_str());
    let node_id = scheduler.node_for_job(batch.src_lang, tgt_lang, bound_id, turn_id)?;
    Ok(Job { job_id, tgt_lang: tgt_lang.to_string(), node_id })
}

/// Whether the finalize asks for job-level bindings: only max_duration, and manual wins.
pub fn should_bind_job_to_node(is_manual: bool, is_timeout: bool, is_max_duration: bool) -> bool {
    is_max_duration && !is_manual && !is_timeout
}

#[cfg(test)]
mod tests {
    use super::should_bind_job_to_node;

    #[test]
    fn test_should_bind_job_to_node_manual_no_bind() {
        assert!(!should_bind_job_to_node(true, false, false));
        assert!(!should_bind_job_to_node(true, false, true), "manual wins if both flags are set");
    }

    #[test]
    fn test_should_bind_job_to_node_max_duration_bind() {
        assert!(should_bind_job_to_node(false, false, true));
    }

    #[test]
    fn test_should_bind_job_to_node_timeout_no_bind() {
        assert!(!should_bind_job_to_node(false, true, false));
    }
}
