//! What a change cost: workers and connections between its beginning and its end.

use std::time::Instant;

use ph_rpc::Value;
use serde::{Deserialize, Serialize};

use super::Master;
use crate::slots::Slot;

/// Sums over workers, the ended ones included.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Sums {
    requests: u64,
    accepted: u64,
    /// Connections that their worker had open when it ended.
    aborted: u64,
    /// Connections that are open.
    open: u64,
}

impl Sums {
    fn add(&mut self, slot: &Slot) {
        self.requests = self.requests.saturating_add(slot.requests());
        self.accepted = self.accepted.saturating_add(slot.accepted());
    }

    fn finished(&self) -> u64 {
        self.accepted.saturating_sub(self.aborted.saturating_add(self.open))
    }
}

/// Workers, each counted when it was decided: those who were asked to leave may take their time over it.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Workers {
    pub(super) started: u64,
    pub(super) retired: u64,
    pub(super) killed: u64,
}

/// A change under way, and what there was when it began.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Opening {
    #[serde(with = "super::carried::instant")]
    began: Instant,
    sums: Sums,
    workers: Workers,
}

/// What a change cost.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Account {
    #[serde(flatten)]
    workers: Workers,
    accepted: u64,
    finished: u64,
    aborted: u64,
    left_in_queue: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Accounts {
    ended: Sums,
    pub(super) workers: Workers,
    open: Option<Opening>,
    /// That of the last change that had one, with its kind.
    last: Option<(String, Account)>,
}

impl Accounts {
    /// Requests of workers that have ended.
    pub(super) fn requests(&self) -> u64 {
        self.ended.requests
    }

    /// The worker of this slot is gone.
    pub(super) fn close(&mut self, slot: &Slot) {
        self.ended.add(slot);
        self.ended.aborted = self.ended.aborted.saturating_add(slot.connections());
    }

    /// The account of the last change, if it was of this kind.
    pub(super) fn last(&self, kind: &str) -> Option<&Account> {
        self.last.as_ref().filter(|(known, _)| *known == kind).map(|(_, account)| account)
    }
}

impl Account {
    /// For `status`.
    pub(super) fn fields(&self) -> [(&'static str, Value); 2] {
        let map = |fields: &[(&str, u64)]| {
            Value::Map(
                fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            )
        };
        let Workers { started, retired, killed } = self.workers;
        let workers = [("started", started), ("retired", retired), ("killed", killed)];
        let connections = [
            ("accepted", self.accepted),
            ("finished", self.finished),
            ("aborted", self.aborted),
            ("left_in_queue", self.left_in_queue),
        ];
        [("workers", map(&workers)), ("connections", map(&connections))]
    }
}

impl Master<'_> {
    /// A change begins. One that comes on top of it, such as a stop that becomes quicker, goes on its account.
    pub(super) fn open_account(&mut self) {
        let opening =
            Opening { began: Instant::now(), sums: self.sums(), workers: self.accounts.workers };
        self.accounts.open.get_or_insert(opening);
    }

    /// The change has ended: one line says what it cost.
    pub(super) fn close_account(&mut self, kind: &'static str) {
        let Some(Opening { began, sums: before, workers: then }) = self.accounts.open.take() else {
            // It was refused before it began: it cost nothing, and what the one before did is not its account.
            self.accounts.last = None;
            return;
        };
        let (after, now) = (self.sums(), self.accounts.workers);
        let workers = Workers {
            started: now.started - then.started,
            retired: now.retired - then.retired,
            killed: now.killed - then.killed,
        };
        let account = Account {
            workers,
            accepted: after.accepted.saturating_sub(before.accepted),
            finished: after.finished().saturating_sub(before.finished()),
            aborted: after.aborted - before.aborted,
            left_in_queue: if kind == "stop" { self.left_in_queue() } else { 0 },
        };
        let Workers { started, retired, killed } = workers;
        let Account { accepted, finished, aborted, left_in_queue, .. } = account;
        let took = began.elapsed();
        tracing::info!(
            started, retired, killed, accepted, finished, aborted, left_in_queue, took = ?took,
            "account of the {kind}"
        );
        let fields =
            serde_json::json!({ "kind": kind, "took_s": took.as_secs_f64(), "account": account });
        self.happen("account", &fields);
        self.accounts.last = Some((kind.to_owned(), account));
    }

    /// Connections that were accepted so far.
    pub(super) fn accepted(&self) -> u64 {
        self.sums().accepted
    }

    fn sums(&self) -> Sums {
        let mut sums = self.accounts.ended;
        for child in self.children.iter() {
            let slot = &self.slots.items()[child.cell];
            sums.add(slot);
            sums.open = sums.open.saturating_add(slot.connections());
        }
        sums
    }

    /// What nobody will accept any more.
    fn left_in_queue(&self) -> u64 {
        self.listeners().filter_map(|listener| listener.waiting()).map(u64::from).sum()
    }
}
