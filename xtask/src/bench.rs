//! `cargo xtask bench`: what the project claims about speed, measured anew on the machine at hand.
//!
//! A claim is a ratio: ours against the least that could do the same, both built and run in the
//! same minutes, turn by turn. A figure without its rival says more about the machine than about
//! the program.

mod death;
mod fixture;
mod fork_loop;
mod herd;
mod idle;
mod launch;
mod scratch;
mod stamps;
mod table;
mod thousand;

use std::path::PathBuf;
use std::time::Duration;

use crate::args::Args;
use crate::error::{Context, Error, Result};
use crate::interrupt;
use crate::leftovers::Before;
use crate::workspace::Workspace;
use fixture::Fixture;
use fork_loop::ForkLoop;
use herd::Side;
use scratch::Scratch;
use table::{Figures, Row};

/// The two sides of every measurement.
#[derive(Debug)]
struct Sides {
    bare: ForkLoop,
    /// None with `--bare`, which only asks how fast the machine is.
    ours: Option<Fixture>,
    scratch: PathBuf,
    rounds: usize,
}

/// A part's name, and what measures it.
type Part = (&'static str, fn(&Sides) -> Result<Vec<Row>>);

const PARTS: [Part; 4] = [
    ("launch", launch::measure),
    ("death", death::measure),
    ("idle", idle::measure),
    ("thousand", thousand::measure),
];

pub(crate) fn command(mut args: Args) -> Result {
    match args.word().as_deref() {
        Some("boot") => boot(args),
        _ => Err(Error::new("there is one benchmark: cargo xtask bench boot")),
    }
}

fn boot(mut args: Args) -> Result {
    let rounds = args.option("--rounds")?.unwrap_or(5);
    let only: Option<String> = args.option("--only")?;
    let program: Option<PathBuf> = args.option("--fixture")?;
    let (bare, strict) = (args.switch("--bare"), args.switch("--strict"));
    args.end()?;
    if rounds == 0 {
        return Err(Error::new("--rounds 0 would measure nothing"));
    }
    let parts = chosen(only.as_deref())?;
    let workspace = Workspace::load()?;
    interrupt::watch()?;

    let scratch = Scratch::new()?;
    let ours = if bare { None } else { Some(Fixture::new(&workspace, program, &scratch)?) };
    let sides = Sides {
        bare: ForkLoop::compile(&workspace, &scratch)?,
        ours,
        scratch: scratch.path().to_owned(),
        rounds,
    };
    let directory = sides.ours.as_ref().map_or(scratch.path(), Fixture::directory);
    let before = Before::look(directory, &scratch.name());
    let rows = measure(&sides, parts);
    let left = before.compare(Duration::from_secs(3));
    if left.is_err() {
        before.kill_leftovers();
    }
    let rows = rows?;

    table::print(&sides.bare.compiler, rounds, &rows);
    left?;
    let missed = rows.iter().filter(|row| row.is_missed()).count();
    if strict && missed > 0 { Err(Error::new(format!("{missed} targets missed"))) } else { Ok(()) }
}

fn measure(sides: &Sides, parts: &[Part]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, part) in parts {
        eprintln!("measuring {name}…");
        rows.extend(part(sides).context(|| name)?);
    }
    Ok(rows)
}

fn chosen(only: Option<&str>) -> Result<&'static [Part]> {
    let Some(name) = only else { return Ok(&PARTS) };
    let names = || PARTS.map(|(name, _)| name).join(", ");
    let at = PARTS.iter().position(|(part, _)| *part == name);
    at.map(|at| &PARTS[at..=at]).context(|| format!("no part {name}; there are {}", names()))
}

impl Sides {
    /// Where the workers of a side write their stamps.
    fn stamps(&self, side: &dyn Side) -> PathBuf {
        self.scratch.join(format!("{}.stamps", side.name()))
    }

    /// Both, in the order of a turn.
    fn each(&self) -> Vec<&dyn Side> {
        let ours = self.ours.as_ref().map(|ours| ours as &dyn Side);
        ours.into_iter().chain([&self.bare as &dyn Side]).collect()
    }

    /// What [`Sides::each`] yielded, one figure per side in the same order.
    fn figures(&self, each: &[f64]) -> Figures {
        match *each {
            [ours, bare] => Figures { ours: Some(ours), bare },
            [bare] => Figures { ours: None, bare },
            _ => unreachable!("there is one figure per side, and there are one or two sides"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PARTS, chosen};

    #[test]
    fn one_part_or_all() {
        assert_eq!(chosen(None).unwrap().len(), PARTS.len());
        assert_eq!(chosen(Some("idle")).unwrap()[0].0, "idle");
        assert!(chosen(Some("boot")).unwrap_err().to_string().contains("launch, death"));
    }
}
