//! What is installed from PyPI to compare with, in a virtual environment of the benchmark's own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Result};
use crate::step::Step;
use crate::workspace::Workspace;

/// Below the target directory, so that the next run finds it and `cargo clean` removes it.
#[derive(Debug)]
pub(super) struct Environment(PathBuf);

/// A package of PyPI's, and the program that it brings.
pub(super) type Package = (&'static str, &'static str);

impl Environment {
    /// Takes what an earlier run has installed, or installs it. The error says how to do it by hand.
    pub(super) fn install(workspace: &Workspace, name: &str, packages: &[Package]) -> Result<Self> {
        let environment = Self(workspace.target.join(name));
        let missing = || {
            let mut missing = packages.iter().filter(|(_, it)| environment.version(it).is_none());
            missing.next().map(|(name, _)| *name)
        };
        if missing().is_none() {
            return Ok(environment);
        }
        let names = packages.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
        let there = environment.0.display();
        let by_hand = format!("python3 -m venv {there} && {there}/bin/pip install {names}");
        let failed = |why: &dyn std::fmt::Display| {
            Error::new(format!("{names} cannot be installed ({why}); by hand: {by_hand}"))
        };
        let make = Step::new("python3").words("-m venv").arg(&environment.0);
        let fetch = Step::new(environment.program("pip")).words("install --quiet").words(&names);
        make.run(&workspace.root)
            .and_then(|()| fetch.run(&workspace.root))
            .map_err(|why| failed(&why))?;
        match missing() {
            Some(name) => Err(failed(&format!("{name} does not run"))),
            None => Ok(environment),
        }
    }

    /// One of its programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.0.join("bin").join(name)
    }

    /// What one of its programs says of itself.
    pub(super) fn version(&self, program: &str) -> Option<String> {
        version(&self.program(program))
    }
}

fn version(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
