//! How many processors this process may use: by affinity, and by the control group's quota.

use std::path::{Path, PathBuf};

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

/// The number that `auto` means: allowed CPUs, or the quota rounded up where that is less; at least 1.
pub fn available() -> u32 {
    let affinity = allowed().len().max(1) as u32;
    quota().map_or(affinity, |quota| affinity.min(quota)).max(1)
}

/// The CPUs that this process may run on, in order.
pub fn allowed() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(Pid::from_raw(0)) else { return Vec::new() };
    (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)).collect()
}

/// `cpu.max` of cgroup v2, the least of this group and those above it, in whole CPUs rounded up.
fn quota() -> Option<u32> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let root = Path::new("/sys/fs/cgroup");
    let mut folder: PathBuf = root.join(group);
    let mut least = None;
    while folder.starts_with(root) {
        if let Ok(text) = std::fs::read_to_string(folder.join("cpu.max")) {
            least = least.into_iter().chain(cpus_of(&text)).min();
        }
        if !folder.pop() {
            break;
        }
    }
    least
}

/// `QUOTA PERIOD` in microseconds, or `max PERIOD` for none.
fn cpus_of(cpu_max: &str) -> Option<u32> {
    let mut fields = cpu_max.split_ascii_whitespace();
    let quota: u64 = fields.next()?.parse().ok()?;
    let period: u64 = fields.next()?.parse().ok()?;
    u32::try_from(quota.div_ceil(period.max(1)).max(1)).ok()
}

#[cfg(test)]
mod tests {
    use super::cpus_of;

    #[test]
    fn a_quota_is_rounded_up_to_whole_cpus() {
        assert_eq!(cpus_of("150000 100000\n"), Some(2));
        assert_eq!(cpus_of("50000 100000\n"), Some(1));
        assert_eq!(cpus_of("max 100000\n"), None);
        assert_eq!(cpus_of(""), None);
    }
}
