//! Our side: the suite's fixture program, an application on the facade whose workers do nothing.

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::herd::{End, Herd, Side};
use super::scratch::Scratch;
use super::stamps::Stamps;
use crate::error::{Context, Error, Result};
use crate::leftovers::MARK;
use crate::process::Process;
use crate::step::Step;
use crate::wait;
use crate::workspace::Workspace;

/// How long a command of ours may take before the benchmark gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
pub(super) struct Fixture {
    program: PathBuf,
    scratch: PathBuf,
    mark: String,
}

impl Fixture {
    /// Takes `program` (of another build, perhaps), or builds this tree's.
    pub(super) fn new(
        workspace: &Workspace,
        program: Option<PathBuf>,
        scratch: &Scratch,
    ) -> Result<Self> {
        let program = match program {
            Some(program) => program.canonicalize().context(|| program.display())?,
            None => {
                let build = Step::cargo("build --release --package ph-tests --bin ph-fixture");
                build.run(&workspace.root)?;
                workspace.target.join("release/ph-fixture")
            }
        };
        Ok(Self { program, scratch: scratch.path().to_owned(), mark: scratch.name() })
    }

    /// Where the program lies: what runs from there and was not running before is the benchmark's.
    pub(super) fn directory(&self) -> &Path {
        self.program.parent().unwrap_or(&self.program)
    }

    /// Time of `status --json`, from outside: a process, a connection, an answer, an exit.
    pub(super) fn status(&self, workers: usize) -> Result<Duration> {
        let start = Instant::now();
        let output = self.run(&self.config(workers), &["status", "--json"])?;
        let took = start.elapsed();
        let status: serde_json::Value =
            serde_json::from_slice(&output.stdout).context(|| "status --json")?;
        let told = status["workers"].as_array().map_or(0, Vec::len);
        if told != workers {
            return Err(Error::new(format!("status tells of {told} workers instead of {workers}")));
        }
        Ok(took)
    }

    fn config(&self, workers: usize) -> PathBuf {
        self.scratch.join(format!("{workers}.ini"))
    }

    fn pidfile(&self, workers: usize) -> PathBuf {
        self.scratch.join(format!("{workers}.pid"))
    }

    fn write_config(&self, workers: usize, stamps: Option<&Stamps>) -> Result {
        let base = self.scratch.join(workers.to_string());
        let base = base.display();
        let mut text = format!(
            "[bench]\nnumber_workers = {workers}\ndaemonize = true\npidfile = {base}.pid\nlog_file = {base}.log\n\
             control_socket = {base}.sock\ngraceful_timeout = 3\napp.job = idle\n"
        );
        if let Some(stamps) = stamps {
            let _ = writeln!(text, "app.ready_fifo = {}", stamps.path().display());
        }
        let path = self.config(workers);
        std::fs::write(&path, text).context(|| path.display())
    }

    /// Runs one of the fixture's commands to its end. What it says goes to files: a daemon that
    /// kept a pipe of ours open would otherwise look like a command that does not return.
    fn run(&self, config: &Path, arguments: &[&str]) -> Result<Output> {
        let said = |name: &str| self.scratch.join(name);
        let file =
            |name: &str| File::create(said(name)).context(|| said(name).display().to_string());
        let mut command = Command::new(&self.program);
        command
            .arg("-c")
            .arg(config)
            .args(arguments)
            .env(MARK, &self.mark)
            .current_dir(&self.scratch);
        command.stdin(Stdio::null()).stdout(file("stdout")?).stderr(file("stderr")?);
        let mut child = command.spawn().context(|| self.program.display())?;
        let handle = Process(child.id()).open();
        let ended = handle.and_then(|handle| wait::readable(&handle, Instant::now() + PATIENCE));
        if !matches!(ended, Ok(true)) {
            let _ = child.kill();
        }
        let status = child.wait().context(|| "wait")?;
        ended?;
        let read = |name: &str| std::fs::read(said(name)).unwrap_or_default();
        let output = Output { status, stdout: read("stdout"), stderr: read("stderr") };
        if output.status.success() {
            return Ok(output);
        }
        let reason = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
        Err(Error::new(format!(
            "{} {}: {status}: {reason}",
            self.program.display(),
            arguments.join(" ")
        )))
    }
}

impl Side for Fixture {
    fn start(&self, workers: usize, stamps: Option<&Stamps>) -> Result<Herd> {
        self.write_config(workers, stamps)?;
        let config = self.config(workers);
        // Made first: what half a start leaves behind must end too.
        let pidfile = self.pidfile(workers);
        let daemon = Daemon { fixture: self.clone(), config: config.clone(), pidfile };
        let start = Instant::now();
        self.run(&config, &["start"])?;
        let launch = start.elapsed();
        let master = daemon.master().context(|| "no pidfile after start")?;
        Ok(Herd::new(master, launch, None, End::Daemon { _daemon: daemon }))
    }

    fn name(&self) -> &'static str {
        "ours"
    }
}

/// A master in the background. It is nobody's child, so its pidfile tells who it is.
#[derive(Debug)]
pub(super) struct Daemon {
    fixture: Fixture,
    config: PathBuf,
    pidfile: PathBuf,
}

impl Daemon {
    fn master(&self) -> Option<Process> {
        let text = std::fs::read_to_string(&self.pidfile).ok()?;
        text.trim().parse().ok().map(Process)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let Some(master) = self.master() else { return };
        let Ok(handle) = master.open() else { return };
        let gone =
            |patience| matches!(wait::readable(&handle, Instant::now() + patience), Ok(true));
        let stopped = self.fixture.run(&self.config, &["stop", "--quick"]);
        if let Err(error) = &stopped {
            eprintln!("xtask: {error}");
        }
        // An interrupt ends the wait early, and then there is no time for manners.
        if !gone(Duration::from_secs(5)) {
            let workers = master.children();
            let _ = handle.kill();
            for worker in workers {
                let _ = worker.open().and_then(|worker| worker.kill());
            }
        }
        let _ = std::fs::remove_file(&self.pidfile);
    }
}
