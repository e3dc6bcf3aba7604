//! Those that are compared, and how each is started with the same application.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::herd::Herd;
use crate::bench::application::Application;
use crate::bench::end::End;
use crate::bench::environment::{Environment, Package};
use crate::bench::group::Group;
use crate::bench::port;
use crate::bench::stamps::{self, Stamps};
use crate::error::{Context, Result};
use crate::process::Process;
use crate::workspace::Workspace;

const ENVIRONMENT: &str = "bench-python";
const PACKAGES: [Package; 2] = [("gunicorn", "gunicorn"), ("supervisor", "supervisord")];

/// What is run by all of them, and by nobody.
const SOURCES: [(&str, &str); 3] = [
    ("python_application.py", include_str!("../../../bench/python_application.py")),
    ("python_server.py", include_str!("../../../bench/python_server.py")),
    ("python_program.py", include_str!("../../../bench/python_program.py")),
];

/// How to start them, by one interpreter.
#[derive(Debug)]
pub(super) struct Sides {
    ph: Application,
    environment: Environment,
    scratch: PathBuf,
    started: AtomicUsize,
}

impl Sides {
    pub(super) fn new(workspace: &Workspace, ph: Application, scratch: &Path) -> Result<Self> {
        let environment = Environment::install(workspace, ENVIRONMENT, &PACKAGES)?;
        for (name, text) in SOURCES {
            let path = scratch.join(name);
            std::fs::write(&path, text).context(|| path.display())?;
        }
        // Where each looks for modules first.
        let package = scratch.join("processhandler");
        std::os::unix::fs::symlink(workspace.root.join("python/processhandler"), &package)
            .context(|| package.display())?;
        let scratch = scratch.to_owned();
        Ok(Self { ph, environment, scratch, started: AtomicUsize::new(0) })
    }

    /// What they say of themselves.
    pub(super) fn versions(&self) -> [String; 2] {
        let of = |program| self.environment.version(program).unwrap_or_default();
        let supervisor = format!("supervisor {}", of("supervisord"));
        [of("python"), format!("{}, {supervisor}", of("gunicorn"))]
    }

    /// Ours, with workers of the class.
    pub(super) fn ours(&self, workers: usize, preload: bool) -> Result<Herd> {
        let (name, stamps) = self.next("ours")?;
        let settings = format!(
            "bind = 127.0.0.1:{}\nnumber_workers = {workers}\npython_class = python_server:Server\n\
             python = {}\npreload = {preload}\nenvironment = BENCH_STAMPS={}\n",
            port::free()?,
            self.interpreter().display(),
            stamps.path().display(),
        );
        let daemon = self.ph.start(&name, &settings)?;
        let master = daemon.master().context(|| "no pidfile after start")?;
        let status = self.ph.run(&name, &["status", "--json"])?;
        let status: serde_json::Value =
            serde_json::from_slice(&status.stdout).context(|| "status --json")?;
        let rows = status["workers"].as_array().into_iter().flatten();
        let pids = rows.filter_map(|row| row["pid"].as_u64().and_then(|pid| pid.try_into().ok()));
        let pids = pids.map(Process).collect();
        Herd::of_ready(master, pids, daemon.launch, stamps, End::Daemon(daemon))
    }

    /// gunicorn, with workers of the class that is most like it.
    pub(super) fn gunicorn(&self, workers: usize, preload: bool) -> Result<Herd> {
        let (name, stamps) = self.next("gunicorn")?;
        let here = self.scratch.display();
        let preload = if preload { "True" } else { "False" };
        let text = format!(
            "bind = '127.0.0.1:{}'\nworkers = {workers}\npreload_app = {preload}\nchdir = '{here}'\n\
             raw_env = ['BENCH_STAMPS={}']\nerrorlog = '{here}/{name}.log'\nloglevel = 'warning'\n\
             control_socket_disable = True\n\n\
             def post_worker_init(worker):\n    \
             import python_application\n    python_application.ready()\n",
            port::free()?,
            stamps.path().display(),
        );
        let file = self.write(&format!("{name}.conf.py"), &text)?;
        let mut command = Command::new(self.environment.program("gunicorn"));
        command.arg("--config").arg(file).arg("python_application:answer");
        self.spawn(&command, workers, stamps)
    }

    /// supervisor, with programs that import the application.
    pub(super) fn supervisor(&self, workers: usize) -> Result<Herd> {
        let (name, stamps) = self.next("supervisor")?;
        let here = self.scratch.display();
        let text = format!(
            "[supervisord]\nnodaemon = true\nlogfile = {here}/{name}.log\npidfile = {here}/{name}.pid\n\n\
             [program:worker]\ncommand = {} python_program.py\ndirectory = {here}\n\
             environment = BENCH_STAMPS=\"{}\"\nnumprocs = {workers}\nautorestart = true\n\
             process_name = %(process_num)02d\nstdout_logfile = NONE\nredirect_stderr = true\n",
            self.interpreter().display(),
            stamps.path().display(),
        );
        let file = self.write(&format!("{name}.conf"), &text)?;
        let mut command = Command::new(self.environment.program("supervisord"));
        command.arg("--configuration").arg(file);
        self.spawn(&command, workers, stamps)
    }

    /// Seconds from the spawn of the interpreter until it has imported what a worker of ours imports.
    pub(super) fn bare_start(&self) -> Result<f64> {
        let (_, mut stamps) = self.next("bare")?;
        let mut command = Command::new(self.interpreter());
        command.args([
            "-c",
            "import processhandler.boot, python_server as it; it.python_application.ready()",
        ]);
        command.current_dir(&self.scratch).env("BENCH_STAMPS", stamps.path());
        let spawned = stamps::now();
        let mut child = command.stdin(Stdio::null()).spawn().context(|| "cannot run python")?;
        let ready = stamps.next(std::time::Duration::from_secs(60));
        let _ = child.wait();
        Ok((ready? - spawned) as f64 / 1e9)
    }

    fn spawn(&self, command: &Command, workers: usize, stamps: Stamps) -> Result<Herd> {
        let started = stamps::now();
        let group = Group::spawn_session(command)?;
        Herd::that_tells(group.master(), workers, started, stamps, End::Group(group))
    }

    fn interpreter(&self) -> PathBuf {
        self.environment.program("python")
    }

    /// Its files' name, and where its workers write that they are ready.
    fn next(&self, side: &str) -> Result<(String, Stamps)> {
        let name = format!("{side}-{}", self.started.fetch_add(1, Ordering::Relaxed));
        let stamps = Stamps::create(self.scratch.join(format!("{name}.stamps")))?;
        Ok((name, stamps))
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.scratch.join(name);
        std::fs::write(&path, text).context(|| path.display())?;
        Ok(path)
    }
}
