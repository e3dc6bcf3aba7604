//! The C side: programs in `xtask/bench/`, compiled on the spot.

use std::path::PathBuf;
use std::process::Command;

use super::scratch::Scratch;
use crate::error::{Context, Result};
use crate::step::Step;
use crate::workspace::Workspace;

/// Compiles `xtask/bench/NAME.c`.
pub(super) fn compile(workspace: &Workspace, scratch: &Scratch, name: &str) -> Result<PathBuf> {
    let program = scratch.path().join(name);
    let step = Step::new("cc").words("-O2 -Wall -Wextra -o").arg(&program);
    step.arg(format!("xtask/bench/{name}.c")).run(&workspace.root)?;
    Ok(program)
}

/// The compiler's name for itself.
pub(super) fn compiler() -> Result<String> {
    let version =
        Command::new("cc").arg("--version").output().context(|| "cannot run cc --version")?;
    Ok(String::from_utf8_lossy(&version.stdout).lines().next().unwrap_or("cc").to_owned())
}
