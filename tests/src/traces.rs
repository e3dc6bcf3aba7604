//! What a sandbox's programs leave behind, seen from outside: processes by their working directory, files by name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use nix::sys::signal::Signal;

use crate::process::Process;
use crate::sandbox::{Output, Sandbox};
use crate::wait::{DEADLINE, until};

/// Runs any command to its end, which must come: one that runs on is ended, and the test with it.
#[track_caller]
pub fn finish(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let process = Process::find(child.id() as i32).unwrap();
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || done.send(child.wait_with_output()));
    let Ok(output) = ended.recv_timeout(2 * DEADLINE) else {
        process.signal(Signal::SIGKILL);
        panic!("{command:?} does not end");
    };
    output.unwrap().into()
}

/// The processes of this machine that are so; no zombies.
pub fn running(is_so: impl Fn(Process) -> bool) -> Vec<Process> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(Process::find).filter(|process| is_so(*process) && process.is_alive()).collect()
}

impl Sandbox {
    /// A sandbox whose `proc_name` nobody else has, so that [`processes`](Self::processes) finds its guards as well.
    pub fn named(test: &str, section: &str) -> Self {
        let sandbox = Self::new(test, "");
        sandbox.configure(&format!("proc_name = {}\n{section}", sandbox.name()));
        sandbox
    }

    /// The folder's own name.
    pub fn name(&self) -> &str {
        self.folder().file_name().unwrap().to_str().unwrap()
    }

    /// Every process of this sandbox: those that run in its folder, and a guard, which runs in none, by its title.
    pub fn processes(&self) -> Vec<Process> {
        let title = format!("[{}]", self.name());
        running(|process| process.runs_in(self.folder()) || process.title().ends_with(&title))
    }

    /// How many of them have this title. One that was forked is no other program before its exec.
    pub fn titled(&self, title: &str) -> usize {
        self.processes().iter().filter(|process| process.title() == title).count()
    }

    /// Nothing half-started, nothing left: no process, no pidfile, no socket. The lock's file is never unlinked.
    #[track_caller]
    pub fn nothing_runs(&self) {
        until("no process is left", || self.processes().is_empty());
        let left: Vec<String> = self
            .files()
            .into_iter()
            .filter(|name| {
                name.ends_with(".pid") || name.ends_with(".sock") || name.ends_with(".tmp")
            })
            .collect();
        assert_eq!(left, Vec::<String>::new(), "left behind");
    }

    /// The names of the folder's files, sorted.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder()).unwrap().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Adopts every process of the sandbox's folder, so that none survives the test.
    pub fn adopt_all(&self) {
        self.processes().into_iter().for_each(|process| self.adopt(process));
    }
}

impl Process {
    /// Whether this is its working directory.
    pub fn runs_in(self, folder: &Path) -> bool {
        fs::read_link(format!("/proc/{}/cwd", self.pid())).is_ok_and(|at| at == folder)
    }

    /// Sends a signal and waits until the process has taken it; what it does about it may come a moment later, but
    /// before its next answer.
    #[track_caller]
    pub fn takes(self, signal: Signal) {
        self.signal(signal);
        until(&format!("{signal} is taken"), || !self.is_pending(signal));
    }

    /// Whether a signal waits to be taken.
    pub fn is_pending(self, signal: Signal) -> bool {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
        let set = line.map_or(0, |hex| u64::from_str_radix(hex.trim(), 16).unwrap());
        set & (1 << (signal as u32 - 1)) != 0
    }

    /// Where a descriptor of it leads.
    pub fn descriptor(self, number: u32) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{}/fd/{number}", self.pid())).ok()
    }

    /// Whether it has this file open.
    pub fn holds(self, file: &Path) -> bool {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.pid())).into_iter().flatten();
        entries.flatten().any(|entry| fs::read_link(entry.path()).is_ok_and(|at| at == file))
    }
}
