//! Those that are called: ours, and its rivals.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::rival::Rival;
use crate::bench::application::Application;
use crate::bench::cores::bound;
use crate::bench::group::Group;
use crate::bench::port;
use crate::bench::server::Server;
use crate::error::Result;
use crate::wait;

const REDIS: &str = "redis-server";

/// How to make them.
#[derive(Debug)]
pub(super) struct Servers {
    pub(super) calls: Application,
    pub(super) bare: PathBuf,
    pub(super) rival: Option<Rival>,
    pub(super) scratch: PathBuf,
    pub(super) methods: Vec<String>,
}

/// What redis says of itself, where it is installed.
pub(super) fn redis_version() -> Option<String> {
    let output = Command::new(REDIS).arg("--version").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

impl Servers {
    /// The suite's service, in one worker.
    pub(super) fn ours(&self, core: Option<usize>) -> Result<Server> {
        let port = port::free()?;
        let mut settings = format!(
            "bind = 127.0.0.1:{port}\nworker_class = rpc\nnumber_workers = 1\napp.methods = {}\n",
            self.methods.join(" ")
        );
        if let Some(core) = core {
            settings += &format!("cpu_affinity = {core}\n");
        }
        Server::of_daemon(self.calls.start(&format!("calls-{port}"), &settings)?, port, 1)
    }

    /// `bench/rpc_server.c`.
    pub(super) fn bare(&self, core: Option<usize>) -> Result<Server> {
        Server::that_tells(Group::spawn_session(&bound(&self.bare, core))?, None)
    }

    /// The crate's, where it could be built.
    pub(super) fn rival(&self, core: Option<usize>) -> Result<Option<Server>> {
        let Some(Rival(program)) = &self.rival else { return Ok(None) };
        let mut command = bound(program, core);
        command.args(&self.methods);
        Server::that_tells(Group::spawn_session(&command)?, None).map(Some)
    }

    /// redis, where it is installed. It has no call that gives bytes back without a look-up, and is asked for less:
    /// redis, where it is installed. It is asked for less than the others: PING.
    pub(super) fn redis(&self, core: Option<usize>) -> Result<Option<Server>> {
        if redis_version().is_none() {
            return Ok(None);
        }
        let port = port::free()?;
        let mut command = bound(Path::new(REDIS), core);
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"]);
        command.arg(&self.scratch).args(["--save", "", "--appendonly", "no"]);
        // Of this machine's addresses the clients have many.
        command.args(["--protected-mode", "no", "--loglevel", "warning"]);
        let group = Group::spawn_session(&command)?;
        wait::until("redis starts", Duration::from_secs(10), || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        })?;
        Ok(Some(Server::of_group(group, port, None).asked("redis")))
    }
}
