//! An error here is a sentence for the person at the terminal: what went wrong, and what to do
//! about it.

use std::fmt::{self, Display};

/// One sentence. There is nothing to match on: every error ends the command.
#[derive(Debug)]
pub(crate) struct Error(String);

pub(crate) type Result<T = ()> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Puts what was being done in front of what the system said about it.
pub(crate) trait Context<T> {
    fn context<S: Display>(self, doing: impl FnOnce() -> S) -> Result<T>;
}

impl<T, E: Display> Context<T> for std::result::Result<T, E> {
    fn context<S: Display>(self, doing: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|error| Error(format!("{}: {error}", doing())))
    }
}

impl<T> Context<T> for Option<T> {
    fn context<S: Display>(self, missing: impl FnOnce() -> S) -> Result<T> {
        self.ok_or_else(|| Error(missing().to_string()))
    }
}
