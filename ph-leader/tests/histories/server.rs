//! A store that is always right, by true time. What comes between it and the candidates is not its affair.

use std::collections::BTreeMap;
use std::time::Duration;

use ph_leader::store::{Lease, Reply, Request};

#[derive(Default)]
pub(super) struct Server {
    /// When each runs out, and its length, in true milliseconds.
    leases: BTreeMap<Lease, (u64, u64)>,
    last_lease: Lease,
    seat: Option<(Lease, String, u64)>,
    revision: u64,
}

impl Server {
    /// Ends what has run out, and tells whether the seat has become free by it.
    pub(super) fn pass(&mut self, now: u64) -> bool {
        self.leases.retain(|_, (until, _)| *until > now);
        let lost = self.seat.as_ref().is_some_and(|(lease, ..)| !self.leases.contains_key(lease));
        if lost {
            self.seat = None;
            self.revision += 1;
        }
        lost
    }

    /// `shorten`: how much of a lease's length is granted, in percent.
    pub(super) fn serve(&mut self, now: u64, request: Request, shorten: u64) -> Reply {
        self.pass(now);
        match request {
            Request::Look => self.look(),
            Request::Grant { ttl } => {
                let ttl = ttl.as_millis() as u64 * shorten / 100;
                self.last_lease += 1;
                self.leases.insert(self.last_lease, (now + ttl, ttl));
                Reply::Granted { lease: self.last_lease, ttl: Duration::from_millis(ttl) }
            }
            Request::Claim { lease, .. } if !self.leases.contains_key(&lease) => Reply::Gone,
            Request::Claim { lease, name } => match &self.seat {
                Some((of, _, token)) if *of == lease => Reply::Claimed { token: *token },
                Some(_) => self.look(),
                None => {
                    self.revision += 1;
                    self.seat = Some((lease, name, self.revision));
                    Reply::Claimed { token: self.revision }
                }
            },
            Request::Renew { lease, token } => {
                let has_it = matches!(&self.seat, Some((l, _, t)) if (*l, *t) == (lease, token));
                match self.leases.get_mut(&lease) {
                    Some((until, ttl)) if has_it => {
                        *until = now + *ttl;
                        Reply::Renewed { ttl: Duration::from_millis(*ttl) }
                    }
                    _ => Reply::Gone,
                }
            }
            Request::Release { lease } => {
                self.leases.remove(&lease).map_or(Reply::Gone, |_| Reply::Released)
            }
        }
    }

    fn look(&self) -> Reply {
        self.seat.as_ref().map_or(Reply::Free, |(_, name, token)| Reply::Held {
            of: name.clone(),
            token: *token,
            revision: self.revision,
        })
    }
}
