//! Masters whose workers become somebody else, and what the kernel tells of these.

use crate::process::Process;
use crate::sandbox::{Output, Sandbox};
use crate::traces::finish;

/// The user, and the group, that own nothing.
pub const NOBODY: u64 = 65534;
/// A sandbox whose workers may be anybody, and make its journal.
pub fn open(test: &str, section: &str) -> Sandbox {
    let sandbox = Sandbox::named(test, section);
    sandbox.open_to_all();
    sandbox
}

/// Another configuration for the same master.
pub fn reconfigure(sandbox: &Sandbox, section: &str) {
    sandbox.configure(&format!("proc_name = {}\n{section}", sandbox.name()));
}

/// Real, effective, saved and for files, as the kernel prints them.
pub fn all(id: u64) -> String {
    [id.to_string().as_str(); 4].join(" ")
}

/// `start`, which must end.
pub fn start(sandbox: &Sandbox) -> Output {
    let output = finish(&mut sandbox.command(&["start"]));
    sandbox.adopt_all();
    output
}

/// Each of the workers is this user and group, and has none of root's powers.
#[track_caller]
pub fn are(workers: &[(u64, Process)], uid: u64, gid: u64) {
    for (slot, worker) in workers {
        assert_eq!(worker.status_line("Uid"), all(uid), "worker {slot}");
        assert_eq!(worker.status_line("Gid"), all(gid), "worker {slot}");
        assert_eq!(worker.capabilities(), [0; 5], "worker {slot}");
    }
}

/// `config.ini:LINE: KEY`, of the line that sets a key.
pub fn place(sandbox: &Sandbox, key: &str) -> String {
    let text = sandbox.read("config.ini");
    let line = 1 + text.lines().position(|line| line.starts_with(key)).unwrap();
    format!("config.ini:{line}: {key} = ")
}
