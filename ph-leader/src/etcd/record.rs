//! What outlives a lease: whether the seat was given up, and how long its last holder may take itself for the leader.

use std::fmt;
use std::time::Duration;

use crate::store::{Lease, Vacancy};

/// Written as `held MILLISECONDS LEASE`, or `released …`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) is_held: bool,
    /// How long the lease lasts, as etcd granted it.
    pub(super) ttl: Duration,
    pub(super) lease: Lease,
}

impl Record {
    pub(super) const fn vacancy(self) -> Vacancy {
        if self.is_held { Vacancy::Deserted { ttl: self.ttl } } else { Vacancy::Open }
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(bytes).ok()?.split(' ');
        let is_held = match words.next()? {
            "held" => true,
            "released" => false,
            _ => return None,
        };
        let ttl = Duration::from_millis(number(words.next()?)?);
        let lease = number(words.next()?)?;
        words.next().is_none().then_some(Self { is_held, ttl, lease })
    }
}

fn number(word: &str) -> Option<u64> {
    word.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.parse().ok()).flatten()
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_held { "held" } else { "released" };
        write!(f, "{word} {} {}", self.ttl.as_millis(), self.lease)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for is_held in [true, false] {
            let record = Record { is_held, ttl: Duration::from_secs(10), lease: 7 };
            assert_eq!(Record::parse(record.to_string().as_bytes()), Some(record));
        }
        for bad in
            ["", "held", "held 1", "held 1 2 3", "held +1 2", "free 1 2", "held  1 2", "held 1 "]
        {
            assert_eq!(Record::parse(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
