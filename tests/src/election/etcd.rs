//! An etcd of three members, in a [network](super::Network) of its own.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::COUNT;
use super::network::line;
use crate::process::Process;
use crate::wait::until;

/// How long a member may take over an answer before it counts as none.
const PATIENCE: Duration = Duration::from_secs(1);
const CLIENTS: u16 = 2379;
const PEERS: u16 = 2380;

/// The members, numbered from 0; all that they store lies in memory, and goes with this.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    members: [Option<Child>; COUNT],
}

/// Where a member listens for others than masters.
fn own_address(member: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, u8::try_from(member + 1).unwrap())
}

fn urls(addresses: impl IntoIterator<Item = Ipv4Addr>, port: u16) -> String {
    let urls = addresses.into_iter().map(|address| format!("http://{address}:{port}"));
    urls.collect::<Vec<_>>().join(",")
}

impl Cluster {
    /// One whose members all answer.
    #[track_caller]
    pub fn start() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = place.join(format!("ph-etcd-{}-{number}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let mut cluster = Self { folder, members: [const { None }; COUNT] };
        for member in 0..COUNT {
            cluster.launch(member);
        }
        until("etcd answers", || cluster.is_whole());
        cluster
    }

    /// What a master is to ask, by lines of its own.
    #[must_use]
    pub fn endpoints(master: usize) -> String {
        let lines = (0..COUNT).map(|member| format!("{}:{CLIENTS}", line(master, member)));
        lines.collect::<Vec<_>>().join(", ")
    }

    /// Starts a member, with what it had stored; nothing happens to one that runs.
    pub fn launch(&mut self, member: usize) {
        if self.members[member].is_some() {
            return;
        }
        let peers: Vec<String> = (0..COUNT)
            .map(|other| format!("m{other}={}", urls([own_address(other)], PEERS)))
            .collect();
        let own = own_address(member);
        let lines = (0..COUNT).map(|master| line(master, member));
        let log = File::options().create(true).append(true).open(self.log(member)).unwrap();
        let mut command = Command::new("setpriv");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ETCD") {
                command.env_remove(name);
            }
        }
        // Ended with us, however we end.
        let child = command
            .args(["--pdeathsig", "KILL", "etcd", "--name", &format!("m{member}")])
            .arg("--data-dir")
            .arg(self.folder.join(member.to_string()))
            .args(["--listen-client-urls", &urls(lines.chain([own]), CLIENTS)])
            .args(["--advertise-client-urls", &urls([own], CLIENTS)])
            .args(["--listen-peer-urls", &urls([own], PEERS)])
            .args(["--initial-advertise-peer-urls", &urls([own], PEERS)])
            .args(["--initial-cluster", &peers.join(",")])
            .args(["--heartbeat-interval", "50", "--election-timeout", "500"])
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.members[member] = Some(child.expect("setpriv is on PATH (util-linux)"));
    }

    /// KILLs a member, and waits until it is gone.
    pub fn kill(&mut self, member: usize) {
        if let Some(mut child) = self.members[member].take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Sends a member a signal, if it runs.
    pub fn signal(&self, member: usize, signal: Signal) {
        if let Some(child) = &self.members[member] {
            let process = Process::find(child.id() as i32).expect("it was not waited for");
            process.signal(signal);
        }
    }

    /// Brings back who was killed or stopped.
    pub fn mend(&mut self) {
        for member in 0..COUNT {
            self.signal(member, Signal::SIGCONT);
            self.launch(member);
        }
    }

    /// Whether a member answers, and for a majority.
    #[must_use]
    pub fn is_well(&self, member: usize) -> bool {
        let answer = ask(member, "GET /health", "");
        answer.is_some_and(|answer| answer["health"] == "true")
    }

    /// Whether all of them do.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        (0..COUNT).all(|member| self.is_well(member))
    }

    /// The member that decides for all.
    #[must_use]
    pub fn leader(&self) -> Option<usize> {
        (0..COUNT).find(|member| {
            let Some(status) = ask(*member, "POST /v3/maintenance/status", "{}") else {
                return false;
            };
            let leader = &status["leader"];
            leader.is_string() && *leader == status["header"]["member_id"]
        })
    }

    /// How often they have elected one who decides, as far as anybody answers.
    #[must_use]
    pub fn term(&self) -> Option<u64> {
        let statuses = (0..COUNT).filter_map(|it| ask(it, "POST /v3/maintenance/status", "{}"));
        statuses.filter_map(|status| status["raftTerm"].as_str()?.parse().ok()).max()
    }

    /// The end of a member's log.
    #[must_use]
    pub fn last_words(&self, member: usize) -> String {
        let log = fs::read_to_string(self.log(member)).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn log(&self, member: usize) -> PathBuf {
        self.folder.join(format!("{member}.log"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for member in 0..COUNT {
            if std::thread::panicking() {
                eprintln!("--- etcd {member}\n{}", self.last_words(member));
            }
            self.kill(member);
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What a member answers, if it does.
fn ask(member: usize, what: &str, body: &str) -> Option<Value> {
    let address = SocketAddr::from((own_address(member), CLIENTS));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let length = body.len();
    let question = format!(
        "{what} HTTP/1.1\r\nHost: etcd\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(question.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, text) = answer.split_once("\r\n\r\n")?;
    if !head.starts_with("HTTP/1.1 200") || head.to_lowercase().contains("chunked") {
        return None;
    }
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::Signal;

    use super::Cluster;
    use crate::election::Network;
    use crate::wait::{until, until_some};

    #[test]
    fn members_go_and_come_back() {
        let _network = Network::enter();
        let mut cluster = Cluster::start();
        let first = until_some("one decides", || cluster.leader());
        let others = [(first + 1) % 3, (first + 2) % 3];
        cluster.kill(first);
        until("the others go on", || others.iter().all(|member| cluster.is_well(*member)));
        let second = until_some("another decides", || cluster.leader());
        assert_ne!(first, second);
        cluster.signal(second, Signal::SIGSTOP);
        until("one alone is no majority", || !(0..3).any(|member| cluster.is_well(member)));
        cluster.mend();
        until("all are back", || cluster.is_whole());
    }
}
