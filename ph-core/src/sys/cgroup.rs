//! What the control groups of this process have done to those in them: killed for memory, held back from the processor.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// Where the kernel's two versions of control groups are mounted, and the second beside the first (cgroups(7)).
const MOUNTED: &str = "/sys/fs/cgroup";
const BESIDE: &str = "/sys/fs/cgroup/unified";

/// Whose killed processes a count counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// Those of this process's control group.
    Group,
    /// Those of the whole machine: the control group keeps no count of its own.
    Machine,
}

/// Where the kernel counts the processes that it has killed for want of memory.
#[derive(Debug)]
pub struct OomCount {
    file: Option<File>,
    scope: Scope,
}

impl OomCount {
    /// `memory.events` of this process's control group, or `memory.oom_control` of version 1; else `/proc/vmstat`.
    pub fn find() -> Self {
        let count = |file: &Path, scope| Self { file: File::open(file).ok(), scope };
        let files = own_files("memory", "memory.events", "memory.oom_control");
        let groups = files.iter().map(|file| count(file, Scope::Group));
        let own = groups.into_iter().find(|count| count.read().is_some());
        own.unwrap_or_else(|| count(Path::new("/proc/vmstat"), Scope::Machine))
    }

    /// How many there were so far.
    pub fn read(&self) -> Option<u64> {
        let file = self.file.as_ref()?;
        // That of a group is a hundred bytes long; that of the machine some thousand, of which a read gives a part.
        let (mut text, mut part) = (Vec::new(), [0; 512]);
        loop {
            match file.read_at(&mut part, text.len() as u64).ok()? {
                0 => return field(str::from_utf8(&text).ok()?, "oom_kill"),
                length => text.extend_from_slice(&part[..length]),
            }
        }
    }

    /// Whose.
    pub fn scope(&self) -> Scope {
        self.scope
    }
}

/// The share of the processor that this process's control group has, with what it says of itself: `cpu.stat` of that group
/// and of those above it, each of which may have a limit.
#[derive(Debug)]
pub struct Quota(Vec<PathBuf>);

/// Periods in which a group had work, and those of them in which its share ran out; for each group that tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Periods(Vec<(u64, u64)>);

impl Quota {
    /// That of the groups that this process is in now.
    pub fn find() -> Self {
        let files = own_files("cpu", "cpu.stat", "cpu.stat");
        Self(files.into_iter().filter(|file| periods(file).is_some()).collect())
    }

    /// What they have come to so far.
    pub fn read(&self) -> Periods {
        Periods(self.0.iter().map(|file| periods(file).unwrap_or_default()).collect())
    }
}

impl Periods {
    /// So few say nothing: they take a tenth of a second each, unless configured otherwise.
    const FEWEST: u64 = 2;

    /// The part of the periods since `before` in which the share ran out, of the group where that is most; 0 for none.
    pub fn spent_since(&self, before: &Self) -> f64 {
        let since = self.0.iter().zip(&before.0).map(|(now, before)| {
            let (all, spent) = (now.0.saturating_sub(before.0), now.1.saturating_sub(before.1));
            if all < Self::FEWEST { 0.0 } else { spent as f64 / all as f64 }
        });
        since.fold(0.0, f64::max)
    }
}

/// Whether another process is in the same control groups as this one.
pub fn has_ours(pid: Pid) -> bool {
    let groups = |whose: &str| fs::read_to_string(format!("/proc/{whose}/cgroup")).ok();
    groups("self").is_some_and(|own| groups(&pid.to_string()) == Some(own))
}

fn periods(file: &Path) -> Option<(u64, u64)> {
    let text = fs::read_to_string(file).ok()?;
    Some((field(&text, "nr_periods")?, field(&text, "nr_throttled")?))
}

fn own_files(controller: &str, second: &str, first: &str) -> Vec<PathBuf> {
    files(&fs::read_to_string("/proc/self/cgroup").unwrap_or_default(), controller, second, first)
}

/// Where a controller's file may be: in the group that `/proc/PID/cgroup` names, then in each above it. In a container that
/// sees its own group as the root, the names may be those of outside; the root is its group then.
fn files(groups: &str, controller: &str, second: &str, first: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (fields.next(), fields.next()) else { continue };
        let (roots, file) = if controllers.is_empty() {
            (vec![PathBuf::from(MOUNTED), PathBuf::from(BESIDE)], second)
        } else if controllers.split(',').any(|it| it == controller) {
            (vec![Path::new(MOUNTED).join(controllers)], first)
        } else {
            continue;
        };
        let group = group.trim_start_matches('/');
        for root in roots {
            let upwards = Path::new(group).ancestors();
            files.extend(upwards.map(|group| root.join(group).join(file)));
        }
    }
    files
}

/// `NAME NUMBER` on a line of its own.
fn field(text: &str, name: &str) -> Option<u64> {
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.filter(|(it, _)| *it == name).find_map(|(_, number)| number.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_found_and_the_groups_above() {
        let groups = "4:memory:/a/b\n2:cpu,cpuacct:/c\n0::/d\n";
        let paths = |controller| files(groups, controller, "two", "one");
        let expected = [
            "/sys/fs/cgroup/memory/a/b/one",
            "/sys/fs/cgroup/memory/a/one",
            "/sys/fs/cgroup/memory/one",
            "/sys/fs/cgroup/d/two",
            "/sys/fs/cgroup/two",
            "/sys/fs/cgroup/unified/d/two",
            "/sys/fs/cgroup/unified/two",
        ];
        assert_eq!(paths("memory"), expected.map(PathBuf::from));
        assert_eq!(paths("cpu")[0], Path::new("/sys/fs/cgroup/cpu,cpuacct/c/one"));
        assert_eq!(files("nonsense\n\n", "cpu", "two", "one"), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_field_is_a_whole_word() {
        let events = "low 0\nhigh 0\nmax 12\noom 7\noom_kill 3\noom_group_kill 0\n";
        assert_eq!(field(events, "oom_kill"), Some(3));
        let control = "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n";
        assert_eq!(field(control, "oom_kill"), Some(4));
        assert_eq!(field(control, "kill"), None);
        assert_eq!(field("oom_kill many\n", "oom_kill"), None);
    }

    #[test]
    fn the_group_that_is_held_back_most_counts() {
        let periods = |all: &[(u64, u64)]| Periods(all.to_vec());
        let before = periods(&[(0, 0), (100, 50)]);
        assert_eq!(periods(&[(0, 0), (110, 58)]).spent_since(&before), 0.8);
        assert_eq!(periods(&[(9, 9), (110, 50)]).spent_since(&before), 1.0);
        assert_eq!(before.spent_since(&before), 0.0);
        assert_eq!(periods(&[(1, 1), (101, 51)]).spent_since(&before), 0.0, "too few");
        assert_eq!(periods(&[]).spent_since(&before), 0.0);
    }

    #[test]
    fn the_kernel_counts_here() {
        assert!(OomCount::find().read().is_some());
        assert!(has_ours(Pid::this()));
    }
}
