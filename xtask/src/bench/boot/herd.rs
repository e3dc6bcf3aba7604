//! A master with its workers, whoever made it, and how to make one.

use std::time::Duration;

use crate::bench::end::End;
use crate::bench::stamps::{self, Stamps};
use crate::error::{Error, Result};
use crate::process::Process;
use crate::wait;

/// One of the two that are compared.
pub(super) trait Side {
    /// Starts a master with this many workers and returns when all are ready. Each that becomes
    /// ready, now or later, writes a stamp where some are wanted.
    fn start(&self, workers: usize, stamps: Option<&Stamps>) -> Result<Herd>;

    /// A word for file names.
    fn name(&self) -> &'static str;
}

/// Running until it is dropped.
#[derive(Debug)]
pub(super) struct Herd {
    pub(super) master: Process,
    /// From before the start of the first process until all workers were ready.
    pub(super) launch: Duration,
    /// The same by the master's own clock, where it tells.
    pub(super) by_own_clock: Option<Duration>,
    _end: End,
}

impl Herd {
    pub(super) fn new(
        master: Process,
        launch: Duration,
        by_own_clock: Option<Duration>,
        end: End,
    ) -> Self {
        Self { master, launch, by_own_clock, _end: end }
    }

    /// Its workers, and a check that they are as many as expected: a figure about fewer would
    /// flatter.
    pub(super) fn workers(&self, expected: usize) -> Result<Vec<Process>> {
        let workers = self.master.children();
        if workers.len() == expected {
            return Ok(workers);
        }
        Err(Error::new(format!(
            "{} has {} children instead of {expected}",
            self.master.title(),
            workers.len()
        )))
    }

    /// Waits until the master has nothing left to do for now.
    pub(super) fn settle(&self) -> Result {
        wait::until("the master comes to rest", Duration::from_secs(10), || self.master.is_asleep())
    }

    /// Kills a worker as if from outside, and returns the nanoseconds until its successor was
    /// ready.
    pub(super) fn replace(&self, victim: Process, stamps: &mut Stamps) -> Result<u64> {
        let handle = victim.open()?;
        let killed = stamps::now();
        handle.kill()?;
        let ready = stamps.next(Duration::from_secs(30))?;
        let took = ready.checked_sub(killed);
        let took =
            took.ok_or_else(|| Error::new("a worker became ready that was nobody's successor"))?;
        self.settle()?;
        Ok(took)
    }
}
