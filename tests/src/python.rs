//! Workers that are Python classes: those in `tests/python`, by the interpreter that a test is about.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sandbox::{Output, Sandbox};
use crate::wait::DEADLINE;

/// Debian's, and what it calls PyPy.
pub const INTERPRETERS: [&str; 2] = ["/usr/bin/python3", "/usr/bin/pypy3"];

/// Runs each of these functions on both interpreters.
#[macro_export]
macro_rules! each_interpreter {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[test]
            fn cpython() {
                super::$name($crate::python::INTERPRETERS[0]);
            }

            #[test]
            fn pypy() {
                super::$name($crate::python::INTERPRETERS[1]);
            }
        }
    )+};
}

/// A sandbox for classes of the suite. `python` is on their path, and so are they.
pub struct Python(Sandbox);

impl std::ops::Deref for Python {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        &self.0
    }
}

/// The ancestor's example as one would write it today: a class of this name, which prints and logs.
pub fn example(class: &str) -> String {
    let logger = class.to_lowercase();
    format!(
        r#"
import logging
import time

from ProcessHandler.lib.log import setup_file_logging
from ProcessHandler.lib.workers.sync import SyncWorker


class {class}(SyncWorker):
    LOGGER_NAME = "{logger}"

    def __init__(self, cfg, file_logger=None, ppid=None, sockets=None):
        SyncWorker.__init__(self, cfg, file_logger, ppid)
        setup_file_logging(self.LOGGER_NAME, self.cfg.log_file)
        self.logger = logging.getLogger(self.LOGGER_NAME)

    def handle_request(self):
        while 1:
            print("printed")
            self.logger.info("logged")
            time.sleep(0.1)
"#
    )
}

/// The package and the suite's classes, as they are in the sources.
pub fn sources() -> String {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = own.parent().unwrap().join("python");
    format!("{}:{}", package.display(), own.join("python").display())
}

impl Python {
    /// A sandbox for classes that this interpreter runs; not started yet.
    pub fn new(test: &str, python: &str, settings: &str) -> Self {
        let name = format!("{test}-{}", python.rsplit('/').next().unwrap());
        let sandbox = Sandbox::for_program("ph", &name, "");
        sandbox.configure(&format!("python = {python}\n{settings}"));
        Self(sandbox)
    }

    /// The command of `ph`, with the sources on Python's path.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.0.command(arguments);
        command.env("PYTHONPATH", sources()).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// Starts workers of this class, or fails to.
    pub fn try_start(&self, class: &str) -> Output {
        let output = self.command(&["start", "--python", class]).output().unwrap().into();
        self.remember();
        output
    }

    /// Starts workers of one of the suite's classes.
    #[track_caller]
    pub fn start(test: &str, python: &str, class: &str, settings: &str) -> Self {
        let sandbox = Self::new(&format!("{test}-{class}"), python, settings);
        let output = sandbox.try_start(&format!("classes:{class}"));
        assert_eq!(output.code, Some(0), "{output:?}\n{}", sandbox.read("app.log"));
        sandbox
    }

    /// The same on a port of the kernel's choice.
    #[track_caller]
    pub fn serve(test: &str, python: &str, class: &str, settings: &str) -> Self {
        Self::start(test, python, class, &format!("bind = 127.0.0.1:0\n{settings}"))
    }

    /// Where clients connect.
    pub fn address(&self) -> String {
        self.listeners()[0].strip_prefix("tcp://").unwrap().to_owned()
    }

    /// A client, connected.
    pub fn client(&self) -> Talk {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Talk(BufReader::new(stream))
    }

    /// What a field of `status` comes to, over all workers.
    pub fn sum(&self, field: &str) -> u64 {
        let status = self.status();
        status["workers"].as_array().unwrap().iter().map(|row| row[field].as_u64().unwrap()).sum()
    }
}

/// A client that sends lines.
pub struct Talk(BufReader<TcpStream>);

impl Talk {
    /// Sends a line.
    pub fn send(&mut self, line: &str) {
        self.0.get_mut().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    /// The next line; nothing when the worker has hung up, or was killed.
    pub fn hear(&mut self) -> String {
        let mut line = String::new();
        let _ = self.0.read_line(&mut line);
        line
    }

    /// Sends a line; the next one that comes back.
    pub fn ask(&mut self, line: &str) -> String {
        self.send(line);
        self.hear()
    }
}

/// Connects, asks and hangs up again and again while something happens; each must be answered.
#[track_caller]
pub fn under_load(server: &Python, work: impl FnOnce()) -> usize {
    let over = AtomicBool::new(false);
    let address = server.address();
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut served = 0;
            while !over.load(Ordering::Relaxed) {
                let mut stream = TcpStream::connect(&address).unwrap();
                stream.set_read_timeout(Some(DEADLINE)).unwrap();
                stream.write_all(b"whole\n").unwrap();
                let mut line = String::new();
                BufReader::new(stream).read_line(&mut line).unwrap();
                assert!(line.starts_with("whole "), "{line:?} after {served}");
                served += 1;
            }
            served
        });
        // Also when the work fails: the load must end.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        over.store(true, Ordering::Relaxed);
        let served = load.join().unwrap();
        done.unwrap();
        served
    })
}
