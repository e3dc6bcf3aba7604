//! Which cores the sides of a conversation run on.

use std::path::Path;
use std::process::Command;

use rustix::thread::{CpuSet, sched_getaffinity};

use crate::error::{Context, Result};

/// Where to put a server and its clients so that neither takes time from the other.
#[derive(Debug)]
pub(super) struct Cores {
    /// How many we may use.
    pub(super) count: usize,
    apart: Option<(usize, usize)>,
}

impl Cores {
    pub(super) fn look() -> Result<Self> {
        let ours = sched_getaffinity(None).context(|| "sched_getaffinity")?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| ours.is_set(*core));
        let apart = cores.next().zip(cores.next());
        Ok(Self { count: ours.count() as usize, apart })
    }

    /// The server's; `None` where there is only one.
    pub(super) fn server(&self) -> Option<usize> {
        self.apart.map(|(server, _)| server)
    }

    /// The clients'.
    pub(super) fn clients(&self) -> Option<usize> {
        self.apart.map(|(_, clients)| clients)
    }

    /// For the table.
    pub(super) fn say(&self) -> &'static str {
        if self.apart.is_some() { "a core each" } else { "one core for both" }
    }
}

/// A command that stays on a core.
pub(super) fn bound(program: &Path, core: Option<usize>) -> Command {
    let Some(core) = core else { return Command::new(program) };
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}
