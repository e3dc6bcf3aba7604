//! Signals as events.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;

use nix::unistd::Pid;
use ph_signal::{Signal, SignalSet};

use super::Master;
use super::poll::Token;
use crate::arbiter::{Event, ScaleBy, Speed};
use crate::log::LogError;

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
            for token in std::mem::take(&mut self.withheld) {
                self.happened(token, false);
            }
            self.feed(Event::ChildEnded);
        }
        if pending.contains(Signal::USR1) {
            // What it says is in the log that stays.
            let _ = self.reopen_logs();
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
            self.feed(Event::Upgrade { asked: None });
        }
    }

    /// Reopens the log here and in every worker.
    pub(super) fn reopen_logs(&mut self) -> Result<(), LogError> {
        crate::log::reopen().inspect_err(|error| {
            tracing::error!(%error, "the old log stays in use");
        })?;
        tracing::info!("log reopened");
        self.pass_log_on();
        Ok(())
    }

    /// Rotates a log that has reached its limit.
    pub(super) fn rotate_log(&mut self) {
        match crate::log::rotate(self.current().settings.log_keep) {
            // No word of it in the log: with a small limit that alone could fill it.
            Ok(true) => {
                self.pass_log_on();
                self.happen("log_rotated", &serde_json::json!({}));
            }
            Ok(false) => {}
            Err(error) => {
                tracing::error!(%error, "the log grows on");
                crate::log::put_off();
            }
        }
    }

    /// Has every worker write to the log's new file.
    fn pass_log_on(&mut self) {
        self.reopened += 1;
        // One that still boots ignores it, and is told again when it is ready.
        // A program has no file of it, and may take the signal for its end.
        for child in self.children.iter().filter(|child| child.is_copy()) {
            let _ = child.process.signal(Signal::USR1);
        }
    }

    /// The guard died: nobody is meant to kill it, but anybody may.
    pub(super) fn lose_guard(&mut self) {
        let Some(guard) = &mut self.guard else { return };
        if let Some(dead) = guard.lose() {
            self.poll.remove(&dead);
            tracing::warn!(pid = dead.pid().as_raw(), "the guard died; starting another");
        }
        self.feed(Event::GuardDied);
    }

    pub(super) fn start_guard(&mut self) {
        let Some(guard) = &mut self.guard else { return };
        let started = guard
            .restart(
                &mut self.title,
                &self.name,
                self.candidacy.as_ref().and_then(super::leader::Candidacy::shelf),
            )
            .map_err(|error| error.to_string());
        let watched = started.and_then(|pidfd| {
            self.poll.add(pidfd, Token::Guard).map_err(|errno| errno.to_string())
        });
        match watched {
            Ok(()) => tracing::info!(pid = guard.pid().map(Pid::as_raw), "another guard is there"),
            Err(reason) => {
                // One that is not watched over could die unseen.
                guard.dismiss();
                tracing::error!(%reason, "no guard: what workers started may outlive this master");
                self.queue.push_back(Event::GuardFailed);
            }
        }
    }
}

fn has_terminal() -> bool {
    let terminal = File::options().read(true).custom_flags(libc::O_NOCTTY).open("/dev/tty");
    // Any other error leaves it open, and then nobody is sent away.
    !matches!(
        terminal.err().and_then(|error| error.raw_os_error()),
        Some(libc::ENXIO | libc::ENODEV | libc::ENOENT)
    )
}
