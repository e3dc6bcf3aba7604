//! Servers measured in turn.

use super::server::Server;
use super::table::{Figures, Row, Unit, median};
use crate::error::Result;

/// In a round each has so many turns: others may need the machine for a moment, too.
const OF_A_ROUND: usize = 3;

/// What some clients had of a server in one slice of time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) per_second: f64,
    /// Seconds of the workers' processor time for each request.
    pub(super) cpu: f64,
    /// Seconds until an answer: half of them waited no longer, and 99 of 100. Not a number where
    /// nobody looked.
    pub(super) p50: f64,
    pub(super) p99: f64,
}

/// What each server did in each turn.
#[derive(Debug)]
pub(super) struct Turns(Vec<Vec<Rate>>);

impl Turns {
    /// One server after the other, each time in the other direction.
    pub(super) fn take(
        rounds: usize,
        servers: &[Server],
        mut measure: impl FnMut(&Server) -> Result<Rate>,
    ) -> Result<Self> {
        let mut all = vec![Vec::new(); servers.len()];
        for turn in 0..rounds * OF_A_ROUND {
            for place in 0..servers.len() {
                let at = if turn % 2 == 0 { place } else { servers.len() - 1 - place };
                all[at].push(measure(&servers[at])?);
            }
        }
        Ok(Self(all))
    }

    /// Answers a second of one server over another's: the median over the turns, in each of which
    /// the machine was as busy for both. So it is not quite the ratio of what stands beside it.
    pub(super) fn ratio(&self, ours: usize, bare: usize) -> f64 {
        self.ratio_of(ours, bare, |rate| rate.per_second)
    }

    /// The same of another figure.
    pub(super) fn ratio_of(&self, ours: usize, bare: usize, of: fn(&Rate) -> f64) -> f64 {
        let pairs = self.0[ours].iter().zip(&self.0[bare]);
        median(&pairs.map(|(ours, bare)| of(ours) / of(bare)).collect::<Vec<_>>())
    }

    /// Answers a second of both.
    pub(super) fn rates(&self, ours: usize, bare: usize) -> Figures {
        self.figures(ours, bare, |rate| rate.per_second)
    }

    /// Another figure of both.
    pub(super) fn figures(&self, ours: usize, bare: usize, of: fn(&Rate) -> f64) -> Figures {
        Figures { ours: Some(self.middle(ours, of)), bare: self.middle(bare, of) }
    }

    /// What a request costs the workers of both.
    pub(super) fn cost(&self, ours: usize, bare: usize) -> Row {
        let what = "  processor time of a request".to_owned();
        Row::plain(what, Unit::Seconds, self.figures(ours, bare, |rate| rate.cpu))
    }

    /// Answers a second of somebody else.
    pub(super) fn alone(&self, at: usize, what: &str) -> Row {
        Row::note(what, Unit::PerSecond, None, self.middle(at, |rate| rate.per_second))
    }

    fn middle(&self, at: usize, of: fn(&Rate) -> f64) -> f64 {
        median(&self.0[at].iter().map(of).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::{Rate, Turns};

    #[test]
    fn a_turn_in_which_both_are_slow_changes_no_ratio() {
        let rate =
            |per_second: &f64| Rate { per_second: *per_second, cpu: 0.0, p50: 0.0, p99: 0.0 };
        let rates = |each: &[f64]| each.iter().map(rate).collect();
        let turns = Turns(vec![rates(&[90.0, 9.0, 45.0]), rates(&[100.0, 10.0, 50.0])]);
        assert_eq!(turns.ratio(0, 1), 0.9);
        assert_eq!(turns.rates(0, 1).bare, 50.0);
    }
}
