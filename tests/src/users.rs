//! Running programs as another user. It needs root, and `setpriv` and `prlimit` of util-linux.

use std::fs;
use std::os::unix::fs::chown;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::process::Process;
use crate::sandbox::{Output, Sandbox};

/// A user that nobody else on this machine is, so that limits by user concern one test alone.
pub fn nobody_else() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    100_000 + std::process::id() * 16 + COUNT.fetch_add(1, Ordering::Relaxed) % 16
}

impl Sandbox {
    /// Gives the sandbox and all in it to a user, who may not be able to reach the build's own folders: the program
    /// is copied.
    pub fn hand_over(&self, user: u32) {
        let copy = self.path("program");
        // By another process: a file that this one has open for writing can't be executed, and a command that
        // another test starts just then holds a copy of the descriptor.
        let mut install = Command::new("install");
        install.args(["-m", "755"]).arg(self.command(&[]).get_program()).arg(&copy);
        assert!(install.status().unwrap().success());
        for entry in fs::read_dir(self.folder()).unwrap() {
            chown(entry.unwrap().path(), Some(user), Some(user)).unwrap();
        }
        chown(self.folder(), Some(user), Some(user)).unwrap();
    }

    /// Lets everybody make files in the sandbox.
    pub fn open_to_all(&self) {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(self.folder(), fs::Permissions::from_mode(0o1777)).unwrap();
    }

    /// Runs the copied program as this user, to its end.
    pub fn run_as(&self, user: u32, arguments: &[&str]) -> Output {
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups"]);
        command.arg("--").arg(self.path("program")).args(arguments).current_dir(self.folder());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PH_")) {
            command.env_remove(name);
        }
        let output = command.output().unwrap();
        self.remember();
        output.into()
    }
}

/// Sets the soft limit on a user's processes that holds for this one, by the user's own hand: it needs no privilege,
/// and can be lifted again up to the hard limit.
#[track_caller]
pub fn limit_processes(user: u32, process: Process, number: u32) {
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups"]);
    command.args(["--", "prlimit", "--pid", &process.pid().to_string()]);
    let output = command.arg(format!("--nproc={number}:")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Sets the soft limit on a process's descriptors.
#[track_caller]
pub fn limit_files(process: Process, number: usize) {
    let mut command = Command::new("prlimit");
    command.args(["--pid", &process.pid().to_string(), &format!("--nofile={number}:")]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
