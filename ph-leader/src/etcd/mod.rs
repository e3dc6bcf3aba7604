//! An election between machines, in an etcd cluster (3.4 or later).
//!
//! The seat is a key, which exists as long as the lease that it was put with. Its create revision is the token: etcd gives each
//! change of the whole cluster a higher one. Requests go through etcd's JSON gateway, which every member has at its client port.

mod error;
mod gateway;
mod message;
#[cfg(feature = "tls")]
mod tls;
mod watch;

use std::time::{Duration, Instant};

pub use error::EtcdError;
use gateway::{Failure, Gateway};
use message::{
    Claim, Granted, KeepAlive, KeptAlive, KeyRange, LeaseGrant, LeaseRevoke, Pair, Ranged, Revoked,
    Txn,
};
#[cfg(feature = "tls")]
pub use tls::Tls;

use crate::options::is_name;
use crate::store::{Lease, Reply, Request, Store, StoreError, Watch};

/// An election about a key of an etcd cluster.
///
/// A value that is no candidate's name, or a key without a lease, was not put by a candidate; then nobody leads until it is removed.
#[derive(Debug, Clone)]
pub struct EtcdStore {
    gateway: Gateway,
    key: String,
}

impl EtcdStore {
    /// An election about `key`, by the cluster's members at these addresses: `host:port`, or `http://` or `https://` before it. They are
    /// asked one after the other, beginning with the one that answered last. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// No address, or one that is none; no key.
    pub fn new<E: AsRef<str>>(endpoints: &[E], key: impl Into<String>) -> Result<Self, EtcdError> {
        let key = key.into();
        if key.is_empty() {
            return Err(EtcdError::Key);
        }
        Ok(Self { gateway: Gateway::new(endpoints)?, key })
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
        let ranged: Ranged = self.gateway.call("kv/range", &KeyRange::of(&self.key), within)?;
        let revision = ranged.header.revision;
        ranged.kvs.into_iter().next().map_or(Ok(Reply::Free), |pair| self.holder(&pair, revision))
    }

    /// Who has the seat, by what is in the key.
    fn holder(&self, pair: &Pair, revision: u64) -> Result<Reply, Failure> {
        let value = pair.value();
        match value.as_deref().map(str::from_utf8) {
            Some(Ok(name)) if is_name(name) && pair.lease != 0 => {
                Ok(Reply::Held { of: name.to_owned(), token: pair.create_revision, revision })
            }
            _ => {
                let shown = value.unwrap_or_default();
                let shown = String::from_utf8_lossy(&shown[..shown.len().min(40)]).into_owned();
                let why = if pair.lease == 0 { "it has no lease" } else { "it is no name" };
                Err(Failure::from(StoreError::Foreign(format!(
                    "the key {:?} in etcd holds {shown:?}, which no candidate put there ({why}); delete it, or hold the \
                     election about another key",
                    self.key
                ))))
            }
        }
    }

    fn claim(&mut self, lease: Lease, name: &str, within: Duration) -> Result<Reply, Failure> {
        let claim = Txn::claim(&self.key, name, lease);
        let answer: Claim = match self.gateway.call("kv/txn", &claim, within) {
            Err(Failure::NotFound) => return Ok(Reply::Gone),
            other => other?,
        };
        let revision = answer.header.revision;
        if answer.succeeded {
            return Ok(Reply::Claimed { token: revision });
        }
        match answer.pair() {
            // A former try, whose answer was lost.
            Some(pair) if pair.lease == lease => Ok(Reply::Claimed { token: pair.create_revision }),
            Some(pair) => self.holder(&pair, revision),
            None => {
                Err(self.gateway.nonsense("it refuses a claim and shows nobody who has the key"))
            }
        }
    }

    /// The lease first, then the key, both from the same time of office of etcd's own leader.
    ///
    /// A member that was etcd's leader, and does not know yet that it is not, renews leases that the cluster lets run out. It can't answer
    /// the second question, which takes a majority; and when somebody else answers that, it is in a later term.
    fn renew(&mut self, lease: Lease, token: u64, within: Duration) -> Result<Reply, Failure> {
        let begun = Instant::now();
        let kept: KeptAlive =
            self.gateway.call("lease/keepalive", &KeepAlive::of(lease), within)?;
        if kept.ttl == 0 {
            return Ok(Reply::Gone);
        }
        let left = within.saturating_sub(begun.elapsed());
        let ranged: Ranged = self.gateway.call("kv/range", &KeyRange::of(&self.key), left)?;
        match ranged.kvs.first() {
            Some(pair) if pair.lease == lease && pair.create_revision == token => {}
            _ => return Ok(Reply::Gone),
        }
        if kept.header.raft_term == 0 || kept.header.raft_term != ranged.header.raft_term {
            let what = "etcd changed its own leader during a renewal; it is asked again";
            return Err(Failure::from(StoreError::Unreachable(what.to_owned())));
        }
        Ok(Reply::Renewed { ttl: Duration::from_secs(kept.ttl) })
    }
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
            Request::Claim { lease, name } => self.claim(*lease, name, within),
            Request::Renew { lease, token } => self.renew(*lease, *token, within),
            Request::Release { lease } => {
                let revoked = self.gateway.call("lease/revoke", &LeaseRevoke::of(*lease), within);
                revoked.map(|_: Revoked| Reply::Released)
            }
        };
        match reply {
            Err(Failure::NotFound) => Ok(Reply::Gone),
            other => other.map_err(Failure::into_store_error),
        }
    }

    fn watcher(&self) -> Box<dyn Watch> {
        Box::new(watch::EtcdWatch::new(self.gateway.clone(), self.key.clone()))
    }
}
