//! Signals as events.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;

use ph_signal::{Signal, SignalSet};

use super::Master;
use super::poll::Token;
use crate::arbiter::{Event, ScaleBy, Speed};

impl Master<'_> {
    /// Takes all pending signals at once. They are a set: a stop outranks the rest of it.
    pub(super) fn take_signals(&mut self) {
        let pending = match self.signals.pending() {
            Ok(pending) => pending,
            Err(error) => {
                tracing::error!(%error, "cannot read pending signals");
                return;
            }
        };
        if pending.contains(Signal::CHLD) {
            self.feed(Event::ChildEnded);
        }
        if pending.contains(Signal::USR1) {
            self.reopen_logs();
        }
        if pending.contains(Signal::INT) {
            self.feed(Event::Stop { asked: None, speed: Speed::Quick });
        } else if pending.contains(Signal::TERM) || pending.contains(Signal::QUIT) {
            self.feed(Event::Stop { asked: None, speed: Speed::Graceful });
        } else {
            self.take_wishes(pending);
        }
    }

    fn take_wishes(&mut self, pending: SignalSet) {
        if pending.contains(Signal::HUP) {
            self.feed(Event::Reload { asked: None });
        }
        for (signal, by) in [(Signal::TTIN, 1), (Signal::TTOU, -1)] {
            if pending.contains(signal) {
                self.feed(Event::Scale { asked: None, by: ScaleBy::Nudge(by) });
            }
        }
        // With a terminal the signal means that its window was resized.
        if pending.contains(Signal::WINCH) && !has_terminal() {
            self.feed(Event::RetireAll);
        }
        if pending.contains(Signal::USR2) {
            tracing::warn!("this version cannot upgrade itself while it runs; use restart");
        }
    }

    /// Reopens the log here and in every worker.
    pub(super) fn reopen_logs(&mut self) {
        match crate::log::reopen() {
            Ok(()) => tracing::info!("log reopened"),
            Err(error) => tracing::error!(%error, "the old log stays in use"),
        }
        for child in self.children.iter() {
            let _ = child.process.signal(Signal::USR1);
        }
    }

    /// The guard died: nobody is meant to kill it, but anybody may.
    pub(super) fn replace_guard(&mut self) {
        let Some(guard) = &mut self.guard else { return };
        self.poll.remove(&*guard);
        tracing::warn!(pid = guard.pid().as_raw(), "the guard died; starting another");
        if let Err(error) = guard.restart(&mut self.title, &self.name) {
            tracing::error!(%error, "there is no guard: workers' children may outlive this master");
            self.guard = None;
            return;
        }
        if let Err(error) = self.poll.add(&*guard, Token::Guard) {
            tracing::error!(%error, "the new guard is not watched");
        }
    }
}

fn has_terminal() -> bool {
    File::options().read(true).custom_flags(libc::O_NOCTTY).open("/dev/tty").is_ok()
}
