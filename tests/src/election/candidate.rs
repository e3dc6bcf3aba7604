//! One of the masters, in a sandbox of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use super::etcd::Cluster;
use crate::process::Process;
use crate::sandbox::Sandbox;

/// How long its lease lasts, in seconds: the shortest that there is.
pub const TTL: u64 = 2;

/// A master that campaigns, whose workers write down that they work (`ph-stamper`).
pub struct Candidate {
    /// Its sandbox, in which `app.log` is its log.
    pub sandbox: Sandbox,
    master: Option<Process>,
}

impl Candidate {
    /// The master of this number; its workers write to `log`. It is not running yet. A `warm` one has workers as a standby, too.
    #[track_caller]
    pub fn new(number: usize, log: &Path, warm: bool) -> Self {
        let sandbox = Sandbox::for_program("ph-stamper", &format!("m{}", number + 1), "");
        let section = format!(
            "proc_name = {}\nnumber_workers = 2\ngraceful_timeout = 250ms\nleader = etcd\nleader_key = app\n\
             leader_ttl = {TTL}\nleader_endpoints = {}\nstandby_warm = {warm}\napp.records = {}\n",
            sandbox.name(),
            Cluster::endpoints(number),
            log.display(),
        );
        sandbox.configure(&section);
        Self { sandbox, master: None }
    }

    /// What its records say.
    #[must_use]
    pub fn name(&self) -> &str {
        self.sandbox.name()
    }

    /// Starts it, unless it runs. It ends with us, however we end.
    pub fn launch(&mut self) {
        if self.is_running() {
            return;
        }
        if self.master.take().is_some() {
            self.sandbox.wait();
        }
        // What the former one had at hand was not what this one finds.
        let _ = fs::rename(self.sandbox.path("terminal"), self.sandbox.path("terminal.former"));
        let program = self.sandbox.command(&["run"]);
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(program.get_program()).args(program.get_args());
        command.current_dir(self.sandbox.folder());
        for (name, _) in program.get_envs() {
            command.env_remove(name);
        }
        self.sandbox.clock(&mut command);
        self.master = Some(self.sandbox.launch(&mut command));
    }

    /// The master's process, if it runs, stopped or not.
    #[must_use]
    pub fn master(&self) -> Option<Process> {
        self.master.filter(|master| master.is_alive())
    }

    /// Whether it runs, stopped or not.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.master().is_some()
    }

    /// Sends the master a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(master) = self.master() {
            master.signal(signal);
        }
    }

    /// KILLs the master, and waits until it is gone.
    #[track_caller]
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        if self.master.take().is_some() {
            self.sandbox.wait();
        }
    }

    /// The process that campaigns for it.
    #[must_use]
    pub fn elector(&self) -> Option<Process> {
        let children = self.master()?.children();
        children.into_iter().find(|child| child.title().starts_with("ph: elector "))
    }

    /// `leader` or `standby`, as its status says; nothing if it doesn't answer.
    #[must_use]
    pub fn role(&self) -> Option<String> {
        if !self.is_running() {
            return None;
        }
        Some(self.sandbox.try_status()?["role"].as_str()?.to_owned())
    }

    /// The end of its log.
    #[must_use]
    pub fn last_words(&self, lines: usize) -> String {
        let log = self.sandbox.read("app.log") + &self.sandbox.read("terminal");
        let all: Vec<&str> = log.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}
