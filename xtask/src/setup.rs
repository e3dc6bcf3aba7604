//! `cargo xtask setup`: what the other commands need on this machine. Quick and silent about itself
//! when nothing is missing, so that `ci` can begin with it every time.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::args::Args;
use crate::error::{Error, Result};
use crate::step::Step;
use crate::workspace::{Workspace, cargo};

/// How to see that a package is there, without asking the package manager: what counts is what the
/// tests will find.
enum Sign {
    /// Programs, each of them on `PATH`.
    Programs(&'static [&'static str]),
    /// A file.
    File(&'static str),
    /// A module that Debian's `python3` imports; `PATH` may begin with another one.
    PythonModule(&'static str),
}

enum Needed {
    /// By what runs today: its absence is an error.
    Now,
    /// By nothing that must pass.
    Perhaps,
}

struct Package {
    name: &'static str,
    sign: Sign,
    needed: Needed,
    purpose: &'static str,
}

const PACKAGES: [Package; 17] = [
    now("git", Sign::Programs(&["git"]), "tidy asks it for the files"),
    now("gcc", Sign::Programs(&["cc"]), "the C side of benchmarks, preloaded functions in e2e"),
    now("libc6-dev", Sign::File("/usr/include/stdlib.h"), "the same"),
    now(
        "python3",
        Sign::Programs(&["python3"]),
        "ph-config's differential test against configparser",
    ),
    now("procps", Sign::Programs(&["ps"]), "e2e looks at titles as an operator does"),
    now(
        "util-linux",
        Sign::Programs(&["unshare", "nsenter", "setsid", "setpriv", "flock", "taskset"]),
        "e2e: a master as PID 1, strangers, other users, held locks, narrowed CPUs",
    ),
    now("neovim", Sign::Programs(&["nvim"]), "e2e: a foreign msgpack-RPC client"),
    now("python3-pynvim", Sign::PythonModule("pynvim"), "another one"),
    now(
        "python3-venv",
        Sign::PythonModule("ensurepip"),
        "e2e installs more from PyPI by it, and builds the wheel; `bench reload` and `bench python` their rivals",
    ),
    now(
        "etcd-server",
        Sign::Programs(&["etcd"]),
        "campaigns in a real etcd, ph-leader's and in e2e",
    ),
    now("iproute2", Sign::Programs(&["ip"]), "e2e and `drill` cut masters off from etcd"),
    now("openssl", Sign::Programs(&["openssl"]), "ph-leader's tests make certificates by it"),
    now("pypy3", Sign::Programs(&["pypy3"]), "the Python package's tests, Python workers on PyPy"),
    perhaps("strace", Sign::Programs(&["strace"]), "`bench accept` counts system calls"),
    perhaps(
        "nginx",
        Sign::Programs(&["nginx"]),
        "`bench accept` and `bench reload` compare with it",
    ),
    perhaps(
        "nodejs",
        Sign::Programs(&["node"]),
        "e2e runs the sketch of `docs/languages/node.md` by it",
    ),
    perhaps("redis-server", Sign::Programs(&["redis-server"]), "`bench rpc` compares with it"),
];

const fn now(name: &'static str, sign: Sign, purpose: &'static str) -> Package {
    Package { name, sign, needed: Needed::Now, purpose }
}

const fn perhaps(name: &'static str, sign: Sign, purpose: &'static str) -> Package {
    Package { name, sign, needed: Needed::Perhaps, purpose }
}

/// Rust components, by the cargo command that each brings.
const COMPONENTS: [(&str, &str); 2] = [("rustfmt", "fmt"), ("clippy", "clippy")];

pub(crate) fn command(mut args: Args) -> Result {
    let only_check = args.switch("--check");
    args.end()?;
    if only_check { check() } else { run(&Workspace::load()?.root) }
}

/// Installs what is missing where that is ours to do, else says how.
pub(crate) fn run(root: &Path) -> Result {
    components()?;
    let missing = missing_now();
    if missing.is_empty() {
        return Ok(());
    }
    let install = Step::new("apt-get")
        .words("install -y --no-install-recommends")
        .words(&missing.join(" "))
        .env("DEBIAN_FRONTEND", "noninteractive");
    if !rustix::process::geteuid().is_root() || !on_path("apt-get") {
        return Err(cannot_install(&missing));
    }
    Step::new("apt-get").words("update").run(root)?;
    install.run(root)?;
    match missing_now() {
        still if still.is_empty() => Ok(()),
        still => Err(Error::new(format!("installed, and still not found: {}", still.join(", ")))),
    }
}

/// Says what is there and what is not, and changes nothing.
fn check() -> Result {
    for package in &PACKAGES {
        let verdict = match (&package.needed, package.sign.is_there()) {
            (_, true) => "there",
            (Needed::Now, false) => "MISSING",
            (Needed::Perhaps, false) => "not needed",
        };
        println!("{:<16} {verdict:<16} {}", package.name, package.purpose);
    }
    components()?;
    match missing_now() {
        missing if missing.is_empty() => Ok(()),
        missing => Err(cannot_install(&missing)),
    }
}

fn components() -> Result {
    let runs = |subcommand: &str| {
        let mut command = Command::new(cargo());
        command.args([subcommand, "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let missing: Vec<&str> =
        COMPONENTS.iter().filter(|(_, cmd)| !runs(cmd)).map(|(name, _)| *name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::new(format!(
        "Rust components are missing; run: rustup component add {}",
        missing.join(" ")
    )))
}

fn missing_now() -> Vec<&'static str> {
    let needed = PACKAGES.iter().filter(|package| matches!(package.needed, Needed::Now));
    needed.filter(|package| !package.sign.is_there()).map(|package| package.name).collect()
}

fn cannot_install(missing: &[&str]) -> Error {
    let names = missing.join(" ");
    Error::new(format!(
        "packages are missing; run as root: apt-get update && apt-get install -y --no-install-recommends {names}"
    ))
}

impl Sign {
    fn is_there(&self) -> bool {
        match self {
            Sign::Programs(names) => names.iter().all(|name| on_path(name)),
            Sign::File(path) => Path::new(path).is_file(),
            Sign::PythonModule(name) => {
                let mut python = Command::new("/usr/bin/python3");
                python
                    .args(["-c", &format!("import {name}")])
                    .stdout(Stdio::null())
                    .stderr(Stdio::null());
                python.status().is_ok_and(|status| status.success())
            }
        }
    }
}

fn on_path(name: &str) -> bool {
    let directories = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&directories).any(|directory| is_executable(&directory.join(name)))
}

fn is_executable(path: &PathBuf) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{Sign, cannot_install};

    #[test]
    fn a_program_is_there_when_it_can_be_run() {
        assert!(Sign::Programs(&["sh", "env"]).is_there());
        assert!(!Sign::Programs(&["sh", "no-such-program"]).is_there());
        assert!(Sign::File("/proc/self/stat").is_there());
        assert!(!Sign::File("/proc/self").is_there());
    }

    #[test]
    fn the_sentence_is_a_command() {
        let says = cannot_install(&["gcc", "git"]).to_string();
        assert!(says.ends_with("apt-get install -y --no-install-recommends gcc git"), "{says}");
    }
}
