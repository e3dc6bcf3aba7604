//! What a sandbox's master listens on, as a client sees it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::process::Process;
use crate::sandbox::Sandbox;

impl Sandbox {
    /// `listeners` of `status --json`.
    #[track_caller]
    pub fn listeners(&self) -> Vec<String> {
        let status = self.status();
        let rows = status["listeners"].as_array().unwrap().iter();
        rows.map(|row| row.as_str().unwrap().to_owned()).collect()
    }

    /// The master's sockets when nobody is connected: its listeners and that of the control socket.
    #[track_caller]
    pub fn unwatched_sockets(&self) -> Vec<String> {
        let master = self.master();
        self.unwatched(master);
        master.sockets()
    }
}

impl Process {
    /// Its sockets, as `/proc` tells them apart, sorted; without the channel by which workers hand connections on.
    pub fn sockets(self) -> Vec<String> {
        let files = self.open_files().into_values();
        let mut sockets: Vec<String> = files.filter(|file| file.starts_with("socket:")).collect();
        let channels = channels();
        sockets.retain(|socket| !channels.contains(socket));
        sockets.sort();
        sockets
    }
}

/// The ends of channels, of all processes: Unix sockets for sequenced packets, as proc_net_unix(5) lists them.
fn channels() -> Vec<String> {
    let table = std::fs::read_to_string("/proc/net/unix").unwrap();
    let rows = table.lines().skip(1).map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let packets = rows.filter(|row| row.get(4) == Some(&"0005"));
    packets.map(|row| format!("socket:[{}]", row[6])).collect()
}

/// Connects to what `status` calls a listener. That needs nobody who accepts.
pub fn reach(listener: &str) -> io::Result<()> {
    match (listener.strip_prefix("tcp://"), listener.strip_prefix("unix:")) {
        (Some(address), _) => TcpStream::connect(address).map(drop),
        (_, Some(path)) => UnixStream::connect(path).map(drop),
        _ => Err(io::Error::other(format!("no listener: {listener}"))),
    }
}

/// An address that nobody else on this machine uses: each test has a loopback host of its own.
pub fn own_address() -> SocketAddr {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    let host = Ipv4Addr::new(127, high, low, COUNT.fetch_add(1, Ordering::Relaxed));
    SocketAddr::new(host.into(), 8000)
}

/// An address of the same kind, taken for as long as the listener lives.
pub fn taken_address() -> (TcpListener, SocketAddr) {
    let address = own_address();
    (TcpListener::bind(address).unwrap(), address)
}
