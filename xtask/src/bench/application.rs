//! A program of ours, an application on the facade, run as a user runs it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Context, Error, Result};
use crate::leftovers::MARK;
use crate::process::Process;
use crate::step::Step;
use crate::wait;
use crate::workspace::Workspace;

/// How long a command of ours may take before the benchmark gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
pub(super) struct Application {
    program: PathBuf,
    scratch: PathBuf,
    mark: String,
    variables: Vec<(&'static str, String)>,
}

impl Application {
    /// Takes `program` (of another build, perhaps), or builds this tree's: `cargo build --release`
    /// with `target` makes `built`.
    pub(super) fn new(
        workspace: &Workspace,
        program: Option<PathBuf>,
        (target, built): (&str, &str),
        scratch: &Path,
    ) -> Result<Self> {
        let program = match program {
            Some(program) => program.canonicalize().context(|| program.display())?,
            None => {
                Step::cargo("build --release").words(target).run(&workspace.root)?;
                workspace.target.join("release").join(built)
            }
        };
        let mark = scratch.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { program, scratch: scratch.to_owned(), mark, variables: Vec::new() })
    }

    /// The same with a variable in its environment.
    pub(super) fn with(mut self, name: &'static str, value: String) -> Self {
        self.variables.push((name, value));
        self
    }

    /// Where the program lies: what runs from there and was not running before is the benchmark's.
    pub(super) fn directory(&self) -> &Path {
        self.program.parent().unwrap_or(&self.program)
    }

    /// Starts a master in the background, called `name` among the benchmark's files, with these
    /// lines of configuration besides its own.
    pub(super) fn start(&self, name: &str, settings: &str) -> Result<Daemon> {
        let base = self.scratch.join(name);
        let base = base.display();
        let text = format!(
            "[bench]\ndaemonize = true\npidfile = {base}.pid\nlog_file = {base}.log\n\
             control_socket = {base}.sock\ngraceful_timeout = 3\n{settings}"
        );
        let path = self.file(name, "ini");
        std::fs::write(&path, text).context(|| path.display())?;
        // Made first: what half a start leaves behind must end too.
        let mut daemon =
            Daemon { application: self.clone(), name: name.to_owned(), launch: Duration::ZERO };
        let start = Instant::now();
        self.run(name, &["start"])?;
        daemon.launch = start.elapsed();
        Ok(daemon)
    }

    /// Runs a command for the master called `name` to its end. What it says goes to files: a daemon
    /// that kept a pipe of ours open would otherwise look like a command that does not return.
    pub(super) fn run(&self, name: &str, arguments: &[&str]) -> Result<Output> {
        let said = |name: &str| self.scratch.join(name);
        let file =
            |name: &str| File::create(said(name)).context(|| said(name).display().to_string());
        let mut command = Command::new(&self.program);
        command
            .arg("-c")
            .arg(self.file(name, "ini"))
            .args(arguments)
            .env(MARK, &self.mark)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
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

    fn file(&self, name: &str, kind: &str) -> PathBuf {
        self.scratch.join(format!("{name}.{kind}"))
    }
}

/// A master in the background. It is nobody's child, so its pidfile tells who it is.
#[derive(Debug)]
pub(super) struct Daemon {
    application: Application,
    name: String,
    /// From before the `start` until that returned.
    pub(super) launch: Duration,
}

impl Daemon {
    pub(super) fn master(&self) -> Option<Process> {
        let text = std::fs::read_to_string(self.application.file(&self.name, "pid")).ok()?;
        text.trim().parse().ok().map(Process)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let Some(master) = self.master() else { return };
        let Ok(handle) = master.open() else { return };
        let gone =
            |patience| matches!(wait::readable(&handle, Instant::now() + patience), Ok(true));
        let stopped = self.application.run(&self.name, &["stop", "--quick"]);
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
        let _ = std::fs::remove_file(self.application.file(&self.name, "pid"));
    }
}
