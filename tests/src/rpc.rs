//! The rpc example and its clients.

use std::net::TcpStream;
use std::ops::Deref;

use ph_rpc::client::{Client, Options};

use crate::sandbox::Sandbox;
use crate::wait::DEADLINE;

/// A server of a test's own, in a sandbox.
pub struct Rpc {
    sandbox: Sandbox,
    address: String,
}

impl Deref for Rpc {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        &self.sandbox
    }
}

impl Rpc {
    /// Starts a server on a port of the kernel's choice.
    #[track_caller]
    pub fn start(test: &str, settings: &str) -> Self {
        let sandbox = Sandbox::for_program("examples/rpc", test, "");
        sandbox.configure(&format!("worker_class = rpc\nbind = 127.0.0.1:0\n{settings}"));
        sandbox.ok(&["start"]);
        sandbox.remember();
        let listener = sandbox.listeners().remove(0);
        let address = listener.strip_prefix("tcp://").unwrap().to_owned();
        Self { sandbox, address }
    }

    /// Where clients connect.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A client, connected.
    #[track_caller]
    pub fn caller(&self) -> Client {
        let options = Options { timeout: DEADLINE, in_flight: 4096, ..Options::default() };
        Client::tcp(self.address(), options).unwrap()
    }

    /// A bare connection; reading and writing have the usual deadline.
    #[track_caller]
    pub fn stream(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream
    }
}

/// The message of a call of `add(n, 1)`, whose id is `n`.
pub fn sum(n: u32) -> Vec<u8> {
    let n = n.to_be_bytes();
    [&b"\x94\x00\xce"[..], &n, b"\xa3add\x92\xce", &n, b"\x01"].concat()
}
