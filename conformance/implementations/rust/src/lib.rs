//! How does a Rust scheduler keep turn affinity? The note's own files, in the order in which a finalize passes them.

pub mod actor_finalize;
pub mod job_creator;
pub mod minimal_scheduler;
pub mod pool_service;

pub mod failure;
pub mod json;
pub mod layout;
pub mod protocol;
pub mod reading;
pub mod resp;
pub mod script;
pub mod uuid;
