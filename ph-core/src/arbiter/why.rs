//! Why a worker is asked to leave.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The reason that log, events and certificates give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "&'static str", from = "String")]
pub enum Why {
    /// It has done its `max_requests`.
    MaxRequests,
    /// It has lived its `max_lifetime`.
    MaxLifetime,
    /// It takes more than `max_memory`.
    MaxMemory,
    /// One of several requests that it has in hand takes longer than `timeout`.
    Timeout,
    /// An operator wants a fresh one.
    Restarted,
    /// It had nothing to do, and there are enough without it.
    Idle,
    /// Its successor is there, or is to have its place.
    Replaced,
    /// Fewer are wanted.
    ScaledDown,
    /// None are wanted for the time being.
    Resting,
    /// The master leads no more.
    Leadership,
    /// The master stops.
    Stopping,
}

impl Why {
    const ALL: [Self; 11] = [
        Self::MaxRequests,
        Self::MaxLifetime,
        Self::MaxMemory,
        Self::Timeout,
        Self::Restarted,
        Self::Idle,
        Self::Replaced,
        Self::ScaledDown,
        Self::Resting,
        Self::Leadership,
        Self::Stopping,
    ];

    /// In a word or two.
    pub fn word(self) -> &'static str {
        match self {
            Self::MaxRequests => "max_requests",
            Self::MaxLifetime => "max_lifetime",
            Self::MaxMemory => "max_memory",
            Self::Timeout => "timeout",
            Self::Restarted => "restarted",
            Self::Idle => "idle",
            Self::Replaced => "replaced",
            Self::ScaledDown => "scaled down",
            Self::Resting => "resting",
            Self::Leadership => "leadership",
            Self::Stopping => "stopping",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl From<Why> for &'static str {
    fn from(why: Why) -> Self {
        why.word()
    }
}

/// What another program has a word of its own for is a replacement all the same.
impl From<String> for Why {
    fn from(word: String) -> Self {
        Self::ALL.into_iter().find(|why| why.word() == word).unwrap_or(Self::Replaced)
    }
}

#[cfg(test)]
mod tests {
    use super::Why;

    #[test]
    fn every_word_is_known_again() {
        for why in Why::ALL {
            assert_eq!(Why::from(why.word().to_owned()), why);
        }
        assert_eq!(Why::from("whatever".to_owned()), Why::Replaced);
    }
}
