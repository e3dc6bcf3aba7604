//! What became of the rounds, a row for each kind of fault.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use ph_tests::election::candidate::TTL;

use crate::fault::{Expected, Fault};

/// How long a successor may take after its predecessor has given up by itself.
const AT_ONCE: Duration = Duration::from_millis(300);
/// Longer than a lease's margin: who leads can't know whether it still does.
const STANDSTILL: Duration = Duration::from_millis(500);
/// How long after a lease is over.
const AFTER: Duration = Duration::from_secs(2);

/// How a round went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The leader went on.
    Kept,
    /// A successor worked after so long.
    Succeeded(Duration),
    /// Whoever leads now, a worker had outlived its deadline by so much.
    Overrun(Duration),
    /// Not as it must, but the whole machine stood still for so long meanwhile.
    Void(Duration),
}

impl Outcome {
    /// The same, if it went as it must, or if nothing excuses that it did not.
    pub(crate) fn or_void(self, fault: Fault, away: Duration) -> Self {
        let excuse = match (self, fault.expected()) {
            (Self::Overrun(by), _) => by,
            (_, Expected::Handover) => AT_ONCE / 3,
            _ => STANDSTILL,
        };
        if is_missed(fault, self) && away >= excuse { Self::Void(away) } else { self }
    }
}

/// How long a successor may take: of the fault, or of the moment at which etcd was whole again.
pub(crate) fn limit(fault: Fault) -> Duration {
    match fault.expected() {
        Expected::Handover => AT_ONCE,
        _ => Duration::from_secs(TTL) + AFTER,
    }
}

/// Whether it went as it must.
pub(crate) fn is_missed(fault: Fault, outcome: Outcome) -> bool {
    match (fault.expected(), outcome) {
        (Expected::Nothing | Expected::Either, Outcome::Kept) | (_, Outcome::Void(_)) => false,
        (Expected::Nothing, Outcome::Succeeded(_)) => true,
        (_, Outcome::Kept | Outcome::Overrun(_)) => true,
        (_, Outcome::Succeeded(took)) => took > limit(fault),
    }
}

#[derive(Debug, Default)]
pub(crate) struct Table(BTreeMap<Fault, Vec<Outcome>>);

impl Table {
    pub(crate) fn add(&mut self, fault: Fault, outcome: Outcome) {
        self.0.entry(fault).or_default().push(outcome);
    }

    pub(crate) fn misses(&self) -> usize {
        let all = self.0.iter().flat_map(|(fault, row)| row.iter().map(|it| (*fault, *it)));
        all.filter(|(fault, outcome)| is_missed(*fault, *outcome)).count()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<18}{:>7}{:>7}{:>11}{:>10}{:>10}{:>8}{:>8}{:>6}",
            "fault", "rounds", "kept", "takeovers", "median", "worst", "limit", "missed", "void"
        )?;
        for (fault, row) in &self.0 {
            let mut took: Vec<Duration> = row
                .iter()
                .filter_map(|outcome| match outcome {
                    Outcome::Kept | Outcome::Overrun(_) | Outcome::Void(_) => None,
                    Outcome::Succeeded(took) => Some(*took),
                })
                .collect();
            took.sort_unstable();
            let seconds = |time: Option<&Duration>| {
                time.map_or("-".to_owned(), |time| format!("{:.3} s", time.as_secs_f64()))
            };
            let limit = match fault.expected() {
                Expected::Nothing => "none".to_owned(),
                _ => format!("{} s", limit(*fault).as_secs_f64()),
            };
            let kept = row.iter().filter(|outcome| **outcome == Outcome::Kept).count();
            let missed = row.iter().filter(|outcome| is_missed(*fault, **outcome)).count();
            writeln!(
                f,
                "{:<18}{:>7}{:>7}{:>11}{:>10}{:>10}{:>8}{:>8}{:>6}",
                fault.name(),
                row.len(),
                kept,
                took.len(),
                seconds(took.get(took.len() / 2)),
                seconds(took.last()),
                limit,
                missed,
                row.iter().filter(|outcome| matches!(outcome, Outcome::Void(_))).count(),
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Fault, Outcome, Table, is_missed};

    #[test]
    fn what_is_late_or_not_as_it_must_be_is_missed() {
        let after = |millis| Outcome::Succeeded(Duration::from_millis(millis));
        for (fault, outcome, missed) in [
            (Fault::KillLeader, after(4_000), false),
            (Fault::KillLeader, after(4_001), true),
            (Fault::KillLeader, Outcome::Kept, true),
            (Fault::Resign, after(300), false),
            (Fault::Resign, after(301), true),
            (Fault::CutOne, Outcome::Kept, false),
            (Fault::CutOne, after(4_001), true),
            (Fault::Clock, Outcome::Kept, false),
            (Fault::Clock, after(1), true),
            (Fault::KillEtcd, Outcome::Kept, true),
        ] {
            assert_eq!(is_missed(fault, outcome), missed, "{fault:?}: {outcome:?}");
        }
    }

    #[test]
    fn a_row_has_the_median_and_the_worst() {
        let mut table = Table::default();
        for millis in [100, 350, 120] {
            table.add(Fault::Stop, Outcome::Succeeded(Duration::from_millis(millis)));
        }
        table.add(Fault::Clock, Outcome::Kept);
        let text = table.to_string();
        let row = text.lines().find(|line| line.starts_with("clean stop")).unwrap();
        let words: Vec<&str> = row.split_whitespace().skip(2).collect();
        assert_eq!(words.join(" "), "3 0 3 0.120 s 0.350 s 0.3 s 1 0");
        assert_eq!(table.misses(), 1);
    }

    #[test]
    fn a_machine_that_stood_still_excuses_what_was_missed_and_nothing_else() {
        let after = |millis| Outcome::Succeeded(Duration::from_millis(millis));
        let away = Duration::from_millis;
        assert_eq!(after(301).or_void(Fault::Stop, away(99)), after(301));
        assert_eq!(after(301).or_void(Fault::Stop, away(100)), Outcome::Void(away(100)));
        assert_eq!(after(300).or_void(Fault::Stop, away(900)), after(300));
        assert_eq!(after(1).or_void(Fault::Clock, away(499)), after(1));
        assert_eq!(after(1).or_void(Fault::Clock, away(500)), Outcome::Void(away(500)));
        assert!(!is_missed(Fault::Clock, Outcome::Void(away(500))));
        let overrun = Outcome::Overrun(away(80));
        assert!(is_missed(Fault::StopLeader, overrun));
        assert_eq!(overrun.or_void(Fault::StopLeader, away(79)), overrun);
        assert_eq!(overrun.or_void(Fault::StopLeader, away(80)), Outcome::Void(away(80)));
    }
}
