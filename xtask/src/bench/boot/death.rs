//! From `kill -9` of a worker to its successor ready.

use std::time::Duration;

use super::Sides;
use crate::bench::stamps::Stamps;
use crate::bench::table::{Row, Unit, median};
use crate::error::Result;

/// Each worker dies once: the second death of one slot in a row would be answered later on purpose.
const WORKERS: usize = 16;
const TARGET: f64 = 1.6;

/// Both are killed from outside and both successors write the moment at which they are ready, so
/// what is measured is the same: the kernel's notice, the master's decision, a fork, and what a
/// worker does before it is ready.
pub(super) fn measure(sides: &Sides) -> Result<Vec<Row>> {
    let kills = (sides.rounds * 3).min(WORKERS);
    let mut herds = Vec::new();
    for side in sides.each() {
        let mut stamps = Stamps::create(sides.stamps(side))?;
        let herd = side.start(WORKERS, Some(&stamps))?;
        stamps.skip(WORKERS)?;
        let victims = herd.workers(WORKERS)?;
        herds.push((herd, victims, stamps));
    }
    let mut took = vec![Vec::new(); herds.len()];
    for kill in 0..kills {
        for ((herd, victims, stamps), took) in herds.iter_mut().zip(&mut took) {
            took.push(herd.replace(victims[kill], stamps)? as f64 / 1e9);
        }
    }
    let own = sides.bare.deaths_by_own_clock(WORKERS, kills)?;
    let own: Vec<f64> = own.iter().map(Duration::as_secs_f64).collect();
    let figures = sides.figures(&took.iter().map(|took| median(took)).collect::<Vec<_>>());
    Ok(vec![
        Row::ratio(
            format!("kill -9 to successor ready, {kills} of {WORKERS}"),
            Unit::Seconds,
            figures,
            TARGET,
        ),
        Row::note(
            "  the loop killing its own, by its own clock",
            Unit::Seconds,
            None,
            median(&own),
        ),
    ])
}
