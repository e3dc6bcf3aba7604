//! One that is asked, of whichever side.

use std::time::Duration;

use super::application::Daemon;
use super::end::End;
use super::group::Group;
use crate::error::{Context, Error, Result};
use crate::process::Process;
use crate::wait;

/// It listens until it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) port: u16,
    /// What to ask, where it is not what the others are asked.
    pub(super) words: Option<&'static str>,
    master: Process,
    /// Whom it has forked, if the work is theirs.
    workers: Option<usize>,
    _end: End,
}

impl Server {
    /// A master of ours with so many workers.
    pub(super) fn of_daemon(daemon: Daemon, port: u16, workers: usize) -> Result<Self> {
        let master = daemon.master().context(|| "no pidfile after start")?;
        let end = End::Daemon(daemon);
        Ok(Self { port, words: None, master, workers: Some(workers), _end: end })
    }

    /// A program that has forked so many workers, or none and does the work itself.
    pub(super) fn of_group(group: Group, port: u16, workers: Option<usize>) -> Self {
        let master = group.master();
        Self { port, words: None, master, workers, _end: End::Group(group) }
    }

    /// A program that tells its port and then waits to be asked.
    pub(super) fn that_tells(mut group: Group, workers: Option<usize>) -> Result<Self> {
        let port = group.number("port")?;
        let port = u16::try_from(port).context(|| "the server's port")?;
        let server = Self::of_group(group, port, workers);
        // It tells when it has forked them.
        wait::until("the server waits", Duration::from_secs(10), || {
            server.workers().is_ok_and(|all| all.into_iter().all(Process::is_asleep))
        })?;
        Ok(server)
    }

    /// The same, asked with these words.
    pub(super) fn asked(self, words: &'static str) -> Self {
        Self { words: Some(words), ..self }
    }

    /// Who does its work, and a check that they are as many as they should be.
    pub(super) fn workers(&self) -> Result<Vec<Process>> {
        let Some(expected) = self.workers else { return Ok(vec![self.master]) };
        let workers = self.master.children();
        if workers.len() == expected {
            return Ok(workers);
        }
        let there = workers.len();
        Err(Error::new(format!("{there} workers instead of {expected}")))
    }

    /// Nanoseconds that its workers spent on a CPU.
    pub(super) fn cpu_nanoseconds(&self) -> Result<u64> {
        self.workers()?.into_iter().map(Process::cpu_nanoseconds).sum()
    }
}
