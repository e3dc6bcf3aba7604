//! A program that forks, in a process group of its own.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::error::{Context, Error, Result};
use crate::process::Process;
use crate::wait;

/// A master and whoever it forked. They are not our children, and this is how to end them all.
#[derive(Debug)]
pub(super) struct Group {
    name: String,
    master: Child,
    output: BufReader<ChildStdout>,
}

impl Group {
    pub(super) fn spawn(mut command: Command) -> Result<Self> {
        command.process_group(0);
        Self::adopt(command)
    }

    /// In a session of its own besides, as a daemon is: between sessions, the kernel's scheduler
    /// shares the processors evenly, whatever they consist of.
    pub(super) fn spawn_session(command: &Command) -> Result<Self> {
        let mut session = Command::new("setsid");
        session.arg(command.get_program()).args(command.get_args());
        Self::adopt(session)
    }

    fn adopt(mut command: Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut master = command.spawn().context(|| &name)?;
        let output = master.stdout.take().context(|| format!("{name} has no output"))?;
        Ok(Self { name, master, output: BufReader::new(output) })
    }

    pub(super) fn master(&self) -> Process {
        Process(self.master.id())
    }

    /// The number in the next line, which must be of this kind.
    pub(super) fn number(&mut self, kind: &str) -> Result<u64> {
        let deadline = Instant::now() + Duration::from_secs(60);
        if self.output.buffer().is_empty() && !wait::readable(self.output.get_ref(), deadline)? {
            return Err(Error::new(format!("{} is silent", self.name)));
        }
        let mut line = String::new();
        self.output.read_line(&mut line).context(|| &self.name)?;
        let number = line.strip_prefix(kind).and_then(|rest| rest.trim().parse().ok());
        number.context(|| format!("{} said {line:?} where {kind:?} was due", self.name))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The master is not reaped yet, so its number still means this group and no other.
        if let Some(group) = i32::try_from(self.master.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        // It may not have come to make its session.
        let _ = self.master.kill();
        let _ = self.master.wait();
    }
}
