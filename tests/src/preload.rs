//! Functions of the C library that behave as a test wants them to.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::sandbox::Sandbox;

impl Sandbox {
    /// Compiles C into a library for `LD_PRELOAD`; its functions take the place of the C library's.
    #[track_caller]
    pub fn library(&self, name: &str, source: &str) -> PathBuf {
        let (text, library) = (self.path(&format!("{name}.c")), self.path(&format!("{name}.so")));
        fs::write(&text, source).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O", "-o"]).arg(&library).arg(&text);
        assert!(compiler.status().unwrap().success());
        library
    }
}
