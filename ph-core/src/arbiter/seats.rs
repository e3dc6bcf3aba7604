//! The seats of all slots, and what they come to together.
//!
//! There may be tens of thousands, and an event concerns one of them: what a decision has to know about the others is
//! kept in sums. A seat that was lent to be changed is counted anew before the sums are looked at again, whatever was
//! done to it, so no change can be missed by them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, Deref};
use std::time::Instant;

use smallvec::SmallVec;

use super::seat::Seat;
use super::worker::Worker;

/// Each slot's seat. To be read it is the map itself.
#[derive(Debug, Default)]
pub(super) struct Seats {
    seats: BTreeMap<u32, Seat>,
    sums: Sums,
    /// Seats about which something is to be done, or that wait for it.
    restless: BTreeSet<u32>,
    /// The deadlines of workers, and the ends of waits.
    limits: BTreeSet<(Instant, u32)>,
    waits: BTreeSet<(Instant, u32)>,
    /// The generation that the counts are made for.
    generation: u32,
    /// Lent to be changed since they were counted.
    lent: Vec<u32>,
    all_lent: bool,
}

/// How many there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// Workers that are not reaped yet.
    pub(super) processes: u32,
    /// Workers that boot or are ready.
    pub(super) active: u32,
    pub(super) ready: u32,
    /// Active ones of the generation that is wanted.
    pub(super) current: u32,
    /// Ready ones of another.
    pub(super) former: u32,
    /// Seats that are wanted and did not have a ready worker since the master started.
    pub(super) unserved: u32,
    /// Seats that are wanted and have no ready worker of the generation that is wanted.
    pub(super) unrenewed: u32,
}

/// One seat's part of it all. A seat has it beside itself, on a page of memory that is written to anyway when the seat changes: each
/// costs a copy after a fork.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Count {
    sums: Sums,
    restless: bool,
    limits: SmallVec<[Instant; 1]>,
    wait: Option<Instant>,
}

impl Seats {
    /// Lends one seat to be changed.
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Seat> {
        let seat = self.seats.get_mut(&slot)?;
        self.lent.push(slot);
        Some(seat)
    }

    /// Lends all.
    pub(super) fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Seat> {
        self.all_mut().map(|(_, seat)| seat)
    }

    /// The same with their slots.
    pub(super) fn all_mut(&mut self) -> impl DoubleEndedIterator<Item = (&u32, &mut Seat)> {
        self.all_lent = true;
        self.seats.iter_mut()
    }

    /// Makes the seats of these slots, closed, where there are none. Together, or the map would be half empty: a fork of the
    /// master copies the table of its pages.
    pub(super) fn make(&mut self, slots: impl Iterator<Item = u32>) {
        let missing = slots.filter(|slot| !self.seats.contains_key(slot));
        let mut made: BTreeMap<_, _> = missing.map(|slot| (slot, Seat::closed())).collect();
        self.lent.extend(made.keys());
        self.seats.append(&mut made);
    }

    pub(super) fn insert(&mut self, slot: u32, seat: Seat) {
        self.lent.push(slot);
        if let Some(former) = self.seats.insert(slot, seat) {
            self.discount(slot, &former.counted);
        }
    }

    /// Takes a seat away if nobody is wanted there and nobody is left.
    pub(super) fn drop_if_gone(&mut self, slot: u32) {
        if self.seats.get(&slot).is_some_and(Seat::is_gone)
            && let Some(gone) = self.seats.remove(&slot)
        {
            self.discount(slot, &gone.counted);
        }
    }

    /// The same for all.
    pub(super) fn drop_gone(&mut self) {
        for (slot, gone) in self.seats.extract_if(.., |_, seat| seat.is_gone()).collect::<Vec<_>>()
        {
            self.discount(slot, &gone.counted);
        }
    }

    /// The sums, for the generation that is wanted.
    pub(super) fn sums(&mut self, generation: u32) -> Sums {
        self.count(generation);
        self.sums
    }

    /// Seats about which something is to be done, lowest slot first.
    pub(super) fn restless(&mut self, generation: u32) -> Vec<u32> {
        self.count(generation);
        self.restless.iter().copied().collect()
    }

    /// Seats with a worker whose deadline is not after this instant, lowest slot first.
    pub(super) fn due(&mut self, now: Instant) -> BTreeSet<u32> {
        self.count(self.generation);
        self.limits.range(..=(now, u32::MAX)).map(|&(_, slot)| slot).collect()
    }

    /// The first deadline of a worker after this instant.
    pub(super) fn next_limit(&mut self, now: Instant) -> Option<Instant> {
        self.count(self.generation);
        first_after(&self.limits, now)
    }

    /// The first end of a seat's wait after this instant.
    pub(super) fn next_wait(&mut self, now: Instant) -> Option<Instant> {
        self.count(self.generation);
        first_after(&self.waits, now)
    }

    /// Brings the sums up to date.
    fn count(&mut self, generation: u32) {
        if std::mem::replace(&mut self.generation, generation) != generation {
            self.all_lent = true;
        }
        if self.lent.is_empty() && !self.all_lent {
            return;
        }
        let mut lent = std::mem::take(&mut self.lent);
        if std::mem::take(&mut self.all_lent) {
            lent.clear();
            lent.extend(self.seats.keys());
        }
        for slot in lent.drain(..) {
            self.count_one(slot);
        }
        self.lent = lent;
        debug_assert!(self.is_exact(), "a seat was changed and not counted");
    }

    fn count_one(&mut self, slot: u32) {
        // One that has been taken away counts for nothing since then.
        let Some(seat) = self.seats.get_mut(&slot) else { return };
        let after = Count::of(seat, self.generation);
        if seat.counted == after {
            return;
        }
        self.sums.each(after.sums, u32::wrapping_add);
        let before = std::mem::replace(&mut seat.counted, after.clone());
        self.discount(slot, &before);
        if after.restless {
            self.restless.insert(slot);
        }
        self.limits.extend(after.limits.iter().map(|&at| (at, slot)));
        self.waits.extend(after.wait.map(|at| (at, slot)));
    }

    /// Takes out of the sums what a seat was counted as.
    fn discount(&mut self, slot: u32, before: &Count) {
        self.sums.each(before.sums, u32::wrapping_sub);
        self.restless.remove(&slot);
        before.limits.iter().for_each(|&at| _ = self.limits.remove(&(at, slot)));
        before.wait.iter().for_each(|&at| _ = self.waits.remove(&(at, slot)));
    }

    /// What the sums have to be: the same as if all seats were counted now.
    fn is_exact(&self) -> bool {
        let mut sums = Sums::default();
        let (mut restless, mut limits, mut waits) = (0, 0, 0);
        let counted = self.seats.iter().all(|(slot, seat)| {
            let count = Count::of(seat, self.generation);
            sums.each(count.sums, u32::wrapping_add);
            restless += usize::from(count.restless);
            let mut own = count.limits.clone();
            own.sort_unstable();
            own.dedup();
            limits += own.len();
            waits += usize::from(count.wait.is_some());
            self.restless.contains(slot) == count.restless
                && count.limits.iter().all(|&at| self.limits.contains(&(at, *slot)))
                && count.wait.iter().all(|&at| self.waits.contains(&(at, *slot)))
                && seat.counted == count
        });
        let lengths = [self.restless.len(), self.limits.len(), self.waits.len()];
        counted && lengths == [restless, limits, waits] && sums == self.sums
    }
}

impl Deref for Seats {
    type Target = BTreeMap<u32, Seat>;

    fn deref(&self) -> &Self::Target {
        &self.seats
    }
}

impl Count {
    fn of(seat: &Seat, generation: u32) -> Self {
        let mut sums = Sums::default();
        for worker in &seat.workers {
            let (active, ready) = (worker.is_active(), worker.is_ready());
            let current = worker.generation == generation;
            sums.processes += 1;
            sums.active += u32::from(active);
            sums.ready += u32::from(ready);
            sums.current += u32::from(active && current);
            sums.former += u32::from(ready && !current);
        }
        sums.unserved = u32::from(seat.open && !seat.served);
        sums.unrenewed = u32::from(seat.open && sums.ready == sums.former);
        Self {
            sums,
            restless: !seat.is_at_rest(generation),
            limits: seat.workers.iter().filter_map(Worker::deadline).collect(),
            wait: seat.wait.filter(|_| seat.open),
        }
    }
}

impl Sums {
    fn each(&mut self, other: Self, operation: impl Fn(u32, u32) -> u32) {
        let Self { processes, active, ready, current, former, unserved, unrenewed } = self;
        for (sum, part) in [
            (processes, other.processes),
            (active, other.active),
            (ready, other.ready),
            (current, other.current),
            (former, other.former),
            (unserved, other.unserved),
            (unrenewed, other.unrenewed),
        ] {
            *sum = operation(*sum, part);
        }
    }
}

fn first_after(instants: &BTreeSet<(Instant, u32)>, now: Instant) -> Option<Instant> {
    let after = (Bound::Excluded((now, u32::MAX)), Bound::Unbounded);
    instants.range(after).next().map(|&(at, _)| at)
}
