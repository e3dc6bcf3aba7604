//! An election between machines, in an etcd cluster (3.4 or later).
//!
//! The seat is a key, which exists as long as the lease that it was put with. Its create revision is the token: etcd gives each
//! change of the whole cluster a higher one. Requests go through etcd's JSON gateway, which every member has at its client port.
//!
//! Beside it, a key without a lease is the *record*: each claim, renewal and release writes it, and its revision tells them apart. A
//! seat that is free though it was not given up may still be somebody's: etcd can end a lease that it has just renewed (etcd#12528,
//! etcd#15247). So whoever stands by waits until the last holder's term is over, by when it saw the record.

mod error;
mod gateway;
mod message;
mod record;
#[cfg(feature = "tls")]
mod tls;
mod txn;
mod watch;

use std::time::{Duration, Instant};

pub use error::EtcdError;
use gateway::{Failure, Gateway};
use message::{Granted, KeepAlive, KeptAlive, LeaseGrant, LeaseRevoke, Pair, Revoked};
use record::Record;
#[cfg(feature = "tls")]
pub use tls::Tls;
use txn::{Done, Keys};

use crate::options::is_name;
use crate::store::{Lease, Reply, Request, Store, StoreError, Vacancy, Watch};

/// What the record's key has after the seat's.
const RECORD: &str = "/last-leader";

/// An election about a key of an etcd cluster. A user of etcd's needs to read and write two: `KEY`, and `KEY/last-leader` with what
/// outlives a lease.
///
/// A value that is no candidate's name, or a key without a lease, was not put by a candidate; then nobody leads until it is removed.
#[derive(Debug, Clone)]
pub struct EtcdStore {
    gateway: Gateway,
    keys: Keys,
}

impl EtcdStore {
    /// An election about `key`, by the cluster's members at these addresses: `host:port`, or `http://` or `https://` before it. They are
    /// asked one after the other, beginning with the one that answered last. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// No address, or one that is none; no key, or one that ends as those of records do.
    pub fn new<E: AsRef<str>>(endpoints: &[E], key: impl Into<String>) -> Result<Self, EtcdError> {
        let key = key.into();
        if key.is_empty() {
            return Err(EtcdError::Key);
        }
        if key.ends_with(RECORD) {
            return Err(EtcdError::RecordKey(key));
        }
        let keys = Keys { record: format!("{key}{RECORD}"), seat: key };
        Ok(Self { gateway: Gateway::new(endpoints)?, keys })
    }

    /// The account that etcd knows us by.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.gateway.set_user(name.into(), password.into());
        self
    }

    /// How to tell that it is the right cluster, and tell it who we are. Addresses without a scheme are `https://` then.
    ///
    /// # Errors
    ///
    /// A file that can't be read, or is no PEM.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: &Tls) -> Result<Self, EtcdError> {
        self.gateway.set_tls(tls.load()?);
        Ok(self)
    }

    fn look(&mut self, within: Duration) -> Result<Reply, Failure> {
        let done: Done = self.gateway.call("kv/txn", &self.keys.look(), within)?;
        self.state(&done)
    }

    /// Who has the seat, or why nobody has, by what is in the keys.
    fn state(&self, done: &Done) -> Result<Reply, Failure> {
        let (seat, record) = self.shown(done)?;
        let Some(seat) = seat else { return self.vacancy(record) };
        let value = seat.value();
        match value.as_deref().map(str::from_utf8) {
            Some(Ok(name)) if is_name(name) && seat.lease != 0 => Ok(Reply::Held {
                of: name.to_owned(),
                token: seat.create_revision,
                // Without a record (somebody has removed it) what has been written is still known.
                record: record.map_or(seat.mod_revision, |record| record.mod_revision),
                revision: done.header.revision,
            }),
            _ => {
                let why = if seat.lease == 0 { "it has no lease" } else { "it is no name" };
                Err(foreign(&self.keys.seat, value, why))
            }
        }
    }

    fn vacancy(&self, record: Option<&Pair>) -> Result<Reply, Failure> {
        let Some(pair) = record else {
            return Ok(Reply::Free { vacancy: Vacancy::Open, record: 0 });
        };
        let value = pair.value();
        match value.as_deref().and_then(Record::parse) {
            Some(record) => {
                Ok(Reply::Free { vacancy: record.vacancy(), record: pair.mod_revision })
            }
            None => Err(foreign(&self.keys.record, value, "it is no record of a leader")),
        }
    }

    fn shown<'a>(&self, done: &'a Done) -> Result<(Option<&'a Pair>, Option<&'a Pair>), Failure> {
        let shown = done.shown();
        shown
            .ok_or_else(|| self.gateway.nonsense("it does not show the keys that it was asked for"))
    }

    fn claim(
        &mut self,
        (lease, ttl): (Lease, Duration),
        name: &str,
        seen: u64,
        within: Duration,
    ) -> Result<Reply, Failure> {
        let record = Record { is_held: true, ttl, lease }.to_string();
        let claim = self.keys.claim(name, lease, seen, &record);
        let done: Done = match self.gateway.call("kv/txn", &claim, within) {
            Err(Failure::NotFound) => return Ok(Reply::Gone),
            other => other?,
        };
        if done.succeeded {
            return Ok(Reply::Claimed { token: done.header.revision });
        }
        match self.shown(&done)?.0 {
            // A former try, whose answer was lost.
            Some(pair) if pair.lease == lease => Ok(Reply::Claimed { token: pair.create_revision }),
            _ => self.state(&done),
        }
    }

    /// The lease first, then the keys, both in the same time of office of etcd's own leader.
    ///
    /// A member that was etcd's leader, and does not know yet that it is not, renews leases that the cluster lets run out. It can't do
    /// the second, which takes a majority; and when somebody else does that, it is in a later term.
    fn renew(&mut self, lease: Lease, token: u64, within: Duration) -> Result<Reply, Failure> {
        let begun = Instant::now();
        let kept: KeptAlive =
            self.gateway.call("lease/keepalive", &KeepAlive::of(lease), within)?;
        if kept.ttl == 0 {
            return Ok(Reply::Gone);
        }
        let ttl = Duration::from_secs(kept.ttl);
        let left = within.saturating_sub(begun.elapsed());
        let record = Record { is_held: true, ttl, lease }.to_string();
        let renew = self.keys.renew(lease, token, &record);
        let done: Done = self.gateway.call("kv/txn", &renew, left)?;
        if !done.succeeded {
            self.shown(&done)?;
            return Ok(Reply::Gone);
        }
        if kept.header.raft_term == 0 || kept.header.raft_term != done.header.raft_term {
            let what = "etcd changed its own leader during a renewal; it is asked again";
            return Err(Failure::from(StoreError::Unreachable(what.to_owned())));
        }
        Ok(Reply::Renewed { ttl })
    }

    /// The record first, and the seat with it: without the record, others wait for the end of the term; and the lease may have gone.
    fn release(&mut self, lease: Lease, within: Duration) -> Result<Reply, Failure> {
        let begun = Instant::now();
        let done: Done = self.gateway.call("kv/txn", &self.keys.look(), within)?;
        let (seat, record) = self.shown(&done)?;
        let value = record.and_then(Pair::value);
        let written = value.as_deref().and_then(Record::parse);
        let ours = written.filter(|record| record.is_held && record.lease == lease);
        if let (Some(ours), Some(seen)) = (ours, record) {
            let held_by = seat.filter(|seat| seat.lease == lease).map(|seat| seat.lease);
            let record = Record { is_held: false, ..ours }.to_string();
            let release = self.keys.release(held_by, seen.mod_revision, &record);
            let left = within.saturating_sub(begun.elapsed());
            let done: Done = self.gateway.call("kv/txn", &release, left)?;
            if !done.succeeded {
                let what = "what is in etcd changed during a release; it is asked again";
                return Err(Failure::from(StoreError::Unreachable(what.to_owned())));
            }
        }
        let left = within.saturating_sub(begun.elapsed());
        let revoked = self.gateway.call("lease/revoke", &LeaseRevoke::of(lease), left);
        revoked.map(|_: Revoked| Reply::Released)
    }
}

fn foreign(key: &str, value: Option<Vec<u8>>, why: &str) -> Failure {
    let shown = value.unwrap_or_default();
    let shown = String::from_utf8_lossy(&shown[..shown.len().min(40)]).into_owned();
    Failure::from(StoreError::Foreign(format!(
        "the key {key:?} in etcd holds {shown:?}, which no candidate put there ({why}); delete it, or hold the election about \
         another key"
    )))
}

impl Store for EtcdStore {
    fn perform(&mut self, request: &Request, within: Duration) -> Result<Reply, StoreError> {
        let reply = match request {
            Request::Look => self.look(within),
            Request::Grant { ttl } => {
                // Whole seconds: what is more is not relied upon.
                let grant = LeaseGrant { ttl: ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0) };
                self.gateway.call("lease/grant", &grant, within).and_then(|granted: Granted| {
                    let ttl = Duration::from_secs(granted.ttl);
                    match granted.id {
                        0 => Err(self.gateway.nonsense("it grants a lease without a name")),
                        lease => Ok(Reply::Granted { lease, ttl }),
                    }
                })
            }
            Request::Claim { lease, ttl, name, record } => {
                self.claim((*lease, *ttl), name, *record, within)
            }
            Request::Renew { lease, token } => self.renew(*lease, *token, within),
            Request::Release { lease } => self.release(*lease, within),
        };
        match reply {
            Err(Failure::NotFound) => Ok(Reply::Gone),
            other => other.map_err(Failure::into_store_error),
        }
    }

    fn watcher(&self) -> Box<dyn Watch> {
        Box::new(watch::EtcdWatch::new(self.gateway.clone(), self.keys.seat.clone()))
    }
}
