//! Those that are asked: ours, and its rivals.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::bench::application::Application;
use crate::bench::end::End;
use crate::bench::group::Group;
use crate::bench::{nginx, port};
use crate::error::{Context, Error, Result};
use crate::process::Process;
use crate::wait;

/// How to make them.
#[derive(Debug)]
pub(super) struct Servers {
    pub(super) echo: Application,
    pub(super) rival: PathBuf,
    pub(super) scratch: PathBuf,
}

/// One that listens, until it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) port: u16,
    /// What to ask, where it is no echo.
    pub(super) words: Option<&'static str>,
    master: Process,
    expected: usize,
    _end: End,
}

impl Servers {
    /// The echo example.
    pub(super) fn ours(
        &self,
        class: &str,
        accept: &str,
        workers: usize,
        core: Option<usize>,
    ) -> Result<Server> {
        let port = port::free()?;
        let mut settings = format!(
            "bind = 127.0.0.1:{port}\nworker_class = {class}\naccept = {accept}\n\
             number_workers = {workers}\n"
        );
        if let Some(core) = core {
            settings += &format!("cpu_affinity = {core}\n");
        }
        let daemon = self.echo.start(&format!("{class}-{accept}-{workers}-{port}"), &settings)?;
        let master = daemon.master().context(|| "no pidfile after start")?;
        let end = End::Daemon(daemon);
        Ok(Server { port, words: None, master, expected: workers, _end: end })
    }

    /// `bench/echo_server.c`, with one of its strategies.
    pub(super) fn rival(
        &self,
        strategy: &str,
        workers: usize,
        core: Option<usize>,
    ) -> Result<Server> {
        let mut command = bound(&self.rival, core);
        command.args([strategy, &workers.to_string()]);
        let mut group = Group::spawn_session(&command)?;
        let port = group.number("port")?;
        let port = u16::try_from(port).context(|| "echo_server's port")?;
        let master = group.master();
        let end = End::Group(group);
        let server = Server { port, words: None, master, expected: workers, _end: end };
        // It tells of its port when it has forked them.
        wait::until("echo_server's workers wait", Duration::from_secs(10), || {
            server.workers().is_ok_and(|all| all.into_iter().all(Process::is_asleep))
        })?;
        Ok(server)
    }

    /// nginx, where it is installed.
    pub(super) fn nginx(&self, workers: usize, core: Option<usize>) -> Result<Option<Server>> {
        let port = port::free()?;
        let command = bound(Path::new("nginx"), core);
        let Some(group) = nginx::start(command, &self.scratch, port, workers)? else {
            return Ok(None);
        };
        let master = group.master();
        let end = End::Group(group);
        Ok(Some(Server { port, words: Some(nginx::ASK), master, expected: workers, _end: end }))
    }
}

impl Server {
    /// Its workers, and a check that they are as many as they should be.
    pub(super) fn workers(&self) -> Result<Vec<Process>> {
        let workers = self.master.children();
        if workers.len() == self.expected {
            return Ok(workers);
        }
        let (there, expected) = (workers.len(), self.expected);
        Err(Error::new(format!("{there} workers instead of {expected}")))
    }

    /// Nanoseconds that its workers spent on a CPU.
    pub(super) fn cpu_nanoseconds(&self) -> Result<u64> {
        self.workers()?.into_iter().map(Process::cpu_nanoseconds).sum()
    }
}

/// A command that stays on a core.
pub(super) fn bound(program: &Path, core: Option<usize>) -> Command {
    let Some(core) = core else { return Command::new(program) };
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}
