//! Servers measured in turn.

use super::load::Rate;
use super::server::Server;
use crate::bench::table::{Figures, Row, Unit, median};
use crate::error::Result;

/// In a round each has so many turns: others may need the machine for a moment, too.
const OF_A_ROUND: usize = 3;

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
        let pairs = self.0[ours].iter().zip(&self.0[bare]);
        median(&pairs.map(|(ours, bare)| ours.per_second / bare.per_second).collect::<Vec<_>>())
    }

    /// Answers a second of both.
    pub(super) fn rates(&self, ours: usize, bare: usize) -> Figures {
        let of = |at| self.middle(at, |rate| rate.per_second);
        Figures { ours: Some(of(ours)), bare: of(bare) }
    }

    /// What a request costs the workers of both.
    pub(super) fn cost(&self, ours: usize, bare: usize) -> Row {
        let of = |at| self.middle(at, |rate| rate.cpu);
        let figures = Figures { ours: Some(of(ours)), bare: of(bare) };
        Row::plain("  processor time of a request".to_owned(), Unit::Seconds, figures)
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
    use super::Turns;
    use crate::bench::accept::load::Rate;

    #[test]
    fn a_turn_in_which_both_are_slow_changes_no_ratio() {
        let rates =
            |each: &[f64]| each.iter().map(|it| Rate { per_second: *it, cpu: 0.0 }).collect();
        let turns = Turns(vec![rates(&[90.0, 9.0, 45.0]), rates(&[100.0, 10.0, 50.0])]);
        assert_eq!(turns.ratio(0, 1), 0.9);
        assert_eq!(turns.rates(0, 1).bare, 50.0);
    }
}
