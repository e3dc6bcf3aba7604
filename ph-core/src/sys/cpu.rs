//! Which processors a process may use, by affinity, and how many, by the control group's quota as well.

use std::path::{Path, PathBuf};

pub use nix::sched::CpuSet;
use nix::sched::{sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use super::SysError;

/// The calling process, to those who take a pid.
const SELF: Pid = Pid::from_raw(0);

/// The number that `auto` means: allowed CPUs, or the quota rounded up where that is less; at least 1.
pub fn available() -> u32 {
    let affinity = allowed().map_or(1, |set| members(&set).count()) as u32;
    quota().map_or(affinity, |quota| affinity.min(quota)).max(1)
}

/// The CPUs that this process may run on: a control group's cpuset has narrowed them already.
pub fn allowed() -> Result<CpuSet, SysError> {
    sched_getaffinity(SELF)
        .map_err(|errno| SysError::call("ask for the allowed CPUs")(errno.into()))
}

/// The CPUs that a process is bound to, as long as it is not reaped.
pub fn of(pid: Pid) -> Option<CpuSet> {
    sched_getaffinity(pid).ok()
}

/// Binds the calling process, which has one thread, and what it starts from here on. Takes no memory.
pub fn bind(set: &CpuSet) -> Result<(), SysError> {
    sched_setaffinity(SELF, set)
        .map_err(|errno| SysError::call("run on the CPUs of cpu_affinity")(errno.into()))
}

/// The CPUs of a set, in order.
pub fn members(set: &CpuSet) -> impl Iterator<Item = usize> {
    (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false))
}

/// The set of these CPUs. A number beyond what a set has room for is left out; no machine has that CPU.
pub fn set(cpus: impl IntoIterator<Item = usize>) -> CpuSet {
    let mut set = CpuSet::new();
    for cpu in cpus {
        let _ = set.set(cpu);
    }
    set
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

/// Has this process run before all others whenever it has something to do, if it may: that is root's, and a control group can
/// forbid it. What it forks is as usual. Only for one that sleeps.
pub fn come_first() {
    let parameters = libc::sched_param { sched_priority: 1 };
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: the pointer is to a value that outlives the call, which reads it and keeps nothing.
    let _ = unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
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
