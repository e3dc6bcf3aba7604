//! Those that are asked: ours, and its rivals.

use std::path::{Path, PathBuf};

use crate::bench::application::Application;
use crate::bench::cores::bound;
use crate::bench::group::Group;
use crate::bench::server::Server;
use crate::bench::{nginx, port};
use crate::error::Result;

/// How to make them.
#[derive(Debug)]
pub(super) struct Servers {
    pub(super) echo: Application,
    pub(super) rival: PathBuf,
    pub(super) scratch: PathBuf,
}

impl Servers {
    /// The echo example.
    pub(super) fn ours(
        &self,
        class: &str,
        accept: &str,
        workers: usize,
        core: Option<usize>,
    ) -> Result<Server> {
        let port = port::free()?;
        let mut settings = format!(
            "bind = 127.0.0.1:{port}\nworker_class = {class}\naccept = {accept}\n\
             number_workers = {workers}\n"
        );
        if let Some(core) = core {
            settings += &format!("cpu_affinity = {core}\n");
        }
        let daemon = self.echo.start(&format!("{class}-{accept}-{workers}-{port}"), &settings)?;
        Server::of_daemon(daemon, port, workers)
    }

    /// `bench/echo_server.c`, with one of its strategies.
    pub(super) fn rival(
        &self,
        strategy: &str,
        workers: usize,
        core: Option<usize>,
    ) -> Result<Server> {
        let mut command = bound(&self.rival, core);
        command.args([strategy, &workers.to_string()]);
        Server::that_tells(Group::spawn_session(&command)?, Some(workers))
    }

    /// nginx, where it is installed.
    pub(super) fn nginx(&self, workers: usize, core: Option<usize>) -> Result<Option<Server>> {
        let port = port::free()?;
        let command = bound(Path::new("nginx"), core);
        let Some(group) = nginx::start(command, &self.scratch, port, workers)? else {
            return Ok(None);
        };
        Ok(Some(Server::of_group(group, port, Some(workers)).asked(nginx::ASK)))
    }
}
