//! Children that the master did not make: what workers left behind, adopted by the subreaper.

use std::fs::File;
use std::io::{self, Read as _};

use nix::unistd::Pid;

use super::pidfd::{self, Used};
use crate::arbiter::ExitStatus;

/// Bytes of a list of children that are read at once: a thousand.
const LIST: usize = 8192;

/// A child of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child {
    /// Its pid.
    pub pid: Pid,
    /// Its process group.
    pub group: Pid,
    /// When it was started, in clock ticks since the machine's boot (proc(5), field 22 of `stat`).
    pub started: u64,
}

/// The children of this process that `wanted` picks by pid, living or not yet reaped.
///
/// They can't be reaped by anyone but us, so their pids stay valid until we do it.
pub fn children(wanted: impl Fn(Pid) -> bool) -> io::Result<Vec<Child>> {
    // The master has one thread, and its id is the process's.
    let own = std::process::id();
    // At each read the kernel goes through the list as far as the read before has come: there should be few.
    let mut list = String::with_capacity(LIST);
    File::open(format!("/proc/self/task/{own}/children"))?.read_to_string(&mut list)?;
    Ok(pids(&list).filter(|pid| wanted(*pid)).filter_map(|pid| look(pid.as_raw())).collect())
}

/// Reaps the dead ones that `wanted` picks, without a look at `/proc`, and tells how each ended; as far as the first that it
/// does not pick, whose own end is another's business.
pub fn reap_ended(wanted: impl Fn(Pid) -> bool) -> impl Iterator<Item = (Pid, ExitStatus, Used)> {
    std::iter::from_fn(move || {
        let pid = pidfd::ended_child().filter(|pid| wanted(*pid))?;
        let (status, used) = pidfd::reap_child(pid).ok()??;
        Some((pid, status, used))
    })
}

/// The children of another process, of all its threads, as they are just now.
pub fn children_of(parent: Pid) -> Vec<Pid> {
    let threads = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|it| std::fs::read_to_string(it.path().join("children")).ok());
    lists.flat_map(|list| pids(&list).collect::<Vec<_>>()).collect()
}

/// KILLs the groups that children of a process lead, if that is stopped; those of its workers, where it is PID 1 and nobody
/// else can. Not the caller's own.
pub fn end_groups_of_stopped(parent: Pid) {
    let stat = std::fs::read_to_string(format!("/proc/{parent}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    if !matches!(state, Some('T' | 't')) {
        return;
    }
    for pid in children_of(parent) {
        let leads = look(pid.as_raw()).is_some_and(|child| child.group == pid);
        if leads && pid != nix::unistd::getpid() {
            let _ = ph_signal::killpg(pid.as_raw(), ph_signal::Signal::KILL);
        }
    }
}

fn pids(list: &str) -> impl Iterator<Item = Pid> {
    list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw)
}

/// What `/proc/PID/stat` says of a process.
pub fn look(pid: i32) -> Option<Child> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(2);
    let group = Pid::from_raw(fields.next()?.parse().ok()?);
    let started = fields.nth(16)?.parse().ok()?;
    Some(Child { pid: Pid::from_raw(pid), group, started })
}
