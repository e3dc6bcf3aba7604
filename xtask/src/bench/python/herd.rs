//! A master with its workers, whoever's they are.

use std::time::Duration;

use crate::bench::end::End;
use crate::bench::stamps::{self, Stamps};
use crate::error::{Error, Result};
use crate::process::{Handle, Process};
use crate::wait;

const PATIENCE: Duration = Duration::from_secs(60);

/// Running until it is dropped.
#[derive(Debug)]
pub(super) struct Herd {
    master: Process,
    /// Those that were there when all were ready.
    pub(super) workers: Vec<Process>,
    /// Seconds from before the start of the first process until all workers were ready.
    pub(super) launch: f64,
    stamps: Stamps,
    end: Option<End>,
}

impl Herd {
    /// All are ready, and have written their stamps, which nobody has read yet.
    pub(super) fn of_ready(
        master: Process,
        workers: Vec<Process>,
        launch: Duration,
        mut stamps: Stamps,
        end: End,
    ) -> Result<Self> {
        stamps.skip(workers.len())?;
        Ok(Self { master, workers, launch: launch.as_secs_f64(), stamps, end: Some(end) })
    }

    /// Waits until the last of `count` has written its stamp, and takes the master's children for the workers.
    pub(super) fn that_tells(
        master: Process,
        count: usize,
        started: u64,
        stamps: Stamps,
        end: End,
    ) -> Result<Self> {
        // It has an owner from here on, so that a failure leaves nobody behind.
        let end = Some(end);
        let launch = |ready: u64| Duration::from_nanos(ready - started).as_secs_f64();
        let mut herd = Self { master, workers: Vec::new(), launch: f64::NAN, stamps, end };
        for _ in 0..count {
            let ready = herd.stamps.next(PATIENCE)?;
            herd.launch = herd.launch.max(launch(ready));
        }
        herd.workers = master.children();
        if herd.workers.len() == count {
            return Ok(herd);
        }
        let there = herd.workers.len();
        Err(Error::new(format!("{} has {there} children instead of {count}", master.title())))
    }

    /// Kills a worker as if from outside, and returns the seconds until its successor was ready.
    pub(super) fn replace(&mut self, worker: usize) -> Result<f64> {
        let handle = self.workers[worker].open()?;
        let killed = stamps::now();
        handle.kill()?;
        let ready = self.stamps.next(PATIENCE)?;
        let took = ready.checked_sub(killed);
        let took = took.ok_or_else(|| Error::new("a stamp was nobody's successor's"))?;
        let master = self.master;
        wait::until("the master comes to rest", PATIENCE, || master.is_asleep())?;
        Ok(took as f64 / 1e9)
    }

    /// Proportional set sizes in bytes: of each worker, and of all processes together.
    pub(super) fn memory(&self) -> Result<(Vec<f64>, f64)> {
        let of = |process: &Process| process.proportional_set_size().map(|bytes| bytes as f64);
        let each = self.workers.iter().map(of).collect::<Result<Vec<_>>>()?;
        let mut others = self.master.children();
        others.retain(|process| !self.workers.contains(process));
        others.push(self.master);
        let rest = others.iter().map(of).sum::<Result<f64>>()?;
        Ok((each.clone(), each.iter().sum::<f64>() + rest))
    }
}

impl Drop for Herd {
    fn drop(&mut self) {
        // Those of supervisor have groups of their own, and outlive it.
        let children: Vec<Handle> =
            self.master.children().into_iter().flat_map(Process::open).collect();
        drop(self.end.take());
        for child in children {
            let _ = child.kill();
        }
    }
}
