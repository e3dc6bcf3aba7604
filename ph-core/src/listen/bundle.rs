//! The listeners of one address under `accept = reuseport`: one for each slot.
//!
//! Each has a queue of its own, which a worker's successor inherits: the master keeps the listener as long as there is the
//! slot. The kernel gives connections to all of them alike, so it is told which have nobody to accept from them just
//! now: while a worker boots, waits to be replaced or empties its queue for the last time, new connections go
//! elsewhere. Only the listener of a slot that is gone is closed, which resets what is left in its queue.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Address, ListenError, Listener, tcp};
use crate::sys::reuseport;

/// One address, and who listens there.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// The key with its value, for messages.
    key: String,
    /// As it was asked for: the port may be 0.
    asked: SocketAddr,
    address: SocketAddr,
    /// In the kernel's order, which it needs to be told by: the last one takes the place of one that is closed.
    members: Vec<Member>,
    backlog: u32,
}

#[derive(Debug)]
struct Member {
    /// Whose it is; the first one is nobody's at first.
    slot: Option<u32>,
    listener: Arc<Listener>,
    /// Whether somebody accepts from it.
    serves: bool,
}

/// A bundle in words, and the numbers of its descriptors: for another program that is to go on with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CarriedBundle {
    key: String,
    asked: SocketAddr,
    address: SocketAddr,
    backlog: u32,
    members: Vec<CarriedMember>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct CarriedMember {
    slot: Option<u32>,
    /// What the carrier knows its descriptor by.
    fd: i32,
    serves: bool,
}

/// What becomes of a slot's listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// A worker accepts from it.
    Serves,
    /// No worker does, for the time being.
    Waits,
    /// No worker ever will.
    Gone,
}

impl Bundle {
    /// Listens with one, which is given to the slot that asks first. Unless the address is `shared`, nobody else may
    /// listen there.
    pub(super) fn open(
        key: &str,
        asked: SocketAddr,
        shared: bool,
        backlog: u32,
    ) -> Result<Self, ListenError> {
        let refused = |source| ListenError::Tcp { key: key.to_owned(), source };
        if !shared {
            // With the option set on both sides, the kernel would let it pass.
            tcp::probe(asked).map_err(refused)?;
        }
        let (fd, address) = tcp::open(asked, true, backlog).map_err(refused)?;
        let listener = Arc::new(Listener::tcp(fd, asked, address));
        let first = Member { slot: None, listener, serves: false };
        Ok(Self { key: key.to_owned(), asked, address, members: vec![first], backlog })
    }

    /// In words, with what `number` says of each descriptor.
    pub(crate) fn carry(&self, mut number: impl FnMut(&Arc<Listener>) -> i32) -> CarriedBundle {
        let members = self.members.iter().map(|member| {
            let (slot, serves) = (member.slot, member.serves);
            CarriedMember { slot, fd: number(&member.listener), serves }
        });
        CarriedBundle {
            key: self.key.clone(),
            asked: self.asked,
            address: self.address,
            backlog: self.backlog,
            members: members.collect(),
        }
    }

    /// The bundle that these words tell of, with the descriptors that their numbers lead to.
    pub(crate) fn unpack(
        carried: CarriedBundle,
        mut adopt: impl FnMut(i32) -> io::Result<OwnedFd>,
    ) -> io::Result<Self> {
        let CarriedBundle { key, asked, address, backlog, members } = carried;
        let mut own = Vec::with_capacity(members.len());
        for CarriedMember { slot, fd, serves } in members {
            let listener = Arc::new(Listener::tcp(adopt(fd)?, asked, address));
            own.push(Member { slot, listener, serves });
        }
        Ok(Self { key, asked, address, members: own, backlog })
    }

    /// Whether it is what somebody who asks for this address wants.
    pub(crate) fn answers(&self, address: &Address) -> bool {
        matches!(address, Address::Tcp(one) if *one == self.asked || *one == self.address)
    }

    /// Where all of it listens.
    pub(crate) fn address(&self) -> Address {
        Address::Tcp(self.address)
    }

    /// Everyone's listeners.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = &Arc<Listener>> {
        self.members.iter().map(|member| &member.listener)
    }

    /// The listener of a slot: its own, one that is nobody's, or a new one.
    pub(crate) fn of_slot(&mut self, slot: u32) -> Result<Arc<Listener>, ListenError> {
        let own = self.members.iter().find(|member| member.slot == Some(slot));
        if let Some(member) = own {
            return Ok(Arc::clone(&member.listener));
        }
        if let Some(free) = self.members.iter_mut().find(|member| member.slot.is_none()) {
            free.slot = Some(slot);
            return Ok(Arc::clone(&free.listener));
        }
        let opened = tcp::open(self.address, true, self.backlog);
        let (fd, address) =
            opened.map_err(|source| ListenError::Tcp { key: self.key.clone(), source })?;
        let listener = Arc::new(Listener::tcp(fd, self.asked, address));
        let (slot, serves) = (Some(slot), false);
        self.members.push(Member { slot, listener: Arc::clone(&listener), serves });
        self.choose();
        Ok(listener)
    }

    /// Those of slots that are `gone` are nobody's from here on: another master's workers empty their queues.
    pub(crate) fn free(&mut self, gone: impl Fn(u32) -> bool) {
        for member in &mut self.members {
            member.slot.take_if(|slot| gone(*slot));
        }
    }

    /// Follows what became of the slots. Returns how many connections were left in queues that were closed.
    pub(crate) fn settle(&mut self, fate: impl Fn(u32) -> Fate) -> u32 {
        let (mut left, mut changed, mut place) = (0, false, 0);
        while let Some(member) = self.members.get_mut(place) {
            let fate = member.slot.map_or(Fate::Waits, &fate);
            changed |= member.serves != (fate == Fate::Serves);
            member.serves = fate == Fate::Serves;
            if fate != Fate::Gone {
                place += 1;
            } else if self.members.len() == 1 {
                // The address stays open: for the next slot.
                self.members[0].slot = None;
            } else {
                left += self.close(place);
                changed = true;
            }
        }
        if changed {
            self.choose();
        }
        left
    }

    fn close(&mut self, place: usize) -> u32 {
        // Until it is told the new order, the kernel takes the last one's old number for nobody's, and the closed one's for
        // the last: neither is chosen for that moment.
        let mut idle = self.idle();
        idle.extend([place as u32, self.members.len() as u32 - 1]);
        idle.sort_unstable();
        idle.dedup();
        if idle.len() < self.members.len() {
            self.leave_out(&idle);
        }
        let Member { listener, .. } = self.members.swap_remove(place);
        let left = listener.waiting().unwrap_or(0);
        // A child that was just forked may still hold a copy, and with that the place in the kernel's order.
        listener.close();
        left
    }

    /// Follows settings that have changed.
    pub(crate) fn adjust(&mut self, backlog: u32) -> io::Result<()> {
        self.backlog = backlog;
        self.members.iter().try_for_each(|member| member.listener.adjust(backlog, 0, None))
    }

    /// Tells the kernel who is to be chosen: those that serve; when nobody does, all.
    pub(crate) fn choose(&self) {
        self.leave_out(&self.idle());
    }

    /// The places of those that nobody accepts from.
    fn idle(&self) -> Vec<u32> {
        let members = self.members.iter().enumerate();
        members.filter(|(_, one)| !one.serves).map(|(place, _)| place as u32).collect()
    }

    fn leave_out(&self, idle: &[u32]) {
        let count = self.members.len() as u32;
        if let Err(error) = reuseport::choose(&self.members[0].listener, count, idle) {
            let address = self.address();
            tracing::warn!(%address, %error, "connections may wait for a worker that is not there");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    fn bundle(slots: u32) -> (Bundle, Vec<Arc<Listener>>) {
        let address = "127.0.0.1:0".parse().unwrap();
        let mut bundle = Bundle::open("bind = 127.0.0.1:0", address, false, 1024).unwrap();
        let listeners = (0..slots).map(|slot| bundle.of_slot(slot).unwrap()).collect();
        (bundle, listeners)
    }

    /// Connects so often; returns the clients, and how many connections each of the listeners has by then.
    fn connect(bundle: &Bundle, listeners: &[Arc<Listener>]) -> (Vec<TcpStream>, Vec<u32>) {
        let clients = (0..100).map(|_| TcpStream::connect(bundle.address).unwrap()).collect();
        (clients, listeners.iter().map(|listener| listener.waiting().unwrap()).collect())
    }

    fn serving(slots: &[u32]) -> impl Fn(u32) -> Fate {
        |slot| if slots.contains(&slot) { Fate::Serves } else { Fate::Waits }
    }

    #[test]
    fn each_slot_has_its_own_and_keeps_it() {
        let (mut bundle, listeners) = bundle(3);
        assert_eq!(bundle.listeners().count(), 3, "the first one was nobody's");
        for (slot, listener) in listeners.iter().enumerate() {
            assert!(Arc::ptr_eq(&bundle.of_slot(slot as u32).unwrap(), listener));
            assert_eq!(*listener.address(), bundle.address());
        }
        for slots in [&[][..], &[0, 1, 2]] {
            bundle.settle(serving(slots));
            let (_clients, waiting) = connect(&bundle, &listeners);
            assert!(waiting.iter().all(|count| *count > 0), "{waiting:?}");
        }
    }

    #[test]
    fn one_that_nobody_serves_gets_no_connection_and_keeps_its_queue() {
        let (mut bundle, mut listeners) = bundle(5);
        let (_first, before) = connect(&bundle, &listeners);
        bundle.settle(serving(&[0, 2, 4]));
        let (_second, after) = connect(&bundle, &listeners);
        assert_eq!((after[1], after[3]), (before[1], before[3]), "{before:?} {after:?}");
        assert!([0, 2, 4].iter().all(|slot| after[*slot] > before[*slot]), "{before:?} {after:?}");
        // A new one is not there yet; then it is, and another is back.
        listeners.push(bundle.of_slot(5).unwrap());
        let (_third, booting) = connect(&bundle, &listeners);
        assert_eq!(booting[5], 0);
        bundle.settle(serving(&[0, 2, 3, 4, 5]));
        let (_fourth, last) = connect(&bundle, &listeners);
        assert_eq!(last[1], before[1]);
        assert!([0, 2, 3, 4, 5].iter().all(|slot| last[*slot] > booting[*slot]), "{last:?}");
    }

    /// The places of the others move when some are closed: the right ones are left out nevertheless.
    #[test]
    fn closing_some_loses_nothing_of_the_others() {
        let (mut bundle, listeners) = bundle(6);
        let gone = |gone: &'static [u32]| {
            move |slot| match slot {
                _ if gone.contains(&slot) => Fate::Gone,
                4 => Fate::Waits,
                _ => Fate::Serves,
            }
        };
        assert_eq!(bundle.settle(gone(&[0, 2])), 0);
        let rest = [1, 3, 4, 5].map(|slot| Arc::clone(&listeners[slot]));
        let (_first, waiting) = connect(&bundle, &rest);
        assert_eq!((waiting[2], waiting.iter().sum()), (0, 100), "{waiting:?}");
        // What was in its queue is told.
        assert_eq!(bundle.settle(gone(&[0, 1, 2])), waiting[0]);
        let (_second, last) = connect(&bundle, &rest[1..]);
        assert_eq!((last[1], last.iter().sum()), (0, 200 - waiting[0]), "{waiting:?} {last:?}");
    }

    #[test]
    fn the_last_one_stays_for_the_next_slot() {
        let (mut bundle, listeners) = bundle(2);
        bundle.settle(|_| Fate::Gone);
        assert_eq!(bundle.listeners().count(), 1);
        let (_clients, waiting) = connect(&bundle, &listeners[1..]);
        assert_eq!(waiting, [100], "with nobody else, it is chosen still");
        assert!(Arc::ptr_eq(&bundle.of_slot(7).unwrap(), &listeners[1]));
    }

    #[test]
    fn an_address_that_somebody_has_is_refused_unless_it_is_shared() {
        let (held, _listeners) = bundle(1);
        let open = |shared| Bundle::open("bind = it", held.address, shared, 8);
        let error = open(false).unwrap_err().to_string();
        assert!(error.starts_with("bind = it: address in use"), "{error}");
        assert_eq!(open(true).unwrap().address, held.address);
    }
}
