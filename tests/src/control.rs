//! The control socket, as any msgpack-RPC client sees it.

use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;

use ph_rpc::client::Connection;

use crate::process::Process;
use crate::sandbox::Sandbox;
use crate::wait::{DEADLINE, until_some};

impl Sandbox {
    /// A bare connection to the control socket; reading and writing have the usual deadline.
    #[track_caller]
    pub fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.path("fixture.sock")).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// Waits until the master has noticed that its last client has gone; returns its descriptors.
    #[track_caller]
    pub fn unwatched(&self, master: Process) -> BTreeMap<i32, String> {
        let listeners = self.listeners().len();
        until_some("nobody is connected", || {
            // And one more: that of the control socket. Not a look from before: somebody may have gone since.
            (master.sockets().len() == listeners + 1).then(|| master.open_files())
        })
    }

    /// A client on the control socket.
    #[track_caller]
    pub fn client(&self) -> Connection<UnixStream> {
        Connection::new(self.connect())
    }
}
