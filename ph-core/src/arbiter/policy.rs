//! The numbers that the arbiter decides by, taken from the typed settings.

use std::time::Duration;

use ph_config::Settings;
use ph_config::value::choice::WorkerClass;

/// Most workers that one master can have: the size of the shared-memory table.
pub const MAX_WORKERS: u32 = ph_config::value::count::MAX_WORKERS;

/// What the configuration says about numbers and times. `None` switches a limit off.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The configured number of workers, `auto` resolved.
    pub number_workers: u32,
    /// From spawn to ready.
    pub boot_timeout: Option<Duration>,
    /// One request.
    pub timeout: Option<Duration>,
    /// Whether a worker has several requests in hand at once: one that is late must not end the others.
    pub shared: bool,
    /// From the stop signal to KILL.
    pub graceful_timeout: Option<Duration>,
    /// Age at which a worker is replaced; each gets up to a tenth less, so that they don't leave together.
    pub max_lifetime: Option<Duration>,
    /// Private resident memory, in bytes, above which a worker is replaced.
    pub max_memory: Option<u64>,
    /// Workers above the wanted number while replacing.
    pub max_surge: u32,
    /// Workers below the wanted number while replacing.
    pub max_unavailable: u32,
    /// First wait of a slot that crashes.
    pub restart_backoff: Duration,
    /// Longest wait.
    pub restart_backoff_max: Duration,
    /// Crashes in a row that make the master degraded.
    pub crash_limit: Option<u32>,
}

impl Policy {
    /// The policy of these settings on a machine whose `auto` means `cpus()` workers.
    pub fn from_settings(settings: &Settings, cpus: impl FnOnce() -> u32) -> Self {
        Self {
            number_workers: settings.number_workers.or_auto(cpus),
            boot_timeout: settings.boot_timeout,
            timeout: settings.timeout,
            shared: !matches!(settings.worker_class, WorkerClass::Sync | WorkerClass::Exec),
            graceful_timeout: settings.graceful_timeout,
            max_lifetime: settings.max_lifetime,
            max_memory: settings.max_memory,
            max_surge: settings.max_surge,
            max_unavailable: settings.max_unavailable,
            restart_backoff: settings.restart_backoff,
            restart_backoff_max: settings.restart_backoff_max,
            crash_limit: settings.crash_limit,
        }
    }

    /// How long a worker has after the stop signal of this speed.
    pub(super) fn drain(&self, quick: bool) -> Option<Duration> {
        const QUICK: Duration = Duration::from_secs(1);
        if quick {
            Some(self.graceful_timeout.map_or(QUICK, |limit| limit.min(QUICK)))
        } else {
            self.graceful_timeout
        }
    }
}
