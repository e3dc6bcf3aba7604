//! Memory: what the master does not use, no worker has to copy; and what each process takes.

use nix::unistd::{Pid, SysconfVar, sysconf};

use super::procfs;

/// Gives free heap memory back to the kernel.
///
/// Reading arguments and configuration leaves many free but touched pages; each would be copied into the page table
/// of every worker, and again, page by page, when either side writes to it.
pub fn give_back() {
    // SAFETY: malloc_trim only releases memory that the allocator holds as free (malloc_trim(3)).
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// What a process has in memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// All of it.
    pub resident: u64,
    /// What no file and no shared mapping is behind.
    pub private: u64,
}

/// Reads `/proc/PID/statm`, which waits for nobody (`smaps` would wait for a lock of the process's).
///
/// `None` where `/proc` tells of others by that number.
pub fn of(pid: Pid) -> Option<Usage> {
    if !procfs::is_own() {
        return None;
    }
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().unwrap_or(4096);
    usage(&statm, page as u64)
}

/// From proc(5): the second field is resident pages, the third those of them that are shared.
fn usage(statm: &str, page: u64) -> Option<Usage> {
    let mut pages = statm.split_ascii_whitespace().skip(1).map(str::parse::<u64>);
    let (resident, shared) = (pages.next()?.ok()?, pages.next()?.ok()?);
    Some(Usage { resident: resident * page, private: resident.saturating_sub(shared) * page })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_pages_are_not_private() {
        let usage = |statm| super::usage(statm, 4096);
        let (resident, private) = (700 << 12, 200 << 12);
        assert_eq!(usage("900 700 500 10 0 300 0\n"), Some(Usage { resident, private }));
        assert_eq!(usage("0 0 0 0 0 0 0\n"), Some(Usage { resident: 0, private: 0 }));
        assert_eq!(usage("900 700"), None);
    }

    #[test]
    fn own_memory_is_found() {
        let before = of(Pid::this()).unwrap();
        let block = vec![1u8; 64 << 20];
        let after = of(Pid::this()).unwrap();
        // Other tests of this process take some, and give some back, meanwhile.
        assert!(after.private >= before.private + (32 << 20), "{before:?} {after:?}");
        drop(block);
    }
}
