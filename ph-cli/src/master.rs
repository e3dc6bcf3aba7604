//! A running master, through its control socket.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use ph_config::Settings;
use ph_rpc::client::{ClientError, Connection, Incoming};
use ph_rpc::{RpcError, Value};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, pidfd_open};

use crate::exit::{Exit, Failure};
use crate::output::value;
use crate::procfs;

/// A master that says nothing for so long counts as failed.
const SILENCE: Duration = Duration::from_secs(5);

/// A connection, and the process at its other end.
pub(crate) struct Master {
    connection: Connection<UnixStream>,
    process: Option<OwnedFd>,
}

impl Master {
    /// Connects to the master that these settings are of. Where nobody listens and its lock is held all the same, it can't be
    /// said that none runs.
    pub(crate) fn of(settings: &Settings) -> Result<Self, Failure> {
        Self::connect(&settings.control_socket).map_err(|failure| {
            let lock = settings.lock_file();
            if failure.exit != Exit::NotRunning || !procfs::is_locked(&lock) {
                return failure;
            }
            // The lock's own number is that of whoever took it first, before upgrades.
            let pid = settings.pidfile.as_ref().and_then(|path| fs::read_to_string(path).ok());
            let pid = pid.map_or(String::new(), |pid| format!(" (pid {})", pid.trim()));
            let (lock, socket) = (lock.display(), settings.control_socket.display());
            let reason = format!(
                "a master{pid} holds {lock}, but nobody listens on {socket}: it is starting or ending, or that file was \
                 removed, and is there again once the master gets a HUP"
            );
            Failure::new(Exit::Failed, reason)
        })
    }

    /// Connects to the master that listens at `socket`; nobody there is exit code 3.
    pub(crate) fn connect(socket: &Path) -> Result<Self, Failure> {
        let stream = ph_rpc::unix::connect(socket).map_err(|error| match error.kind() {
            // A path that can't even exist has nobody behind it.
            io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::ConnectionRefused => {
                let reason = format!("not running (nobody listens on {})", socket.display());
                Failure::new(Exit::NotRunning, reason)
            }
            _ => Failure::new(Exit::Failed, format!("cannot reach {}: {error}", socket.display())),
        })?;
        // The kernel says who listens there; its descriptor tells the end of exactly that process.
        let process = rustix::net::sockopt::socket_peercred(&stream)
            .and_then(|peer| pidfd_open(peer.pid, PidfdFlags::empty()))
            .ok();
        let timeouts = stream
            .set_read_timeout(Some(SILENCE / 2))
            .and_then(|()| stream.set_write_timeout(Some(SILENCE)));
        timeouts.map_err(|error| broken(&error))?;
        Ok(Self { connection: Connection::new(stream), process })
    }

    /// Asks, and waits for the answer as long as the master lives and listens.
    ///
    /// A verdict may take its time; whether the master is still there is asked meanwhile, by a second request on
    /// the same connection. A master that leaves both unanswered, for [`SILENCE`] in all, has failed.
    pub(crate) fn call(&mut self, method: &str, params: Vec<Value>) -> Result<Value, Failure> {
        self.try_call(method, params)?.ok_or_else(|| broken(&"it closed the connection"))
    }

    /// The same; `None` when the master ended without an answer.
    fn try_call(&mut self, method: &str, params: Vec<Value>) -> Result<Option<Value>, Failure> {
        let asked = self.connection.request(method, params).map_err(|error| broken(&error))?;
        while let Some(incoming) = self.receive(("status", Vec::new()))? {
            match incoming {
                Incoming::Response { msgid, result } if msgid == asked => {
                    return result.map(Some).map_err(|error: RpcError| error.into());
                }
                Incoming::Response { .. } | Incoming::Notification { .. } => {}
            }
        }
        Ok(None)
    }

    /// The next message; `None` when the master has gone. A silent one is asked this question, and has failed if it does not
    /// answer that either.
    fn receive(&mut self, question: (&str, Vec<Value>)) -> Result<Option<Incoming>, Failure> {
        let mut question = Some(question);
        loop {
            match self.connection.receive() {
                Ok(incoming) => return Ok(Some(incoming)),
                Err(ClientError::Silent) => {
                    let (method, params) = question.take().ok_or_else(silent)?;
                    let sent = self.connection.request(method, params);
                    sent.map_err(|error| broken(&error))?;
                }
                Err(ClientError::Closed) => return Ok(None),
                Err(error) => return Err(broken(&error)),
            }
        }
    }

    /// The next thing that it tells unasked; `None` when it has gone. Nothing has to happen, but a master that does not answer a
    /// question meanwhile has failed.
    pub(crate) fn listen(&mut self) -> Result<Option<Value>, Failure> {
        // Of a thousand workers a status would be long.
        while let Some(incoming) = self.receive(("config_get", vec!["proc_name".into()]))? {
            if let Incoming::Notification { params, .. } = incoming {
                return Ok(Some(params.into_iter().next().unwrap_or(Value::Nil)));
            }
        }
        Ok(None)
    }

    /// Whether it is the first process of its pid namespace, with which all in there ends.
    pub(crate) fn is_init(&mut self) -> Result<bool, Failure> {
        let status = self.call("status", Vec::new())?;
        Ok(value::get(&status, "pid").as_u64() == Some(1))
    }

    /// Stops the master and waits until its process is gone.
    pub(crate) fn stop(mut self, quick: bool) -> Result<(), Failure> {
        let answered = self.try_call("stop", vec![quick.into()])?.is_some();
        let Some(process) = &self.process else { return Ok(()) };
        // One that has promised to end may take its time over it. One that ended without a word has ended all the
        // same; one that closed the connection and lives on has refused.
        let limit = Timespec { tv_sec: SILENCE.as_secs() as i64, tv_nsec: 0 };
        let mut events = [PollFd::new(process, PollFlags::IN)];
        match poll(&mut events, if answered { None } else { Some(&limit) }) {
            Ok(0) => Err(broken(&"it closed the connection")),
            Ok(_) => Ok(()),
            Err(errno) => Err(broken(&errno)),
        }
    }
}

fn silent() -> Failure {
    let seconds = SILENCE.as_secs();
    Failure::new(Exit::Failed, format!("the master has been silent for {seconds} seconds"))
}

fn broken(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Failed, format!("the connection to the master failed: {error}"))
}
