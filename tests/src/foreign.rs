//! msgpack-RPC clients that others have made. What they do is said in `clients/`, in their own languages.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{Flock, FlockArg};

use crate::background::Background;
use crate::sandbox::{Sandbox, programs};

/// Debian's, which has pynvim; there may be another one on `PATH`.
const PYTHON: &str = "/usr/bin/python3";

/// Runs each of these functions once for every client.
#[macro_export]
macro_rules! each_client {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use $crate::foreign::Foreign;

            #[test]
            fn neovim() {
                super::$name(Foreign::Neovim);
            }

            #[test]
            fn pynvim() {
                super::$name(Foreign::Pynvim);
            }

            #[test]
            fn msgpack_rpc_python() {
                super::$name(Foreign::MsgpackRpcPython);
            }

            #[test]
            fn aio_msgpack_rpc() {
                super::$name(Foreign::AioMsgpackRpc);
            }
        }
    )+};
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// The editor itself.
    Neovim,
    /// Its client for Python, of Debian.
    Pynvim,
    /// `msgpack-rpc-python` of PyPI.
    MsgpackRpcPython,
    /// `aio-msgpack-rpc` of PyPI.
    AioMsgpackRpc,
}

impl Foreign {
    /// Its command for a journey; `file` is one that the journey may want.
    fn command(self, journey: &str, address: &str, file: &Path) -> Command {
        let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
        let (python, name) = match self {
            Self::Neovim => {
                let mut command = Command::new("nvim");
                command.args(["--headless", "--clean", "-n", "-u", "NONE", "-S"]);
                command.arg(clients.join("calls.vim"));
                command.env("CALLS_JOURNEY", journey).env("CALLS_ADDRESS", address);
                command.env("CALLS_FILE", file);
                return command;
            }
            Self::Pynvim => (PYTHON.into(), "pynvim"),
            Self::MsgpackRpcPython => {
                let needs =
                    ["msgpack-rpc-python==0.4.1", "msgpack-python==0.5.6", "tornado==4.5.3"];
                (environment("msgpack-rpc-python", &needs), "msgpack-rpc-python")
            }
            Self::AioMsgpackRpc => {
                let needs = ["aio-msgpack-rpc==0.2.0", "msgpack<2"];
                (environment("aio-msgpack-rpc", &needs), "aio-msgpack-rpc")
            }
        };
        let (host, port) = address.rsplit_once(':').unwrap();
        let mut command = Command::new(python);
        command.arg(clients.join("calls.py")).args([name, journey, host, port]).arg(file);
        command
    }
}

impl Sandbox {
    /// Has a client begin a journey. What it does until there is a file, it does until there is `over`.
    pub fn send(&self, who: Foreign, journey: &str, address: &str) -> Background {
        let mut command = who.command(journey, address, &self.path("over"));
        command.current_dir(self.folder()).env("HOME", self.folder());
        self.begin_any(journey, command)
    }

    /// Waits until it is at its end, which must be a good one; returns what it has counted.
    #[track_caller]
    pub fn returns(&self, client: Background) -> u64 {
        let (output, _) = self.end(client);
        let counted = output.out.trim_end().strip_prefix("ok ").and_then(|it| it.parse().ok());
        match (output.code, counted) {
            (Some(0), Some(counted)) => counted,
            _ => panic!("{:?}\n{}{}", output.code, output.out, output.err),
        }
    }
}

/// The interpreter of a virtual environment with these packages, in the target directory. It is made by the first who asks,
/// and is there as a whole or not at all, whoever was interrupted.
pub fn environment(name: &str, packages: &[&str]) -> PathBuf {
    environment_of(PYTHON, name, packages)
}

/// The same of another interpreter than Debian's `python3`.
pub fn environment_of(interpreter: &str, name: &str, packages: &[&str]) -> PathBuf {
    let all = programs().parent().unwrap().join("clients");
    let made = all.join(name);
    let python = |environment: &Path| environment.join("bin/python");
    fs::create_dir_all(&all).unwrap();
    let lock = File::create(all.join(format!("{name}.lock"))).unwrap();
    let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, error)| error).unwrap();
    if !made.exists() {
        let part = all.join(format!("{name}.part"));
        let _ = fs::remove_dir_all(&part);
        run(Command::new(interpreter).args(["-m", "venv"]).arg(&part));
        let mut install = Command::new(python(&part));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        if !packages.is_empty() {
            run(install.args(packages));
        }
        // Its interpreter finds its packages from where it lies itself.
        fs::rename(&part, &made).unwrap();
    }
    python(&made)
}

/// Runs a command to its end, which must be a good one.
#[track_caller]
pub fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
}
