//! A look at the state, for `status`.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::action::LastChange;
use super::event::WorkerKey;
use super::seat::Seat;
use super::{Arbiter, Phase};

/// What has happened to all processes so far. Each ended one counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Processes made.
    pub spawned: u64,
    /// Left as asked, or by themselves with exit code 0.
    pub exited: u64,
    /// Ended unasked, by a signal or another exit code.
    pub crashed: u64,
    /// Killed by the master for passing a limit.
    pub killed: u64,
}

/// One row: a process, or a slot that waits for its next one.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerRow {
    /// The slot.
    pub slot: u32,
    /// `None` in back-off.
    pub key: Option<WorkerKey>,
    /// `booting`, `ready`, `draining`, `killed`, `backoff`.
    pub state: &'static str,
    /// Its generation.
    pub generation: u32,
    /// Since its spawn.
    pub age: Duration,
}

/// Everything that the arbiter knows and an operator asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// `starting`, `running`, `degraded`, `reloading`, `stopping`.
    pub state: &'static str,
    /// The generation that workers should be of.
    pub generation: u32,
    /// The wanted number of workers; none of a master that does not lead.
    pub wanted: u32,
    /// Sorted by slot, the oldest process of a slot first.
    pub workers: Vec<WorkerRow>,
    /// Counts since the start.
    pub totals: Totals,
    /// The last change that ended.
    pub last_change: Option<LastChange>,
    /// Since the arbiter was made.
    pub uptime: Duration,
}

impl Arbiter {
    /// The state at an instant, as one word.
    pub fn state(&self, now: Instant) -> &'static str {
        match self.phase {
            Phase::New | Phase::Starting => "starting",
            Phase::Stopping { .. } | Phase::Over => "stopping",
            Phase::Running | Phase::Resting if self.is_upgrading() => "upgrading",
            Phase::Running | Phase::Resting if self.reload.is_some() => "reloading",
            Phase::Running | Phase::Resting if self.is_degraded(now) => "degraded",
            Phase::Running | Phase::Resting => "running",
        }
    }

    /// Counts since the start.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The wanted number of workers.
    pub fn wanted(&self) -> u32 {
        self.wanted
    }

    /// Whether there is a worker in a slot, or will be.
    pub fn has_seat(&self, slot: u32) -> bool {
        self.seats.contains_key(&slot)
    }

    /// Whether a worker in a slot is ready, and is not asked to leave.
    pub fn is_served(&self, slot: u32) -> bool {
        self.seats.get(&slot).is_some_and(Seat::has_ready)
    }

    /// The number of workers that the configuration names.
    pub fn configured(&self) -> u32 {
        self.policy.number_workers
    }

    /// The generation that workers should be of.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Whether all workers were retired and the master was kept.
    pub fn is_resting(&self) -> bool {
        self.phase == Phase::Resting
    }

    /// How many workers are ready: those among whom connections are shared out.
    pub fn ready(&self) -> u32 {
        self.ready
    }

    fn is_degraded(&self, now: Instant) -> bool {
        let limit = self.policy.crash_limit.unwrap_or(u32::MAX);
        self.trouble.is_some()
            || self.seats.values().any(|seat| seat.open && seat.row(now) >= limit)
    }

    /// The whole state at an instant.
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let mut workers = Vec::with_capacity(self.seats.len());
        for (&slot, seat) in self.seats.iter() {
            workers.extend(seat.workers.iter().map(|worker| WorkerRow {
                slot,
                key: Some(worker.key),
                state: worker.word(),
                generation: worker.generation,
                age: now.saturating_duration_since(worker.spawned),
            }));
            let waits = seat.workers.is_empty() || !seat.may_spawn(now);
            let works = self.staffs() && self.phase != Phase::Resting;
            if seat.open && !seat.has_active() && waits && works {
                let generation = self.generation;
                let state = "backoff";
                let age = Duration::ZERO;
                workers.push(WorkerRow { slot, key: None, state, generation, age });
            }
        }
        Snapshot {
            state: self.state(now),
            generation: self.generation,
            wanted: if self.staffs() { self.wanted } else { 0 },
            workers,
            totals: self.totals,
            last_change: self.last_change.clone(),
            uptime: now.saturating_duration_since(self.started),
        }
    }
}
