//! A directory, a configuration and a master of a test's own; all of it gone when the test ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::container::Namespace;
use crate::process::Process;
use crate::wait::{until, until_some};

/// What a finished command left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Exit code; `None` for a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl From<std::process::Output> for Output {
    fn from(output: std::process::Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Everything that one test owns.
pub struct Sandbox {
    folder: PathBuf,
    program: PathBuf,
    foreground: Option<Child>,
    /// In which the master's pids are meant, if it is not the test's own.
    namespace: Option<Namespace>,
    /// Processes to end when the test is over, whatever became of it.
    seen: std::cell::RefCell<Vec<Process>>,
}

/// The folder in which this build's programs lie.
pub fn programs() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own.parent().unwrap();
    // A program lies there itself, a test in target/debug/deps.
    if folder.ends_with("deps") { folder.parent().unwrap().to_owned() } else { folder.to_owned() }
}

impl Sandbox {
    /// A sandbox for the fixture program with this section body; `[fixture]` and the files' keys are added.
    pub fn new(test: &str, section: &str) -> Self {
        Self::for_program("ph-fixture", test, section)
    }

    /// A copy of the fixture program in the sandbox. By another process: a file that this one has open for writing can't be
    /// executed, and a command that another test starts just then holds a copy of the descriptor.
    pub fn copy_program(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        let mut install = Command::new("install");
        install.args(["-m", "755"]).arg(programs().join("ph-fixture")).arg(&path);
        assert!(install.status().unwrap().success());
        path
    }

    /// A sandbox for another program of this build: `examples/jobexecute`, `ph`.
    pub fn for_program(program: &str, test: &str, section: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ph-e2e-{}-{count}-{test}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        // Of a process that had this number before, and was killed.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let sandbox = Self {
            folder,
            program: programs().join(program),
            foreground: None,
            namespace: None,
            seen: std::cell::RefCell::default(),
        };
        sandbox.configure(section);
        sandbox
    }

    /// Another program than before, from wherever.
    pub fn use_program(&mut self, program: PathBuf) {
        self.program = program;
    }

    /// Writes the configuration anew. Keys of the test come last, so that duplicates are the test's own doing.
    pub fn configure(&self, section: &str) {
        let defaults = [
            ("daemonize", "true"),
            ("pidfile", "app.pid"),
            ("log_file", "app.log"),
            ("graceful_timeout", "5"),
            ("app.journal", "%(here)s/journal"),
        ];
        let mut text = format!("[DEFAULT]\nhere = {}\n\n[fixture]\n", self.folder.display());
        for (key, value) in defaults {
            let given = section
                .lines()
                .any(|line| line.split(['=', ':']).next().is_some_and(|name| name.trim() == key));
            if !given {
                text.push_str(&format!("{key} = {value}\n"));
            }
        }
        text.push_str(section);
        text.push('\n');
        fs::write(self.path("config.ini"), text).unwrap();
    }

    /// A file of this sandbox.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The sandbox's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file's text; empty when there is none.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// The command of the program with these arguments, in the sandbox's folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PH_")) {
            command.env_remove(name);
        }
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        if arguments.contains(&"start") || arguments.contains(&"restart") {
            self.remember();
        }
        output.into()
    }

    /// Runs a command that must succeed; returns its standard output.
    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(
            output.code,
            Some(0),
            "{arguments:?}: {output:?}\nlog:\n{}",
            self.read("app.log")
        );
        output.out
    }

    /// Runs the program in the foreground, and waits until its workers are ready.
    pub fn foreground(&mut self) -> Process {
        let child = self.spawn(&["run"]);
        until("the foreground master runs", || {
            self.try_status().is_some_and(|status| status["state"] == "running")
        });
        self.remember();
        child
    }

    /// Starts a command and leaves it running until the sandbox goes.
    pub fn spawn(&mut self, arguments: &[&str]) -> Process {
        self.launch(&mut self.command(arguments))
    }

    /// Starts any command and leaves it running until the sandbox goes.
    pub fn launch(&mut self, command: &mut Command) -> Process {
        let output = fs::File::create(self.path("terminal")).unwrap();
        let errors = output.try_clone().unwrap();
        let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn().unwrap();
        let process = Process::find(child.id() as i32).unwrap();
        self.seen.borrow_mut().push(process);
        self.foreground = Some(child);
        process
    }

    /// Waits for the end of what [`spawn`](Self::spawn) started; its exit code, `None` for a signal.
    pub fn wait(&mut self) -> Option<i32> {
        let mut child = self.foreground.take().unwrap();
        let status = until_some("the foreground program ends", || child.try_wait().unwrap());
        status.code()
    }

    /// `status --json`, which must succeed.
    #[track_caller]
    pub fn status(&self) -> Value {
        serde_json::from_str(&self.ok(&["status", "--json"])).unwrap()
    }

    /// `status --json`, if a master runs.
    pub fn try_status(&self) -> Option<Value> {
        let output = self.run(&["status", "--json"]);
        if output.code == Some(0) { serde_json::from_str(&output.out).ok() } else { None }
    }

    /// The certificate of the last death in a slot, which must have had one.
    #[track_caller]
    pub fn why(&self, slot: u64) -> Value {
        serde_json::from_str(&self.ok(&["why", &slot.to_string(), "--json"])).unwrap()
    }

    /// The same, if the master has heard of a death there.
    pub fn try_why(&self, slot: u64) -> Option<Value> {
        let output = self.run(&["why", &slot.to_string(), "--json"]);
        if output.code == Some(0) { serde_json::from_str(&output.out).ok() } else { None }
    }

    /// The certificate of this very process, once the master has heard of its death.
    #[track_caller]
    pub fn certificate(&self, slot: u64, worker: Process) -> Value {
        until_some("it has a certificate", || {
            let last = self.try_why(slot)?;
            let previous = last["previous"].as_array().cloned().unwrap_or_default();
            let mut all = std::iter::once(last).chain(previous);
            all.find(|one| one["pid"] == worker.pid())
        })
    }

    /// The process that the master, or who it started, knows by this pid.
    pub fn find(&self, pid: i64) -> Option<Process> {
        match &self.namespace {
            Some(namespace) => namespace.find(pid as i32),
            None => Process::find(pid as i32),
        }
    }

    /// The namespace of the container that the master is in.
    pub fn namespace(&self) -> &Namespace {
        self.namespace.as_ref().unwrap()
    }

    /// From here on the master's pids are meant in this namespace.
    pub fn set_namespace(&mut self, namespace: Namespace) {
        self.namespace = Some(namespace);
    }

    /// The master that `status` names.
    #[track_caller]
    pub fn master(&self) -> Process {
        self.find(self.status()["pid"].as_i64().unwrap()).unwrap()
    }

    /// The workers' processes in this state, by slot.
    pub fn workers(&self, state: &str) -> Vec<(u64, Process)> {
        self.workers_of(&self.status(), state)
    }

    /// The living workers in this state, by slot, as one status tells them.
    fn workers_of(&self, status: &Value, state: &str) -> Vec<(u64, Process)> {
        let rows = status["workers"].as_array().into_iter().flatten();
        let rows = rows.filter(|row| row["state"] == state);
        rows.filter_map(|row| Some((row["id"].as_u64()?, self.find(row["pid"].as_i64()?)?)))
            .collect()
    }

    /// Waits until exactly `count` workers are ready and nothing else is there; returns them.
    #[track_caller]
    pub fn settled(&self, count: usize) -> Vec<(u64, Process)> {
        let settled = until_some(&format!("{count} workers ready and nobody else"), || {
            // One look for both: between two, a worker may end.
            let status = self.try_status()?;
            let ready = self.workers_of(&status, "ready");
            (ready.len() == count && status["workers"].as_array()?.len() == count).then_some(ready)
        });
        self.remember();
        settled
    }

    /// A file's whole lines: the last may be being written.
    pub fn lines(&self, name: &str) -> String {
        let mut text = self.read(name);
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        text
    }

    /// Lines of the journal whose first word is `what`, as words.
    pub fn journal(&self, what: &str) -> Vec<Vec<String>> {
        let text = self.lines("journal");
        let lines = text.lines().map(|line| line.split(' ').map(str::to_owned).collect());
        lines.filter(|words: &Vec<String>| words[0] == what).collect()
    }

    /// Waits until the master has replaced a worker that ended: `count` are ready, and it is none of them. It may know of
    /// the end a moment later than who looks at the process.
    #[track_caller]
    pub fn replaced(&self, gone: Process, count: usize) -> Vec<(u64, Process)> {
        until_some("it is replaced", || {
            let workers = self.settled(count);
            (!workers.iter().any(|(_, worker)| *worker == gone)).then_some(workers)
        })
    }

    /// Takes note of every process that is there now, to end it when the test is over.
    pub fn remember(&self) {
        let Some(status) = self.try_status() else { return };
        let pids = ["pid", "guard_pid", "zygote_pid"].into_iter().map(|key| status[key].as_i64());
        let workers = status["workers"].as_array().cloned().unwrap_or_default();
        let elector = std::iter::once(status["leadership"]["elector_pid"].as_i64());
        let pids =
            pids.chain(elector).chain(workers.iter().map(|row| row["pid"].as_i64())).flatten();
        self.seen.borrow_mut().extend(pids.filter_map(|pid| self.find(pid)));
    }

    /// Ends a process when the test is over.
    pub fn adopt(&self, process: Process) {
        self.seen.borrow_mut().push(process);
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.remember();
        for words in self.journal("child").into_iter().chain(self.journal("new")) {
            self.seen.borrow_mut().extend(words[1].parse().ok().and_then(|pid| self.find(pid)));
        }
        if std::thread::panicking() {
            eprintln!("--- log\n{}--- terminal\n{}", self.read("app.log"), self.read("terminal"));
        }
        for process in self.seen.borrow().iter() {
            process.signal(Signal::SIGCONT);
            process.signal(Signal::SIGKILL);
        }
        if let Some(mut child) = self.foreground.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}
