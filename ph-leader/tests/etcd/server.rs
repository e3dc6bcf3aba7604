//! An etcd of the test's own: on free ports of loopback, in a directory that goes with it.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ph_leader::EtcdStore;
use ph_leader::store::{Request, Store as _};

use crate::common::{PATIENCE, Temporary};

pub(crate) struct Etcd {
    directory: Temporary,
    ports: (u16, u16),
    /// What makes it encrypt; plain without.
    encryption: Vec<String>,
    child: Option<Child>,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Etcd {
    /// One that answers.
    pub(crate) fn start() -> Self {
        let mut etcd = Self::described();
        etcd.launch();
        etcd
    }

    /// One that is not running yet.
    pub(crate) fn described() -> Self {
        let directory = Temporary::new();
        let ports = (free_port(), free_port());
        Self { directory, ports, encryption: Vec::new(), child: None }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn encrypt(&mut self, arguments: Vec<String>) {
        self.encryption = arguments;
    }

    #[cfg(feature = "tls")]
    pub(crate) fn encrypted_store(&self, tls: &ph_leader::etcd::Tls) -> EtcdStore {
        self.store().tls(tls).unwrap()
    }

    #[cfg(feature = "tls")]
    pub(crate) fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.0)
    }

    pub(crate) fn store(&self) -> EtcdStore {
        EtcdStore::new(&[self.address()], "app").unwrap()
    }

    /// Starts it, and waits until it answers; again with what it had stored.
    pub(crate) fn launch(&mut self) {
        self.spawn();
        let end = Instant::now() + PATIENCE;
        let mut store = self.store();
        while store.perform(&Request::Look, Duration::from_secs(1)).is_err() {
            assert!(Instant::now() < end, "etcd does not answer: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn spawn(&mut self) {
        let (client, peer) = self.ports;
        let scheme = if self.encryption.is_empty() { "http" } else { "https" };
        let client = format!("{scheme}://127.0.0.1:{client}");
        let peer = format!("http://127.0.0.1:{peer}");
        let log = std::fs::File::options().create(true).append(true).open(self.log_path()).unwrap();
        let child = Command::new("etcd")
            .arg("--data-dir")
            .arg(self.directory.path().join("data"))
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}")])
            .args(&self.encryption)
            .current_dir(self.directory.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.child = Some(child.expect("etcd is on PATH (apt-get install etcd-server)"));
    }

    fn log_path(&self) -> std::path::PathBuf {
        self.directory.path().join("log")
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
    }

    /// A call as an administrator makes it.
    pub(crate) fn must(&self, path: &str, body: &str) {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST /v3/{path} HTTP/1.1\r\nHost: etcd\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.kill();
    }
}
