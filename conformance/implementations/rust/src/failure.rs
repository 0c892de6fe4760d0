//! Why did a request not succeed? The codes of the protocol.

use std::fmt;

#[derive(Debug)]
pub enum Failure {
    /// Refused before anything is read or written.
    BadRequest(String),
    /// No job of the batch got a node.
    NoNode,
    /// An op that there is not.
    Unsupported(String),
    /// Redis answered with an error, or not at all.
    Redis(String),
}

impl Failure {
    pub fn code(&self) -> &'static str {
        match self {
            Failure::BadRequest(_) => "bad_request",
            Failure::NoNode => "no_node",
            Failure::Unsupported(_) => "unsupported",
            Failure::Redis(_) => "redis",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NoNode => write!(out, "no node serves any language of this batch"),
            Failure::BadRequest(message) | Failure::Unsupported(message) | Failure::Redis(message) => {
                write!(out, "{message}")
            }
        }
    }
}

impl std::error::Error for Failure {}
