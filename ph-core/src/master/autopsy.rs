//! A look at a worker that is about to be killed: what it does, and why it gets no further. After the KILL there is nothing to see.

use std::time::{Duration, Instant};

use ph_rpc::Value;
use serde::{Deserialize, Serialize};

use super::Master;
use crate::arbiter::WorkerKey;
use crate::slots::{self, Slot};
use crate::sys::cgroup;
use crate::sys::threads::{self, Thread};

/// Threads that are looked at; each costs four small reads.
const MOST_THREADS: usize = 16;
/// Workers that are looked at within a second. Who is killed along with more than these, is killed for what they are.
const MOST_WORKERS: u32 = 16;
/// A control group whose share of the processor ran out in more than this part of its periods holds back who is in it.
const HELD_BACK: f64 = 0.5;

/// Why a worker got no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stall {
    /// A thread waits for a device, or for somebody in the kernel, and can't be interrupted.
    Uninterruptible,
    /// It would run, if its control group had not used up its share of the processor.
    Throttled,
    /// All its threads were stopped, by a signal or a debugger.
    Stopped,
    /// A thread runs.
    Busy,
    /// All threads wait for something.
    Blocked,
}

/// What a worker was at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    /// Requests under way.
    pub(super) active: u64,
    /// For how long the oldest of them was.
    pub(super) age: Option<Duration>,
    /// The application's name for that one; or, with none under way, for the last.
    pub(super) tag: Option<String>,
}

/// A worker as it was before it was killed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Examination {
    pub(super) request: Request,
    pub(super) stall: Option<Stall>,
    pub(super) threads: Vec<Thread>,
}

/// How many may still be looked at, of those that are killed together.
#[derive(Debug)]
pub(super) struct Patience {
    since: Instant,
    left: u32,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), left: MOST_WORKERS }
    }

    fn lasts(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= Duration::from_secs(1) {
            *self = Self { since: now, left: MOST_WORKERS };
        }
        let lasts = self.left > 0;
        self.left = self.left.saturating_sub(1);
        lasts
    }
}

impl Master<'_> {
    /// Looks at a worker that is about to be killed.
    pub(super) fn examine(&mut self, worker: &WorkerKey) {
        let now = Instant::now();
        let Some(child) = self.children.get_mut(worker.serial) else { return };
        if child.history().examined.is_some() || !self.patience.lasts(now) {
            return;
        }
        let pid = child.process.pid();
        child.history().curve.look_now(pid);
        let request = Request::of(&self.slots.items()[child.cell]);
        let threads = threads::of(pid, MOST_THREADS);
        let runs = || cgroup::has_ours(pid) && self.pressure.held_back(now) > HELD_BACK;
        let stall = stall(&threads, runs);
        child.history().examined = Some(Box::new(Examination { request, stall, threads }));
    }
}

impl Request {
    /// What this worker is at now, or was when it ended.
    pub(super) fn of(slot: &Slot) -> Self {
        let age = |began| Duration::from_nanos(slots::now().saturating_sub(began));
        let age = slot.began().map(age);
        Self { active: slot.active(), age, tag: slot.tag().get() }
    }
}

/// By the states of its threads; `throttled` is asked about one that runs, or would.
fn stall(threads: &[Thread], throttled: impl FnOnce() -> bool) -> Option<Stall> {
    let living =
        || threads.iter().map(|thread| thread.state).filter(|state| !"ZX".contains(*state));
    living().next()?;
    Some(if living().all(|state| "Tt".contains(state)) {
        Stall::Stopped
    } else if living().any(|state| state == 'D') {
        Stall::Uninterruptible
    } else if !living().any(|state| state == 'R') {
        Stall::Blocked
    } else if throttled() {
        Stall::Throttled
    } else {
        Stall::Busy
    })
}

impl Stall {
    /// In words.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Uninterruptible => "uninterruptible I/O",
            Self::Throttled => "throttled by the CPU controller",
            Self::Stopped => "stopped",
            Self::Busy => "busy",
            Self::Blocked => "blocked",
        }
    }
}

/// A thread, as the control socket tells it.
pub(super) fn value(thread: &Thread) -> Value {
    let stack = thread.stack.iter().map(|frame| Value::from(frame.as_str()));
    Value::Map(vec![
        ("tid".into(), thread.tid.into()),
        ("name".into(), thread.name.as_str().into()),
        ("state".into(), thread.state.to_string().into()),
        ("wchan".into(), thread.wchan.as_deref().map_or(Value::Nil, Value::from)),
        ("stack".into(), Value::Array(stack.collect())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_told_by_the_states_of_all_threads() {
        let by = |states: &str, throttled: bool| {
            let thread = |state| Thread {
                tid: 1,
                name: String::new(),
                state,
                wchan: None,
                stack: Vec::new(),
            };
            let threads: Vec<Thread> = states.chars().map(thread).collect();
            stall(&threads, || throttled)
        };
        assert_eq!(by("SSR", false), Some(Stall::Busy));
        assert_eq!(by("SSR", true), Some(Stall::Throttled));
        assert_eq!(by("SSS", true), Some(Stall::Blocked));
        assert_eq!(by("SDR", true), Some(Stall::Uninterruptible));
        assert_eq!(by("TtT", false), Some(Stall::Stopped));
        assert_eq!(by("ZT", false), Some(Stall::Stopped));
        assert_eq!(by("ST", false), Some(Stall::Blocked));
        assert_eq!(by("Z", false), None);
        assert_eq!(by("", false), None);
    }

    #[test]
    fn patience_is_renewed() {
        let mut patience = Patience::new();
        let now = patience.since;
        let looked = (0..2 * MOST_WORKERS).filter(|_| patience.lasts(now)).count();
        assert_eq!(looked, MOST_WORKERS as usize);
        assert!(patience.lasts(now + Duration::from_secs(1)));
    }
}
