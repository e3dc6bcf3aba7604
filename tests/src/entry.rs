//! The journal's lines, read as numbers.

use crate::sandbox::Sandbox;

/// A line of the journal: what happened to which process, when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `new`, `ready`, `job`, `done`, `asked`, `stop`, `child`.
    pub what: String,
    /// The worker's pid; of a `child`, its own.
    pub pid: i32,
    /// The worker's slot.
    pub slot: u64,
    /// The worker's generation.
    pub generation: u64,
    /// Nanoseconds of the monotonic clock.
    pub at: u64,
}

impl Sandbox {
    /// Every whole line of the journal, in order of time: a process looks at the clock before it
    /// writes, and another may write in between.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self.lines("journal").lines().filter_map(entry).collect();
        entries.sort_by_key(|entry| entry.at);
        entries
    }

    /// Those that tell this.
    pub fn told(&self, what: &str) -> Vec<Entry> {
        let mut entries = self.entries();
        entries.retain(|entry| entry.what == what);
        entries
    }

    /// When this happened in this slot, each time, in order.
    pub fn times(&self, what: &str, slot: u64) -> Vec<u64> {
        self.told(what).iter().filter(|entry| entry.slot == slot).map(|entry| entry.at).collect()
    }
}

fn entry(line: &str) -> Option<Entry> {
    let mut words = line.split(' ');
    Some(Entry {
        what: words.next()?.to_owned(),
        pid: words.next()?.parse().ok()?,
        slot: words.next()?.parse().ok()?,
        generation: words.next()?.parse().ok()?,
        at: words.next()?.parse().ok()?,
    })
}
