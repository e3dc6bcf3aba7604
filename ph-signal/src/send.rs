//! Sending signals, to one process or one group, and never to everybody.

use std::io;

use crate::signal::Signal;
use crate::sys;

/// Why a signal was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The number does not name one process, or one group: kill(2) would take it for "my own group" or
    /// "every process there is".
    #[error("refused to send {signal} to {target}: not the id of a single process or group")]
    NotOne {
        /// What was to be sent.
        signal: Signal,
        /// The number given.
        target: i32,
    },
    /// The kernel said no: `ESRCH` when nobody is there, `EPERM` when it is not ours.
    #[error("cannot send {signal} to {target}: {source}")]
    Os {
        /// What was to be sent.
        signal: Signal,
        /// The process, or the group.
        target: i32,
        /// The errno of kill(2) or killpg(3).
        source: io::Error,
    },
}

impl SendError {
    /// True if the process or group does not exist (any more).
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Os { source, .. } if source.raw_os_error() == Some(libc::ESRCH))
    }
}

/// Sends `signal` to the process `pid` (kill(2)).
///
/// A pid is only sure to be the one you mean while it cannot be reused: for a child of yours, until you
/// have waited for it.
///
/// # Errors
///
/// [`SendError::NotOne`] unless `pid` is positive, [`SendError::Os`] with the kernel's reason.
pub fn kill(pid: i32, signal: Signal) -> Result<(), SendError> {
    if pid < 1 {
        return Err(SendError::NotOne { signal, target: pid });
    }
    sys::kill(pid, signal).map_err(|source| SendError::Os { signal, target: pid, source })
}

/// Sends `signal` to every process of the group `pgid` (killpg(3)).
///
/// # Errors
///
/// [`SendError::NotOne`] unless `pgid` is above 1 (group 1 is spelled like "everybody" in kill(2)),
/// [`SendError::Os`] with the kernel's reason.
pub fn killpg(pgid: i32, signal: Signal) -> Result<(), SendError> {
    if pgid < 2 {
        return Err(SendError::NotOne { signal, target: pgid });
    }
    sys::kill(-pgid, signal).map_err(|source| SendError::Os { signal, target: pgid, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_never_goes_to_everybody() {
        // WINCH does no harm if the check should ever be gone.
        for pid in [0, -1, -7, i32::MIN] {
            assert!(matches!(kill(pid, Signal::WINCH), Err(SendError::NotOne { .. })), "{pid}");
        }
        for pgid in [1, 0, -1, i32::MIN] {
            assert!(matches!(killpg(pgid, Signal::WINCH), Err(SendError::NotOne { .. })), "{pgid}");
        }
    }

    #[test]
    fn nobody_there_is_told_apart() {
        // Above the kernel's limit for pids (proc(5), pid_max: at most 2^22).
        let error = kill(1 << 30, Signal::WINCH).unwrap_err();
        assert!(error.is_gone(), "{error}");
        assert!(error.to_string().starts_with("cannot send SIGWINCH to 1073741824: "), "{error}");
    }
}
