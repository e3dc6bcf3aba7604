//! What the kernel tells of a process, for people: the master asks for none of it, since some of it waits for the
//! process's own memory lock.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::param::clock_ticks_per_second;

/// How long a process may keep us waiting for what it has in memory.
const PATIENCE: Duration = Duration::from_millis(500);

/// Processor time of a process so far, its own and the kernel's for it (`/proc/PID/stat`, proc(5)).
pub(crate) fn cpu_time(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    of_stat(&stat, clock_ticks_per_second())
}

fn of_stat(stat: &str, per_second: u64) -> Option<Duration> {
    // The name is in parentheses and may hold any others: what follows the last one is numbers.
    let fields = stat.get(stat.rfind(')')? + 1..)?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let ticks = ticks()? + ticks()?;
    Some(Duration::from_nanos(ticks.checked_mul(1_000_000_000)? / per_second.max(1)))
}

/// The proportional set size of each process, in bytes: its memory, where what is shared counts in shares
/// (`/proc/PID/smaps_rollup`). Those that don't answer in time are left out, as are those of other users.
pub(crate) fn proportional_sizes(pids: Vec<u32>) -> BTreeMap<u32, u64> {
    let (found, sizes) = mpsc::channel();
    // Left behind if it is stuck: it ends with the command.
    thread::spawn(move || {
        for pid in pids {
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"));
            let size = rollup.ok().and_then(|rollup| of_rollup(&rollup));
            if size.is_some_and(|size| found.send((pid, size)).is_err()) {
                return;
            }
        }
    });
    let end = Instant::now() + PATIENCE;
    let next = || sizes.recv_timeout(end.saturating_duration_since(Instant::now())).ok();
    std::iter::from_fn(next).collect()
}

fn of_rollup(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Whether somebody holds a `flock(2)` on this file, by `/proc/locks`: to try the lock would be in the way of whoever wants it at
/// that moment.
pub(crate) fn is_locked(path: &Path) -> bool {
    let (Ok(found), Ok(locks)) = (fs::metadata(path), fs::read_to_string("/proc/locks")) else {
        return false;
    };
    let (major, minor) = (rustix::fs::major(found.dev()), rustix::fs::minor(found.dev()));
    holds(&locks, &format!("{major:02x}:{minor:02x}:{}", found.ino()))
}

/// From proc_locks(5): `1: FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE START END`.
fn holds(locks: &str, file: &str) -> bool {
    locks.lines().any(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        matches!(words[..], [_, "FLOCK", _, "WRITE", _, of, ..] if of == file)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_blanks_is_no_obstacle() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 120 0 0 0 150 50 0 0 20 0 1 0 4242 0 0";
        assert_eq!(of_stat(stat, 100), Some(Duration::from_secs(2)));
        assert_eq!(of_stat("7 (cut", 100), None);
        assert_eq!(of_stat("7 (a) S 1", 100), None);
    }

    #[test]
    fn a_rollup_tells_the_share() {
        let rollup = "5600 - 7fff [rollup]\nRss:   2000 kB\nPss:     812 kB\nPss_Dirty: 9 kB\n";
        assert_eq!(of_rollup(rollup), Some(812 * 1024));
        assert_eq!(of_rollup(""), None);
    }

    #[test]
    fn this_process_has_both() {
        let own = std::process::id();
        assert!(cpu_time(own).is_some());
        assert!(proportional_sizes(vec![own])[&own] > 4096);
    }

    #[test]
    fn locks_are_known_by_their_files() {
        let locks = "1: POSIX  ADVISORY  WRITE 7 08:01:130 0 EOF\n\
                     2: FLOCK  ADVISORY  READ 8 08:01:131 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 9 08:01:131 0 EOF\n\
                     3: -> FLOCK  ADVISORY  WRITE 10 08:01:132 0 EOF\n";
        assert!(holds(locks, "08:01:131"));
        assert!(!holds(locks, "08:01:132"), "one that waits holds nothing");
        assert!(!holds(locks, "08:01:13") && !holds(locks, "08:01:130"));
    }
}
