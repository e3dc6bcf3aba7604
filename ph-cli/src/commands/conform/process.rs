//! What `/proc` tells of the processes of a trial.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;

use rustix::process::{Pid, Signal, kill_process};

/// A process, its parent and its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Relative {
    pub(super) pid: u32,
    pub(super) group: u32,
    /// When it was started, in the kernel's ticks: with the pid, it is nobody else.
    started: u64,
}

/// Those that a process has started, and those that they have.
pub(super) fn descendants(of: u32) -> BTreeSet<Relative> {
    let mut all = BTreeSet::new();
    let mut parents = vec![of];
    while let Some(parent) = parents.pop() {
        let path = format!("/proc/{parent}/task/{parent}/children");
        let text = fs::read_to_string(path).unwrap_or_default();
        let children = text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok());
        for child in children.filter_map(look) {
            if all.insert(child) {
                parents.push(child.pid);
            }
        }
    }
    all
}

fn look(pid: u32) -> Option<Relative> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split_ascii_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    let group = fields.nth(1)?.parse().ok()?;
    let started = fields.nth(16)?.parse().ok()?;
    Some(Relative { pid, group, started })
}

/// Whether it lives still.
pub(super) fn lives(one: &Relative) -> bool {
    look(one.pid).is_some_and(|now| now.started == one.started)
}

pub(super) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// How many connections wait to be accepted from the socket that listens there (`/proc/net/tcp`: the receive queue of one
/// that listens).
pub(super) fn waiting(at: SocketAddr) -> Option<u32> {
    const LISTENS: &str = "0A";
    let port = format!(":{:04X}", at.port());
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let mut rows = table.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let row = rows.find(|row| row.len() > 4 && row[1].ends_with(&port) && row[3] == LISTENS)?;
    u32::from_str_radix(row[4].split_once(':')?.1, 16).ok()
}
