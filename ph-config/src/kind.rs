//! How the text of a key becomes its value.
//!
//! A kind parses, shows and describes; the table of keys in [`crate::settings`] gives one to each
//! key. That a kind describes itself is what keeps error messages and the reference from drifting.

use std::{marker::PhantomData, path::Path, time::Duration};

use crate::value::{Term, ValueError, digits, duration, is_none, size};

mod path;
mod program;

pub(crate) use path::{FilePath, LogTarget};
pub(crate) use program::{Command, Endpoints, Environment, Program};

/// A way to read a text.
pub(crate) trait Kind: Sync {
    type Value;

    /// Relative paths are resolved against `start_dir`.
    fn parse(&self, text: &str, start_dir: &Path) -> Result<Self::Value, ValueError>;

    /// The canonical text: `parse` gives the same value for it.
    fn show(&self, value: &Self::Value) -> String;

    /// Half a sentence: `a whole number from 1 to 65536`.
    fn expected(&self) -> String;
}

/// A kind whose values are of no interest: what the table of keys can hold.
pub(crate) trait Check: Sync {
    /// The canonical text.
    fn canonical(&self, text: &str, start_dir: &Path) -> Result<String, ValueError>;

    fn describe(&self) -> String;
}

impl<K: Kind> Check for K {
    fn canonical(&self, text: &str, start_dir: &Path) -> Result<String, ValueError> {
        self.parse(text, start_dir).map(|value| self.show(&value))
    }

    fn describe(&self) -> String {
        self.expected()
    }
}

/// One value that knows its own text.
pub(crate) struct One<T>(PhantomData<fn() -> T>);

impl<T> One<T> {
    pub(crate) const KIND: Self = Self(PhantomData);
}

impl<T: Term> Kind for One<T> {
    type Value = T;

    fn parse(&self, text: &str, _: &Path) -> Result<T, ValueError> {
        text.parse()
    }

    fn show(&self, value: &T) -> String {
        value.to_string()
    }

    fn expected(&self) -> String {
        T::EXPECTED.to_owned()
    }
}

/// Several of them, separated by commas or lines; `none` for none.
pub(crate) struct Many<T>(PhantomData<fn() -> T>);

impl<T> Many<T> {
    pub(crate) const KIND: Self = Self(PhantomData);
}

impl<T: Term + PartialEq> Kind for Many<T> {
    type Value = Vec<T>;

    fn parse(&self, text: &str, _: &Path) -> Result<Vec<T>, ValueError> {
        let wrong = |error: ValueError| ValueError { expected: self.expected().into(), ..error };
        let mut values = Vec::new();
        for word in list(text) {
            let value: T = word.parse().map_err(wrong)?;
            if values.contains(&value) {
                return Err(wrong(T::mismatch().because(format!("{value} is listed twice"))));
            }
            values.push(value);
        }
        Ok(values)
    }

    fn show(&self, values: &Vec<T>) -> String {
        let shown: Vec<String> = values.iter().map(T::to_string).collect();
        if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
    }

    fn expected(&self) -> String {
        format!("{}, several with commas between them, or none", T::EXPECTED)
    }
}

/// The members of a list. A comma at the end of a line is as good as one between two members.
fn list(text: &str) -> impl Iterator<Item = &str> {
    let text = if is_none(text) { "" } else { text };
    text.split([',', '\n']).map(str::trim).filter(|word| !word.is_empty())
}

/// Text, as it is.
pub(crate) struct Words(pub(crate) &'static str);

impl Kind for Words {
    type Value = String;

    fn parse(&self, text: &str, _: &Path) -> Result<String, ValueError> {
        let text = text.trim();
        if text.is_empty() || text.contains(char::is_control) {
            return Err(ValueError::expected(self.0));
        }
        Ok(text.to_owned())
    }

    fn show(&self, value: &String) -> String {
        value.clone()
    }

    fn expected(&self) -> String {
        self.0.to_owned()
    }
}

/// `1`, `yes`, `true`, `on` and their opposites: `RawConfigParser.BOOLEAN_STATES`.
pub(crate) struct Flag;

impl Kind for Flag {
    type Value = bool;

    fn parse(&self, text: &str, _: &Path) -> Result<bool, ValueError> {
        match text.trim().to_lowercase().as_str() {
            "1" | "yes" | "true" | "on" => Ok(true),
            "0" | "no" | "false" | "off" => Ok(false),
            _ => Err(ValueError::expected(self.expected())),
        }
    }

    fn show(&self, value: &bool) -> String {
        value.to_string()
    }

    fn expected(&self) -> String {
        "true or false (1, yes, on or 0, no, off)".to_owned()
    }
}

/// A whole number within bounds.
pub(crate) struct Number<T> {
    pub(crate) min: T,
    pub(crate) max: T,
}

impl<T> Kind for Number<T>
where
    T: Copy + PartialOrd + std::fmt::Display + TryFrom<i128> + Sync,
{
    type Value = T;

    fn parse(&self, text: &str, _: &Path) -> Result<T, ValueError> {
        let text = text.trim();
        let magnitude = digits::<u64>(text.strip_prefix('-').unwrap_or(text)).map(i128::from);
        let number = magnitude.map(|n| if text.starts_with('-') { -n } else { n });
        let number = number.and_then(|n| T::try_from(n).ok());
        number
            .filter(|n| (self.min..=self.max).contains(n))
            .ok_or_else(|| ValueError::expected(self.expected()))
    }

    fn show(&self, value: &T) -> String {
        value.to_string()
    }

    fn expected(&self) -> String {
        format!("a whole number from {} to {}", self.min, self.max)
    }
}

/// Permission bits.
pub(crate) struct Octal {
    pub(crate) max: u32,
}

impl Kind for Octal {
    type Value = u32;

    fn parse(&self, text: &str, _: &Path) -> Result<u32, ValueError> {
        let text = text.trim();
        let text = text.strip_prefix("0o").unwrap_or(text);
        let octal = !text.is_empty() && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
        let bits = u32::from_str_radix(text, 8).ok().filter(|bits| octal && *bits <= self.max);
        bits.ok_or_else(|| ValueError::expected(self.expected()))
    }

    fn show(&self, value: &u32) -> String {
        format!("{value:04o}")
    }

    fn expected(&self) -> String {
        format!("an octal number from 0000 to {:04o}", self.max)
    }
}

/// A duration of at least so much.
pub(crate) struct Time {
    pub(crate) min: Duration,
}

impl Kind for Time {
    type Value = Duration;

    fn parse(&self, text: &str, _: &Path) -> Result<Duration, ValueError> {
        let wrong = |error: ValueError| ValueError { expected: self.expected().into(), ..error };
        let duration = duration::parse(text).map_err(wrong)?;
        if duration < self.min {
            return Err(ValueError::expected(self.expected()));
        }
        Ok(duration)
    }

    fn show(&self, value: &Duration) -> String {
        duration::format(*value)
    }

    fn expected(&self) -> String {
        if self.min.is_zero() {
            return duration::EXPECTED.to_owned();
        }
        format!("{}, at least {}", duration::EXPECTED, duration::format(self.min))
    }
}

/// A number of bytes.
pub(crate) struct Size;

impl Kind for Size {
    type Value = u64;

    fn parse(&self, text: &str, _: &Path) -> Result<u64, ValueError> {
        size::parse(text)
    }

    fn show(&self, value: &u64) -> String {
        size::format(*value)
    }

    fn expected(&self) -> String {
        size::EXPECTED.to_owned()
    }
}

/// What `0` or `none` switches off.
pub(crate) struct Limit<K>(pub(crate) K);

impl<K: Kind<Value: Default + PartialEq>> Kind for Limit<K> {
    type Value = Option<K::Value>;

    fn parse(&self, text: &str, start_dir: &Path) -> Result<Self::Value, ValueError> {
        if is_none(text) || text.trim() == "0" {
            return Ok(None);
        }
        let wrong = |error: ValueError| ValueError { expected: self.expected().into(), ..error };
        let value = self.0.parse(text, start_dir).map_err(wrong)?;
        Ok(Some(value).filter(|value| *value != K::Value::default()))
    }

    fn show(&self, value: &Self::Value) -> String {
        value.as_ref().map_or_else(|| "none".to_owned(), |value| self.0.show(value))
    }

    fn expected(&self) -> String {
        format!("{}; 0 or none switches it off", self.0.expected())
    }
}

/// What may be left out, or be said to be `none`.
pub(crate) struct Maybe<K>(pub(crate) K);

impl<K: Kind> Kind for Maybe<K> {
    type Value = Option<K::Value>;

    fn parse(&self, text: &str, start_dir: &Path) -> Result<Self::Value, ValueError> {
        if is_none(text) {
            return Ok(None);
        }
        let wrong = |error: ValueError| ValueError { expected: self.expected().into(), ..error };
        self.0.parse(text, start_dir).map(Some).map_err(wrong)
    }

    fn show(&self, value: &Self::Value) -> String {
        value.as_ref().map_or_else(|| "none".to_owned(), |value| self.0.show(value))
    }

    fn expected(&self) -> String {
        format!("{}, or none", self.0.expected())
    }
}
