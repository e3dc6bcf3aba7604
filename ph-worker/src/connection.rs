//! Workers that are handed connections, one at a time or on threads: what the application writes.

use crate::{Context, Error, Next, Stream};

/// A blocking worker for connections.
///
/// Under `worker_class = sync` there is one of it in a process, and it works on one connection at a time. Under `thread` there
/// is one on each of `threads` threads, made and used there alone. So what is right for the one is right for the
/// other, and the configuration decides.
///
/// Constructed in the child. The names are the ancestor's; only [`handle_request`](Self::handle_request) is needed.
pub trait ConnectionWorker {
    /// First thing after the constructor.
    fn setup(&mut self, cx: &Context) -> Result<(), Error> {
        let _ = cx;
        Ok(())
    }

    /// Last thing before the first connection: the worker counts as ready when this returns (on all its threads).
    fn init_process(&mut self, cx: &Context) -> Result<(), Error> {
        let _ = cx;
        Ok(())
    }

    /// One connection, from its acceptance until this returns, which closes it.
    ///
    /// [`Next::HandOff`] lets another worker go on with it when this one was asked to leave.
    ///
    /// It counts as one request. A handler that serves many on one connection counts them itself, by
    /// [`Context::request`]. An error is logged, unless it only says that the client has gone.
    fn handle_request(&mut self, stream: Stream, cx: &Context) -> Result<Next, Error>;

    /// Last thing of all, when the worker was asked to leave.
    fn stop(&mut self, cx: &Context) {
        let _ = cx;
    }
}

/// Logs a handler's error, unless it is the client's.
pub(crate) fn complain(error: &Error) {
    use std::io::ErrorKind;
    const GONE: [ErrorKind; 4] = [
        ErrorKind::ConnectionReset,
        ErrorKind::BrokenPipe,
        ErrorKind::ConnectionAborted,
        ErrorKind::UnexpectedEof,
    ];
    let gone =
        error.downcast_ref::<std::io::Error>().is_some_and(|error| GONE.contains(&error.kind()));
    let error = crate::lifecycle::sentence(&**error);
    if gone {
        tracing::debug!(%error, "client has gone");
    } else {
        tracing::error!(%error, "request failed");
    }
}
