//! Two masters of one election, each in a sandbox of its own.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::process::Process;
use crate::sandbox::Sandbox;
use crate::wait::until_some;

/// Two candidates of one lock, or of one key.
pub struct Pair {
    /// Started first, so that it leads.
    pub first: Sandbox,
    /// It stands by.
    pub second: Sandbox,
}

/// A lease that a busy machine can keep, and a test can wait for.
pub const TTL: u64 = 3;
/// Within that another leads, whatever has become of the leader: the lease, and what a busy machine takes beside it.
pub const BOUND: Duration = Duration::from_secs(TTL + 2);

impl Pair {
    /// Two that are not started, with a lock in the first one's folder.
    pub fn new(test: &str, section: &str) -> Self {
        let first = Sandbox::new(&format!("{test}-1"), "");
        let lock = first.path("lock");
        let second = Sandbox::new(&format!("{test}-2"), &with_lock(&lock, section));
        first.configure(&with_lock(&lock, section));
        Self { first, second }
    }

    /// Two that run: the first one leads, with so many workers.
    #[track_caller]
    pub fn start(test: &str, section: &str, workers: usize) -> Self {
        let pair = Self::new(test, section);
        pair.first.ok(&["start"]);
        pair.first.settled(workers);
        pair.second.ok(&["start"]);
        assert_eq!(pair.second.status()["role"], "standby");
        pair
    }
}

/// The section with an election about this lock.
pub fn with_lock(lock: &Path, section: &str) -> String {
    let key = lock.display();
    format!("leader = file\nleader_key = {key}\nleader_ttl = {TTL}\n{section}")
}

impl Sandbox {
    /// Waits until this master leads with so many workers, and returns its status.
    #[track_caller]
    pub fn leads(&self, workers: usize) -> Value {
        let status = until_some("it leads, and its workers are ready", || {
            let status = self.try_status().filter(|status| status["role"] == "leader")?;
            let rows = status["workers"].as_array()?;
            let ready = rows.iter().filter(|row| row["state"] == "ready").count();
            (ready == workers).then_some(status)
        });
        self.remember();
        status
    }

    /// Waits until this master stands by without any worker, and returns its status.
    #[track_caller]
    pub fn stands_by(&self) -> Value {
        until_some("it stands by, without workers and listeners", || {
            let status = self.try_status().filter(|status| status["role"] == "standby")?;
            let bare = |field: &str| status[field].as_array().is_some_and(Vec::is_empty);
            (bare("workers") && bare("listeners")).then_some(status)
        })
    }

    /// `leader status --json`.
    #[track_caller]
    pub fn leadership(&self) -> Value {
        serde_json::from_str(&self.ok(&["leader", "status", "--json"])).unwrap()
    }

    /// The process that campaigns for this master.
    #[track_caller]
    pub fn elector(&self) -> Process {
        let pid = self.leadership()["elector_pid"].as_i64().unwrap();
        let elector = self.find(pid).unwrap();
        self.adopt(elector);
        elector
    }

    /// The token that this master leads by.
    #[track_caller]
    pub fn token(&self) -> u64 {
        self.leadership()["token"].as_u64().unwrap()
    }
}
