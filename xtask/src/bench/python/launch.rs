//! From nothing to 16 workers that are ready.

use super::claim::{Claim, Figures};
use super::{Bench, WORKERS, middle};
use crate::bench::table::Unit;
use crate::error::Result;

const TARGET: f64 = 0.5;

/// Ours is timed until `start` returns, which is later than the last worker's own word; the others by the last word of theirs.
pub(super) fn measure(bench: &Bench) -> Result<Vec<Claim>> {
    let sides = &bench.sides;
    let [mut preloaded, mut plain, mut theirs, mut plainly_theirs, mut supervised]: [Vec<f64>; 5] =
        Default::default();
    for _ in 0..bench.rounds {
        preloaded.extend(bench.preloaded(WORKERS)?.map(|herd| herd.launch));
        plain.push(sides.ours(WORKERS, false)?.launch);
        theirs.push(sides.gunicorn(WORKERS, true)?.launch);
        plainly_theirs.push(sides.gunicorn(WORKERS, false)?.launch);
        supervised.push(sides.supervisor(WORKERS)?.launch);
    }
    let with =
        Figures { ours: middle(&preloaded), gunicorn: middle(&theirs), supervisor: f64::NAN };
    let without = Figures {
        ours: middle(&plain),
        gunicorn: middle(&plainly_theirs),
        supervisor: middle(&supervised),
    };
    Ok(vec![
        Claim::of_gunicorn(
            format!("launch to {WORKERS} workers ready, preload"),
            Unit::Seconds,
            TARGET,
            with,
        ),
        Claim::plain("  without preload", Unit::Seconds, without),
    ])
}
