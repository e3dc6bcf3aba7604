//! Control groups of a test's own, of either version of the kernel's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::sandbox::Sandbox;
use crate::wait::DEADLINE;

/// A control group; removed when the test ends. To be made before the sandbox whose processes are in it.
pub struct Group(PathBuf);

const ROOT: &str = "/sys/fs/cgroup";

impl Group {
    /// A group in which all processes together may have so much memory, in bytes, and nothing of it on a disk.
    #[track_caller]
    pub fn with_memory(test: &str, most: u64) -> Self {
        let group = Self::of("memory", test);
        if !group.set("memory.max", &most.to_string()) {
            assert!(group.set("memory.limit_in_bytes", &most.to_string()), "no limit can be set");
        }
        // Where there is swap at all.
        let _ = group.set("memory.swap.max", "0")
            || group.set("memory.memsw.limit_in_bytes", &most.to_string());
        group
    }

    /// A group in which all processes together may run for so many microseconds of each 100 milliseconds.
    #[track_caller]
    pub fn with_cpu(test: &str, most: u64) -> Self {
        let group = Self::of("cpu", test);
        if !group.set("cpu.max", &format!("{most} 100000")) {
            assert!(group.set("cpu.cfs_quota_us", &most.to_string()), "no quota can be set");
        }
        group
    }

    #[track_caller]
    fn of(controller: &str, test: &str) -> Self {
        let first = Path::new(ROOT).join(controller);
        let root = if first.is_dir() { first } else { PathBuf::from(ROOT) };
        // The second version gives a group the controllers that the one above it names.
        let _ = fs::write(root.join("cgroup.subtree_control"), format!("+{controller}"));
        let group = root.join(format!("ph-e2e-{}-{test}", std::process::id()));
        fs::create_dir(&group).unwrap_or_else(|error| panic!("{}: {error}", group.display()));
        Self(group)
    }

    fn set(&self, file: &str, value: &str) -> bool {
        let file = self.0.join(file);
        file.exists() && fs::write(file, value).is_ok()
    }

    /// Starts the sandbox's master, and so its workers, in this group.
    #[track_caller]
    pub fn start(&self, sandbox: &Sandbox) {
        let start = sandbox.command(&["start"]);
        let script = "echo $$ > \"$1/cgroup.procs\" && shift && exec \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(&self.0).arg(start.get_program());
        command.args(start.get_args()).current_dir(sandbox.folder());
        let output = command.output().unwrap();
        sandbox.remember();
        assert!(output.status.success(), "{output:?}\n{}", sandbox.read("app.log"));
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        // Its last process may not be reaped yet.
        while fs::remove_dir(&self.0).is_err() && Instant::now() < deadline {
            std::thread::yield_now();
        }
    }
}
