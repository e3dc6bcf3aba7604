//! What the values of keys are: one type for each thing that a key can say.
//!
//! Every type parses from the text of a configuration ([`FromStr`]) and prints a canonical text
//! that parses to the same value again ([`Display`]).

pub mod affinity;
pub mod bind;
pub mod capability;
pub mod choice;
pub mod count;
pub mod duration;
pub mod identity;
pub mod limit;
pub mod python;
pub mod signal;
pub mod size;

use std::{borrow::Cow, fmt::Display, str::FromStr};

/// A text that is no value of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}expected {expected}", detail.as_ref().map(|d| format!("{d}; ")).unwrap_or_default())]
pub struct ValueError {
    /// What is wrong in particular, where there is more to say than what was expected.
    pub detail: Option<String>,
    /// What would be right: `a whole number from 1 to 65536, or auto`.
    pub expected: Cow<'static, str>,
}

impl ValueError {
    pub(crate) fn expected(expected: impl Into<Cow<'static, str>>) -> Self {
        Self { detail: None, expected: expected.into() }
    }

    pub(crate) fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// A type whose texts can be described in half a sentence.
pub(crate) trait Term: FromStr<Err = ValueError> + Display {
    const EXPECTED: &'static str;

    fn mismatch() -> ValueError {
        ValueError::expected(Self::EXPECTED)
    }
}

/// Digits, and nothing but digits: `u64::from_str` would take a `+`.
pub(crate) fn digits<T: FromStr>(text: &str) -> Option<T> {
    let all_digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    all_digits.then(|| text.parse().ok()).flatten()
}

/// Whether the text switches off or leaves open what it is the value of.
pub(crate) fn is_none(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || text.eq_ignore_ascii_case("none")
}
