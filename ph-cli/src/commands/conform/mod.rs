//! `conform`: a program is put through the contract of a worker, and each point of that told as kept, broken or not used.
//!
//! A master of its own does it, in a directory of its own: this very program, with a configuration that nobody else has.
//! What is looked at is what an operator can see: the master's answers, its log, and `/proc`.

mod points;
mod process;
mod trial;

use std::time::{Duration, Instant};

use crate::args::ConformArgs;
use crate::exit::{Exit, Failure, Outcome};
use crate::output;

/// What came of one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Yes,
    No,
    /// The program makes no use of it, which it need not.
    Unused,
}

/// One point of the contract.
#[derive(Debug)]
struct Point {
    name: &'static str,
    /// What a program is expected to do.
    expected: &'static str,
    kept: Kept,
    /// What was seen.
    seen: String,
}

impl Kept {
    fn word(self) -> &'static str {
        match self {
            Self::Yes => "pass",
            Self::No => "fail",
            Self::Unused => "not used",
        }
    }
}

pub(super) fn conform(args: &ConformArgs) -> Outcome {
    let points = points::examine(&args.command, args.timeout)?;
    let broken = points.iter().filter(|point| point.kept == Kept::No).count();
    if args.json {
        let rows = points.iter().map(|point| {
            serde_json::json!({
                "point": point.name,
                "result": point.kept.word(),
                "expected": point.expected,
                "seen": point.seen,
            })
        });
        let rows: Vec<serde_json::Value> = rows.collect();
        let whole = serde_json::json!({"conforms": broken == 0, "points": rows});
        output::write(&format!("{whole:#}\n"))?;
    } else {
        for point in &points {
            let word = output::verdict(point.kept.word(), 8);
            let (name, expected, seen) = (point.name, point.expected, &point.seen);
            output::write(&format!("{word}  {name}: {expected}\n          {seen}\n"))?;
        }
    }
    match broken {
        0 => Ok(Exit::Done),
        1 => Err(Failure::new(Exit::Failed, "1 point of the contract is broken")),
        _ => Err(Failure::new(Exit::Failed, format!("{broken} points of the contract are broken"))),
    }
}

/// Looks until there is something, or the time is over.
fn within<T>(time: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + time;
    loop {
        let found = look();
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
