//! One worker's states: `Booting → Ready → Draining → Killed`, each left early by the process's end.

use std::time::{Duration, Instant};

use super::action::Cause;
use super::event::{Speed, WorkerKey};
use super::memory::LOOKS;
use super::policy::Policy;
use super::why::Why;

/// A worker from its spawn until it is reaped.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    pub(super) key: WorkerKey,
    pub(super) generation: u32,
    pub(super) spawned: Instant,
    pub(super) state: State,
    /// How long one request may take: a reload does not change that for those who are there.
    pub(super) timeout: Option<Duration>,
    /// What it said of its own failure to boot, until its end confirms it.
    pub(super) told: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) enum State {
    /// Its constructor, `setup` or `init_process` runs; or it is a program that is ready if it still lives at `settles`.
    Booting { deadline: Option<Instant>, settles: Option<Instant> },
    /// It works. `outdated` when it is to be replaced although its generation is current; `above` counts the looks
    /// in a row that found it above `max_memory`.
    Ready { since: Instant, recycle_at: Option<Instant>, outdated: Option<Why>, above: u8 },
    /// It was asked to leave, and why. `late` is the age of a request past `timeout` that it is still at.
    Draining { deadline: Option<Instant>, speed: Speed, late: Option<Duration>, why: Why },
    /// Its code has panicked, and it leaves by itself when it has finished what else it had in hand.
    Broken { deadline: Option<Instant> },
    /// Its group got KILL; only the kernel's notice is missing.
    Killed { cause: Cause },
}

impl Worker {
    pub(super) fn new(key: WorkerKey, generation: u32, policy: &Policy, now: Instant) -> Self {
        let deadline = policy.boot_timeout.map(|limit| now + limit);
        let settles = policy.ready_after.map(|time| now + time);
        let state = State::Booting { deadline, settles };
        Self { key, generation, spawned: now, state, timeout: policy.timeout, told: None }
    }

    pub(super) fn is_booting(&self) -> bool {
        matches!(self.state, State::Booting { .. })
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready { .. })
    }

    /// How long it has been ready, if it is.
    pub(super) fn ready_for(&self, now: Instant) -> Option<Duration> {
        match self.state {
            State::Ready { since, .. } => Some(now.saturating_duration_since(since)),
            _ => None,
        }
    }

    /// Booting or ready: it counts against the wanted number.
    pub(super) fn is_active(&self) -> bool {
        self.is_booting() || self.is_ready()
    }

    /// Past its boot and not killed: it can be inside a request.
    pub(super) fn is_working(&self) -> bool {
        !matches!(self.state, State::Booting { .. } | State::Killed { .. })
    }

    /// Active, and nothing asks for its replacement.
    pub(super) fn is_fresh(&self, generation: u32) -> bool {
        self.generation == generation
            && match self.state {
                State::Booting { .. } => true,
                State::Ready { outdated, .. } => outdated.is_none(),
                State::Draining { .. } | State::Broken { .. } | State::Killed { .. } => false,
            }
    }

    /// Ready, but a successor is wanted.
    pub(super) fn is_stale(&self, generation: u32) -> bool {
        self.is_ready() && !self.is_fresh(generation)
    }

    /// Ready, and to be replaced for the memory that it takes.
    pub(super) fn is_heavy(&self) -> bool {
        matches!(self.state, State::Ready { above: LOOKS.., .. })
    }

    /// When its state asks for a decision, if ever.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Booting { deadline, settles } => [deadline, settles].into_iter().flatten().min(),
            State::Draining { deadline, .. } | State::Broken { deadline } => deadline,
            State::Ready { recycle_at, outdated: None, .. } => recycle_at,
            State::Ready { .. } | State::Killed { .. } => None,
        }
    }

    /// Starts its limit anew, after the master itself was away.
    pub(super) fn forgive(&mut self, policy: &Policy, now: Instant) {
        let (deadline, limit) = match &mut self.state {
            State::Booting { deadline, settles } => {
                *settles = settles.and(policy.ready_after).map(|time| now + time);
                (deadline, policy.boot_timeout)
            }
            State::Draining { deadline, speed, .. } => {
                (deadline, policy.drain(*speed == Speed::Quick))
            }
            State::Broken { deadline } => (deadline, policy.drain(false)),
            State::Ready { .. } | State::Killed { .. } => return,
        };
        *deadline = limit.map(|limit| now + limit);
    }

    /// The word that `status` shows.
    pub(super) fn word(&self) -> &'static str {
        match self.state {
            State::Booting { .. } => "booting",
            State::Ready { .. } => "ready",
            State::Draining { .. } | State::Broken { .. } => "draining",
            State::Killed { .. } => "killed",
        }
    }
}
