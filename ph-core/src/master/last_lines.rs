//! The last lines that a worker said to its master.
//!
//! Those of a program are what it has printed. A forked worker writes its log lines to the log itself, and what its code prints
//! goes where the master's own goes: the master has none of that, but what a worker reports of its own end, a panic or an error.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Lines that are kept.
const LINES: usize = 16;
/// Bytes that are kept of each.
const LONGEST: usize = 512;

/// The oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct LastLines(VecDeque<String>);

impl LastLines {
    pub(super) fn add(&mut self, line: &str) {
        if self.0.len() == LINES {
            self.0.pop_front();
        }
        self.0.push_back(line[..line.floor_char_boundary(LONGEST)].to_owned());
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_cut() {
        let mut output = LastLines::default();
        for number in 0..LINES + 3 {
            output.add(&number.to_string());
        }
        output.add(&"é".repeat(LONGEST));
        assert_eq!((output.lines().next(), output.lines().count()), (Some("4"), LINES));
        assert_eq!(output.lines().last().map(str::len), Some(LONGEST));
    }
}
