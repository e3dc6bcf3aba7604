//! From `kill -9` of a worker to its successor ready.

use super::claim::{Claim, Figures};
use super::{Bench, WORKERS, middle, turn};
use crate::bench::table::Unit;
use crate::error::Result;

const PRELOADED: f64 = 0.010;
/// Over a start of the interpreter with nobody's help.
const PLAIN: f64 = 1.2;

/// All at once there, killed in turn: the others are idle meanwhile, and disturb nobody. Each worker dies once, since the second
/// death of one slot in a row would be answered later on purpose.
pub(super) fn measure(bench: &Bench) -> Result<Vec<Claim>> {
    let sides = &bench.sides;
    let kills = (bench.rounds * 3).min(WORKERS);
    let mut herds = vec![
        sides.ours(WORKERS, false)?,
        sides.gunicorn(WORKERS, true)?,
        sides.gunicorn(WORKERS, false)?,
        sides.supervisor(WORKERS)?,
    ];
    herds.extend(bench.preloaded(WORKERS)?);
    let (mut took, mut bare) = (vec![Vec::new(); herds.len()], Vec::new());
    for kill in 0..kills {
        // The bare start has its turn behind the last of them.
        for at in turn(kill, herds.len() + 1) {
            match herds.get_mut(at) {
                Some(herd) => took[at].push(herd.replace(kill)?),
                None => bare.push(sides.bare_start()?),
            }
        }
    }
    let figures: Vec<f64> = took.iter().map(|took| middle(took)).collect();
    let bare = middle(&bare);
    let preloaded = figures.get(4).copied().unwrap_or(f64::NAN);
    let with = Figures { ours: preloaded, gunicorn: figures[1], supervisor: f64::NAN };
    let without = Figures { ours: figures[0], gunicorn: figures[2], supervisor: figures[3] };
    let what = format!("kill -9 to successor ready, preload, {kills} of {WORKERS}");
    Ok(vec![
        Claim::at_most(what, Unit::Seconds, PRELOADED, with),
        Claim::at_most("  without preload", Unit::Seconds, PLAIN * bare, without),
        Claim::plain(
            "  a bare start of the interpreter, with the same imports",
            Unit::Seconds,
            Figures::alone(bare),
        ),
    ])
}
