//! The table in shared memory by which workers tell how they fare.
//!
//! A worker writes its own [`Slot`] and nobody else's; the master reads them all and believes none: they are
//! hints for status, limits and scaling, never a reason to touch a wrong process. A request begins and ends
//! there with a few stores, so that telling "busy" from "stuck" costs no system call and wakes nobody.
//!
//! Layout, version 1, native byte order: a header page (`magic` u64, `version` u32, `slot_size` u32,
//! `slot_count` u32), then [`COUNT`] slots of [`SIZE`] bytes, each on cache lines of its own.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::sys::SysError;
use crate::sys::shared::SharedTable;

/// How many slots there are: as many as a master can have workers.
pub const COUNT: usize = 65_536;
/// Bytes of a slot: two cache lines, since processors fetch them in pairs.
pub const SIZE: usize = 128;
const MAGIC: u64 = u64::from_ne_bytes(*b"PHSLOTS\0");
const VERSION: u32 = 1;

/// One worker's place. All times are nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct Slot {
    requests: AtomicU64,
    active: AtomicU64,
    began: AtomicU64,
    busy: AtomicU64,
}

const _: () = assert!(size_of::<Slot>() == SIZE);

impl Slot {
    /// Begins a request at `now`.
    pub fn begin(&self, now: u64) {
        self.began.store(now.max(1), Relaxed);
        self.active.store(1, Relaxed);
    }

    /// Ends the request that [`begin`](Self::begin) began, and counts it.
    pub fn end(&self, now: u64) {
        let began = self.began.swap(0, Relaxed);
        self.active.store(0, Relaxed);
        // Only the owner writes: load and store do, and cost less than an atomic addition.
        self.busy.store(self.busy.load(Relaxed).saturating_add(now.saturating_sub(began)), Relaxed);
        self.requests.store(self.requests.load(Relaxed) + 1, Relaxed);
    }

    /// Empties the slot for its next owner. The master does this, between two owners.
    pub fn clear(&self) {
        for field in [&self.requests, &self.active, &self.began, &self.busy] {
            field.store(0, Relaxed);
        }
    }

    /// Requests that have ended.
    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// Requests under way.
    pub fn active(&self) -> u64 {
        self.active.load(Relaxed)
    }

    /// When the oldest request under way began.
    pub fn began(&self) -> Option<u64> {
        Some(self.began.load(Relaxed)).filter(|began| *began != 0)
    }

    /// Time spent in requests, the one under way included.
    pub fn busy(&self, now: u64) -> Duration {
        let running = self.began().map_or(0, |began| now.saturating_sub(began));
        Duration::from_nanos(self.busy.load(Relaxed).saturating_add(running))
    }
}

/// The whole table.
pub type Slots = SharedTable<Slot>;

/// Makes the table: sealed against resizing, 8 MiB of which only what is used exists.
pub fn create() -> Result<Slots, SysError> {
    let mut header = Vec::with_capacity(20);
    header.extend_from_slice(&MAGIC.to_ne_bytes());
    for field in [VERSION, SIZE as u32, COUNT as u32] {
        header.extend_from_slice(&field.to_ne_bytes());
    }
    SharedTable::sealed(c"ph-slots", COUNT, &header)
}

/// `CLOCK_MONOTONIC` in nanoseconds: the time of the slots. A read of the vDSO, no system call.
pub fn now() -> u64 {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map_or(0, |time| time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}
