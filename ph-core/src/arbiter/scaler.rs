//! How many workers the load asks for: one sample after the other, a decision for each.
//!
//! *More*, when there is work and nobody has room for it: at once when connections wait, at the second such sample in a
//! row when they do not; also when connections wait and nobody accepts them. At most twice as many as are ready are wanted then, so those that still boot are waited for, and
//! those that can't boot are not multiplied.
//!
//! *Fewer*, when workers have been idle in each sample for `idle_timeout`: one per sample, as many as were idle all the
//! time. When that leaves the others without room, it is no reason to want it back: only more work is.

use std::time::{Duration, Instant};

use super::policy::Band;

/// Between two looks at work that comes through listeners.
const OFTEN: Duration = Duration::from_millis(100);

/// Between two looks at work that workers find themselves. There is no rest in between, since nobody would end it.
const SELDOM: Duration = Duration::from_secs(1);

/// Whether the load is looked at.
#[derive(Clone, Debug)]
pub(super) enum Scaler {
    /// The number does not follow the load, or nobody works at all.
    Off,
    /// There is no work, and nothing to be done about that; the next connection will be told.
    Asleep,
    /// From sample to sample.
    Awake(Watch),
}

/// What is known from the samples so far.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    /// When to look again.
    pub(super) next: Instant,
    last: Option<Sample>,
    idle: Option<Idle>,
    /// What all workers had in hand when one was given up.
    spared: u64,
}

/// Workers that were idle in each sample.
#[derive(Clone, Debug)]
struct Idle {
    since: Instant,
    /// As many at least.
    least: u32,
}

/// One look at all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sample {
    /// Ready workers.
    pub(super) ready: u32,
    /// Those with nothing in hand.
    pub(super) idle: u32,
    /// Those that could take more.
    pub(super) roomy: u32,
    /// Wanted workers that are not there.
    pub(super) absent: u32,
    /// What all of them have in hand.
    pub(super) held: u64,
    /// Connections that nobody has accepted yet.
    pub(super) queue: u32,
    /// Connections that were accepted so far.
    pub(super) accepted: u64,
}

/// What follows from a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Nothing.
    Stay,
    /// So many workers are wanted.
    Grow(u32),
    /// One worker is given up, if there is one that is idle still.
    Shrink,
    /// Nothing, until a connection comes.
    Sleep,
}

impl Sample {
    fn is_calm(&self) -> bool {
        self.held == 0 && self.queue == 0
    }

    /// Work for which nobody has room, or will have soon.
    fn is_too_much(&self, spared: u64) -> bool {
        let full = self.ready > 0 && self.roomy == 0 && self.held > spared;
        // Who has room is about to accept one.
        full || self.queue > self.roomy
    }

    /// Connections wait as they did `before`, and whoever has room lets them. The kernel wakes one worker for each of them,
    /// and that one may have been given up, or be stopped; nobody else will look. A new one does.
    fn is_stuck(&self, before: &Self) -> bool {
        self.queue > 0 && before.queue > 0 && self.accepted == before.accepted
    }

    /// How many workers it would take, as far as one can tell.
    fn needs(&self, band: &Band) -> u32 {
        let left = self.queue.saturating_sub(self.roomy);
        let more = left.div_ceil(band.capacity.max(1)).max(1);
        self.ready.saturating_add(more).min(self.ready.saturating_mul(2).max(1)).min(band.max)
    }
}

impl Scaler {
    /// Awake, with nothing known so far; the first look is taken now.
    pub(super) fn awake(now: Instant, band: &Band) -> Self {
        Self::Awake(Watch { next: now + interval(band), last: None, idle: None, spared: 0 })
    }

    /// When to look again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Off | Self::Asleep => None,
            Self::Awake(watch) => Some(watch.next),
        }
    }

    /// Whether it is time to look; the next time is set.
    pub(super) fn is_due(&mut self, now: Instant, band: Option<&Band>) -> bool {
        match (self, band) {
            (Self::Awake(watch), Some(band)) if watch.next <= now => {
                watch.next = now + interval(band);
                true
            }
            _ => false,
        }
    }

    /// Idleness counts from here: somebody else has changed the number, or the master was away.
    pub(super) fn count_anew(&mut self) {
        if let Self::Awake(watch) = self {
            watch.idle = None;
        }
    }

    /// The last sample.
    pub(super) fn last(&self) -> Sample {
        match self {
            Self::Awake(Watch { last: Some(sample), .. }) => *sample,
            _ => Sample::default(),
        }
    }

    /// One of the idle workers was given up.
    pub(super) fn gave_up_one(&mut self) {
        let Self::Awake(watch) = self else { return };
        watch.spared = watch.last.map_or(0, |sample| sample.held);
        watch.idle.take_if(|idle| {
            idle.least = idle.least.saturating_sub(1);
            idle.least == 0
        });
    }
}

impl Watch {
    /// Takes a sample, and says what follows from it while `wanted` workers are.
    pub(super) fn decide(
        &mut self,
        now: Instant,
        sample: Sample,
        wanted: u32,
        band: &Band,
    ) -> Decision {
        let before = self.last.replace(sample);
        let stuck = before.is_some_and(|before| sample.is_stuck(&before));
        if stuck || sample.is_too_much(self.spared) {
            self.idle = None;
            let waiting = sample.roomy == 0 && sample.queue > 0;
            let lasting = before.is_some_and(|before| before.is_too_much(self.spared));
            let needed = sample.needs(band);
            let grow = (waiting || lasting || stuck) && needed > wanted;
            return if grow { Decision::Grow(needed) } else { Decision::Stay };
        }
        let limit = band.idle_timeout.filter(|_| wanted > band.min);
        if let Some(limit) = limit {
            if self.has_idle(now, sample, limit) {
                return Decision::Shrink;
            }
        } else {
            self.idle = None;
            // One look is too few: a connection may be between the queue and its worker.
            if band.listens && sample.is_calm() && before.is_some_and(|before| before.is_calm()) {
                return Decision::Sleep;
            }
        }
        Decision::Stay
    }

    /// Whether somebody was idle, or absent, in each sample for so long.
    fn has_idle(&mut self, now: Instant, sample: Sample, limit: Duration) -> bool {
        let count = sample.idle + sample.absent;
        if count == 0 {
            self.idle = None;
            return false;
        }
        let idle = self.idle.get_or_insert(Idle { since: now, least: count });
        idle.least = idle.least.min(count);
        now.saturating_duration_since(idle.since) >= limit
    }
}

fn interval(band: &Band) -> Duration {
    if band.listens { OFTEN } else { SELDOM }
}
