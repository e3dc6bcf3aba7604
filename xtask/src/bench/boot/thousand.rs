//! A thousand workers: what they weigh, how long a look at them takes, and whether one death costs
//! the master more than it does among sixteen.

use std::time::{Duration, Instant};

use super::Sides;
use super::herd::{Herd, Side};
use crate::bench::stamps::Stamps;
use crate::bench::table::{Figures, Row, Unit, median};
use crate::error::Result;
use crate::process::Process;
use crate::wait;

const FEW: usize = 16;
const MANY: usize = 1_000;

/// Per round. With five rounds, fifty deaths; and a median of five means, which one bad second does
/// not move.
const KILLS: usize = 10;

/// From one kill to the next, at either size: so slow that among sixteen nobody dies twice within a
/// second, which would be answered later on purpose, and so that timers fall due equally often.
const PACE: Duration = Duration::from_millis(100);

const STATUS_TARGET: f64 = 0.050;
const DEATH_TARGET: f64 = 1.3;
const MEMORY_TARGET: f64 = 400.0 * 1024.0;

pub(super) fn measure(sides: &Sides) -> Result<Vec<Row>> {
    let mut status = Vec::new();
    let mut memory = Vec::new();
    let mut cost_among_few = Vec::new();
    let mut cost_among_many = Vec::new();
    for side in sides.each() {
        cost_among_few.push(cost_of_death(sides, side, FEW, |_| Ok(()))?);
        cost_among_many.push(cost_of_death(sides, side, MANY, |herd| {
            memory.push(memory_of_one(&herd.workers(MANY)?)?);
            if let (Some(ours), "ours") = (&sides.ours, side.name()) {
                status = (0..sides.rounds).map(|_| ours.status(MANY)).collect::<Result<_>>()?;
            }
            Ok(())
        })?);
    }
    let growth: Vec<f64> =
        cost_among_many.iter().zip(&cost_among_few).map(|(many, few)| many / few).collect();
    let status: Vec<f64> = status.iter().map(Duration::as_secs_f64).collect();
    let status = Figures { ours: (!status.is_empty()).then(|| median(&status)), bare: f64::NAN };
    Ok(vec![
        Row::at_most(format!("status of {MANY} workers"), Unit::Seconds, status, STATUS_TARGET),
        Row::plain(
            format!("one death, master's CPU, {FEW} workers"),
            Unit::Seconds,
            sides.figures(&cost_among_few),
        ),
        Row::plain(
            format!("one death, master's CPU, {MANY} workers"),
            Unit::Seconds,
            sides.figures(&cost_among_many),
        ),
        Row::at_most(
            format!("  {MANY} against {FEW}"),
            Unit::Times,
            sides.figures(&growth),
            DEATH_TARGET,
        ),
        Row::at_most(
            format!("proportional set of one of {MANY}"),
            Unit::Bytes,
            sides.figures(&memory),
            MEMORY_TARGET,
        ),
    ])
}

/// Seconds of the master's CPU per death. `before` looks at the herd while nobody has died yet.
fn cost_of_death(
    sides: &Sides,
    side: &dyn Side,
    workers: usize,
    mut before: impl FnMut(&Herd) -> Result,
) -> Result<f64> {
    let mut stamps = Stamps::create(sides.stamps(side))?;
    let herd = side.start(workers, Some(&stamps))?;
    stamps.skip(workers)?;
    before(&herd)?;
    let mut victims = Vec::new();
    let mut means = Vec::new();
    let mut due = Instant::now();
    for _ in 0..sides.rounds {
        herd.settle()?;
        let start = herd.master.cpu_nanoseconds()?;
        for _ in 0..KILLS {
            if victims.is_empty() {
                victims = oldest_last(herd.workers(workers)?);
            }
            let Some(victim) = victims.pop() else { break };
            herd.replace(victim, &mut stamps)?;
            due += PACE;
            wait::pass(due)?;
        }
        let spent = herd.master.cpu_nanoseconds()? - start;
        means.push(spent as f64 / KILLS as f64 / 1e9);
    }
    Ok(median(&means))
}

/// So that popping takes who has been there longest.
fn oldest_last(mut workers: Vec<Process>) -> Vec<Process> {
    workers.sort_by_key(|worker| std::cmp::Reverse((worker.began(), *worker)));
    workers
}

fn memory_of_one(workers: &[Process]) -> Result<f64> {
    let each =
        workers.iter().map(|worker| worker.proportional_set_size().map(|bytes| bytes as f64));
    Ok(median(&each.collect::<Result<Vec<_>>>()?))
}
