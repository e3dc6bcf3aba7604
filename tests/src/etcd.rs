//! An etcd of a test's own: on free ports of loopback, in a directory that goes with it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::wait::until;

/// One member, which is the whole cluster.
pub struct Etcd {
    folder: PathBuf,
    ports: (u16, u16),
    child: Option<Child>,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Etcd {
    /// One that is not running yet.
    pub fn described() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ph-etcd-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self { folder, ports: (free_port(), free_port()), child: None }
    }

    /// One that answers.
    pub fn start() -> Self {
        let mut etcd = Self::described();
        etcd.launch();
        etcd
    }

    /// Where it is asked.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.0)
    }

    /// Starts it, and waits until it answers; again with what it had stored.
    pub fn launch(&mut self) {
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let (clients, peers) = (url(self.ports.0), url(self.ports.1));
        let log = fs::File::create(self.folder.join("log")).unwrap();
        let mut command = Command::new("etcd");
        command.arg("--data-dir").arg(self.folder.join("data"));
        command.args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients]);
        command.args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers]);
        command.args(["--initial-cluster", &format!("default={peers}")]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        until("etcd answers", || self.call("kv/range", r#"{"key":"YQ=="}"#).is_some());
    }

    /// Ends it, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks its gateway; the whole answer, if there was one.
    pub fn call(&self, method: &str, body: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.ports.0)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        let length = body.len();
        write!(
            stream,
            "POST /v3/{method} HTTP/1.1\r\nHost: etcd\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.starts_with("HTTP/1.1 200").then_some(answer)
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
