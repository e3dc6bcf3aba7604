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

/// Per round, at either size. With five rounds, 150 deaths; and a median of five means, which one
/// bad second does not move. With fifty, the ratios of two runs were up to 0.15 apart.
const KILLS: usize = 30;

/// From one kill to the next at either size: so slow that among sixteen nobody dies twice within a
/// second, which would be answered later on purpose, and so that timers fall due equally often.
/// Halfway between two at the one size there is one at the other: what else the machine is at hits
/// both alike.
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
        let many = Crowd::start(sides, side, MANY)?;
        memory.push(memory_of_one(&many.herd.workers(MANY)?)?);
        if let (Some(ours), "ours") = (&sides.ours, side.name()) {
            status = (0..sides.rounds).map(|_| ours.status(MANY)).collect::<Result<_>>()?;
        }
        let few = Crowd::start(sides, side, FEW)?;
        let [few, many] = costs_of_death(sides.rounds, [few, many])?;
        cost_among_few.push(few);
        cost_among_many.push(many);
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

/// A herd of one of the sizes, and who of it is to die next.
struct Crowd {
    herd: Herd,
    size: usize,
    stamps: Stamps,
    victims: Vec<Process>,
}

impl Crowd {
    fn start(sides: &Sides, side: &dyn Side, size: usize) -> Result<Self> {
        let mut stamps = Stamps::create(sides.stamps(side).with_extension(size.to_string()))?;
        let herd = side.start(size, Some(&stamps))?;
        stamps.skip(size)?;
        Ok(Self { herd, size, stamps, victims: Vec::new() })
    }

    fn lose_one(&mut self) -> Result {
        if self.victims.is_empty() {
            self.victims = oldest_last(self.herd.workers(self.size)?);
        }
        if let Some(victim) = self.victims.pop() {
            self.herd.replace(victim, &mut self.stamps)?;
        }
        Ok(())
    }
}

/// Seconds of the master's CPU per death, of each crowd: they lose one in turn.
fn costs_of_death<const N: usize>(rounds: usize, mut crowds: [Crowd; N]) -> Result<[f64; N]> {
    let mut means = [const { Vec::new() }; N];
    let mut due = Instant::now();
    for _ in 0..rounds {
        let mut before = [0; N];
        for (crowd, before) in crowds.iter().zip(&mut before) {
            crowd.herd.settle()?;
            *before = crowd.herd.master.cpu_nanoseconds()?;
        }
        for _ in 0..KILLS {
            for crowd in &mut crowds {
                crowd.lose_one()?;
                due += PACE / N as u32;
                wait::pass(due)?;
            }
        }
        for ((crowd, before), means) in crowds.iter().zip(before).zip(&mut means) {
            let spent = crowd.herd.master.cpu_nanoseconds()? - before;
            means.push(spent as f64 / KILLS as f64 / 1e9);
        }
    }
    Ok(means.map(|means| median(&means)))
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
