//! From nothing to 256 workers that are ready.

use super::Sides;
use crate::bench::table::{Row, Unit, median};
use crate::error::Result;

const WORKERS: usize = 256;
const TARGET: f64 = 1.5;

/// Ours is timed from the spawn of `start` until it returns, which is a configuration read, a
/// daemon made, and a word that all are ready; the loop's from its spawn until it says so.
///
/// The claim is against the loop that forks as fast as it can and then waits for all. One that
/// waits for each before it forks the next stands beside it, and claims nothing.
pub(super) fn measure(sides: &Sides) -> Result<Vec<Row>> {
    let each = sides.each();
    let mut took = vec![Vec::new(); each.len()];
    let mut by_own_clock = Vec::new();
    let mut in_turn = Vec::new();
    for _ in 0..sides.rounds {
        for (side, took) in each.iter().zip(&mut took) {
            let herd = side.start(WORKERS, None)?;
            took.push(herd.launch.as_secs_f64());
            by_own_clock.extend(herd.by_own_clock.map(|own| own.as_secs_f64()));
            herd.workers(WORKERS)?;
        }
        in_turn.push(sides.bare.launch_in_turn(WORKERS)?.as_secs_f64());
    }
    let figures = sides.figures(&took.iter().map(|took| median(took)).collect::<Vec<_>>());
    Ok(vec![
        Row::ratio(format!("launch to {WORKERS} workers ready"), Unit::Seconds, figures, TARGET),
        Row::note("  the loop by its own clock", Unit::Seconds, None, median(&by_own_clock)),
        Row::note("  the loop, one at a time", Unit::Seconds, figures.ours, median(&in_turn)),
    ])
}
