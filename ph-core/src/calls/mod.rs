//! How calls fare, by method: counts, errors, and how long they took, in memory that a worker shares with its master.
//!
//! An RPC worker has a *page* of [`METHODS`] records, each written by that worker alone, with a few stores for each call and no
//! lock. The master maps none of it, so that a fork has nothing to copy: it reads a page when it is asked for its status, and when
//! a worker has ended, whose figures go into a sum. What it reads are hints, as with the [slots](crate::slots).
//!
//! Layout, version 1, native byte order: a header page (`magic` u64, `version` u32, `record_size` u32, `record_count` u32), then
//! [`METHODS`] records of [`SIZE`] bytes for each worker, in the order of the slots. A page ends before the first record without a
//! name.

mod figures;
mod histogram;
mod table;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub use figures::Figures;
pub use histogram::BUCKETS;
pub use table::{CallTable, Sums};

use crate::slots::Text;

/// Records of one worker: two for what is no call, those of its methods, the last for all beyond.
pub const METHODS: usize = 64;
/// Bytes of a record.
pub const SIZE: usize = 1024;
/// The name of the first record: messages that came to no method.
pub const REFUSED: &str = "(refused)";
/// The name of the second: connections that were closed because what came was not the protocol.
pub const BROKEN: &str = "(broken)";
/// The name of the last, where there are more methods than records.
pub const OTHERS: &str = "(others)";

/// The figures of one method in one worker.
#[derive(Debug)]
#[repr(C, align(1024))]
pub struct Record {
    name: Text<8>,
    calls: AtomicU64,
    errors: AtomicU64,
    timeouts: AtomicU64,
    nanos: AtomicU64,
    longest: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

const _: () = assert!(size_of::<Record>() == SIZE);

/// Only the owner writes: load and store do, and cost less than an atomic addition.
fn add(field: &AtomicU64, count: u64) {
    field.store(field.load(Relaxed).wrapping_add(count), Relaxed);
}

impl Record {
    /// What its calls are called. One without a name ends the page.
    pub fn set_name(&self, name: &str) {
        self.name.set(name);
    }

    /// A call is answered, with an error or not.
    pub fn count(&self, failed: bool) {
        add(&self.calls, 1);
        add(&self.errors, failed.into());
    }

    /// One of the answers was that it took too long.
    pub fn count_timeout(&self) {
        add(&self.timeouts, 1);
    }

    /// So many calls took so long each, in nanoseconds: from when they were read until their answers were there.
    pub fn took(&self, count: u64, nanos: u64) {
        add(&self.nanos, nanos.saturating_mul(count));
        add(&self.buckets[histogram::index(nanos)], count);
        if nanos > self.longest.load(Relaxed) {
            self.longest.store(nanos, Relaxed);
        }
    }
}
