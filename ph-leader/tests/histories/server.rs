//! A store that is right, by true time, except that it may be made to end leases too early. What comes between it and the candidates
//! is not its affair.

use std::collections::BTreeMap;
use std::time::Duration;

use ph_leader::store::{Lease, Reply, Request, Vacancy};

#[derive(Default)]
pub(super) struct Server {
    /// When each runs out, and its length, in true milliseconds.
    leases: BTreeMap<Lease, (u64, u64)>,
    last_lease: Lease,
    seat: Option<(Lease, String, u64)>,
    revision: u64,
    record: Option<Record>,
}

struct Record {
    lease: Lease,
    ttl: Duration,
    is_held: bool,
    number: u64,
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

    /// Ends the lease that holds the seat, whenever it would have run out.
    pub(super) fn revoke(&mut self) {
        if let Some((lease, ..)) = &self.seat {
            self.leases.remove(lease);
        }
    }

    fn write(&mut self, lease: Lease, ttl: Duration, is_held: bool) {
        self.revision += 1;
        self.record = Some(Record { lease, ttl, is_held, number: self.revision });
    }

    fn number(&self) -> u64 {
        self.record.as_ref().map_or(0, |record| record.number)
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
            Request::Claim { lease, ttl, name, record } => match &self.seat {
                Some((of, _, token)) if *of == lease => Reply::Claimed { token: *token },
                Some(_) => self.look(),
                None if record != self.number() => self.look(),
                None => {
                    self.write(lease, ttl, true);
                    self.seat = Some((lease, name, self.revision));
                    Reply::Claimed { token: self.revision }
                }
            },
            Request::Renew { lease, token } => {
                let has_it = matches!(&self.seat, Some((l, _, t)) if (*l, *t) == (lease, token));
                match self.leases.get_mut(&lease) {
                    Some((until, ttl)) if has_it => {
                        *until = now + *ttl;
                        let ttl = Duration::from_millis(*ttl);
                        self.write(lease, ttl, true);
                        Reply::Renewed { ttl }
                    }
                    _ => Reply::Gone,
                }
            }
            Request::Release { lease } => {
                if let Some(Record { ttl, .. }) =
                    self.record.take_if(|record| record.is_held && record.lease == lease)
                {
                    self.write(lease, ttl, false);
                }
                self.leases.remove(&lease).map_or(Reply::Gone, |_| Reply::Released)
            }
        }
    }

    fn look(&self) -> Reply {
        let record = self.number();
        match (&self.seat, &self.record) {
            (Some((_, name, token)), _) => {
                Reply::Held { of: name.clone(), token: *token, record, revision: self.revision }
            }
            (None, Some(Record { ttl, is_held: true, .. })) => {
                Reply::Free { vacancy: Vacancy::Deserted { ttl: *ttl }, record }
            }
            (None, _) => Reply::Free { vacancy: Vacancy::Open, record },
        }
    }
}
