//! Why a master did not run: what its exit code and its last words come from.

use super::binding::BindingError;
use crate::listen::{ListenError, SocketFileError};

/// Why a master did not run, or ended.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another master has the lock.
    #[error("{0}; is it running already?")]
    Running(String),
    /// A file or directory that the configuration names can't be used.
    #[error("{0}")]
    Config(String),
    /// The system refused something.
    #[error("{0}")]
    System(String),
    /// The first generation could not boot.
    #[error("{0}")]
    BootFailed(String),
}

impl StartError {
    /// The exit code that goes with it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::System(_) => 1,
            Self::Running(_) => 4,
            Self::BootFailed(_) => 70,
            Self::Config(_) => 78,
        }
    }

    /// The same, as what is wrong with a key, if it is the configuration's fault.
    pub(super) fn about(self, key: &str, wrong: &dyn Fn(&str, String) -> Self) -> Self {
        match self {
            Self::Config(reason) => wrong(key, reason),
            other => other,
        }
    }
}

impl From<BindingError> for StartError {
    fn from(error: BindingError) -> Self {
        match error {
            BindingError::NotAllowed { .. } => Self::Config(error.to_string()),
            BindingError::System(_) => Self::System(error.to_string()),
        }
    }
}

impl From<SocketFileError> for StartError {
    fn from(error: SocketFileError) -> Self {
        ListenError::from(error).into()
    }
}

impl From<ListenError> for StartError {
    fn from(error: ListenError) -> Self {
        match error {
            ListenError::Tcp { .. } => Self::System(error.to_string()),
            ListenError::Live(reason) => Self::Running(reason),
            ListenError::Config(reason) => Self::Config(reason),
        }
    }
}
