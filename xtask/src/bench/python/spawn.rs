//! What a worker costs that is a program, started by masters of several sizes; and for comparison one that is a copy of them.

use super::claim::{Claim, Figures};
use super::herd::Herd;
use super::{Bench, middle, turn};
use crate::bench::end::End;
use crate::bench::stamps::Stamps;
use crate::bench::table::Unit;
use crate::error::{Context, Error, Result};

/// Each dies once. They are many, since what is measured is short.
const WORKERS: usize = 64;
const KILLS_OF_A_ROUND: usize = 12;

/// Memory that the master has touched, in MiB.
const SIZES: [u64; 3] = [0, 64, 1024];

/// From a kill to the first instruction of a successor that does nothing. There is nobody to compare with: no other starts both
/// kinds.
pub(super) fn measure(bench: &Bench) -> Result<Vec<Claim>> {
    let kills = (bench.rounds * KILLS_OF_A_ROUND).min(WORKERS);
    let kinds = [true, false];
    let mut herds = Vec::new();
    for is_program in kinds {
        for size in SIZES {
            herds.push(herd(bench, is_program, size)?);
        }
    }
    let mut took = vec![Vec::new(); herds.len()];
    for kill in 0..kills {
        for at in turn(kill, herds.len()) {
            took[at].push(herds[at].replace(kill)?);
        }
    }
    let figures: Vec<f64> = took.iter().map(|took| middle(took)).collect();
    let (programs, copies) = figures.split_at(SIZES.len());
    let mut claims = Vec::new();
    for (at, size) in SIZES.iter().enumerate() {
        let what = format!("exec worker replaced by a master of {size} MiB");
        claims.push(Claim::plain(what, Unit::Seconds, Figures::alone(programs[at])));
        if at > 0 {
            let what = "  over that by the smallest";
            claims.push(Claim::between(what, 0.8, 1.2, programs[at] / programs[0]));
        }
        let what = "  a worker that is a copy of it (sync)";
        claims.push(Claim::plain(what, Unit::Seconds, Figures::alone(copies[at])));
    }
    Ok(claims)
}

fn herd(bench: &Bench, is_program: bool, size: u64) -> Result<Herd> {
    let kind = if is_program { "program" } else { "copy" };
    let name = format!("{kind}-{size}");
    let stamps = Stamps::create(bench.scratch.join(format!("{name}.stamps")))?;
    let path = stamps.path().display();
    let settings = if is_program {
        format!("command = {} {path}\nready_after = 50ms\n", bench.stamp.display())
    } else {
        format!("app.job = idle\napp.ready_fifo = {path}\n")
    };
    let application = bench.fixture.clone().with("FIXTURE_BALLAST", (size << 20).to_string());
    let settings = format!("number_workers = {WORKERS}\n{settings}");
    let daemon = application.start(&name, &settings)?;
    let master = daemon.master().context(|| "no pidfile after start")?;
    let resident = master.proportional_set_size()? >> 20;
    let workers = master.children();
    let herd = Herd::of_ready(master, workers, daemon.launch, stamps, End::Daemon(daemon))?;
    // Its copies share what is a copy.
    if is_program && resident < size {
        return Err(Error::new(format!("the master has {resident} MiB, not {size}")));
    }
    Ok(herd)
}
