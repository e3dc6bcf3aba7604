//! A master that was started by a symbolic link, as releases are: what it leads to can be exchanged.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use crate::sandbox::{Output, Sandbox, programs};
use crate::wait::until;

/// A sandbox whose master was started as `current`.
pub struct Release {
    /// Its sandbox.
    pub sandbox: Sandbox,
}

impl Release {
    /// Starts one; `current` leads to the build's own fixture.
    #[track_caller]
    pub fn start(test: &str, section: &str) -> Self {
        let release = Self::new(Sandbox::new(test, section));
        release.lead_to(&programs().join("ph-fixture").to_string_lossy());
        release.begin();
        release
    }

    /// One that is not started yet, and whose link leads nowhere.
    pub fn new(sandbox: Sandbox) -> Self {
        Self { sandbox }
    }

    /// Starts what `current` leads to.
    #[track_caller]
    pub fn begin(&self) {
        let mut command = Command::new(self.sandbox.path("current"));
        command.arg("start").current_dir(self.sandbox.folder());
        let output: Output = command.output().unwrap().into();
        self.sandbox.remember();
        assert_eq!(output.code, Some(0), "{output:?}");
    }

    /// Has `current` lead elsewhere.
    pub fn lead_to(&self, target: &str) {
        let link = self.sandbox.path("current");
        let _ = fs::remove_file(&link);
        symlink(target, link).unwrap();
    }

    /// A file in the program's place. By another process: a file that this one has open for writing can't be executed, and
    /// a command that another test starts just then holds a copy of the descriptor.
    pub fn file(&self, bytes: &[u8], mode: u32) {
        let source = self.sandbox.path("source");
        fs::write(&source, bytes).unwrap();
        let mut install = Command::new("install");
        install.arg(format!("--mode={mode:o}")).arg(source).arg(self.sandbox.path("file"));
        assert!(install.status().unwrap().success());
        self.lead_to("file");
    }

    /// A shell script in the program's place.
    pub fn script(&self, text: &str, mode: u32) {
        self.file(format!("#!/bin/sh\n{text}\n").as_bytes(), mode);
    }

    /// Another copy of the program, of this name.
    pub fn copy(&self, name: &str) -> PathBuf {
        self.sandbox.copy_program(name)
    }

    /// The upgrade fails with code 5 and a sentence with these words, and nothing has changed: neither master nor
    /// workers nor pidfile, and nobody is there who was not there before.
    #[track_caller]
    pub fn fails(&self, words: &[&str]) {
        let sandbox = &self.sandbox;
        let (master, workers) = (sandbox.master(), sandbox.settled(2));
        let before = sandbox.processes();
        let output = sandbox.run(&["upgrade"]);
        assert_eq!(output.code, Some(5), "{output:?}");
        assert_eq!(output.err.lines().count(), 1, "{output:?}");
        let status = sandbox.status();
        let reason = status["last_change"]["reason"].as_str().unwrap();
        for word in words {
            assert!(
                output.err.contains(word) && reason.contains(word),
                "{word}: {output:?} {status}"
            );
        }
        assert_eq!(sandbox.settled(2), workers);
        assert_eq!(sandbox.master(), master);
        assert_eq!(sandbox.read("app.pid"), format!("{}\n", master.pid()));
        assert_eq!(status["state"], "running");
        assert_eq!(status["last_change"]["kind"], "upgrade");
        assert_eq!(status["last_change"]["result"], "failed");
        until("what was started is gone", || {
            let now = sandbox.processes();
            let zombies = master.children().iter().any(|child| child.is_zombie());
            now.len() == before.len() && now.iter().all(|it| before.contains(it)) && !zombies
        });
    }
}
