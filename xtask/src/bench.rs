//! `cargo xtask bench`: what the project claims about speed, measured anew on the machine at hand.
//!
//! A claim is a ratio: ours against the least that could do the same, both built and run in the
//! same minutes, turn by turn. A figure without its rival says more about the machine than about
//! the program.

mod accept;
mod application;
mod boot;
mod c;
mod clients;
mod columns;
mod cores;
mod end;
mod environment;
mod group;
mod nginx;
mod options;
mod port;
mod python;
mod reload;
mod rpc;
mod run;
mod scratch;
mod server;
mod stamps;
mod table;
mod turns;

use std::path::Path;
use std::time::Duration;

use crate::args::Args;
use crate::error::{Error, Result};
use crate::leftovers::Before;
use scratch::Scratch;

pub(crate) fn command(mut args: Args) -> Result {
    match args.word().as_deref() {
        Some("boot") => boot::command(args),
        Some("accept") => accept::command(args),
        Some("reload") => reload::command(args),
        Some("rpc") => rpc::command(args),
        Some("python") => python::command(args),
        _ => {
            let names =
                "cargo xtask bench boot, bench accept, bench reload, bench rpc, bench python";
            Err(Error::new(format!("there are five benchmarks: {names}")))
        }
    }
}

/// Measures, and looks for those who outlived the measurement: programs from `directory` that were
/// not running before. They are ended; that there were some is the second result.
fn undisturbed<T>(
    directory: &Path,
    scratch: &Scratch,
    measure: impl FnOnce() -> Result<T>,
) -> Result<(T, Result)> {
    let before = Before::look(directory, &scratch.name());
    let measured = measure();
    let left = before.compare(Duration::from_secs(3));
    if left.is_err() {
        before.kill_leftovers();
    }
    Ok((measured?, left))
}
