//! A program as the first process of a pid namespace of its own, as in a container. It needs root, and `unshare` and
//! `nsenter` of util-linux.

use std::fs;
use std::process::Command;

use crate::process::Process;
use crate::sandbox::Sandbox;
use crate::wait::{until, until_some};

/// A pid namespace, as the link in `/proc` names it; nobody has to live in it any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace(String);

impl Namespace {
    /// That of a process.
    pub fn of(process: Process) -> Option<Self> {
        let link = fs::read_link(format!("/proc/{}/ns/pid", process.pid())).ok()?;
        Some(Self(link.to_string_lossy().into_owned()))
    }

    /// Everybody in it, those who are dead and not reaped as well.
    pub fn members(&self) -> Vec<Process> {
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let mut members: Vec<Process> = pids.filter_map(Process::find).collect();
        members.retain(|process| Self::of(*process).as_ref() == Some(self));
        members
    }

    /// The process that has this pid in there.
    pub fn find(&self, pid: i32) -> Option<Process> {
        self.members().into_iter().find(|process| inner(*process) == Some(pid))
    }
}

/// A process's pid as its own namespace counts.
fn inner(process: Process) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid())).ok()?;
    let pids = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    pids.split_ascii_whitespace().last()?.parse().ok()
}

impl Sandbox {
    /// Starts the program as PID 1; returns it, as it is seen from here. `first` is shell code that runs before, in the
    /// same process.
    pub fn contain(&mut self, first: &str, arguments: &[&str]) -> Process {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--mount-proc", "--kill-child", "--", "sh", "-c"]);
        // One that ends at once is seen before it begins.
        let seen = "until [ -e seen ]; do sleep 0.01; done";
        command.arg(format!("{seen}\n{first}\nexec \"$0\" \"$@\""));
        let _ = fs::remove_file(self.path("seen"));
        let init = self.contain_by(command, arguments);
        fs::write(self.path("seen"), "").unwrap();
        init
    }

    /// The same by another command, whose child is the first process; the program and its arguments come last.
    pub fn contain_by(&mut self, mut command: Command, arguments: &[&str]) -> Process {
        let program = self.command(arguments);
        command.arg(program.get_program()).args(arguments).current_dir(self.folder());
        command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        for (name, _) in program.get_envs().filter(|(_, value)| value.is_none()) {
            command.env_remove(name);
        }
        let outside = self.launch(&mut command);
        let init = until_some("the first process", || outside.children().first().copied());
        self.adopt(init);
        self.set_namespace(Namespace::of(init).unwrap());
        init
    }

    /// The same with `run`; waits until its workers are ready.
    #[track_caller]
    pub fn container(&mut self, first: &str) -> Process {
        let init = self.contain(first, &["run"]);
        until("the container serves", || {
            self.try_status().is_some_and(|status| status["state"] == "running")
        });
        init
    }

    /// A command for the inside of the container, in the sandbox's folder there.
    pub fn inside(&self, program: &str) -> Command {
        let init = self.namespace().find(1).unwrap();
        let mut command = Command::new("nsenter");
        command.args(["--target", &init.pid().to_string(), "--pid", "--mount"]);
        command.arg(format!("--wd={}", self.folder().display())).arg("--").arg(program);
        command
    }

    /// The container's processes but for its first: its workers, and whoever else there is.
    pub fn inhabitants(&self) -> Vec<Process> {
        let mut members = self.namespace().members();
        members.retain(|process| inner(*process) != Some(1));
        members
    }
}
