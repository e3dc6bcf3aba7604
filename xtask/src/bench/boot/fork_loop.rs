//! The rival: `bench/fork_loop.c`.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::herd::{Herd, Side};
use crate::bench::c;
use crate::bench::end::End;
use crate::bench::group::Group;
use crate::bench::scratch::Scratch;
use crate::bench::stamps::Stamps;
use crate::error::Result;
use crate::workspace::Workspace;

#[derive(Debug)]
pub(super) struct ForkLoop {
    program: PathBuf,
}

impl ForkLoop {
    pub(super) fn compile(workspace: &Workspace, scratch: &Scratch) -> Result<Self> {
        Ok(Self { program: c::compile(workspace, scratch, "fork_loop")? })
    }

    /// Kill to successor as the master itself sees it, killing its own: no look at `/proc`, no
    /// other process.
    pub(super) fn deaths_by_own_clock(
        &self,
        workers: usize,
        rounds: usize,
    ) -> Result<Vec<Duration>> {
        let mut group =
            self.spawn(&["deaths".to_owned(), workers.to_string(), rounds.to_string()])?;
        let _ready = group.number("ready")?;
        (0..rounds).map(|_| group.number("death").map(Duration::from_micros)).collect()
    }

    /// From the spawn until that many workers are ready, each forked when the one before it was.
    pub(super) fn launch_in_turn(&self, workers: usize) -> Result<Duration> {
        let start = Instant::now();
        let mut group = self.spawn(&["turns".to_owned(), workers.to_string()])?;
        let _own = group.number("ready")?;
        Ok(start.elapsed())
    }

    fn spawn(&self, arguments: &[String]) -> Result<Group> {
        let mut command = Command::new(&self.program);
        command.args(arguments);
        Group::spawn(command)
    }
}

impl Side for ForkLoop {
    fn start(&self, workers: usize, stamps: Option<&Stamps>) -> Result<Herd> {
        let mut arguments = vec!["serve".to_owned(), workers.to_string()];
        arguments.extend(stamps.map(|stamps| stamps.path().to_string_lossy().into_owned()));
        let start = Instant::now();
        let mut group = self.spawn(&arguments)?;
        let own = group.number("ready").map(Duration::from_micros)?;
        let launch = start.elapsed();
        Ok(Herd::new(group.master(), launch, Some(own), End::Group(group)))
    }

    fn name(&self) -> &'static str {
        "bare"
    }
}
