//! How a command ends.

use ph_config::{ConfigError, TransactionError, WriteBackError};
use ph_rpc::RpcError;

/// The exit codes, each with one meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: failed; standard error says why.
    Failed,
    /// 2: the arguments are wrong.
    Usage,
    /// 3: no master runs.
    NotRunning,
    /// 4: refused; a master runs already, or a lock is held.
    Refused,
    /// 5: the new generation failed, the old one still serves.
    NewGenerationFailed,
    /// 70: workers could not boot.
    BootFailed,
    /// 78: the configuration is invalid.
    Config,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotRunning => 3,
            Self::Refused => 4,
            Self::NewGenerationFailed => 5,
            Self::BootFailed => 70,
            Self::Config => 78,
        }
    }

    /// The meaning of a number; one without a meaning of its own is a failure.
    pub fn of(code: u8) -> Self {
        match code {
            0 => Self::Done,
            2 => Self::Usage,
            3 => Self::NotRunning,
            4 => Self::Refused,
            5 => Self::NewGenerationFailed,
            70 => Self::BootFailed,
            78 => Self::Config,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// A command that did not do what it was asked: the exit code, and what to tell.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) reason: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, reason: impl Into<String>) -> Self {
        Self { exit, reason: reason.into() }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Config, error.to_string())
    }
}

impl From<WriteBackError> for Failure {
    fn from(error: WriteBackError) -> Self {
        let exit = match &error {
            WriteBackError::Invalid(_) => Exit::Config,
            WriteBackError::File { error, .. } => match error {
                TransactionError::Locked
                | TransactionError::Changed
                | TransactionError::NothingToUndo
                | TransactionError::ChangedSince(_) => Exit::Refused,
                _ => Exit::Failed,
            },
            _ => Exit::Refused,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<RpcError> for Failure {
    fn from(error: RpcError) -> Self {
        // The master's own codes are exit codes; the protocol's (0 to 3) are all plain failures here.
        let exit = match error.code {
            4 => Exit::Refused,
            5 => Exit::NewGenerationFailed,
            78 => Exit::Config,
            _ => Exit::Failed,
        };
        Self::new(exit, error.message)
    }
}

pub(crate) type Outcome = Result<Exit, Failure>;
