//! `cargo xtask bench boot`: starting workers, replacing them, having them.

mod death;
mod fixture;
mod fork_loop;
mod herd;
mod idle;
mod launch;
mod thousand;

use std::path::PathBuf;

use super::run::Run;
use super::table::{Figures, Row};
use crate::args::Args;
use crate::error::Result;
pub(super) use fixture::FIXTURE;
use fixture::Fixture;
use fork_loop::ForkLoop;
use herd::Side;

/// The two sides of every measurement.
#[derive(Debug)]
struct Sides {
    bare: ForkLoop,
    /// None with `--bare`, which only asks how fast the machine is.
    ours: Option<Fixture>,
    scratch: PathBuf,
    rounds: usize,
}

/// What measures a part.
type Part = fn(&Sides) -> Result<Vec<Row>>;

const PARTS: [(&str, Part); 4] = [
    ("launch", launch::measure),
    ("death", death::measure),
    ("idle", idle::measure),
    ("thousand", thousand::measure),
];

pub(super) fn command(mut args: Args) -> Result {
    let program: Option<PathBuf> = args.option("--fixture")?;
    let bare = args.switch("--bare");
    let run = Run::begin(args, &PARTS)?;
    let (workspace, scratch) = (&run.workspace, &run.scratch);
    let ours = if bare { None } else { Some(Fixture::new(workspace, program, scratch)?) };
    let sides = Sides {
        bare: ForkLoop::compile(workspace, scratch)?,
        ours,
        scratch: scratch.path().to_owned(),
        rounds: run.rounds(),
    };
    let directory = sides.ours.as_ref().map_or(scratch.path(), Fixture::directory).to_owned();
    run.measure(&directory, "a bare fork loop in C", Vec::new(), |part, rows: &mut Vec<Row>| {
        rows.extend(part(&sides)?);
        Ok(())
    })
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
