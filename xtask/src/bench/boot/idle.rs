//! What it costs to have nothing to do.

use std::time::{Duration, Instant};

use super::Sides;
use crate::bench::table::{Figures, Row, Unit};
use crate::error::Result;
use crate::process::Process;
use crate::wait;

const WORKERS: usize = 4;
const WINDOW: Duration = Duration::from_secs(10);

/// Boot has an afterlife: a second of readiness closes the books on a worker's start.
const AFTER_BOOT: Duration = Duration::from_secs(2);

pub(super) fn measure(sides: &Sides) -> Result<Vec<Row>> {
    let mut herds = Vec::new();
    for side in sides.each() {
        let herd = side.start(WORKERS, None)?;
        let workers = herd.workers(WORKERS)?;
        herds.push((herd, workers));
    }
    wait::pass(Instant::now() + AFTER_BOOT)?;
    // Both at once: idle processes do not disturb each other, and ten seconds are long.
    let look = || -> Result<Vec<(u64, u64)>> {
        herds
            .iter()
            .map(|(herd, workers)| Ok((herd.master.voluntary_switches()?, switches(workers)?)))
            .collect()
    };
    let before = look()?;
    wait::pass(Instant::now() + WINDOW)?;
    let after = look()?;

    let grown = |of: fn(&(u64, u64)) -> u64| -> Figures {
        let each = after.iter().zip(&before).map(|(after, before)| (of(after) - of(before)) as f64);
        sides.figures(&each.collect::<Vec<_>>())
    };
    let seconds = WINDOW.as_secs();
    Ok(vec![
        Row::at_most(
            format!("switches in {seconds} s, {WORKERS} idle workers"),
            Unit::Count,
            grown(|it| it.1),
            0.0,
        ),
        Row::at_most(
            format!("switches in {seconds} s, their master"),
            Unit::Count,
            grown(|it| it.0),
            1.0,
        ),
    ])
}

fn switches(workers: &[Process]) -> Result<u64> {
    workers.iter().map(|worker| worker.voluntary_switches()).sum()
}
