//! The wheel of the Python package, with `ph` in it, built as a user's `pip` builds it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::foreign::{environment, run};
use crate::sandbox::programs;

/// What builds it.
const MATURIN: &str = "maturin==1.16.0";

/// The wheel, built once by each test program; what a former one has compiled is not compiled again.
///
/// In a directory of its own: beside the programs of the suite it would take the place of the `ph` that others run just then.
pub fn wheel() -> &'static Path {
    static WHEEL: OnceLock<PathBuf> = OnceLock::new();
    WHEEL.get_or_init(|| {
        let python = environment("maturin", &[MATURIN]);
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("python");
        let target = programs().parent().unwrap().join("wheel");
        let made = target.join("made");
        let _ = fs::remove_dir_all(&made);
        let own = python.parent().unwrap().display();
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps"]);
        pip.arg("--wheel-dir").arg(&made).arg(sources);
        pip.env("PATH", format!("{own}:{}", std::env::var("PATH").unwrap()));
        // A release takes minutes; users get one.
        pip.env("MATURIN_PEP517_ARGS", "--profile dev").env("CARGO_PROFILE_DEV_DEBUG", "0");
        run(pip.env("CARGO_TARGET_DIR", &target));
        let mut wheels = fs::read_dir(&made).unwrap().map(|entry| entry.unwrap().path());
        let wheel = wheels.next().unwrap();
        assert!(wheels.next().is_none(), "one wheel: {}", made.display());
        wheel
    })
}

/// A fresh virtual environment of this interpreter with the wheel in it and nothing else; the folder of its programs.
pub fn installed(python: &str, folder: &Path) -> PathBuf {
    run(Command::new(python).args(["-m", "venv"]).arg(folder));
    let programs = folder.join("bin");
    let mut pip = Command::new(programs.join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]);
    run(pip.arg(wheel()));
    programs
}
