//! `cargo xtask bench python`: workers that are Python classes, beside gunicorn's, and beside programs under supervisor, all with one
//! application on one interpreter.

mod claim;
mod death;
mod herd;
mod launch;
mod memory;
mod sides;
mod spawn;

use std::path::{Path, PathBuf};

use super::application::Application;
use super::boot::FIXTURE;
use super::c;
use super::run::{Report, Run};
use super::table::median as middle;
use crate::args::Args;
use crate::error::Result;
use claim::Claim;
use herd::Herd;
use sides::Sides;

const WORKERS: usize = 16;

/// All sides, and what they are measured with.
#[derive(Debug)]
struct Bench {
    sides: Sides,
    /// An application on the facade, whose master can be made large.
    fixture: Application,
    /// `bench/stamp.c`.
    stamp: PathBuf,
    /// Why there is no preload, if there is none.
    without_preload: Option<String>,
    scratch: PathBuf,
    rounds: usize,
}

/// What measures a part.
type Part = fn(&Bench) -> Result<Vec<Claim>>;

const PARTS: [(&str, Part); 4] = [
    ("launch", launch::measure),
    ("death", death::measure),
    ("memory", memory::measure),
    ("spawn", spawn::measure),
];

/// What to build, and what comes of it.
const PH: (&str, &str) = ("--package processhandler --bin ph", "ph");

/// Who was compared, and what came of it.
#[derive(Debug)]
struct Claims {
    notes: Vec<String>,
    all: Vec<Claim>,
}

pub(super) fn command(mut args: Args) -> Result {
    let program: Option<PathBuf> = args.option("--ph")?;
    let run = Run::begin(args, &PARTS)?;
    let (workspace, scratch) = (&run.workspace, &run.scratch);
    let ph = Application::new(workspace, program, PH, scratch.path())?;
    let directory = ph.directory().to_owned();
    let sides = Sides::new(workspace, ph, scratch.path())?;
    let bench = Bench {
        without_preload: refused(&sides)?,
        fixture: Application::new(workspace, None, FIXTURE, scratch.path())?,
        stamp: c::compile(workspace, scratch, "stamp")?,
        sides,
        scratch: scratch.path().to_owned(),
        rounds: run.rounds(),
    };
    let mut notes = bench.sides.versions().to_vec();
    notes.extend(bench.without_preload.iter().map(|why| format!("not measured: {why}")));
    let claims = Claims { notes, all: Vec::new() };
    run.measure(Path::new(&directory), "gunicorn and supervisor", claims, |part, claims| {
        claims.all.extend(part(&bench)?);
        Ok(())
    })
}

/// Why `preload` is refused, if it is. Python has compiled all modules afterwards.
fn refused(sides: &Sides) -> Result<Option<String>> {
    drop(sides.ours(1, false)?);
    match sides.ours(1, true) {
        Ok(_) => Ok(None),
        Err(why) if why.to_string().contains("preload") => Ok(Some(why.to_string())),
        Err(why) => Err(why),
    }
}

/// All sides in turn, each time in the other direction: who comes next to one that is large or slow is disturbed by it.
fn turn(round: usize, sides: usize) -> impl Iterator<Item = usize> {
    (0..sides).map(move |at| if round.is_multiple_of(2) { at } else { sides - 1 - at })
}

impl Bench {
    /// Ours with `preload`, where there is that.
    fn preloaded(&self, workers: usize) -> Result<Option<Herd>> {
        match self.without_preload {
            None => self.sides.ours(workers, true).map(Some),
            Some(_) => Ok(None),
        }
    }
}

impl Report for Claims {
    fn print(&self) {
        for note in &self.notes {
            println!("{note}");
        }
        print!("\n{}", claim::layout(&self.all));
    }

    fn missed(&self) -> usize {
        self.all.iter().filter(|claim| claim.is_missed()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::turn;

    #[test]
    fn each_side_has_its_turn_in_both_directions() {
        assert_eq!(turn(0, 3).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(turn(1, 3).collect::<Vec<_>>(), [2, 1, 0]);
    }
}
