//! What the kernel does to the master's control group, and so to its workers: kills for want of memory, a processor that is
//! given sparingly. Both are counts that only grow; what they say of the last moments, earlier looks have to tell.
//!
//! The master looks while it is awake anyway, once a second at most, and at a death that may be one of these: never
//! for each worker.

use std::time::{Duration, Instant};

use crate::arbiter::ExitStatus;
use crate::sys::cgroup::{OomCount, Periods, Quota, Scope};

/// Between two looks.
const PACE: Duration = Duration::from_secs(1);
/// For so long after it was counted, a kill explains an end; later it was somebody else's. To free a large memory takes time.
const GRACE: Duration = Duration::from_secs(10);

/// The counts, and the last looks at them.
#[derive(Debug)]
pub(super) struct Pressure {
    ooms: OomCount,
    kills: Option<Kills>,
    quota: Quota,
    /// The last look and the one before, so that one of them is not too young.
    looks: [(Instant, Periods); 2],
}

/// Kills by the kernel's count, and how many of them are told of.
#[derive(Clone, Copy, Debug)]
struct Kills {
    explained: u64,
    seen: u64,
    /// When the last of them was seen first.
    rose: Instant,
}

impl Kills {
    fn of(explained: u64, now: Instant) -> Self {
        Self { explained, seen: explained, rose: now }
    }

    fn look(&mut self, count: u64, now: Instant) {
        if count > self.seen {
            (self.seen, self.rose) = (count, now);
        } else if now.saturating_duration_since(self.rose) > GRACE {
            self.explained = self.seen;
        }
    }

    /// Whether one of them was a process that has ended just now. Each is one's end.
    fn explain(&mut self, count: u64, now: Instant) -> bool {
        self.look(count, now);
        let one = self.seen > self.explained;
        self.explained += u64::from(one);
        one
    }
}

impl Pressure {
    /// Begins to look. `explained` is how many kills the program had told of that this process was before.
    pub(super) fn new(explained: Option<u64>) -> Self {
        let (now, ooms, quota) = (Instant::now(), OomCount::find(), Quota::find());
        let kills = explained.or_else(|| ooms.read()).map(|count| Kills::of(count, now));
        let looks = [(now, quota.read()), (now, quota.read())];
        Self { ooms, kills, quota, looks }
    }

    /// How many kills were told of, for the program that this process becomes.
    pub(super) fn explained(&self) -> Option<u64> {
        self.kills.map(|kills| kills.explained)
    }

    /// The master is awake.
    pub(super) fn look(&mut self, now: Instant) {
        if now.saturating_duration_since(self.looks[1].0) < PACE {
            return;
        }
        self.looks.swap(0, 1);
        self.looks[1] = (now, self.quota.read());
        if let (Some(kills), Some(count)) = (&mut self.kills, self.ooms.read()) {
            kills.look(count, now);
        }
    }

    /// Whether an end that the kernel tells as KILL, and that nobody here wanted, was for want of memory; by whose count.
    pub(super) fn explain(&mut self, status: ExitStatus) -> Option<Scope> {
        let ExitStatus::Signal { signal: libc::SIGKILL, .. } = status else { return None };
        let (kills, count) = (self.kills.as_mut()?, self.ooms.read()?);
        kills.explain(count, Instant::now()).then(|| self.ooms.scope())
    }

    /// In what part of the last periods the group had used up its share of the processor.
    pub(super) fn held_back(&self, now: Instant) -> f64 {
        let fresh = now.saturating_duration_since(self.looks[1].0) < PACE;
        let (_, before) = &self.looks[usize::from(!fresh)];
        self.quota.read().spent_since(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kill_explains_one_end_and_none_for_long() {
        let start = Instant::now();
        let mut kills = Kills::of(5, start);
        assert!(!kills.explain(5, start), "nobody was killed");
        assert!(kills.explain(7, start) && kills.explain(7, start), "two were");
        assert!(!kills.explain(7, start), "a third was not");
        // Seen by a look, it is somebody's whose end may be near; then nobody's here.
        kills.look(8, start);
        let later = start + Duration::from_secs(5);
        kills.look(8, later);
        assert!(kills.explain(8, later));
        kills.look(9, later);
        assert!(!kills.explain(9, later + Duration::from_secs(11)));
        assert!(kills.explain(10, later + Duration::from_secs(11)));
    }
}
