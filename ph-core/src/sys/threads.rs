//! What the threads of another process are doing, as far as the kernel tells without waiting for any of them.

use std::fs;
use std::path::Path;

use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::procfs;

/// Frames of a kernel stack that are kept.
const FRAMES: usize = 12;

/// One thread, at one moment (`/proc/PID/task/TID`, proc(5)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// Its number.
    pub tid: i32,
    /// Its name, as far as 15 bytes go.
    pub name: String,
    /// `R` runs or could, `S` waits, `D` waits and can't be interrupted, `T` or `t` is stopped, `Z` has ended.
    pub state: char,
    /// The function of the kernel's that it waits in.
    pub wchan: Option<String>,
    /// The kernel's functions that it is in, the innermost first; only root may read them.
    pub stack: Vec<String>,
}

/// The threads of a process, so many at most, the first one first. None where `/proc` tells of others by that number.
pub fn of(pid: Pid, most: usize) -> Vec<Thread> {
    if !procfs::is_own() {
        return Vec::new();
    }
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let tasks = tasks.filter_map(|task| Some(task.ok()?.path()));
    tasks.filter_map(|task| thread(&task)).take(most).collect()
}

fn thread(task: &Path) -> Option<Thread> {
    let read = |name: &str| fs::read_to_string(task.join(name)).ok();
    let tid = task.file_name()?.to_str()?.parse().ok()?;
    let (name, state) = of_stat(&read("stat")?)?;
    let wchan = read("wchan").filter(|it| !it.is_empty() && it != "0");
    let stack = read("stack").unwrap_or_default();
    Some(Thread { tid, name, state, wchan, stack: frames(&stack) })
}

/// Name and state. The name is in parentheses and may hold any others.
fn of_stat(stat: &str) -> Option<(String, char)> {
    let (start, end) = (stat.find('(')?, stat.rfind(')')?);
    let state = stat.get(end + 1..)?.trim_start().chars().next()?;
    Some((stat.get(start + 1..end)?.to_owned(), state))
}

/// `[<0>] do_poll+0x2c/0x80` without the numbers.
fn frames(stack: &str) -> Vec<String> {
    let name = |line: &str| {
        let frame = line.split_once("] ").map_or(line, |(_, frame)| frame);
        frame.split('+').next().unwrap_or(frame).to_owned()
    };
    stack.lines().map(name).filter(|frame| !frame.is_empty()).take(FRAMES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_anything() {
        assert_eq!(of_stat("7 (a) R (b) S 1 7"), Some(("a) R (b".to_owned(), 'S')));
        assert_eq!(of_stat("7 (cut"), None);
        assert_eq!(of_stat(""), None);
    }

    #[test]
    fn frames_are_names() {
        let stack = "[<0>] hrtimer_nanosleep+0x8d/0x100\n[<0>] do_syscall_64+0x3b/0x90\n\n";
        assert_eq!(frames(stack), ["hrtimer_nanosleep", "do_syscall_64"]);
    }

    #[test]
    fn this_thread_runs() {
        let threads = of(Pid::this(), 64);
        assert!(threads.iter().any(|thread| thread.state == 'R'), "{threads:?}");
        assert_eq!(of(Pid::this(), 1).len(), 1);
    }
}
