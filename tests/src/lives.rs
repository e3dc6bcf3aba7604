//! Workers' lives, as the journal tells them.

use std::collections::BTreeMap;

use crate::entry::Entry;

/// Each worker's lines, by pid, in order.
pub fn lives(entries: &[Entry]) -> BTreeMap<i32, Vec<&Entry>> {
    let mut lives = BTreeMap::<i32, Vec<&Entry>>::new();
    for entry in entries {
        lives.entry(entry.pid).or_default().push(entry);
    }
    lives
}

/// When this happened in a life.
pub fn at(life: &[&Entry], what: &str) -> Option<u64> {
    life.iter().find(|entry| entry.what == what).map(|entry| entry.at)
}

/// How many jobs it did.
pub fn jobs(life: &[&Entry]) -> usize {
    life.iter().filter(|entry| entry.what == "job").count()
}

/// Each worker that left had a successor, ready before it left. Returns those that left.
#[track_caller]
pub fn left_after_their_successors(entries: &[Entry]) -> Vec<Vec<&Entry>> {
    let mut gone = Vec::new();
    for life in lives(entries).into_values() {
        let (Some(ready), Some(stop)) = (at(&life, "ready"), at(&life, "stop")) else { continue };
        let succeeded = entries.iter().any(|entry| {
            entry.what == "ready"
                && entry.slot == life[0].slot
                && ready < entry.at
                && entry.at < stop
        });
        assert!(succeeded, "worker {} left before its successor was ready: {life:?}", life[0].slot);
        gone.push(life);
    }
    gone
}
