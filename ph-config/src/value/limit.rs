//! Resource limits.

use std::{fmt, str::FromStr};

use super::{Term, ValueError, size};

/// A resource limit of a worker, soft and hard alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rlimit {
    /// No limit.
    Unlimited,
    /// This many: descriptors, or bytes of a core file.
    At(u64),
}

impl FromStr for Rlimit {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.trim().eq_ignore_ascii_case("unlimited") {
            return Ok(Self::Unlimited);
        }
        // The largest number means "unlimited" to the kernel; whoever wants that says so.
        let number = size::parse(text).ok().filter(|number| *number != u64::MAX);
        number.map(Self::At).ok_or_else(Self::mismatch)
    }
}

impl fmt::Display for Rlimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.pad("unlimited"),
            Self::At(number) => number.fmt(f),
        }
    }
}

impl Term for Rlimit {
    const EXPECTED: &'static str = "a whole number such as 65536, or unlimited";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_a_limit_like_any_other() {
        assert_eq!("0".parse(), Ok(Rlimit::At(0)));
        assert_eq!("64k".parse(), Ok(Rlimit::At(65_536)));
        assert_eq!("Unlimited".parse(), Ok(Rlimit::Unlimited));
        for bad in ["", "-1", "infinity", "18446744073709551615"] {
            assert!(bad.parse::<Rlimit>().is_err(), "{bad}");
        }
    }
}
