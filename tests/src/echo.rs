//! The echo example and its clients: a server of the class that a test is about, and connections with deadlines.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};

use crate::process::Process;
use crate::sandbox::Sandbox;
use crate::wait::DEADLINE;

/// Every class of worker that takes connections.
pub const CLASSES: [&str; 3] = ["sync", "thread", "async"];

/// Runs each of these functions once for every class of worker, as `NAME::sync`, `NAME::thread` and `NAME::coroutine`.
#[macro_export]
macro_rules! each_class {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[test]
            fn sync() {
                super::$name("sync");
            }

            #[test]
            fn thread() {
                super::$name("thread");
            }

            #[test]
            fn coroutine() {
                super::$name("async");
            }
        }
    )+};
}

/// An echo server of a test's own, in a sandbox.
pub struct Echo {
    sandbox: Sandbox,
    listener: String,
    /// Sockets of a worker without a connection.
    sockets: usize,
}

impl Deref for Echo {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        &self.sandbox
    }
}

impl Echo {
    /// A server that is not started yet.
    pub fn sandbox(test: &str, class: &str, settings: &str) -> Sandbox {
        let sandbox = Sandbox::for_program("examples/echo", &format!("{test}-{class}"), "");
        sandbox.configure(&section(class, settings));
        sandbox
    }

    /// Starts a server of this class on a port of the kernel's choice.
    #[track_caller]
    pub fn start(test: &str, class: &str, settings: &str) -> Self {
        let sandbox = Self::sandbox(test, class, settings);
        sandbox.ok(&["start"]);
        sandbox.remember();
        Self::of(sandbox)
    }

    /// The same in the foreground, in the session of the tests: for clients that keep every processor busy. They let the
    /// server go first, which means nothing between sessions (autogroups, sched(7)).
    #[track_caller]
    pub fn run(test: &str, class: &str, settings: &str) -> Self {
        let mut sandbox = Self::sandbox(test, class, settings);
        sandbox.foreground();
        Self::of(sandbox)
    }

    /// The same as the first process of a pid namespace.
    #[track_caller]
    pub fn contained(test: &str, class: &str, settings: &str) -> Self {
        let mut sandbox = Self::sandbox(test, class, settings);
        sandbox.container("");
        Self::of(sandbox)
    }

    fn of(sandbox: Sandbox) -> Self {
        let listener = sandbox.listeners().remove(0);
        // Under ondemand there is nobody yet.
        let ready = sandbox.workers("ready");
        let sockets = ready.first().map_or(0, |(_, worker)| worker.sockets().len());
        Self { sandbox, listener, sockets }
    }

    /// Writes the configuration anew, for a reload.
    pub fn becomes(&self, class: &str, settings: &str) {
        self.configure(&section(class, settings));
    }

    /// Where clients connect.
    pub fn listener(&self) -> &str {
        &self.listener
    }

    /// A client, connected.
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::connect(&self.listener).unwrap()
    }

    /// So many of them.
    #[track_caller]
    pub fn clients(&self, count: usize) -> Vec<Client> {
        (0..count).map(|_| self.client()).collect()
    }

    /// Connections that a worker has open.
    #[track_caller]
    pub fn open(&self, worker: Process) -> usize {
        worker.sockets().len() - self.sockets
    }

    /// Slot and pid of each ready worker, as one status tells them: some may have ended since.
    #[track_caller]
    pub fn ready(&self) -> Vec<(u64, i64)> {
        let status = self.status();
        let rows = status["workers"].as_array().unwrap().iter();
        let ready = rows.filter(|row| row["state"] == "ready");
        ready.map(|row| (row["id"].as_u64().unwrap(), row["pid"].as_i64().unwrap())).collect()
    }

    /// A field of `status`, summed over the workers.
    #[track_caller]
    pub fn sum(&self, field: &str) -> u64 {
        let status = self.status();
        let rows = status["workers"].as_array().unwrap().iter();
        rows.map(|row| row[field].as_u64().unwrap()).sum()
    }
}

/// Port 0 unless the settings say where.
fn section(class: &str, settings: &str) -> String {
    let bind = if settings.contains("bind") || settings.contains("unix_socket") {
        ""
    } else {
        "bind = 127.0.0.1:0\n"
    };
    format!("worker_class = {class}\n{bind}{settings}")
}

/// A connection to the server. What waits longer than the usual deadline fails.
pub struct Client(BufReader<TcpStream>);

impl Client {
    /// Connects to what `status` calls a listener.
    pub fn connect(listener: &str) -> io::Result<Self> {
        let stream = match (listener.strip_prefix("tcp://"), listener.strip_prefix("unix:")) {
            (Some(address), _) => TcpStream::connect(address)?,
            // What is done with it here is the same for both families.
            (_, Some(path)) => OwnedFd::from(UnixStream::connect(path)?).into(),
            _ => return Err(io::Error::other(format!("no listener: {listener}"))),
        };
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream().write_all(bytes)
    }

    /// Sends a line.
    #[track_caller]
    pub fn say(&mut self, line: &str) {
        self.send(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Waits for a line.
    #[track_caller]
    pub fn answer(&mut self) -> String {
        self.try_answer().unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    /// Sends a line and waits for the answer.
    #[track_caller]
    pub fn ask(&mut self, line: &str) -> String {
        self.say(line);
        self.answer()
    }

    /// The same, for those who can do without.
    pub fn try_ask(&mut self, line: &str) -> io::Result<String> {
        self.send(format!("{line}\n").as_bytes())?;
        self.try_answer()
    }

    /// A whole line, without its end. One that is cut off is [`io::ErrorKind::InvalidData`]; the end of a connection
    /// that had no answer for us yet is none of that.
    pub fn try_answer(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        let read = self.0.read_until(b'\n', &mut line);
        if line.is_empty() {
            read?;
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&line);
        let cut = || io::Error::new(io::ErrorKind::InvalidData, format!("cut off: {text}"));
        text.strip_suffix('\n').map(str::to_owned).ok_or_else(cut)
    }

    /// The worker that serves this connection.
    #[track_caller]
    pub fn worker(&mut self) -> i32 {
        self.ask("!pid").parse().unwrap()
    }

    /// Reads exactly so many bytes.
    #[track_caller]
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Waits until the server closes the connection, in order and without another byte; how long that took.
    #[track_caller]
    pub fn closed(&mut self) -> Duration {
        let began = Instant::now();
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).unwrap_or_else(|error| panic!("not closed: {error}"));
        assert_eq!(String::from_utf8_lossy(&bytes), "", "more came");
        began.elapsed()
    }

    /// Waits until the connection is over, by whatever way: its worker has ended.
    pub fn lost(&mut self) {
        let ended = self.0.read_to_end(&mut Vec::new());
        let waited = ended.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        assert!(!waited, "the connection is still open");
    }

    /// Ends the connection with a reset.
    #[track_caller]
    pub fn reset(self) {
        let hard = nix::libc::linger { l_onoff: 1, l_linger: 0 };
        setsockopt(self.0.get_ref(), sockopt::Linger, &hard).unwrap();
    }

    /// The socket.
    pub fn stream(&mut self) -> &mut TcpStream {
        self.0.get_mut()
    }
}
