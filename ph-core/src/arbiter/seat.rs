//! A seat is a slot's place among the wanted ones: its processes, and how long it waits after a crash.
//!
//! In ordinary times a seat has one worker; while one is replaced it has the old and the new. A seat that is
//! no longer wanted is closed: it takes nobody new, and goes when its last process has gone.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::event::WorkerKey;
use super::policy::Policy;
use super::seats::Count;
use super::why::Why;
use super::worker::{State, Worker};

/// So long a worker has to be ready for the crashes before it to be forgotten.
pub(super) const STEADY: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) open: bool,
    /// Whether it had a ready worker while the master started.
    pub(super) served: bool,
    /// In place: nearly all have one worker.
    pub(super) workers: SmallVec<[Worker; 1]>,
    pub(super) crashes: Crashes,
    /// No spawn before this instant.
    pub(super) wait: Option<Instant>,
    /// What it was counted as when the sums of all were made.
    pub(super) counted: Count,
}

/// Ends in a row that nobody asked for, without a second of readiness between them.
#[derive(Clone, Debug, Default)]
pub(super) struct Crashes {
    pub(super) row: u32,
    /// The last of them.
    pub(super) last: Option<Instant>,
    /// How many of them made the seat wait: the exponent of the next wait.
    pub(super) waits: u32,
}

impl Seat {
    /// An empty seat that is not wanted yet.
    pub(super) fn closed() -> Self {
        let (workers, crashes, counted) = (SmallVec::new(), Crashes::default(), Count::default());
        Self { open: false, served: false, workers, crashes, wait: None, counted }
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

    /// One ready worker, and nobody else boots, or still drains with a limit to it.
    pub(super) fn has_changed_hands(&self) -> bool {
        let stays = |worker: &&Worker| match worker.state {
            State::Booting { .. } | State::Ready { .. } => true,
            State::Draining { deadline, .. } | State::Broken { deadline } => deadline.is_some(),
            State::Killed { .. } => false,
        };
        let mut workers = self.workers.iter().filter(stays);
        workers.next().is_some_and(Worker::is_ready) && workers.next().is_none()
    }

    /// One worker, a fresh one, if it is wanted; nobody active, if it is not.
    pub(super) fn is_at_rest(&self, generation: u32) -> bool {
        let active = self.workers.iter().filter(|worker| worker.is_active()).count();
        if self.open { active == 1 && self.has_fresh(generation) } else { active == 0 }
    }

    /// A worker that nothing keeps here any more, and why: the seat is closed, or its successor is ready.
    pub(super) fn leaver(&self, generation: u32) -> Option<(usize, Why)> {
        let ready = || self.workers.iter().filter(|other| other.is_ready());
        let fresh = ready().any(|other| other.is_fresh(generation));
        // A reload may have made the successor stale as well: that is no reason to keep both.
        let last = ready().map(|other| other.key.serial).max();
        let reason = |worker: &Worker| {
            if !self.open && worker.is_active() {
                return Some(Why::ScaledDown);
            }
            let succeeded = fresh || last != Some(worker.key.serial);
            (worker.is_stale(generation) && succeeded).then_some(Why::Replaced)
        };
        let mut workers = self.workers.iter().enumerate();
        workers.find_map(|(at, worker)| Some((at, reason(worker)?)))
    }

    /// Nobody is wanted here, and nobody is left.
    pub(super) fn is_gone(&self) -> bool {
        !self.open && self.workers.is_empty()
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
        ready_for: Option<Duration>,
        policy: &Policy,
        now: Instant,
        jitter: f64,
    ) -> Option<Duration> {
        if ready_for.is_some_and(|ready| ready >= STEADY) {
            self.forget_crashes();
        }
        let crashes = &mut self.crashes;
        crashes.row = crashes.row.saturating_add(1);
        crashes.last = Some(now);
        if ready_for.is_some() && crashes.row == 1 {
            self.wait = None;
            return None;
        }
        let delay = back_off(policy, crashes.waits, jitter);
        crashes.waits = crashes.waits.saturating_add(1);
        self.wait = Some(now + delay);
        Some(delay)
    }

    pub(super) fn forget_crashes(&mut self) {
        (self.crashes.row, self.crashes.waits, self.wait) = (0, 0, None);
    }

    /// Crashes in a row, as of now: a worker that has been ready for [`STEADY`] ends the row.
    pub(super) fn row(&self, now: Instant) -> u32 {
        // One that was ready before the last crash, and waits for its successor, is no sign of recovery.
        let steady = |worker: &Worker| {
            worker.ready_for(now).is_some_and(|ready| {
                ready >= STEADY && self.crashes.last.is_none_or(|crash| now - ready >= crash)
            })
        };
        if self.workers.iter().any(steady) { 0 } else { self.crashes.row }
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
