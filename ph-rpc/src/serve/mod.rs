//! Loops around a service, for one stream each: the least that makes a server.
//!
//! A server with needs of its own has a loop of its own, around [`Session`] and [`Service::dispatch`]; these show
//! what is in it.

#[cfg(feature = "async")]
mod asynchronous;

use std::io::{self, ErrorKind, Read, Write};

#[cfg(feature = "async")]
pub use asynchronous::serve_async;

use crate::service::{Pending, Service};
use crate::session::Session;

/// Serves one connection on this thread until its client hangs up. Handlers that wait are waited for, one after the
/// other.
///
/// ```no_run
/// use std::os::unix::net::UnixListener;
///
/// use ph_rpc::{Service, Session, serve};
///
/// let service = Service::new().method("add", |a: i64, b: i64| Ok(a + b));
/// std::thread::scope(|scope| {
///     for stream in UnixListener::bind("app.sock")?.incoming() {
///         let (service, mut stream) = (&service, stream?);
///         scope.spawn(move || serve(service, &mut Session::default(), &mut stream, &mut ()));
///     }
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// The stream's; [`ErrorKind::InvalidData`] if the client sent what is not the protocol; and
/// [`ErrorKind::UnexpectedEof`] if it hung up inside a message.
pub fn serve<S: Read + Write, C: 'static>(
    service: &Service<C>,
    session: &mut Session,
    stream: &mut S,
    cx: &mut C,
) -> io::Result<()> {
    loop {
        let mut pending: Vec<Pending> = Vec::new();
        let dispatched = service.dispatch(session, cx, &mut pending);
        for call in pending {
            session.push(&call.wait());
        }
        while !session.output().is_empty() {
            again(|| session.write_to(stream))?;
        }
        dispatched.map_err(invalid)?;
        // All is answered and sent, so there is room.
        if again(|| session.read_from(stream))? == 0 {
            return at_end(session);
        }
    }
}

fn again<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

fn invalid(error: crate::CodecError) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

fn at_end(session: &Session) -> io::Result<()> {
    if session.is_mid_message() {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}
