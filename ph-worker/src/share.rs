//! What a worker does before it is replaced: `max_requests`, and the jitter that keeps workers from leaving together.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use ph_config::Settings;
use ph_core::slots;

/// The number of requests at which a worker asks to be relieved. Threads share it.
#[derive(Debug)]
pub(crate) struct Share {
    most: Option<u64>,
    /// The number of requests at which the worker asks, the next time.
    next: AtomicU64,
    asked: AtomicBool,
}

impl Share {
    pub(crate) fn of(settings: &Settings) -> Self {
        let jitter = settings.max_requests_jitter.unwrap_or(0);
        // Workers that started together should not leave together; any spread does.
        let salt = u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ slots::now();
        let extra = salt.rotate_left(31) % jitter.saturating_add(1);
        let most = settings.max_requests.map(|most| most.saturating_add(extra));
        Self { most, next: AtomicU64::new(most.unwrap_or(u64::MAX)), asked: AtomicBool::new(false) }
    }

    /// Whether so many requests are the whole share.
    pub(crate) fn is_done(&self, requests: u64) -> bool {
        requests >= self.next.load(Relaxed)
    }

    /// `true` the first time: then the worker asks to be relieved.
    pub(crate) fn ask_once(&self) -> bool {
        !self.asked.swap(true, Relaxed)
    }

    /// Nobody came to relieve it: another share follows.
    pub(crate) fn renew(&self, requests: u64) {
        let most = self.most.unwrap_or(u64::MAX);
        self.next.store(requests.saturating_add(most), Relaxed);
        self.asked.store(false, Relaxed);
    }
}
