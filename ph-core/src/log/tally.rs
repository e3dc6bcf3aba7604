//! What all who write one log know together, in memory that they share: how much is in the file, and what was lost.
//!
//! Nobody asks the kernel for a size, and nobody wakes to look at one: who takes it past the limit says so. Workers write
//! here as well, so it is a hint; the master looks at the file before it does anything to it.

use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering::Relaxed};

/// The figures. All zeroes: an empty log without a limit.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct Tally {
    /// Bytes in the file.
    size: AtomicU64,
    /// Bytes at which it is full; 0 for no limit.
    limit: AtomicU64,
    /// Lines that could not be written.
    lost: AtomicU64,
    /// Of these, how many the log has told of.
    told: AtomicU64,
    /// How often it was rotated.
    rotated: AtomicU64,
    /// How often the master has opened another file.
    opened: AtomicU32,
    /// Whether the file ends in a piece of a line.
    torn: AtomicU32,
    /// The last error.
    errno: AtomicI32,
}

impl Tally {
    pub(super) const fn new() -> Self {
        Self {
            size: AtomicU64::new(0),
            limit: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            told: AtomicU64::new(0),
            rotated: AtomicU64::new(0),
            opened: AtomicU32::new(0),
            torn: AtomicU32::new(0),
            errno: AtomicI32::new(0),
        }
    }

    /// Goes on where a process counted by itself.
    pub(super) fn take_over(&self, other: &Self) {
        self.lost.fetch_add(other.lost.swap(0, Relaxed), Relaxed);
        self.told.fetch_add(other.told.swap(0, Relaxed), Relaxed);
        self.torn.store(other.torn.load(Relaxed), Relaxed);
        self.errno.store(other.errno.load(Relaxed), Relaxed);
    }

    /// Counts bytes that were written. Whether they took it past the limit: once more with each further limit's worth, should
    /// nobody have done anything about it.
    pub(super) fn grow(&self, bytes: usize) -> bool {
        let before = self.size.fetch_add(bytes as u64, Relaxed);
        let limit = self.limit.load(Relaxed);
        limit != 0 && before / limit != before.saturating_add(bytes as u64) / limit
    }

    pub(super) fn set_size(&self, bytes: u64) {
        self.size.store(bytes, Relaxed);
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit.load(Relaxed)
    }

    pub(super) fn set_limit(&self, bytes: u64) {
        self.limit.store(bytes, Relaxed);
    }

    pub(super) fn is_full(&self) -> bool {
        let limit = self.limit();
        limit != 0 && self.size.load(Relaxed) >= limit
    }

    /// Counts a line that could not be written, or only a piece of it.
    pub(super) fn lose(&self, errno: i32, piece: bool) {
        self.errno.store(errno, Relaxed);
        self.lost.fetch_add(1, Relaxed);
        if piece {
            self.tear();
        }
    }

    /// It ends in a piece of a line still.
    pub(super) fn tear(&self) {
        self.torn.store(1, Relaxed);
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    pub(super) fn errno(&self) -> i32 {
        self.errno.load(Relaxed)
    }

    /// Whether the file ends in a piece of a line; who asks puts it right.
    pub(super) fn mend(&self) -> bool {
        self.torn.load(Relaxed) != 0 && self.torn.swap(0, Relaxed) != 0
    }

    /// How many lines nobody has told of; who asks tells it.
    pub(super) fn untold(&self) -> u64 {
        let (lost, told) = (self.lost(), self.told.load(Relaxed));
        let mine = lost > told && self.told.compare_exchange(told, lost, Relaxed, Relaxed).is_ok();
        if mine { lost - told } else { 0 }
    }

    /// It could not be told after all.
    pub(super) fn take_back(&self, lines: u64) {
        self.told.fetch_sub(lines, Relaxed);
    }

    pub(super) fn rotated(&self) -> u64 {
        self.rotated.load(Relaxed)
    }

    pub(super) fn count_rotation(&self) {
        self.rotated.fetch_add(1, Relaxed);
    }

    pub(super) fn opened(&self) -> u32 {
        self.opened.load(Relaxed)
    }

    pub(super) fn count_opened(&self) -> u32 {
        self.opened.fetch_add(1, Relaxed).wrapping_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_crosses_the_limit_hears_of_it_alone() {
        let tally = Tally::new();
        assert!(!tally.grow(1000) && !tally.is_full());
        tally.set_size(0);
        tally.set_limit(100);
        let crossed: Vec<bool> = (0..5).map(|_| tally.grow(50)).collect();
        // Nobody came: it is said again.
        assert_eq!(crossed, [false, true, false, true, false]);
        assert!(tally.is_full());
        tally.set_size(0);
        assert!(!tally.is_full());
    }

    #[test]
    fn a_loss_is_told_once_and_in_full() {
        let tally = Tally::new();
        (0..3).for_each(|_| tally.lose(28, false));
        assert_eq!((tally.untold(), tally.untold(), tally.mend()), (3, 0, false));
        tally.take_back(3);
        tally.lose(28, true);
        assert_eq!((tally.untold(), tally.lost()), (4, 4));
        assert!(tally.mend() && !tally.mend());
    }
}
