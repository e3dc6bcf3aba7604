//! The table in shared memory by which workers tell how they fare.
//!
//! A worker writes its own [`Slot`] and nobody else's; the master reads them all and believes none: they are
//! hints for status, limits and scaling, never a reason to touch a wrong process. A request begins and ends
//! there with a few stores, so that telling "busy" from "stuck" costs no system call and wakes nobody.
//!
//! Layout, version 1, native byte order: a header page (`magic` u64, `version` u32, `slot_size` u32,
//! `slot_count` u32, from byte 128 the [`Board`], and in that from byte 384 the [`Lease`]: `contended` u32, an unused u32,
//! `token` u64, `deadline` u64), then [`COUNT`] slots of [`SIZE`] bytes, each on cache lines of
//! its own.

mod atomic;
mod claim;
mod lease;
mod text;

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

pub use claim::Claim;
pub use lease::{Lease, boot_clock};
pub use text::Text;

use crate::log::Tally;
use crate::sys::SysError;
use crate::sys::shared::SharedTable;

/// What a worker calls its request, where the master reads it.
pub type Tag = Text<6>;
/// The same, where the worker keeps it.
pub type Name = [u64; 6];

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
    accepted: AtomicU64,
    connections: AtomicU64,
    claim: Claim,
    last: AtomicU32,
    tag: Tag,
}

const _: () = assert!(size_of::<Slot>() == SIZE);

impl Slot {
    /// Says how many requests are under way, and when the oldest of them began.
    pub fn under_way(&self, active: u64, oldest: Option<u64>) {
        self.began.store(oldest.map_or(0, |began| began.max(1)), Relaxed);
        self.active.store(active, Relaxed);
    }

    /// Counts requests that have ended, and the nanoseconds that they took.
    pub fn finished(&self, count: u64, took: u64) {
        // Only the owner writes: load and store do, and cost less than an atomic addition.
        self.busy.store(self.busy.load(Relaxed).saturating_add(took), Relaxed);
        self.requests.store(self.requests.load(Relaxed) + count, Relaxed);
    }

    /// Empties the slot for its next owner. The master does this, between two owners.
    pub fn clear(&self) {
        let counts = [&self.requests, &self.accepted, &self.connections];
        for field in counts.into_iter().chain([&self.active, &self.began, &self.busy]) {
            field.store(0, Relaxed);
        }
        self.claim.clear();
        self.last.store(0, Relaxed);
        self.tag.clear();
    }

    /// What the application calls its oldest request under way; or, with none, the last that was that.
    pub fn tag(&self) -> &Tag {
        &self.tag
    }

    /// The master says that nobody will come after this worker: what waits in its own queues is its to serve.
    pub fn make_last(&self) {
        self.last.store(1, Relaxed);
    }

    /// Whether nobody will come after this worker.
    pub fn is_last(&self) -> bool {
        self.last.load(Relaxed) != 0
    }

    /// What the worker holds: its open connections, or its jobs under way.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// One open connection more, accepted or handed on by another worker. Any thread of the worker.
    pub fn open_connection(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    /// One open connection less.
    pub fn close_connection(&self) {
        self.connections.fetch_sub(1, Relaxed);
    }

    /// Open connections.
    pub fn connections(&self) -> u64 {
        self.connections.load(Relaxed)
    }

    /// Counts a connection that was accepted.
    pub fn count_accepted(&self) {
        self.accepted.store(self.accepted.load(Relaxed) + 1, Relaxed);
    }

    /// Connections that this worker has accepted.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
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

/// What concerns all workers: in the header page, on a cache line pair of its own.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct Board {
    connections: AtomicI64,
    workers: AtomicU32,
    stopping: AtomicU32,
    resting: AtomicU32,
    log: Tally,
    lease: Lease,
}

/// Where programs look for it: 384 bytes from the table's beginning.
const _: () = assert!(std::mem::offset_of!(Board, lease) == 256);

impl Board {
    /// Connections that all workers hold together have become more by `by`. A worker says so of its own; the master
    /// takes away what a worker held that did not live to say so.
    pub fn count_connections(&self, by: i64) {
        self.connections.fetch_add(by, Relaxed);
    }

    /// Connections that all workers hold together.
    pub fn connections(&self) -> i64 {
        self.connections.load(Relaxed)
    }

    /// The master says how many workers are ready.
    pub fn set_workers(&self, workers: u32) {
        self.workers.store(workers, Relaxed);
    }

    /// Ready workers.
    pub fn workers(&self) -> u32 {
        self.workers.load(Relaxed)
    }

    /// The master says whether it stops, or leads no more: who retires then has no successor, and the queues end with it.
    pub fn set_stopping(&self, stopping: bool) {
        self.stopping.store(stopping.into(), Relaxed);
    }

    /// The master says whether it keeps no workers for the time being.
    pub fn set_resting(&self, resting: bool) {
        self.resting.store(resting.into(), Relaxed);
    }

    /// Whether who leaves is succeeded by nobody, for the time being.
    pub fn is_resting(&self) -> bool {
        self.resting.load(Relaxed) != 0
    }

    /// Whether the master leads, and until when.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// What the writers of the log know together.
    pub fn log(&self) -> &Tally {
        &self.log
    }

    /// Whether the master is stopping: then what waits in the queues is served before a worker leaves.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed) != 0
    }
}

/// The whole table.
pub type Slots = SharedTable<Slot>;

/// Makes the table: sealed against resizing, 8 MiB of which only what is used exists.
pub fn create() -> Result<Slots, SysError> {
    SharedTable::sealed(c"ph-slots", COUNT, &header())
}

/// The table that the program made which this process was before. Refused if that had another layout.
pub fn adopt(fd: OwnedFd) -> Result<Slots, SysError> {
    SharedTable::adopt(fd, COUNT, &header())
}

fn header() -> Vec<u8> {
    let mut header = Vec::with_capacity(20);
    header.extend_from_slice(&MAGIC.to_ne_bytes());
    for field in [VERSION, SIZE as u32, COUNT as u32] {
        header.extend_from_slice(&field.to_ne_bytes());
    }
    header
}

/// The part of the table that concerns all workers.
pub fn board(slots: &Slots) -> &'static Board {
    slots.head()
}

/// `CLOCK_MONOTONIC` in nanoseconds, as of the kernel's last tick (4 ms ago at most): the time of the slots. A read of the
/// vDSO, no system call, at an eighth of the price of the exact time.
pub fn now() -> u64 {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE)
        .map_or(0, |time| time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}
