//! A TCP or Unix connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// One of the streams that a blocking client can be on.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// The same on either.
macro_rules! on_either {
    ($stream:expr, $inner:ident => $result:expr) => {
        match $stream {
            Self::Tcp($inner) => $result,
            Self::Unix($inner) => $result,
        }
    };
}

impl Stream {
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(stream) => stream.try_clone().map(Self::Tcp),
            Self::Unix(stream) => stream.try_clone().map(Self::Unix),
        }
    }

    pub(super) fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        on_either!(self, stream => stream.set_read_timeout(Some(timeout)))
    }

    pub(super) fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        on_either!(self, stream => stream.set_write_timeout(Some(timeout)))
    }

    pub(super) fn shut_down(&self) {
        // It fails if the other side was first.
        let _ = on_either!(self, stream => stream.shutdown(Shutdown::Both));
    }
}

impl Read for Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        on_either!(self, stream => stream.read(bytes))
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        on_either!(self, stream => stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        on_either!(self, stream => stream.flush())
    }
}
