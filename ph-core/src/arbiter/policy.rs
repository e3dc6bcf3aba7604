//! The numbers that the arbiter decides by, taken from the typed settings.

use std::time::Duration;

use ph_config::Settings;
use ph_config::value::choice::{Leader, Notify, Scaling, WorkerClass};

/// Most workers that one master can have: the size of the shared-memory table.
pub const MAX_WORKERS: u32 = ph_config::value::count::MAX_WORKERS;

/// What the configuration says about numbers and times. `None` switches a limit off.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The configured number of workers, `auto` resolved.
    pub number_workers: u32,
    /// Within what the number follows the load; `None` when it does not.
    pub band: Option<Band>,
    /// From spawn to ready.
    pub boot_timeout: Option<Duration>,
    /// A worker that has lived for so long counts as ready; `None` when it says so itself.
    pub ready_after: Option<Duration>,
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
    /// What it takes to have workers; `None` where nobody else would have them.
    pub lease: Option<Lease>,
}

/// What a leader's lease is like. Only a restart changes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// How long it lasts without a renewal.
    pub ttl: Duration,
    /// Whether a standby has workers that wait.
    pub warm: bool,
}

/// Within what the number of workers follows the load, and what a worker can take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Band {
    /// The fewest; none under `ondemand`.
    pub min: u32,
    /// The most.
    pub max: u32,
    /// For how long there must be idle workers before one is given up; `None`: for ever.
    pub idle_timeout: Option<Duration>,
    /// Connections or jobs that one worker can have in hand.
    pub capacity: u32,
    /// Whether work comes through a listener, which tells of it when nobody looks.
    pub listens: bool,
}

impl Band {
    fn of(settings: &Settings, listens: bool, cpus: impl Fn() -> u32) -> Option<Self> {
        let min = match settings.scaling {
            Scaling::Static => return None,
            Scaling::Dynamic => settings.min_workers,
            Scaling::Ondemand => 0,
        };
        Some(Self {
            min,
            // `auto` may turn out to be less than the fewest.
            max: settings.max_workers.or_auto(cpus).max(min),
            idle_timeout: settings.idle_timeout,
            capacity: match settings.worker_class {
                WorkerClass::Sync | WorkerClass::Exec => 1,
                WorkerClass::Thread => settings.threads,
                WorkerClass::Async | WorkerClass::Rpc => settings.max_coroutines,
            },
            listens,
        })
    }
}

impl Policy {
    /// The policy of these settings on a machine whose `auto` means `cpus()` workers; `listens` when work comes through
    /// a listener.
    pub fn from_settings(settings: &Settings, listens: bool, cpus: impl Fn() -> u32) -> Self {
        let band = Band::of(settings, listens, &cpus);
        let number = settings.number_workers.or_auto(&cpus);
        Self {
            number_workers: band.as_ref().map_or(number, |band| number.clamp(band.min, band.max)),
            band,
            boot_timeout: settings.boot_timeout,
            ready_after: (settings.worker_class == WorkerClass::Exec
                && settings.notify == Notify::None)
                .then_some(settings.ready_after),
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
            lease: (settings.leader != Leader::None)
                .then_some(Lease { ttl: settings.leader_ttl, warm: settings.standby_warm }),
        }
    }

    /// How many workers a start begins with.
    pub(super) fn at_start(&self) -> u32 {
        self.within(if self.is_ondemand() { 0 } else { self.number_workers })
    }

    /// How many there are to be once this policy follows `before`, of which there were `wanted`.
    ///
    /// The number of an operator, or of the load, stays until the configured one changes.
    pub(super) fn after(&self, before: &Self, wanted: u32) -> u32 {
        let configured = self.number_workers != before.number_workers;
        let was_the_loads = self.band.is_none() && before.band.is_some();
        let anew = was_the_loads || configured && !self.is_ondemand();
        self.within(if anew { self.number_workers } else { wanted })
    }

    /// The number, or the nearest that is allowed.
    pub(super) fn within(&self, number: u32) -> u32 {
        self.band.as_ref().map_or(number, |band| number.clamp(band.min, band.max))
    }

    /// The fewest and the most workers that may be wanted.
    pub(super) fn bounds(&self) -> (u32, u32) {
        self.band.as_ref().map_or((1, MAX_WORKERS), |band| (band.min, band.max))
    }

    /// Whether nobody works while there is no work.
    pub(super) fn is_ondemand(&self) -> bool {
        self.band.as_ref().is_some_and(|band| band.min == 0)
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
