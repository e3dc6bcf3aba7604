//! Fairness among workers with long-lived connections: who holds well more than the average looks away for a while.
//!
//! Waking the worker that has waited longest evens out connections that come and go. Connections that stay do not care
//! who was woken when: a worker that was quicker once would keep more of them for ever. All it takes to know better is in
//! shared memory: the worker's own claim, the sum of all, and their number.
//!
//! It is for those that stay. Of connections that last for a millisecond, whoever holds too many now will hold none
//! before the shortest pause is over, and looking away would only leave the processor idle: as many as close within
//! that pause do not count.

use std::sync::Arc;
use std::time::Duration;

use ph_config::value::choice::Accept;
use ph_core::slots;

use crate::post::Post;

/// The pauses of a worker that holds too many: doubling, so that a lasting imbalance costs next to nothing.
const SHORTEST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_secs(1);
/// The pause after one in which the others have taken nothing: they have no processor just now, and each of several that wait
/// would wait for a pause.
const NEEDED: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(crate) struct Gate {
    post: Arc<Post>,
    pause: Duration,
    turnover: Turnover,
}

/// How fast connections come to their end.
#[derive(Debug, Default)]
struct Turnover {
    /// When they were last counted, in the time of the slots, and how many had ended by then.
    counted: (u64, u64),
    /// So many ended in the shortest pause.
    passing: u64,
}

impl Gate {
    pub(crate) fn new(post: Arc<Post>) -> Self {
        Self { post, pause: SHORTEST, turnover: Turnover::default() }
    }

    /// How long to leave connections to the others; `None`: not at all.
    ///
    /// It is a pause and not a wait, since nobody would tell this worker that the others have stopped working: after it,
    /// the worker takes what the others have left.
    pub(crate) fn pause(&mut self) -> Option<Duration> {
        if self.is_open() {
            self.pause = SHORTEST;
            return None;
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST);
        Some(pause)
    }

    /// Whether this worker does not hold more than its part.
    pub(crate) fn is_open(&mut self) -> bool {
        // Nobody else could take what waits in a queue of one's own.
        if self.post.settings.accept == Accept::Reuseport {
            return true;
        }
        let board = self.post.board;
        let held = self.post.slot.claim().held();
        let ended = self.post.slot.accepted().saturating_sub(held);
        let passing = self.turnover.passing(slots::now(), ended).min(held);
        let total = board.connections().saturating_sub_unsigned(passing);
        !is_above(held - passing, total, board.workers())
    }

    /// The others had left a connection; the next one should not wait for long.
    pub(crate) fn was_needed(&mut self) {
        self.pause = NEEDED;
    }
}

impl Turnover {
    /// How many connections will probably have ended before the shortest pause is over, if `ended` have by `now`.
    fn passing(&mut self, now: u64, ended: u64) -> u64 {
        let (before, ended_before) = self.counted;
        let (time, pause) = (now.saturating_sub(before), SHORTEST.as_nanos() as u64);
        if time >= pause {
            self.passing = ended.saturating_sub(ended_before).saturating_mul(pause) / time;
            self.counted = (now, ended);
        }
        self.passing
    }
}

/// Whether `held` is more than one above the average, and more than a sixteenth.
fn is_above(held: u64, total: i64, workers: u32) -> bool {
    // One alone is never too many: short requests would be delayed for nothing.
    if held < 2 || workers < 2 {
        return false;
    }
    let total = u64::try_from(total).unwrap_or(0);
    held * u64::from(workers) > total + total / 16 + u64::from(workers)
}

#[cfg(test)]
mod tests {
    use super::{Turnover, is_above};

    const MILLISECOND: u64 = 1_000_000;

    #[test]
    fn the_average_and_one_more_is_not_too_many() {
        // 800 on 8: the average is 100, a sixteenth of it 6.
        assert!(!is_above(107, 800, 8));
        assert!(is_above(108, 800, 8));
        assert!(!is_above(2, 8, 8));
        assert!(is_above(3, 8, 8));
    }

    #[test]
    fn what_ends_within_a_pause_is_passing() {
        let mut turnover = Turnover { counted: (100 * MILLISECOND, 1000), passing: 0 };
        assert_eq!(turnover.passing(104 * MILLISECOND, 1040), 0, "too early to tell");
        assert_eq!(turnover.passing(110 * MILLISECOND, 1100), 50);
        assert_eq!(turnover.passing(112 * MILLISECOND, 1100), 50, "until the next count");
        assert_eq!(turnover.passing(130 * MILLISECOND, 1100), 0, "those that are left stay");
    }

    #[test]
    fn nobody_looks_away_without_a_reason() {
        assert!(!is_above(0, 0, 8));
        assert!(!is_above(1, 1, 8));
        assert!(!is_above(500, 500, 1), "alone");
        assert!(!is_above(5, -3, 0), "a sum that makes no sense");
    }
}
