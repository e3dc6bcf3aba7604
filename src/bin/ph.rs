//! `ph`: the command line for operators.

use std::process::ExitCode;

fn main() -> ExitCode {
    processhandler::App::new("ph").main()
}
