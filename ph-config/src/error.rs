//! What a user gets to read.

use std::fmt;

use crate::{origin::Origin, text};

/// Everything that is wrong with a configuration, one line each; a hundred lines at most.
///
/// Each line is a sentence that names its place and says what to do:
/// `conf/app.ini:12: number_workers = -1: expected a whole number from 1 to 65536, or auto`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", listed(.problems))]
pub struct ConfigError {
    problems: Vec<Problem>,
}

/// How many lines a message has at most: more help nobody.
const MAX_LINES: usize = 100;

fn listed(problems: &[Problem]) -> String {
    let mut lines: Vec<String> = problems.iter().take(MAX_LINES).map(Problem::to_string).collect();
    if let Some(more @ 1..) = problems.len().checked_sub(MAX_LINES) {
        lines.push(format!("and {more} more like these"));
    }
    lines.join("\n")
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `conf/app.ini:12`, `environment PH_BIND`, `--set bind`.
    pub place: String,
    /// The line in the file, from 1, where it is in the file.
    pub line: Option<usize>,
    /// The key, where it is one key's fault.
    pub key: Option<String>,
    /// What, and what to do.
    pub message: String,
}

/// Where a section is: its header.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(crate) file: String,
    /// `None` where there is no file.
    pub(crate) line: Option<usize>,
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

impl ConfigError {
    /// At least one problem.
    pub(crate) fn new(mut problems: Vec<Problem>) -> Self {
        // In the order of the file, then what stands nowhere in it.
        problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
        Self { problems }
    }

    /// What is wrong, in the order of the file.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl Problem {
    /// About a file as a whole.
    pub(crate) fn at(place: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self { place: place.to_string(), line: None, key: None, message: message.to_string() }
    }

    /// About a line of it.
    pub(crate) fn on_line(
        file: impl fmt::Display,
        line: usize,
        message: impl fmt::Display,
    ) -> Self {
        Self { line: Some(line), ..Self::at(format_args!("{file}:{line}"), message) }
    }

    /// About a key; `home` is where one looks for what is nowhere set.
    pub(crate) fn of_key(
        key: &str,
        origin: &Origin,
        home: &Home,
        message: impl fmt::Display,
    ) -> Self {
        let line = match origin {
            Origin::Default => home.line,
            Origin::File { line, .. } => Some(*line),
            Origin::Environment { .. } | Origin::CommandLine => None,
        };
        let place = match origin {
            Origin::Default => home.to_string(),
            Origin::CommandLine => format!("--set {}", text::excerpt(key)),
            origin => origin.to_string(),
        };
        Self { place, line, key: Some(key.to_owned()), message: message.to_string() }
    }

    /// About what a key says.
    pub(crate) fn of_value(
        key: &str,
        value: &str,
        origin: &Origin,
        home: &Home,
        message: impl fmt::Display,
    ) -> Self {
        let (name, value) = (text::excerpt(key), text::excerpt(value.trim()));
        let blank = if value.is_empty() { "" } else { " " };
        Self::of_key(key, origin, home, format_args!("{name} ={blank}{value}: {message}"))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}
