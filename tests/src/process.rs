//! A process, as anyone may look at it.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{PidfdFlags, pidfd_open};

use crate::wait::DEADLINE;

/// A process by pid and start time, so that a reused pid is not taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process {
    pid: i32,
    started: u64,
}

impl Process {
    /// The process that has this pid now.
    pub fn find(pid: i32) -> Option<Self> {
        let started = stat(pid)?.1;
        Some(Self { pid, started })
    }

    /// One that was found before, by somebody else.
    pub fn known(pid: i32, started: u64) -> Self {
        Self { pid, started }
    }

    /// This process.
    pub fn myself() -> Self {
        Self::find(std::process::id() as i32).expect("we are here")
    }

    /// When it began, in ticks since boot.
    pub fn started(self) -> u64 {
        self.started
    }

    /// Its pid.
    pub fn pid(self) -> i32 {
        self.pid
    }

    /// Whether it still runs; a zombie does not.
    pub fn is_alive(self) -> bool {
        stat(self.pid).is_some_and(|(state, started)| started == self.started && state != 'Z')
    }

    /// Whether it is dead and not reaped.
    pub fn is_zombie(self) -> bool {
        stat(self.pid).is_some_and(|(state, started)| started == self.started && state == 'Z')
    }

    /// Whether a signal has stopped it.
    pub fn is_stopped(self) -> bool {
        stat(self.pid).is_some_and(|(state, started)| started == self.started && state == 'T')
    }

    /// Whether it waits for something.
    pub fn is_asleep(self) -> bool {
        stat(self.pid).is_some_and(|(state, started)| started == self.started && state == 'S')
    }

    /// Waits for its end, which may have been, without a look at `/proc`: that would hold its memory for a moment.
    #[track_caller]
    pub fn ends(self) {
        let pid = rustix::process::Pid::from_raw(self.pid).unwrap();
        let Ok(end) = pidfd_open(pid, PidfdFlags::empty()) else { return };
        let most = DEADLINE.try_into().unwrap();
        let ended = poll(&mut [PollFd::new(&end, PollFlags::IN)], Some(&most)).unwrap();
        assert_eq!(ended, 1, "not within {DEADLINE:?}: process {} ends", self.pid);
    }

    /// How likely the kernel is to choose it when there is no memory left.
    pub fn oom_score(self) -> i32 {
        let text = fs::read_to_string(format!("/proc/{}/oom_score", self.pid)).unwrap();
        text.trim_end().parse().unwrap()
    }

    /// Sends a signal, if it is still there.
    pub fn signal(self, signal: Signal) {
        if self.is_alive() {
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
    }

    /// What `ps` shows.
    pub fn title(self) -> String {
        let bytes = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).trim_end_matches('\0').replace('\0', " ")
    }

    /// Its name, 15 bytes at most.
    pub fn comm(self) -> String {
        let text = fs::read_to_string(format!("/proc/{}/comm", self.pid)).unwrap_or_default();
        text.trim_end().to_owned()
    }

    /// A line of `/proc/PID/status`, as a number.
    pub fn status(self, field: &str) -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    }

    /// Its living children.
    pub fn children(self) -> Vec<Process> {
        let path = format!("/proc/{0}/task/{0}/children", self.pid);
        let text = fs::read_to_string(path).unwrap_or_default();
        text.split_ascii_whitespace().filter_map(|pid| Self::find(pid.parse().ok()?)).collect()
    }
}

/// State and start time of `/proc/PID/stat`.
fn stat(pid: i32) -> Option<(char, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}
