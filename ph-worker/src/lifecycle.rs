//! The frame around every kind of worker: boot and its failures, the words to the master, the exit codes.

use ph_core::master::Seat;
use ph_core::report::{Report, Reporter};

use crate::context::Context;
use crate::{Error, panics};

/// Exit codes of a worker. They are for people who read logs; the master goes by what it was told.
pub(crate) mod exit {
    /// It was asked to leave and did.
    pub(crate) const DONE: u8 = 0;
    /// Its constructor, `setup` or `init_process` failed (`EX_SOFTWARE`).
    pub(crate) const BOOT: u8 = 70;
    /// Its code panicked: what the Rust runtime itself uses.
    pub(crate) const PANIC: u8 = 101;
}

/// A worker that is ready, and how it talks to the master.
pub(crate) struct Booted<W> {
    pub(crate) worker: W,
    pub(crate) context: Context,
    pub(crate) reporter: Reporter,
}

/// Boots a worker: `build` runs its constructor, `setup` and `init_process`. Ready when that returns.
pub(crate) fn boot<W>(
    seat: Seat,
    build: impl FnOnce(&Context) -> Result<W, Error>,
) -> Result<Booted<W>, u8> {
    panics::enter();
    let Seat { slot, generation, settings, reporter, cell, .. } = seat;
    let context = Context::new(slot, generation, settings, cell);
    let built = match panics::catch(|| build(&context)) {
        Ok(Ok(worker)) => {
            context.heed_signals().map(|()| worker).map_err(|error| sentence(&*error))
        }
        Ok(Err(error)) => Err(sentence(&*error)),
        Err(panic) => Err(panic),
    };
    match built {
        Ok(worker) => {
            // If the master has gone, this process is being killed already.
            let _ = reporter.say(&Report::Ready);
            Ok(Booted { worker, context, reporter })
        }
        Err(reason) => {
            tracing::error!(%reason, "cannot boot");
            let _ = reporter.say(&Report::Failed(reason));
            Err(exit::BOOT)
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
