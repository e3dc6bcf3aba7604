//! Going to the background, with the launching shell waiting for word.
//!
//! `fork`, `setsid`, `fork`: the daemon leads no session and can get no controlling terminal. It writes one
//! message into a pipe when its workers are ready, or when it gives up; the launcher's exit code and last words come
//! from there, so that a script needs no sleep between `start` and the first request.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use super::fork::{self, Forked};
use super::{SysError, fds};

/// Which side of [`daemonize`] this is.
#[derive(Debug)]
pub enum Side {
    /// The process that the shell waits for.
    Launcher(Launched),
    /// The daemon.
    Daemon(Launcher),
}

/// The daemon, as its launcher sees it.
#[derive(Debug)]
pub struct Launched(File);

/// The launcher, as its daemon sees it.
#[derive(Debug)]
pub struct Launcher(File);

/// How a start ended: the exit code for the shell, and a sentence unless it is 0.
pub type Word = (u8, String);

/// Splits the process in two. Of the launcher's descriptors the daemon keeps those in `keep`, sockets that were
/// handed to it; 0 to 2 are `/dev/null`.
pub fn daemonize(keep: &[BorrowedFd<'_>]) -> Result<Side, SysError> {
    let pipe = pipe2(OFlag::O_CLOEXEC).map_err(io::Error::from);
    let (answer, report) = pipe.map_err(SysError::call("make a pipe"))?;
    match fork::fork()? {
        Forked::Parent(middle) => {
            let _ = nix::sys::wait::waitpid(middle, None);
            return Ok(Side::Launcher(Launched(File::from(answer))));
        }
        Forked::Child => {}
    }
    let _ = nix::unistd::setsid();
    match fork::fork() {
        Ok(Forked::Child) => {}
        Ok(Forked::Parent(_)) => fork::leave(0),
        Err(error) => {
            let launcher = Launcher(File::from(report));
            launcher.tell(&(1, error.to_string()));
            fork::leave(1)
        }
    }
    let _ = ph_signal::mask::set_mask(ph_signal::SignalSet::EMPTY);
    // Nothing else of ours has a descriptor yet: this runs before logs, locks and sockets are opened.
    std::mem::forget(answer);
    fds::close_all_but(&keep.iter().copied().chain([report.as_fd()]));
    fds::silence().map_err(SysError::call("open /dev/null"))?;
    Ok(Side::Daemon(Launcher(File::from(report))))
}

impl Launcher {
    /// Sends the word and closes the pipe. A launcher that has gone doesn't matter.
    pub fn tell(mut self, word: &Word) {
        let mut bytes = vec![word.0];
        bytes.extend_from_slice(word.1.as_bytes());
        let _ = self.0.write_all(&bytes);
    }
}

impl Launched {
    /// Waits for the daemon's word; a daemon that dies without one has failed.
    pub fn wait(mut self) -> Word {
        let mut bytes = Vec::new();
        let read = self.0.read_to_end(&mut bytes);
        match (read, bytes.split_first()) {
            (Ok(_), Some((code, reason))) => (*code, String::from_utf8_lossy(reason).into_owned()),
            _ => (1, "the master ended before its workers were ready; see the log".to_owned()),
        }
    }
}
