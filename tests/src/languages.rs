//! One and the same worker in each language that the suite is about: it counts, and does what a file tells it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::foreign::run;
use crate::python::{INTERPRETERS, Python};
use crate::sandbox::Sandbox;

/// Runs each of these functions once for every language.
#[macro_export]
macro_rules! each_language {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use $crate::languages::Language;

            #[test]
            fn shell() {
                super::$name(Language::Shell);
            }

            #[test]
            fn cpython() {
                super::$name(Language::CPython);
            }

            #[test]
            fn pypy() {
                super::$name(Language::PyPy);
            }
        }
    )+};
}

/// What the worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// `programs/obedient.sh`.
    Shell,
    /// The class of `python/obedient.py`.
    CPython,
    /// The same on PyPy.
    PyPy,
}

impl Language {
    /// A sandbox for workers of it; not started yet.
    pub fn sandbox(self, test: &str, settings: &str) -> Python {
        let name = format!("{test}-{self:?}");
        let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (kind, python) = match self {
            Self::Shell => {
                let script = sources.join("programs/obedient.sh");
                (format!("command = sh {}\nnotify = ready\n", script.display()), INTERPRETERS[0])
            }
            Self::CPython => ("python_class = obedient:Obedient\n".to_owned(), INTERPRETERS[0]),
            Self::PyPy => ("python_class = obedient:Obedient\n".to_owned(), INTERPRETERS[1]),
        };
        Python::new(&name, python, &format!("{kind}{settings}"))
    }

    /// A sandbox with running workers of it.
    #[track_caller]
    pub fn start(self, test: &str, settings: &str) -> Python {
        let sandbox = self.sandbox(test, settings);
        sandbox.begin_workers();
        sandbox
    }

    /// Whether the worker is a class, whose exceptions end a job and nothing else.
    pub fn is_class(self) -> bool {
        self != Self::Shell
    }
}

impl Python {
    /// Starts the workers that the configuration names.
    #[track_caller]
    pub fn begin_workers(&self) {
        let output = self.command(&["start"]).output().unwrap();
        self.remember();
        assert!(output.status.success(), "{output:?}\n{}", self.read("app.log"));
    }

    /// Copies what the workers are made of into the sandbox, for one who may not go where the sources lie.
    pub fn copy_sources(&self) {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let package = own.parent().unwrap().join("python/processhandler");
        let class = own.join("python/obedient.py");
        run(Command::new("cp").arg("-r").args([package, class]).arg(self.folder()));
    }
}

impl Sandbox {
    /// Tells the worker of a slot what to do.
    pub fn order(&self, slot: u64, what: &str) {
        fs::write(self.path("order.part"), what).unwrap();
        fs::rename(self.path("order.part"), self.path(&format!("order.{slot}"))).unwrap();
    }

    /// The numbers that a process has counted to, as far as these lines tell.
    pub fn counted(lines: &[(u32, i32, String)], pid: i32) -> Vec<u64> {
        let own = lines.iter().filter(|(_, of, _)| *of == pid);
        own.filter_map(|(.., text)| text.strip_prefix("tick ")?.parse().ok()).collect()
    }
}
