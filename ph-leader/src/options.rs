//! Who campaigns, and how long a term lasts.

use std::time::Duration;

/// The shortest term: of less, too little would be left for work beside requests, and etcd grants no less either.
pub const LEAST_TTL: Duration = Duration::from_secs(2);
/// The longest name of a candidate, in bytes.
pub const LONGEST_NAME: usize = 255;

/// A candidate's name, and the lengths of its terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    name: String,
    ttl: Duration,
    margin: Duration,
}

/// Why options are of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// Too short a lease.
    #[error("a lease of {0:?} is too short; give it at least 2s")]
    Ttl(Duration),
    /// A margin that leaves less than half of the lease.
    #[error(
        "a margin of {margin:?} leaves too little of a lease of {ttl:?}; at most half of it can be given away"
    )]
    Margin {
        /// What was wanted.
        margin: Duration,
        /// Of what.
        ttl: Duration,
    },
    /// A name that others could not read.
    #[error("{0:?} is no name for a candidate; give it 1 to 255 bytes of printable characters")]
    Name(String),
}

impl Options {
    /// A candidate of this name, whose lease lasts for `ttl` without a renewal. The name should be one that an operator
    /// recognizes, and unlike that of the others: host and process, say.
    ///
    /// # Errors
    ///
    /// A name that is empty, long or not printable; a lease under [`LEAST_TTL`].
    pub fn new(name: impl Into<String>, ttl: Duration) -> Result<Self, OptionsError> {
        let name = name.into();
        if !is_name(&name) {
            return Err(OptionsError::Name(name));
        }
        if ttl < LEAST_TTL {
            return Err(OptionsError::Ttl(ttl));
        }
        let margin = (ttl / 10).max(Duration::from_millis(500));
        Ok(Self { name, ttl, margin })
    }

    /// How much sooner than the store a leader takes its lease for over: what clocks may differ by in the course of a lease, and
    /// what it takes to end the work. A tenth of the lease unless told otherwise, and half a second at least.
    ///
    /// # Errors
    ///
    /// More than half of the lease.
    pub fn margin(self, margin: Duration) -> Result<Self, OptionsError> {
        if margin > self.ttl / 2 {
            return Err(OptionsError::Margin { margin, ttl: self.ttl });
        }
        Ok(Self { margin, ..self })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn ttl(&self) -> Duration {
        self.ttl
    }

    pub(crate) const fn before_the_end(&self) -> Duration {
        self.margin
    }
}

/// Whether a text may be a candidate's name; what is not was not written by one.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len()) && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_can_be_kept_is_taken() {
        let options = Options::new("a:1", 10 * SECOND).unwrap();
        assert_eq!(options.before_the_end(), SECOND);
        assert_eq!(options.margin(5 * SECOND).unwrap().before_the_end(), 5 * SECOND);
        let short = Options::new("a", LEAST_TTL).unwrap();
        assert_eq!(short.before_the_end(), SECOND / 2);
    }

    #[test]
    fn what_cannot_is_told() {
        let told = Options::new("a", Duration::from_millis(1_900)).unwrap_err().to_string();
        assert_eq!(told, "a lease of 1.9s is too short; give it at least 2s");
        assert!(Options::new("a", LEAST_TTL).unwrap().margin(2 * SECOND).is_err());
        for bad in ["", "a\nb", "\0", &"x".repeat(256)] {
            assert!(matches!(Options::new(bad, LEAST_TTL), Err(OptionsError::Name(_))), "{bad:?}");
        }
    }
}
