//! The log, as who wants to know when something happened reads it: by the master's own clock, however late the test itself
//! gets to look.

use std::time::Duration;

use crate::sandbox::Sandbox;

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was written, since some midnight before the test.
    pub at: Duration,
    text: String,
}

impl Sandbox {
    /// The first line with all these words in it.
    #[track_caller]
    pub fn said(&self, words: &[&str]) -> Line {
        let log = self.lines("app.log");
        let line = log.lines().find(|line| words.iter().all(|word| line.contains(word)));
        let line = line.unwrap_or_else(|| panic!("nobody said {words:?}:\n{log}"));
        Line { at: time(line).unwrap_or_else(|| panic!("no time: {line}")), text: line.to_owned() }
    }

    /// How long after the line with these words the one with those was written.
    #[track_caller]
    pub fn between(&self, first: &[&str], second: &[&str]) -> Duration {
        let (first, second) = (self.said(first), self.said(second));
        assert!(first.at <= second.at, "{first:?} came after {second:?}");
        second.at - first.at
    }
}

impl Line {
    /// The duration that it gives for `field`, as `age=1.5s` or `age=200ms`.
    #[track_caller]
    pub fn duration(&self, field: &str) -> Duration {
        let rest = self.text.split_once(&format!(" {field}=")).map(|(_, rest)| rest);
        let word = rest.and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        let units = [("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9), ("s", 1.0)];
        let number = |(unit, factor): (&str, f64)| {
            word.strip_suffix(unit)?.parse::<f64>().ok().map(|number| number * factor)
        };
        let seconds = units.into_iter().find_map(number);
        Duration::from_secs_f64(seconds.unwrap_or_else(|| panic!("no {field}: {self:?}")))
    }
}

/// The time of `2026-11-24T02:38:54.547927Z`. A test that meets midnight sees one day follow the other, if not a month.
fn time(line: &str) -> Option<Duration> {
    let (date, rest) = line.split_once('T')?;
    let (clock, _) = rest.split_once('Z')?;
    let days: u64 = date.rsplit('-').next()?.parse().ok()?;
    let mut parts = clock.splitn(3, ':');
    let mut number = || parts.next()?.parse::<f64>().ok();
    let (hours, minutes, seconds) = (number()?, number()?, number()?);
    let seconds = Duration::from_secs_f64(hours * 3600.0 + minutes * 60.0 + seconds);
    Some(Duration::from_secs(days * 86_400) + seconds)
}
