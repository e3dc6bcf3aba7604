//! Commands that run while the test goes on.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use crate::sandbox::{Output, Sandbox};
use crate::wait::until_some;

/// A command under way; KILLed when it is dropped before its end.
pub struct Background {
    child: Child,
    name: String,
    began: Instant,
}

impl Sandbox {
    /// Starts a command of the program and doesn't wait for it. `name` is free to choose, and different for each.
    pub fn begin(&self, name: &str, arguments: &[&str]) -> Background {
        self.begin_any(name, self.command(arguments))
    }

    /// The same with any command.
    pub fn begin_any(&self, name: &str, mut command: Command) -> Background {
        let out = File::create(self.path(&format!("{name}.out"))).unwrap();
        let err = File::create(self.path(&format!("{name}.err"))).unwrap();
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().unwrap();
        Background { child, name: name.to_owned(), began: Instant::now() }
    }

    /// Waits for the end of what [`begin`](Self::begin) started: what it left, and how long it took.
    #[track_caller]
    pub fn end(&self, mut background: Background) -> (Output, Duration) {
        let status = until_some(&format!("{} ends", background.name), || {
            background.child.try_wait().unwrap()
        });
        let took = background.began.elapsed();
        let read = |ending: &str| self.read(&format!("{}.{ending}", background.name));
        (Output { code: status.code(), out: read("out"), err: read("err") }, took)
    }
}

impl Background {
    /// Its pid.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The clock of the journal, in nanoseconds.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
    time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
}
