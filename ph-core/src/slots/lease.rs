//! Until when the master leads, as its workers can read it.

use std::sync::atomic::{
    AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

/// Whether there is an election at all, and if so under which token and until when this master leads. Written by the master
/// alone; where there is none, it is zero.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct Lease {
    contended: AtomicU32,
    unused: AtomicU32,
    token: AtomicU64,
    deadline: AtomicU64,
}

impl Lease {
    /// There is an election, and this master has not won it yet.
    pub fn contend(&self) {
        self.contended.store(1, Relaxed);
    }

    /// The master leads under this token until then: nanoseconds of `CLOCK_BOOTTIME`.
    pub fn hold(&self, token: u64, deadline: u64) {
        self.token.store(token, Relaxed);
        self.deadline.store(deadline, Release);
    }

    /// It leads no more. The token stays: what is written by it is refused elsewhere.
    pub fn lose(&self) {
        self.deadline.store(0, Release);
    }

    /// Whether who works for this master may do so at this moment: a look at shared memory and, where there is an
    /// election, at the clock.
    pub fn is_good(&self) -> bool {
        self.contended.load(Relaxed) == 0 || boot_clock() < self.deadline.load(Acquire)
    }

    /// Until when; none where there is no election, or another leads.
    pub fn deadline(&self) -> Option<u64> {
        Some(self.deadline.load(Acquire)).filter(|deadline| *deadline != 0)
    }

    /// The fencing token; none where there is no election, or this master has never won it.
    pub fn token(&self) -> Option<u64> {
        // In the order of `hold`: whoever sees the deadline sees its token.
        let _ = self.deadline.load(Acquire);
        Some(self.token.load(Relaxed)).filter(|token| *token != 0)
    }
}

/// `CLOCK_BOOTTIME` in nanoseconds, which also passes while the machine sleeps. Without a clock every lease is over.
pub fn boot_clock() -> u64 {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .map_or(u64::MAX, |time| time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease() -> Lease {
        let (contended, unused) = (AtomicU32::new(0), AtomicU32::new(0));
        Lease { contended, unused, token: AtomicU64::new(0), deadline: AtomicU64::new(0) }
    }

    #[test]
    fn alone_one_always_may_and_else_until_the_deadline() {
        let lease = lease();
        assert!(lease.is_good() && lease.token().is_none());
        lease.contend();
        assert!(!lease.is_good());
        lease.hold(7, boot_clock() + 60_000_000_000);
        assert!(lease.is_good());
        assert_eq!(lease.token(), Some(7));
        lease.hold(7, boot_clock());
        assert!(!lease.is_good());
        lease.lose();
        assert!(!lease.is_good() && lease.deadline().is_none());
        assert_eq!(lease.token(), Some(7));
    }
}
