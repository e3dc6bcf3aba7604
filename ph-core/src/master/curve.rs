//! How workers' memory has grown: sampled in passing, for their death certificates.
//!
//! No sample is a reason to wake. When the master is awake anyway it looks at one worker, the next in turn, ten times a second at
//! most, and not just after a death: however many workers there are, and however often they die, that costs little. Who is weighed for
//! `max_memory`, or about to be killed, is sampled by that.

use std::time::{Duration, Instant};

use nix::unistd::Pid;
use ph_rpc::Value;
use serde::{Deserialize, Serialize};

use super::Master;
use crate::slots;
use crate::sys::memory;

/// Samples that are kept of each worker.
const KEPT: usize = 16;
/// The last of them, which are kept as they are.
const RECENT: usize = 8;
/// Tenths of a second between two of them.
const PACE: u32 = 10;
/// Between a look at one worker and at the next.
const PAUSE: Duration = Duration::from_millis(100);

/// Resident memory at several times: tenths of a second of `CLOCK_MONOTONIC`, and KiB. Small, since there may be as many
/// of these as there are workers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Curve(Vec<(u32, u32)>);

/// Whose turn it is, and since when the last had theirs.
#[derive(Debug)]
pub(super) struct Turn {
    next: u64,
    last: Instant,
}

impl Turn {
    pub(super) fn new() -> Self {
        Self { next: 0, last: Instant::now() }
    }

    /// There is something more urgent: a successor is to be made.
    pub(super) fn wait(&mut self) {
        self.last = Instant::now();
    }
}

impl Curve {
    /// Looks at a process, unless it was looked at just now.
    fn look(&mut self, pid: Pid) {
        if self.0.last().is_none_or(|(at, _)| tenths().saturating_sub(*at) >= PACE) {
            self.look_now(pid);
        }
    }

    /// Looks at a process that will not be there any more.
    pub(super) fn look_now(&mut self, pid: Pid) {
        if let Some(usage) = memory::of(pid) {
            self.record(usage.resident);
        }
    }

    /// Takes down what was seen.
    pub(super) fn record(&mut self, resident: u64) {
        self.add(tenths(), u32::try_from(resident / 1024).unwrap_or(u32::MAX));
    }

    fn add(&mut self, at: u32, size: u32) {
        if self.0.len() == KEPT {
            self.thin(at);
        } else if self.0.is_empty() {
            self.0.reserve_exact(KEPT);
        }
        self.0.push((at, size));
    }

    /// Makes room. Of the older ones that goes which is missed least: the closest to its neighbours for its age, so that what is
    /// left goes back to the beginning, in ever wider steps.
    fn thin(&mut self, now: u32) {
        let gap = |at: usize| {
            let width = self.0[at + 1].0 - self.0[at - 1].0;
            u64::from(width) * 1000 / u64::from(now - self.0[at].0).max(1)
        };
        let least = (1..=KEPT - RECENT).min_by_key(|at| gap(*at));
        self.0.remove(least.unwrap_or(0));
    }

    /// The oldest first: how long ago, and bytes.
    pub(super) fn value(&self, died: u32) -> Value {
        let sample = |(at, size): &(u32, u32)| {
            let ago = f64::from(died.saturating_sub(*at)) / 10.0;
            let bytes = u64::from(*size) * 1024;
            Value::Map(vec![("ago_s".into(), ago.into()), ("bytes".into(), bytes.into())])
        };
        Value::Array(self.0.iter().map(sample).collect())
    }
}

/// Now, as samples have it.
pub(super) fn tenths() -> u32 {
    (slots::now() / 100_000_000) as u32
}

impl Master<'_> {
    /// Looks around, since the master is awake.
    pub(super) fn look_around(&mut self) {
        let now = Instant::now();
        self.pressure.look(now);
        if now.saturating_duration_since(self.turn.last) < PAUSE {
            return;
        }
        self.turn.last = now;
        let next = self.children.at_or_after(self.turn.next);
        self.turn.next = next.map_or(0, |child| {
            let pid = child.process.pid();
            child.history().curve.look(pid);
            child.key.serial + 1
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_samples_are_kept_and_the_first_and_some_between() {
        let mut curve = Curve::default();
        let hour = 36_000;
        for at in (0..=hour).step_by(10) {
            curve.add(at, at);
        }
        let times: Vec<u32> = curve.0.iter().map(|(at, _)| *at).collect();
        assert_eq!(times.len(), KEPT);
        assert_eq!(times[0], 0, "the first is gone: {times:?}");
        let recent: Vec<u32> = (0..RECENT as u32).rev().map(|ago| hour - 10 * ago).collect();
        assert_eq!(times[KEPT - RECENT..], recent);
        // Half an hour without any would be no curve.
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] < hour * 3 / 4), "{times:?}");
    }
}
