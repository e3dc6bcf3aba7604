//! Processes as `/proc` tells of them.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::str::FromStr;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::error::{Context, Result};

/// One process at the moment of looking; by the next it may be gone, so every question may go
/// unanswered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process(pub(crate) u32);

/// Every process that this one may see.
pub(crate) fn all() -> impl Iterator<Item = Process> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Process))
}

impl Process {
    pub(crate) fn myself() -> Self {
        Self(std::process::id())
    }

    /// Its program, also where that was deleted or built anew since. None for a zombie or a kernel
    /// thread.
    pub(crate) fn program(self) -> Option<PathBuf> {
        let link = std::fs::read_link(self.path("exe")).ok()?;
        match link.to_str().and_then(|path| path.strip_suffix(" (deleted)")) {
            Some(path) => Some(PathBuf::from(path)),
            None => Some(link),
        }
    }

    /// Its command line, or title, readable.
    pub(crate) fn title(self) -> String {
        let words = std::fs::read(self.path("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).replace('\0', " ").trim_end().to_owned()
    }

    pub(crate) fn environment(self) -> Vec<u8> {
        std::fs::read(self.path("environ")).unwrap_or_default()
    }

    pub(crate) fn parent(self) -> Option<Process> {
        self.stat(1)?.parse().ok().map(Process)
    }

    /// When it began, in ticks since boot: with its number this names it for good.
    pub(crate) fn began(self) -> Option<u64> {
        self.stat(19)?.parse().ok()
    }

    /// Whether it waits for something, neither running nor ready to.
    pub(crate) fn is_asleep(self) -> bool {
        self.stat(0).is_some_and(|state| state == "S")
    }

    /// A field of `stat`, counted from the one after the name, which may hold blanks and
    /// parentheses itself.
    fn stat(self, field: usize) -> Option<String> {
        let stat = std::fs::read_to_string(self.path("stat")).ok()?;
        let (_, after) = stat.rsplit_once(')')?;
        after.split_whitespace().nth(field).map(str::to_owned)
    }

    /// Its direct children, lowest pid first.
    pub(crate) fn children(self) -> Vec<Process> {
        let mut children: Vec<Process> =
            all().filter(|process| process.parent() == Some(self)).collect();
        children.sort();
        children
    }

    /// Nanoseconds that its threads have been on a CPU, user and kernel together.
    pub(crate) fn cpu_nanoseconds(self) -> Result<u64> {
        let path = self.path("task");
        let mut sum: u64 = 0;
        for thread in std::fs::read_dir(&path).context(|| path.display())?.flatten() {
            let path = thread.path().join("schedstat");
            let text = std::fs::read_to_string(&path).context(|| path.display())?;
            let first: Option<u64> =
                text.split_whitespace().next().and_then(|word| word.parse().ok());
            sum += first.context(|| format!("{} has no first number", path.display()))?;
        }
        Ok(sum)
    }

    /// Whether a debugger looks at all its threads.
    pub(crate) fn is_traced(self) -> bool {
        let traced = |thread: std::fs::DirEntry| {
            let status = std::fs::read_to_string(thread.path().join("status")).unwrap_or_default();
            status.lines().any(|line| {
                line.strip_prefix("TracerPid:").is_some_and(|tracer| tracer.trim() != "0")
            })
        };
        let threads = std::fs::read_dir(self.path("task"));
        threads.is_ok_and(|mut threads| threads.all(|thread| thread.is_ok_and(&traced)))
    }

    /// How often it gave up the CPU of its own accord: each time it went to sleep.
    pub(crate) fn voluntary_switches(self) -> Result<u64> {
        self.field("status", "voluntary_ctxt_switches:")
    }

    /// Memory counted by halves where two share it, in bytes.
    pub(crate) fn proportional_set_size(self) -> Result<u64> {
        self.field::<u64>("smaps_rollup", "Pss:").map(|kib| kib * 1024)
    }

    /// Holds on to it: should it end and its number be taken, the stranger is safe.
    pub(crate) fn open(self) -> Result<Handle> {
        let pid = i32::try_from(self.0)
            .ok()
            .and_then(Pid::from_raw)
            .context(|| format!("no pid: {}", self.0))?;
        let pidfd =
            pidfd_open(pid, PidfdFlags::empty()).context(|| format!("process {}", self.0))?;
        Ok(Handle(pidfd))
    }

    fn path(self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.0))
    }

    fn field<T: FromStr>(self, file: &str, name: &str) -> Result<T> {
        let path = self.path(file);
        let text = std::fs::read_to_string(&path).context(|| path.display())?;
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
        value.context(|| format!("{} has no {name}", path.display()))
    }
}

/// A process that was there when this was opened, and no other.
#[derive(Debug)]
pub(crate) struct Handle(OwnedFd);

/// Readable once the process has ended.
impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Handle {
    pub(crate) fn kill(&self) -> Result {
        self.send(Signal::KILL)
    }

    /// Asks a daemon to reload.
    pub(crate) fn hang_up(&self) -> Result {
        self.send(Signal::HUP)
    }

    fn send(&self, signal: Signal) -> Result {
        pidfd_send_signal(&self.0, signal).context(|| format!("cannot send {signal:?}"))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::Process;

    #[test]
    fn we_are_one() {
        let me = Process::myself();
        assert_eq!(me.program(), std::env::current_exe().ok());
        assert!(!me.title().is_empty() && !me.environment().is_empty());
        assert!(me.cpu_nanoseconds().unwrap() > 0);
        assert!(me.proportional_set_size().unwrap() > 0);
        assert!(me.parent().is_some());
    }

    #[test]
    fn a_child_is_found_and_killed() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process(child.id());
        assert!(Process::myself().children().contains(&process));
        assert!(process.began().is_some_and(|began| Some(began) >= Process::myself().began()));
        assert!(process.voluntary_switches().is_ok());
        process.open().unwrap().kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None);
        assert!(process.began().is_none());
    }
}
