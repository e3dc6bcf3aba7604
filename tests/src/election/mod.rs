//! Masters that elect one of them, the etcd that they do it by, what comes between the two, and who looks whether all goes well.
//!
//! It is used by the tests of scenario 50, and by the drill that goes on for hundreds of rounds (`cargo xtask drill leader`).

pub mod candidate;
pub mod checker;
pub mod etcd;
pub mod field;
pub mod network;
pub mod observer;
pub mod record;

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

pub use candidate::Candidate;
pub use checker::{Checker, Violation};
pub use etcd::Cluster;
pub use field::{Field, Sitting};
pub use network::{Cut, Network};
pub use observer::Observer;
pub use record::Record;

/// How many masters there are, and how many members the etcd has.
pub const COUNT: usize = 3;

/// Since boot, with the time that the machine slept: the clock that leases count in.
#[must_use]
pub fn now() -> Duration {
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("this clock is always there");
    Duration::new(time.tv_sec().unsigned_abs(), time.tv_nsec().unsigned_abs() as u32)
}
