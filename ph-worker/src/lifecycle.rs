//! The frame around every kind of worker: boot and its failures, the words to the master, the exit codes.

use std::sync::Arc;

use ph_core::master::Seat;
use ph_core::report::Report;

use crate::context::Context;
use crate::post::Post;
use crate::{Error, panics};

/// Exit codes of a worker. They are for people who read logs; the master goes by what it was told.
mod exit {
    /// It was asked to leave and did.
    pub(super) const DONE: u8 = 0;
    /// The system refused what it can't do without.
    pub(super) const FAILED: u8 = 1;
    /// Its constructor, `setup` or `init_process` failed (`EX_SOFTWARE`).
    pub(super) const BOOT: u8 = 70;
    /// Its code panicked: what the Rust runtime itself uses.
    pub(super) const PANIC: u8 = 101;
}

/// A worker's process from its first moment to its exit code.
pub(crate) struct Frame {
    /// That of the first thread.
    pub(crate) context: Context,
}

impl Frame {
    pub(crate) fn of(seat: Seat) -> Self {
        panics::enter();
        Self { context: Context::of_the_first_thread(Arc::new(Post::of(seat))) }
    }

    /// Takes signals from here on, and tells the master that this worker is ready. In a warm standby it returns only when the master
    /// leads, or has this worker leave.
    pub(crate) fn ready(&self) -> Result<(), String> {
        self.context.heed_signals().map_err(|error| sentence(&*error))?;
        self.context.post().say(&Report::Ready);
        self.context.wait_for_office()
    }

    /// Tells the master why not.
    pub(crate) fn cannot_boot(&self, reason: String) -> u8 {
        tracing::error!(%reason, "cannot boot");
        self.context.post().say(&Report::Failed(reason));
        exit::BOOT
    }

    /// The end of a worker that was ready.
    pub(crate) fn ended(&self, lived: Result<(), Error>, panicked: bool) -> u8 {
        match lived {
            _ if panicked => exit::PANIC,
            Ok(()) => exit::DONE,
            Err(error) => {
                self.context.post().told(&format!("cannot go on: {}", sentence(&*error)));
                exit::FAILED
            }
        }
    }
}

/// The life of a worker in one thread: `build` runs its constructor, `setup` and `init_process`, `live` the rest.
pub(crate) fn run<W>(
    seat: Seat,
    build: impl FnOnce(&Context) -> Result<W, Error>,
    live: impl FnOnce(&mut W, &Context) -> Result<(), Error>,
) -> u8 {
    let frame = Frame::of(seat);
    let cx = &frame.context;
    let built = panics::catch(|| build(cx).map_err(|error| sentence(&*error)));
    let mut worker = match built.and_then(|built| built) {
        Ok(worker) => worker,
        Err(reason) => return frame.cannot_boot(reason),
    };
    if let Err(reason) = frame.ready() {
        return frame.cannot_boot(reason);
    }
    let lived = panics::catch(|| live(&mut worker, cx));
    let dropped = panics::catch(|| drop(worker));
    match lived.and_then(|lived| dropped.map(|()| lived)) {
        Ok(lived) => frame.ended(lived, false),
        Err(panic) => {
            cx.post().told(&panic);
            frame.ended(Ok(()), true)
        }
    }
}

/// An error and its causes, as one sentence.
pub(crate) fn sentence(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // Many errors repeat their cause in their own words.
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}
