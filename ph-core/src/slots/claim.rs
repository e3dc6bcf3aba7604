//! How much a worker holds, and whether it may take more: one word, so that taking work and being retired exclude
//! each other.
//!
//! A worker takes before it accepts a connection or begins a job; a master that has too many workers retires an idle
//! one. Whoever comes second sees the other: a worker with work is never retired, a retired one never takes work.

use super::atomic::{AtomicU64, Ordering};

/// Set by the master, once and for all.
const RETIRED: u64 = 1 << 63;

/// One worker's claim. The worker takes and releases; only the master retires.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct Claim(AtomicU64);

impl Claim {
    /// Takes one piece of work; `false` when the worker was retired, and must take none.
    pub fn take(&self) -> bool {
        let retired = self.0.fetch_add(1, Ordering::AcqRel) & RETIRED != 0;
        if retired {
            self.release();
        }
        !retired
    }

    /// Gives back one piece of work that was taken.
    pub fn release(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }

    /// Retires the worker if it holds nothing at this very moment.
    pub fn retire(&self) -> bool {
        self.0.compare_exchange(0, RETIRED, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Pieces of work that are held.
    pub fn held(&self) -> u64 {
        self.0.load(Ordering::Acquire) & !RETIRED
    }

    /// Whether the worker was retired.
    pub fn is_retired(&self) -> bool {
        self.0.load(Ordering::Acquire) & RETIRED != 0
    }

    /// Nothing held, not retired: for the next owner.
    pub fn clear(&self) {
        self.0.store(0, Ordering::Release);
    }
}
