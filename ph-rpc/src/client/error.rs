//! Why a call has no result.

use std::io;

use crate::error::RpcError;
use crate::wire::ParamsError;

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server answered with an error.
    #[error("{0}")]
    Refused(RpcError),
    /// No answer came in time. The connection remains usable; an answer that comes later is dropped.
    #[error("no answer came within the time limit")]
    TimedOut,
    /// The connection has ended, for this call and all others.
    #[error("the connection to the server is closed: {reason}")]
    Closed {
        /// Why.
        reason: String,
    },
    /// There is no such server.
    #[error("cannot connect to the server: {0}")]
    Connect(#[source] io::Error),
    /// The parameters can't be sent.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// The result is of another type.
    #[error("the result is not what was expected: {0}")]
    Result(String),
}

impl CallError {
    /// The server's error, if it is one.
    #[must_use]
    pub fn refusal(&self) -> Option<&RpcError> {
        match self {
            Self::Refused(error) => Some(error),
            _ => None,
        }
    }
}
