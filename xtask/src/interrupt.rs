//! An interrupt from the keyboard must not leave daemons behind, so the commands that start some
//! ask here while they wait, return an error, and let their guards clean up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::error::{Context, Error, Result};

static ASKED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on INT, TERM and HUP are remembered instead of fatal.
pub(crate) fn watch() -> Result {
    let asked = ASKED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(asked))
            .context(|| "cannot handle signals")?;
    }
    Ok(())
}

/// Fails once the command was asked to end.
pub(crate) fn check() -> Result {
    match ASKED.get() {
        Some(asked) if asked.load(Ordering::Relaxed) => Err(Error::new("interrupted")),
        _ => Ok(()),
    }
}
