//! A debugger that attaches to a process and then only waits: as long as it does, the end of that process is told to it alone.
//!
//! `ph-tracer PID` prints a line when it is attached, and lets go at the end of its standard input.

use std::io::{self, Read as _};
use std::process::ExitCode;

use nix::sys::ptrace;
use nix::unistd::Pid;

fn main() -> ExitCode {
    let pid = std::env::args().nth(1).and_then(|pid| pid.parse().ok());
    let Some(pid) = pid else {
        eprintln!("usage: ph-tracer PID");
        return ExitCode::from(2);
    };
    if let Err(errno) = ptrace::seize(Pid::from_raw(pid), ptrace::Options::empty()) {
        eprintln!("cannot attach to {pid}: {errno}");
        return ExitCode::FAILURE;
    }
    println!("attached");
    let _ = io::stdin().read_to_end(&mut Vec::new());
    ExitCode::SUCCESS
}
