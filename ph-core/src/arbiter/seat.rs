//! A seat is a slot's place among the wanted ones: its processes, and how long it waits after a crash.
//!
//! In ordinary times a seat has one worker; while one is replaced it has the old and the new. A seat that is
//! no longer wanted is closed: it takes nobody new, and goes when its last process has gone.

use std::time::{Duration, Instant};

use super::event::WorkerKey;
use super::policy::Policy;
use super::worker::{State, Worker};

/// So long a worker has to be ready for the crashes before it to be forgotten.
pub(super) const STEADY: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) open: bool,
    pub(super) workers: Vec<Worker>,
    /// Ends in a row that nobody asked for, without a second of readiness between them.
    pub(super) row: u32,
    /// How many of them made the seat wait: the exponent of the next wait.
    waits: u32,
    /// No spawn before this instant.
    pub(super) wait: Option<Instant>,
}

impl Seat {
    /// An empty seat that is not wanted yet.
    pub(super) fn closed() -> Self {
        Self { open: false, workers: Vec::new(), row: 0, waits: 0, wait: None }
    }

    pub(super) fn worker(&mut self, key: WorkerKey) -> Option<&mut Worker> {
        self.workers.iter_mut().find(|worker| worker.key == key)
    }

    pub(super) fn has_active(&self) -> bool {
        self.workers.iter().any(Worker::is_active)
    }

    pub(super) fn has_ready(&self) -> bool {
        self.workers.iter().any(Worker::is_ready)
    }

    pub(super) fn has_fresh(&self, generation: u32) -> bool {
        self.workers.iter().any(|worker| worker.is_fresh(generation))
    }

    /// Nobody active. With `alone`, for programs that bind their own port, the last one must be gone too.
    pub(super) fn is_vacant(&self, alone: bool) -> bool {
        self.open && if alone { self.workers.is_empty() } else { !self.has_active() }
    }

    pub(super) fn may_spawn(&self, now: Instant) -> bool {
        self.wait.is_none_or(|until| until <= now)
    }

    /// Counts an end that nobody asked for. Returns the wait that follows, or `None`: replace at once.
    ///
    /// Only the first crash of a worker that had been ready is free.
    pub(super) fn crashed(
        &mut self,
        was_ready: bool,
        policy: &Policy,
        now: Instant,
        jitter: f64,
    ) -> Option<Duration> {
        self.row = self.row.saturating_add(1);
        if was_ready && self.row == 1 {
            self.wait = None;
            return None;
        }
        let delay = back_off(policy, self.waits, jitter);
        self.waits = self.waits.saturating_add(1);
        self.wait = Some(now + delay);
        Some(delay)
    }

    /// A worker of this seat has been ready for [`STEADY`]: the row is over.
    pub(super) fn steady(&mut self) {
        (self.row, self.waits, self.wait) = (0, 0, None);
    }

    /// When the row of crashes will be over, if a worker holds.
    pub(super) fn steady_at(&self) -> Option<Instant> {
        if self.row == 0 {
            return None;
        }
        self.workers
            .iter()
            .filter_map(|worker| match worker.state {
                State::Ready { since, .. } => Some(since + STEADY),
                _ => None,
            })
            .min()
    }
}

/// The wait number `exponent`: `first` doubled each time, up to a quarter of it in jitter, never above `max`.
pub(super) fn back_off(policy: &Policy, exponent: u32, jitter: f64) -> Duration {
    let doubled = policy.restart_backoff.saturating_mul(2u32.saturating_pow(exponent.min(31)));
    doubled
        .min(policy.restart_backoff_max)
        .mul_f64(1.0 + jitter / 4.0)
        .min(policy.restart_backoff_max)
}
