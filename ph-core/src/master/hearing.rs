//! The pipe through which all workers report.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::pipe2;

use crate::report::{Report, Reporter, Reports};

/// Both ends: the master's is read without waiting; the workers' waits, but for no longer than the master is busy.
pub(super) struct Hearing {
    hear: File,
    /// For as long as this process is there: a worker says something to its last moment.
    say: &'static File,
    reports: Reports,
}

impl Hearing {
    pub(super) fn new() -> io::Result<Self> {
        let (hear, say) = pipe2(OFlag::O_CLOEXEC)?;
        fcntl(&hear, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Self::of(hear, say, Vec::new()))
    }

    /// The pipe of the program that this process was before, and what of a line it had heard.
    pub(super) fn of(hear: OwnedFd, say: OwnedFd, partial: Vec<u8>) -> Self {
        let (hear, say) = (File::from(hear), &*Box::leak(Box::new(File::from(say))));
        crate::log::hear_workers_by(say);
        Self { hear, say, reports: Reports::resume(partial) }
    }

    /// The descriptor that is read from.
    pub(super) fn heard(&self) -> BorrowedFd<'_> {
        self.hear.as_fd()
    }

    /// A line of which the end has not been read yet.
    pub(super) fn partial(&self) -> &[u8] {
        self.reports.partial()
    }

    /// The voice of a worker that is about to be made.
    pub(super) fn reporter(&self, serial: u64) -> Reporter {
        Reporter::new(self.say, serial)
    }

    /// The descriptor that a worker keeps.
    pub(super) fn kept(&self) -> BorrowedFd<'_> {
        self.say.as_fd()
    }

    /// Everything that was said by now: a pipe's worth at most, so a worker that floods it holds nobody up.
    pub(super) fn listen(&mut self) -> Vec<(u64, Report)> {
        const PIPE: usize = 64 << 10;
        let mut heard = Vec::new();
        let mut bytes = [0; 4096];
        for _ in 0..PIPE / bytes.len() {
            match self.hear.read(&mut bytes) {
                Ok(count) => {
                    heard.extend(self.reports.feed(&bytes[..count]));
                    if count < bytes.len() {
                        break;
                    }
                }
                // Nothing more now; the writing end is our own too, so there is no end of the file.
                Err(_) => break,
            }
        }
        heard
    }
}

impl AsFd for Hearing {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.hear.as_fd()
    }
}
