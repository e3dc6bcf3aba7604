//! What a worker is told about itself, and the one way it should wait.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ph_config::Settings;
use ph_core::slots::Slot;
use ph_signal::{Signal, SignalSet, Source};

/// A value of `app.*` that the application can't read.
#[derive(Debug)]
pub struct SettingError {
    key: String,
    text: String,
    why: String,
}

impl Display for SettingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "app.{} = {}: {}", self.key, self.text, self.why)
    }
}

impl std::error::Error for SettingError {}

/// Handed to every call of the application's code in a worker.
#[derive(Debug)]
pub struct Context {
    id: u32,
    generation: u32,
    settings: Arc<Settings>,
    slot: &'static Slot,
    /// `None` until the worker is ready: before that, a request to stop ends the process.
    signals: RefCell<Option<Source>>,
    stopping: Cell<bool>,
}

/// What a ready worker takes note of.
const NOTED: SignalSet = SignalSet::of(&[Signal::TERM, Signal::QUIT, Signal::USR1]);

impl Context {
    pub(crate) fn new(
        id: u32,
        generation: u32,
        settings: Arc<Settings>,
        slot: &'static Slot,
    ) -> Self {
        let (signals, stopping) = (RefCell::new(None), Cell::new(false));
        Self { id, generation, settings, slot, signals, stopping }
    }

    /// This worker's id: 0 up to the number of workers, the same in its successors.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Counts reloads: 1 at the start.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The settings that this worker was started with.
    pub fn config(&self) -> &Settings {
        &self.settings
    }

    /// The text of `app.KEY` in the configuration.
    pub fn app(&self, key: &str) -> Option<&str> {
        self.settings.app.get(key).map(String::as_str)
    }

    /// `app.KEY` as a value, or `default` where the configuration has none.
    pub fn app_or<T: FromStr<Err: Display>>(
        &self,
        key: &str,
        default: T,
    ) -> Result<T, SettingError> {
        let Some(text) = self.app(key) else { return Ok(default) };
        text.parse().map_err(|why: T::Err| SettingError {
            key: key.to_owned(),
            text: text.to_owned(),
            why: why.to_string(),
        })
    }

    /// Requests that this worker has finished.
    pub fn requests(&self) -> u64 {
        self.slot.requests()
    }

    /// Whether this worker was asked to stop. Long jobs look now and then, and return early.
    pub fn is_stopping(&self) -> bool {
        if !self.signals.borrow().as_ref().is_some_and(Source::is_quiet) {
            self.take_note(Some(Duration::ZERO));
        }
        self.stopping.get()
    }

    /// Sleeps, but returns at once when this worker is asked to stop: `true` if it slept the whole time.
    ///
    /// It wakes for nothing else: an idle worker costs no processor time at all.
    pub fn sleep(&self, duration: Duration) -> bool {
        // So far in the future that the clock can't say it: for ever.
        let until = Instant::now().checked_add(duration);
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            self.take_note(left);
            if self.stopping.get() {
                return false;
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return true;
            }
        }
    }

    pub(crate) fn slot(&self) -> &'static Slot {
        self.slot
    }

    /// From here on a request to stop is noted instead of ending the process.
    pub(crate) fn heed_signals(&self) -> Result<(), super::Error> {
        *self.signals.borrow_mut() = Some(Source::sole(NOTED)?);
        Ok(())
    }

    /// Waits for a signal that long and notes what came.
    fn take_note(&self, wait: Option<Duration>) {
        let mut signals = self.signals.borrow_mut();
        let pending = match &mut *signals {
            // A source that the application has closed would make every sleep spin, and TERM go unseen: leave.
            Some(source) => source.wait(wait).unwrap_or(SignalSet::of(&[Signal::TERM])),
            // Not ready yet: nothing is noted, and TERM ends the process in the middle of this.
            None => {
                std::thread::sleep(wait.unwrap_or(Duration::MAX));
                return;
            }
        };
        if pending.contains(Signal::USR1)
            && let Err(error) = ph_core::log::reopen()
        {
            tracing::error!(%error, "the old log stays in use");
        }
        if pending.contains(Signal::TERM) || pending.contains(Signal::QUIT) {
            self.stopping.set(true);
        }
    }
}
