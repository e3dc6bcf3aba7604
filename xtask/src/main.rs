//! The chores of this repository: `cargo xtask COMMAND`.
//!
//! Continuous integration runs nothing that a person cannot run by hand, and nothing in the product
//! depends on what is here. One file per command; what they share is small and beside them: how a
//! command is run ([`step`]), where things are ([`workspace`]), how an error reads ([`error`]), and
//! how arguments are taken ([`args`]).

#![forbid(unsafe_code)]

mod args;
mod bench;
mod ci;
mod docs;
mod drill;
mod e2e;
mod error;
mod interrupt;
mod leftovers;
mod process;
mod setup;
mod step;
mod tidy;
mod wait;
mod workspace;

use std::process::ExitCode;

use args::Args;

const USAGE: &str = "\
cargo xtask COMMAND

  setup [--check]                what ci needs on this machine: installs it, or only says what is missing
  ci [--only STEP | --from STEP] everything a change must pass, in order; stops at the first failure
  tidy                           the rules of this repository that lints cannot know
  docs [--check]                 makes man pages, completions and the reference of keys anew; or says which are stale
  e2e [--times N] [--test-threads N] [FILTER...]
                                 the black-box suite, N rounds; no process may be left over
  bench boot [--rounds N] [--only PART] [--strict] [--bare | --fixture PROGRAM]
                                 start, replace, idle and scale, side by side with a bare C fork loop
  bench accept [--rounds N] [--only PART] [--strict] [--echo PROGRAM]
                                 connections: throughput, fairness and cost, side by side with a C echo server
  bench reload [--rounds N] [--only PART] [--strict] [--http PROGRAM]
                                 requests lost, silence and time of a reload, side by side with nginx and gunicorn
  bench rpc [--rounds N] [--only PART] [--strict] [--calls PROGRAM]
                                 calls: throughput and waits, side by side with a C server, redis and a crate
  bench python [--rounds N] [--only PART] [--strict] [--ph PROGRAM]
                                 Python workers: start, replace and weight, side by side with gunicorn and supervisor
  drill leader [--warm] [--spare-decider] [--rounds N] [--seed S]
                                 three masters, an etcd and what can go wrong: never two leaders, and one soon
";

fn main() -> ExitCode {
    let mut args = Args::new(std::env::args().skip(1));
    if args.switch("--help") || args.switch("-h") {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let result = match args.word().as_deref() {
        Some("setup") => setup::command(args),
        Some("ci") => ci::command(args),
        Some("tidy") => tidy::command(&args),
        Some("docs") => docs::command(args),
        Some("e2e") => e2e::command(args),
        Some("bench") => bench::command(args),
        Some("drill") => drill::command(args),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
