//! Our side: the suite's fixture program, an application on the facade whose workers do nothing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::herd::{Herd, Side};
use crate::bench::application::Application;
use crate::bench::end::End;
use crate::bench::scratch::Scratch;
use crate::bench::stamps::Stamps;
use crate::error::{Context, Error, Result};
use crate::workspace::Workspace;

/// What to build, and what comes of it.
pub(in crate::bench) const FIXTURE: (&str, &str) =
    ("--package ph-tests --bin ph-fixture", "ph-fixture");

#[derive(Debug)]
pub(super) struct Fixture(Application);

impl Fixture {
    /// Takes `program` (of another build, perhaps), or builds this tree's.
    pub(super) fn new(
        workspace: &Workspace,
        program: Option<PathBuf>,
        scratch: &Scratch,
    ) -> Result<Self> {
        Application::new(workspace, program, FIXTURE, scratch.path()).map(Self)
    }

    /// Where the program lies.
    pub(super) fn directory(&self) -> &Path {
        self.0.directory()
    }

    /// Time of `status --json`, from outside: a process, a connection, an answer, an exit.
    pub(super) fn status(&self, workers: usize) -> Result<Duration> {
        let start = Instant::now();
        let output = self.0.run(&workers.to_string(), &["status", "--json"])?;
        let took = start.elapsed();
        let status: serde_json::Value =
            serde_json::from_slice(&output.stdout).context(|| "status --json")?;
        let told = status["workers"].as_array().map_or(0, Vec::len);
        if told != workers {
            return Err(Error::new(format!("status tells of {told} workers instead of {workers}")));
        }
        Ok(took)
    }
}

impl Side for Fixture {
    fn start(&self, workers: usize, stamps: Option<&Stamps>) -> Result<Herd> {
        let mut settings = format!("number_workers = {workers}\napp.job = idle\n");
        if let Some(stamps) = stamps {
            let _ = writeln!(settings, "app.ready_fifo = {}", stamps.path().display());
        }
        let daemon = self.0.start(&workers.to_string(), &settings)?;
        let master = daemon.master().context(|| "no pidfile after start")?;
        Ok(Herd::new(master, daemon.launch, None, End::Daemon(daemon)))
    }

    fn name(&self) -> &'static str {
        "ours"
    }
}
