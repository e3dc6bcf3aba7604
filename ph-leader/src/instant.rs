//! A time that also passes while the machine sleeps.

use std::ops::{Add, Sub};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// A point in time by `CLOCK_BOOTTIME` (`clock_gettime(2)`): the same for all processes of a machine, never set, and it goes on
/// while the machine is suspended. A lease runs out meanwhile, so a clock that stands still would be wrong about it.
///
/// Arithmetic saturates: the ends of time are no reason to panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// When the machine was started.
    pub const BOOT: Self = Self(Duration::ZERO);
    /// Later than any other.
    pub const NEVER: Self = Self(Duration::MAX);

    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        // Linux has had this clock since 2.6.39. Without any clock the only safe time is one at which all leases are over.
        clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Self::NEVER, |time| Self(time.into()))
    }

    /// The instant that is so long after the machine's start; the inverse of [`Instant::since_boot`], to read one that another
    /// process of this machine has written.
    #[must_use]
    pub const fn from_boot(since: Duration) -> Self {
        Self(since)
    }

    /// How long after the machine's start this is.
    #[must_use]
    pub const fn since_boot(self) -> Duration {
        self.0
    }

    /// How long after an earlier instant this is; zero if that one is the later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, after: Duration) -> Self {
        Self(self.0.saturating_add(after))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, before: Duration) -> Self {
        Self(self.0.saturating_sub(before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_passes_and_its_ends_hold() {
        let then = Instant::now();
        assert!(then > Instant::BOOT && Instant::now() >= then && then < Instant::NEVER);
        assert_eq!(Instant::from_boot(then.since_boot()), then);
        let second = Duration::from_secs(1);
        assert_eq!((then + second).saturating_since(then), second);
        assert_eq!(then.saturating_since(then + second), Duration::ZERO);
        assert_eq!(Instant::NEVER + second, Instant::NEVER);
        assert_eq!(Instant::BOOT - second, Instant::BOOT);
    }
}
