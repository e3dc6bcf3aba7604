//! Sockets that a service manager opened for this process (sd_listen_fds(3)).

use std::os::fd::{OwnedFd, RawFd};

use super::{environment, fds};

/// Descriptors that are handed over begin here.
const FIRST: RawFd = 3;
/// More than any service hands over; a number beyond it is a mistake.
const MOST: RawFd = 65_536;
/// What the protocol says in the environment; none of it is meant for a child of ours.
const VARIABLES: [&str; 4] = ["LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// A descriptor that was handed over.
#[derive(Debug)]
pub struct Inherited {
    /// The descriptor; closed on exec.
    pub fd: OwnedFd,
    /// What it is called in `LISTEN_FDNAMES`.
    pub name: Option<String>,
}

/// What was handed over is not what was announced.
#[derive(Debug, thiserror::Error)]
pub enum ActivationError {
    /// Not a number of descriptors.
    #[error("LISTEN_FDS = {0}: expected a number of descriptors")]
    Number(String),
    /// Fewer than announced.
    #[error("LISTEN_FDS announces descriptor {0}, but it is not open")]
    Closed(RawFd),
    /// With a second thread the environment can't be changed.
    #[error(
        "sockets were handed over to a process with several threads; take them before any starts"
    )]
    Threads,
}

/// Takes the descriptors that were handed to this process, and removes the word of them from the environment.
///
/// To be called before the process opens files of its own; a second call finds nothing.
pub fn take() -> Result<Vec<Inherited>, ActivationError> {
    let Some(number) = std::env::var_os("LISTEN_FDS") else { return Ok(Vec::new()) };
    let pid = std::env::var("LISTEN_PID").ok().and_then(|pid| pid.parse().ok());
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    environment::forget(&VARIABLES).map_err(|_| ActivationError::Threads)?;
    // Meant for another process, such as a shell that did not pass them on.
    if pid != Some(std::process::id()) {
        return Ok(Vec::new());
    }
    let number = number.to_string_lossy().into_owned();
    let count = number.parse().ok().filter(|count| (0..=MOST).contains(count));
    let count = count.ok_or(ActivationError::Number(number))?;
    let mut names = names.split(':').map(|name| (!name.is_empty()).then(|| name.to_owned()));
    (FIRST..FIRST + count)
        .map(|number| {
            // Whoever made this process says that they are ours (`LISTEN_PID`), and the word of it is gone.
            let fd = fds::adopt(number).map_err(|_| ActivationError::Closed(number))?;
            Ok(Inherited { fd, name: names.next().flatten() })
        })
        .collect()
}
