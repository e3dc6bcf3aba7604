//! `completions`: a script for the shell.

use clap_complete::Shell;

use crate::args;
use crate::exit::Outcome;
use crate::{Host, output};

pub(super) fn print(host: &dyn Host, shell: Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::definitions(host.name()), host.name(), &mut script);
    output::print(&String::from_utf8_lossy(&script))
}
