//! `worker_class = sync`: one connection at a time, in the process's only thread.

use std::io;
use std::time::Duration;

use ph_core::master::Seat;

use crate::acceptor::{Accepted, Acceptor, Event};
use crate::connection::complain;
use crate::{ConnectionWorker, Context, Error, Next, Stream, lifecycle};

/// Runs a worker for connections in this process, one at a time; returns its exit code.
pub fn run_sync<W: ConnectionWorker>(
    seat: Seat,
    construct: impl FnOnce(&Context) -> Result<W, Error>,
) -> u8 {
    lifecycle::run(
        seat,
        |cx| build(construct, cx),
        |worker, cx| {
            serve(worker, cx)?;
            worker.stop(cx);
            Ok(())
        },
    )
}

pub(crate) fn build<W: ConnectionWorker>(
    construct: impl FnOnce(&Context) -> Result<W, Error>,
    cx: &Context,
) -> Result<W, Error> {
    let mut worker = construct(cx)?;
    worker.setup(cx)?;
    worker.init_process(cx)?;
    Ok(worker)
}

fn serve<W: ConnectionWorker>(worker: &mut W, cx: &Context) -> io::Result<()> {
    let mut acceptor = Acceptor::new(cx, None)?;
    while !cx.is_stopping() || acceptor.lingers()? {
        match acceptor.wait(true)? {
            Some(Event::Connection(accepted)) => handle(worker, accepted, cx),
            Some(Event::Call) => cx.take_note(Duration::ZERO),
            None => {}
        }
    }
    let mut left = acceptor.last_call()?;
    while let Some(accepted) = acceptor.take_waiting(&mut left)? {
        handle(worker, accepted, cx);
    }
    Ok(())
}

pub(crate) fn handle<W: ConnectionWorker>(worker: &mut W, accepted: Accepted, cx: &Context) {
    let (socket, unread, hold) = accepted.open(cx);
    let handled = worker.handle_request(Stream::new(socket, unread, cx), cx);
    cx.visit().close();
    match handled {
        Ok(Next::Close) => {}
        Ok(Next::HandOff(stream)) => {
            if stream.hand_on() {
                hold.hand_on();
            }
        }
        Err(error) => complain(&error),
    }
}
