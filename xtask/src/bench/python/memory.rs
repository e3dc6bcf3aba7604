//! What a worker weighs among 16, shared pages by halves.

use super::claim::{Claim, Figures};
use super::herd::Herd;
use super::{Bench, WORKERS, middle};
use crate::bench::table::Unit;
use crate::error::Result;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Claim>> {
    let sides = &bench.sides;
    // One after the other: what two have in common would be lighter for both.
    let of = |herd: Result<Herd>| -> Result<[f64; 2]> {
        let (each, all) = herd?.memory()?;
        Ok([middle(&each), all / WORKERS as f64])
    };
    let preloaded = bench.preloaded(WORKERS)?.map(|herd| of(Ok(herd))).transpose()?;
    let ours = [preloaded.unwrap_or([f64::NAN; 2]), of(sides.ours(WORKERS, false))?];
    let theirs = [of(sides.gunicorn(WORKERS, true))?, of(sides.gunicorn(WORKERS, false))?];
    let supervised = [[f64::NAN; 2], of(sides.supervisor(WORKERS))?];
    let figures = |preload: usize, what: usize| Figures {
        ours: ours[preload][what],
        gunicorn: theirs[preload][what],
        supervisor: supervised[preload][what],
    };
    let all = "  all processes, by the number of workers";
    Ok(vec![
        Claim::of_gunicorn(
            "proportional set of a worker, preload",
            Unit::Bytes,
            1.0,
            figures(0, 0),
        ),
        Claim::plain(all, Unit::Bytes, figures(0, 1)),
        // An interpreter of its own for each, where gunicorn's are copies of one: beside supervisor's, which are as well.
        Claim::plain("  of a worker without preload", Unit::Bytes, figures(1, 0)),
        Claim::plain(all, Unit::Bytes, figures(1, 1)),
    ])
}
