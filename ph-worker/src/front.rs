//! The first thread of a worker that has a crew of threads or coroutines: it accepts, takes signals, and sees the work out.

use std::io;
use std::time::Duration;

use nix::poll::PollFlags;

use crate::acceptor::{Accepted, Acceptor, Event};
use crate::context::Context;
use crate::desk::Desk;

/// So many connections at most move together, out of one worker and into another: more do not wait for each other, since so
/// many are answered, or taken, within a millisecond.
pub(crate) const TOGETHER: usize = 64;

/// Accepts connections and hands them over, until the worker is asked to leave and nothing is in hand any more.
///
/// `crew` is what one of those who work is called: a request that is late is named by that word and its number.
pub(crate) fn serve(
    cx: &Context,
    desk: &Desk,
    crew: &str,
    mut hand_over: impl FnMut(Accepted),
    stop: impl FnOnce(),
) -> io::Result<()> {
    let mut acceptor = Acceptor::new(cx, Some(desk))?;
    let mut take = |acceptor: &mut Acceptor<'_>, accepted: Accepted| {
        desk.enter();
        if !accepted.is_moved() {
            hand_over(accepted);
            return Ok(());
        }
        // It does not come alone. The crew may be set to work on the very processor of this thread: then the rest of them
        // would wait until the scheduler gives that back.
        let mut moved = vec![accepted];
        while moved.len() < TOGETHER
            && desk.has_room()
            && let Some(another) = acceptor.another_moved()?
        {
            desk.enter();
            moved.push(another);
        }
        moved.into_iter().for_each(&mut hand_over);
        io::Result::Ok(())
    };
    while !cx.is_stopping() || acceptor.lingers()? {
        match acceptor.wait(desk.has_room())? {
            Some(Event::Connection(accepted)) => take(&mut acceptor, accepted)?,
            Some(Event::Call) => hear(cx, desk),
            None => {}
        }
    }
    name_the_late(cx, crew);
    let mut left = acceptor.last_call()?;
    stop();
    let mut more = true;
    loop {
        // After a panic there may be nobody to hand them to; they are left to the others.
        more &= !desk.has_panicked();
        while more && desk.has_room() {
            match acceptor.take_waiting(&mut left)? {
                Some(accepted) => take(&mut acceptor, accepted)?,
                None => more = false,
            }
        }
        if desk.is_clear() && !more {
            return Ok(());
        }
        acceptor.wait(false)?;
        hear(cx, desk);
    }
}

fn hear(cx: &Context, desk: &Desk) {
    cx.take_note(Duration::ZERO);
    desk.hush();
}

/// The slots' clock moves by ticks: what the master has just found late may still be a tick short of it here.
const TICK: Duration = Duration::from_millis(10);

/// A request past `timeout` is why the worker was asked to leave, and why it will not manage to.
pub(crate) fn name_the_late(cx: &Context, crew: &str) {
    let Some(limit) = cx.config().timeout else { return };
    for (number, age) in cx.post().ledger.late(limit.saturating_sub(TICK)) {
        tracing::error!(age = ?age, "request past timeout: {crew} {number} is stuck in it");
    }
}

/// Takes signals while others work on jobs, until the worker is asked to leave.
pub(crate) fn wait(cx: &Context, desk: &Desk, crew: &str) {
    while !cx.is_stopping() {
        cx.wait(Some((desk.bell(), PollFlags::POLLIN)), true, None);
        desk.hush();
    }
    name_the_late(cx, crew);
    cx.stop().ask();
}
