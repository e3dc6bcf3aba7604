//! Whom the kernel kills when there is no memory left.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;

use nix::unistd::Pid;

use super::procfs;

/// By how much a worker is likelier to be chosen than its master: as if it had a tenth of all memory that there is more than
/// it has. Who has taken more than that, in the group or on the machine, is chosen all the same (proc_pid_oom_score_adj(5)).
const LIKELIER: i32 = 100;
/// More the kernel does not take.
const MOST: i32 = 1000;

/// Has the kernel choose this process, which a master has made, before that master. What it makes itself is like it.
///
/// A victim's memory is not free as long as anybody looks at it: a read of its `/proc/PID/smaps` keeps it for some
/// milliseconds after its end. Who needs memory just then, as the master does that forks its successor, has the kernel choose
/// once more; and a master without its victim is often the largest that is left.
///
/// Anybody may do this. Where there is no such file, as in a root without `/proc`, all is as it was.
pub fn go_first() {
    let _ = raise("/proc/self/oom_score_adj");
}

/// The same of a child, which has enough to do.
pub fn send_first(pid: Pid) {
    if procfs::is_own() {
        let _ = raise(&format!("/proc/{pid}/oom_score_adj"));
    }
}

fn raise(path: &str) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut text = [0; 16];
    let length = file.read_at(&mut text, 0)?;
    let raised = raised(&text[..length]).ok_or(io::ErrorKind::InvalidData)?;
    write!(&file, "{raised}")
}

fn raised(text: &[u8]) -> Option<i32> {
    let now: i32 = str::from_utf8(text).ok()?.trim_end().parse().ok()?;
    Some((now + LIKELIER).min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_raised_from_what_it_was_and_not_beyond_the_most() {
        assert_eq!(raised(b"0\n"), Some(100));
        assert_eq!(raised(b"-997\n"), Some(-897));
        assert_eq!(raised(b"950\n"), Some(1000));
        assert_eq!(raised(b""), None);
    }
}
