//! How many workers.

use std::{fmt, num::NonZeroU32, str::FromStr};

use super::{Term, ValueError, digits};

/// The most workers that one master keeps: the slots of its shared memory.
pub const MAX_WORKERS: u32 = 65_536;

/// A number of workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Count {
    /// As many as there are CPUs for them, by affinity and cgroup quota; found out where it is
    /// needed.
    Auto,
    /// This many, at most [`MAX_WORKERS`].
    Exactly(NonZeroU32),
}

impl Count {
    /// The number, where it is given.
    pub fn exact(self) -> Option<u32> {
        match self {
            Self::Auto => None,
            Self::Exactly(count) => Some(count.get()),
        }
    }

    /// The number, or what `auto` means here and now.
    pub fn or_auto(self, auto: impl FnOnce() -> u32) -> u32 {
        self.exact().unwrap_or_else(auto)
    }
}

impl FromStr for Count {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("auto") {
            return Ok(Self::Auto);
        }
        let count = digits::<u32>(text).filter(|count| *count <= MAX_WORKERS);
        count.and_then(NonZeroU32::new).map(Self::Exactly).ok_or_else(Self::mismatch)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad("auto"),
            Self::Exactly(count) => count.fmt(f),
        }
    }
}

impl Term for Count {
    const EXPECTED: &'static str = "a whole number from 1 to 65536, or auto";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_end_at_the_slots() {
        assert_eq!("65536".parse::<Count>().unwrap().exact(), Some(MAX_WORKERS));
        assert_eq!(" AUTO ".parse(), Ok(Count::Auto));
        assert_eq!(Count::Auto.or_auto(|| 7), 7);
        for bad in ["0", "65537", "-1", "+1", "1.5", "", "two", "99999999999"] {
            assert!(bad.parse::<Count>().is_err(), "{bad}");
        }
    }
}
