//! The requests that are under way in this worker, and what the master sees of them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ph_core::slots::{self, Name, Slot};

/// Where a request is entered; good until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lane(u32);

/// No lane: the end of a list.
const NONE: u32 = u32::MAX;
/// That of the turn, which is in no list.
const TURN: u32 = u32::MAX - 1;

/// One request, linked to the one that began before it and the one that began after.
#[derive(Debug)]
struct Entry {
    began: u64,
    /// Who works on it: the number of a thread, or of a connection.
    label: u64,
    /// What the application calls it.
    name: Name,
    older: u32,
    /// In a free entry: the next free one.
    newer: u32,
}

#[derive(Debug)]
struct Entries {
    all: Vec<Entry>,
    oldest: u32,
    newest: u32,
    free: u32,
    active: u64,
    /// Those that wait for something, and that the master need not watch: they are in no list.
    waiting: u64,
    /// The one whose name is shown.
    named: u32,
}

/// Requests that begin and end together, on the one thread that has turns at all: to begin one takes no lock.
#[derive(Debug, Default)]
struct Turn {
    /// Zero between two turns.
    began: AtomicU64,
    label: AtomicU64,
    /// Requests beside it, as the list has them, and when the oldest of them began; zero for none.
    others: AtomicU64,
    oldest: AtomicU64,
}

/// All requests of one worker, in the order in which they began: the oldest is the one that can be late.
///
/// The lock is held for a few instructions, and never across a system call.
#[derive(Debug)]
pub(crate) struct Ledger {
    slot: &'static Slot,
    turn: Turn,
    entries: Mutex<Entries>,
}

impl Ledger {
    pub(crate) fn new(slot: &'static Slot) -> Self {
        Self { slot, turn: Turn::default(), entries: Mutex::new(Entries::new()) }
    }

    /// Enters a request that begins now.
    pub(crate) fn begin(&self, label: u64) -> Lane {
        let mut entries = self.lock();
        let lane = entries.enter(slots::now(), label);
        self.show(&mut entries);
        Lane(lane)
    }

    /// The application calls it so.
    pub(crate) fn name(&self, lane: Lane, name: Name) {
        if lane.0 == TURN {
            if self.turn.is_first() {
                self.slot.tag().show(&name);
            }
            return;
        }
        let mut entries = self.lock();
        if let Some(entry) = entries.all.get_mut(lane.0 as usize) {
            entry.name = name;
        }
        if entries.oldest == lane.0 {
            self.slot.tag().show(&name);
        }
    }

    /// Strikes out a request that has ended, and counts it.
    pub(crate) fn end(&self, lane: Lane) {
        let mut entries = self.lock();
        let began = entries.leave(lane.0);
        self.slot.finished(1, slots::now().saturating_sub(began));
        self.show(&mut entries);
    }

    /// Requests begin that will end together, before anything else of this thread's does. One thread of a worker may do this.
    #[cfg(feature = "rpc")]
    pub(crate) fn begin_turn(&self, label: u64) -> Lane {
        let (now, turn) = (slots::now().max(1), &self.turn);
        turn.label.store(label, Relaxed);
        turn.began.store(now, Relaxed);
        let others = turn.others.load(Relaxed);
        if turn.is_first() {
            self.slot.tag().clear();
        }
        self.slot.under_way(others + 1, turn.oldest());
        Lane(TURN)
    }

    /// They have ended, and were so many.
    #[cfg(feature = "rpc")]
    pub(crate) fn end_turn(&self, count: u64) {
        let mut entries = self.lock();
        let began = self.turn.began.load(Relaxed);
        self.turn.began.store(0, Relaxed);
        self.slot.finished(count, slots::now().saturating_sub(began));
        // Whatever is the oldest now, its name is not what is shown.
        entries.named = TURN;
        self.show(&mut entries);
    }

    /// A request begins to wait for something. Its worker sees to it that it does not wait too long: it is under way, but never
    /// late.
    #[cfg(feature = "rpc")]
    pub(crate) fn begin_waiting(&self) {
        let mut entries = self.lock();
        entries.waiting += 1;
        self.show(&mut entries);
    }

    /// It has ended, after so long.
    #[cfg(feature = "rpc")]
    pub(crate) fn end_waiting(&self, took: Duration) {
        let mut entries = self.lock();
        entries.waiting -= 1;
        self.slot.finished(1, took.as_nanos() as u64);
        self.show(&mut entries);
    }

    /// Who has been at a request for longer than `limit`, and for how long; the longest first.
    pub(crate) fn late(&self, limit: Duration) -> Vec<(u64, Duration)> {
        let now = slots::now();
        let entries = self.lock();
        let mut late = Vec::new();
        let began = self.turn.began.load(Relaxed);
        let age = Duration::from_nanos(now.saturating_sub(began));
        if began != 0 && age >= limit {
            late.push((self.turn.label.load(Relaxed), age));
        }
        let mut at = entries.oldest;
        while let Some(entry) = entries.all.get(at as usize) {
            let age = Duration::from_nanos(now.saturating_sub(entry.began));
            if age < limit {
                break;
            }
            late.push((entry.label, age));
            at = entry.newer;
        }
        late.sort_by_key(|(_, age)| std::cmp::Reverse(*age));
        late
    }

    fn show(&self, entries: &mut Entries) {
        let (oldest, turn) = (entries.all.get(entries.oldest as usize), &self.turn);
        let others = entries.active + entries.waiting;
        turn.others.store(others, Relaxed);
        turn.oldest.store(oldest.map_or(0, |entry| entry.began), Relaxed);
        self.slot.under_way(others + u64::from(turn.is_on()), turn.oldest());
        let first = if turn.is_on() && turn.is_first() { TURN } else { entries.oldest };
        // The name of the last one stays until there is another.
        if entries.named != first
            && let Some(oldest) = entries.all.get(first as usize)
        {
            self.slot.tag().show(&oldest.name);
        }
        entries.named = first;
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // Nothing in here panics; and if it did, the numbers would still be better than none.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    fn is_on(&self) -> bool {
        self.began.load(Relaxed) != 0
    }

    /// Whether no request beside it began before it.
    fn is_first(&self) -> bool {
        let oldest = self.oldest.load(Relaxed);
        oldest == 0 || self.began.load(Relaxed) <= oldest
    }

    /// When the oldest of all began.
    fn oldest(&self) -> Option<u64> {
        [self.began.load(Relaxed), self.oldest.load(Relaxed)]
            .into_iter()
            .filter(|at| *at != 0)
            .min()
    }
}

impl Entries {
    fn new() -> Self {
        let (oldest, newest, free) = (NONE, NONE, NONE);
        Self { all: Vec::new(), oldest, newest, free, active: 0, waiting: 0, named: NONE }
    }

    fn enter(&mut self, began: u64, label: u64) -> u32 {
        let name = Name::default();
        let entry = Entry { began, label, name, older: self.newest, newer: NONE };
        let lane = self.free;
        let lane = match self.all.get_mut(lane as usize) {
            Some(place) => {
                self.free = place.newer;
                *place = entry;
                lane
            }
            None => {
                self.all.push(entry);
                (self.all.len() - 1) as u32
            }
        };
        match self.all.get_mut(self.newest as usize) {
            Some(before) => before.newer = lane,
            None => self.oldest = lane,
        }
        self.newest = lane;
        self.active += 1;
        lane
    }

    fn leave(&mut self, lane: u32) -> u64 {
        let Entry { began, older, newer, .. } = self.all[lane as usize];
        match self.all.get_mut(older as usize) {
            Some(before) => before.newer = newer,
            None => self.oldest = newer,
        }
        match self.all.get_mut(newer as usize) {
            Some(after) => after.older = older,
            None => self.newest = older,
        }
        self.all[lane as usize].newer = self.free;
        self.free = lane;
        self.active -= 1;
        began
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(entries: &Entries) -> Vec<u64> {
        let mut labels = Vec::new();
        let mut at = entries.oldest;
        while let Some(entry) = entries.all.get(at as usize) {
            labels.push(entry.label);
            at = entry.newer;
        }
        labels
    }

    #[test]
    fn whoever_leaves_the_rest_stay_in_order() {
        let mut entries = Entries::new();
        let lanes: Vec<u32> = (0..5).map(|label| entries.enter(10 + label, label)).collect();
        assert_eq!(entries.leave(lanes[2]), 12);
        assert_eq!(order(&entries), [0, 1, 3, 4]);
        assert_eq!(entries.leave(lanes[0]), 10);
        assert_eq!(entries.leave(lanes[4]), 14);
        assert_eq!(order(&entries), [1, 3]);
        // Places are used again before there are more.
        entries.enter(20, 5);
        entries.enter(21, 6);
        assert_eq!(order(&entries), [1, 3, 5, 6]);
        assert_eq!(entries.all.len(), 5);
        assert_eq!(entries.active, 4);
    }

    #[cfg(feature = "rpc")]
    #[test]
    fn a_turn_is_shown_beside_what_waits_and_what_began_before_it() {
        let slots = Box::leak(Box::new(slots::create().unwrap()));
        let slot: &'static Slot = &slots.items()[0];
        let ledger = Ledger::new(slot);
        let shown = || (slot.active(), slot.began().is_some(), slot.tag().get(), slot.requests());
        let turn = ledger.begin_turn(7);
        ledger.name(turn, ph_core::slots::Tag::words("turn"));
        ledger.begin_waiting();
        assert_eq!(shown(), (2, true, Some("turn".to_owned()), 0));
        assert_eq!(ledger.late(Duration::ZERO).iter().map(|late| late.0).collect::<Vec<_>>(), [7]);
        ledger.end_turn(3);
        assert_eq!(shown(), (1, false, Some("turn".to_owned()), 3));
        // Another thread's request is the older one, and has the name.
        let older = ledger.begin(1);
        ledger.name(older, ph_core::slots::Tag::words("older"));
        while slots::now() <= slot.began().unwrap() {
            std::hint::spin_loop();
        }
        let turn = ledger.begin_turn(7);
        ledger.name(turn, ph_core::slots::Tag::words("turn"));
        assert_eq!(shown(), (3, true, Some("older".to_owned()), 3));
        let late: Vec<_> = ledger.late(Duration::ZERO).iter().map(|late| late.0).collect();
        assert_eq!(late, [1, 7]);
        ledger.end(older);
        ledger.end_turn(1);
        ledger.end_waiting(Duration::ZERO);
        assert_eq!((slot.active(), slot.began(), slot.requests()), (0, None, 6));
        assert_eq!(ledger.late(Duration::ZERO), []);
    }
}
