//! The rival: `bench/fork_loop.c`, compiled on the spot.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::herd::{End, Herd, Side};
use super::scratch::Scratch;
use super::stamps::Stamps;
use crate::error::{Context, Error, Result};
use crate::process::Process;
use crate::step::Step;
use crate::wait;
use crate::workspace::Workspace;

#[derive(Debug)]
pub(super) struct ForkLoop {
    program: PathBuf,
    /// The compiler's name for itself.
    pub(super) compiler: String,
}

impl ForkLoop {
    pub(super) fn compile(workspace: &Workspace, scratch: &Scratch) -> Result<Self> {
        let program = scratch.path().join("fork_loop");
        let source = "xtask/bench/fork_loop.c";
        Step::new("cc")
            .words("-O2 -Wall -Wextra -o")
            .arg(&program)
            .arg(source)
            .run(&workspace.root)?;
        let version =
            Command::new("cc").arg("--version").output().context(|| "cannot run cc --version")?;
        let compiler =
            String::from_utf8_lossy(&version.stdout).lines().next().unwrap_or("cc").to_owned();
        Ok(Self { program, compiler })
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
        let _ready = group.line("ready")?;
        (0..rounds).map(|_| group.line("death")).collect()
    }

    fn spawn(&self, arguments: &[String]) -> Result<Group> {
        // A group of its own: its workers are not our children, and this is how to end them all.
        let mut command = Command::new(&self.program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0);
        let mut master = command.spawn().context(|| self.program.display())?;
        let output = master.stdout.take().context(|| "fork_loop has no output")?;
        Ok(Group { master, output: BufReader::new(output) })
    }
}

impl Side for ForkLoop {
    fn start(&self, workers: usize, stamps: Option<&Stamps>) -> Result<Herd> {
        let mut arguments = vec!["serve".to_owned(), workers.to_string()];
        arguments.extend(stamps.map(|stamps| stamps.path().to_string_lossy().into_owned()));
        let start = Instant::now();
        let mut group = self.spawn(&arguments)?;
        let own = group.line("ready")?;
        let launch = start.elapsed();
        let master = Process(group.master.id());
        Ok(Herd::new(master, launch, Some(own), End::Group { _group: group }))
    }

    fn name(&self) -> &'static str {
        "bare"
    }
}

/// The master and whoever it forked.
#[derive(Debug)]
pub(super) struct Group {
    master: Child,
    output: BufReader<ChildStdout>,
}

impl Group {
    /// The microseconds of the next line, which must be of this kind.
    fn line(&mut self, kind: &str) -> Result<Duration> {
        let deadline = Instant::now() + Duration::from_secs(60);
        if self.output.buffer().is_empty() && !wait::readable(self.output.get_ref(), deadline)? {
            return Err(Error::new("fork_loop is silent"));
        }
        let mut line = String::new();
        self.output.read_line(&mut line).context(|| "fork_loop")?;
        let number = line.strip_prefix(kind).and_then(|rest| rest.trim().parse().ok());
        number
            .map(Duration::from_micros)
            .context(|| format!("fork_loop said {line:?} where {kind:?} was due"))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The master is not reaped yet, so its number still means this group and no other.
        if let Some(group) = i32::try_from(self.master.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.master.wait();
    }
}
