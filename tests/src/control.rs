//! The control socket, as any msgpack-RPC client sees it.

use std::os::unix::net::UnixStream;

use ph_rpc::client::Connection;

use crate::sandbox::Sandbox;
use crate::wait::DEADLINE;

impl Sandbox {
    /// A bare connection to the control socket; reading and writing have the usual deadline.
    #[track_caller]
    pub fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.path("fixture.sock")).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// A client on the control socket.
    #[track_caller]
    pub fn client(&self) -> Connection<UnixStream> {
        Connection::new(self.connect())
    }
}
