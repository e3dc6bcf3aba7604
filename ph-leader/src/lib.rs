//! Leader election among processes, with a deadline for each leader and a fencing token.
//!
//! ```no_run
//! use ph_leader::{Campaign, Command, Event, FileStore, Options, Report};
//! use std::time::Duration;
//!
//! let options = Options::new("host:17", Duration::from_secs(10))?;
//! let mut campaign = Campaign::start(FileStore::new("/run/app.lock"), options)?;
//! loop {
//!     for report in campaign.wait(None)? {
//!         let Report::Event { serial, event } = report else { continue };
//!         match event {
//!             Event::Leader { token, deadline } => println!("work as {token} until {deadline:?}"),
//!             Event::Follower { of } => println!("{of} leads"),
//!             Event::Unknown => println!("stop what you do"),
//!         }
//!         campaign.command(Command::Answer(serial)); // we live: the lease may be renewed
//!     }
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Theory of operation
//!
//! Candidates meet at a [store](store::Store), which has one *seat*. Who has the seat leads. It is held by a *lease*, which runs out
//! unless it is renewed, so a leader that dies is not one for ever.
//!
//! **A leader knows when it must have ended.** Its deadline is the time at which the last successful request was *sent*, plus the
//! lease's length, minus a margin: the store counted from a later moment, so its end is later than ours. Time is
//! `CLOCK_BOOTTIME` ([`Instant`]), since a lease also runs out in a suspended machine. A deadline that has passed has passed: an answer that comes
//! in later changes nothing, and what is left of the lease is given back.
//!
//! **A free seat is not yet anybody's.** The store may have ended a lease that it had renewed. So whoever finds the seat free and not given up
//! waits until the last leader's term is over by its own clock, which it counts from when it saw the last renewal.
//!
//! **The election itself is a pure state machine** ([`election`]): an instant and an input in, actions out. One request is under
//! way at a time, by number; an answer to any other is not listened to. So answers may be late, lost, doubled or out of order. A million
//! random steps with all of that are part of the tests.
//!
//! **A lease is renewed for somebody who lives.** Each event has a number, and no lease is taken or renewed before the latest event was
//! answered ([`Command::Answer`]). In one process that says little. Between two it says that a stopped one loses its lease.
//!
//! **A campaign is an election that runs** ([`Campaign`]): it has a store, two threads for what may block, a timer, and a descriptor to
//! wait for. It never forks. To run it in a process of its own, forward its reports and the answers.
//!
//! | store | where | the lease | the token |
//! | --- | --- | --- | --- |
//! | [`FileStore`] | one host | a lock in the kernel, free when its last descriptor is closed | in a file beside it, synced |
//! | `EtcdStore` | many | a lease of etcd's, and a record that outlives it | the create revision of the key |
//!
//! # What an election can't promise
//!
//! A process can be stopped between its last look at the deadline and its next write, for any time. So no lease alone can keep two from
//! writing. The *token* can: it is larger with every new leader, and whoever is written to refuses one that is smaller than the largest it has seen.
//!
//! Clocks are taken to run alike, within the margin, for the length of a lease. One that is seen to go backwards ends a leadership at once.
//! Who deletes the key in etcd, or the lock's file, by hand makes a second leader possible until the first one's next renewal, in etcd only if the record beside it goes too.
//!
//! # Features
//!
//! - `etcd` (default): the store over etcd's JSON gateway, by a blocking HTTP client.
//! - `tls`: the same over TLS, with certificates from files.
#![forbid(unsafe_code)]

mod campaign;
pub mod election;
#[cfg(feature = "etcd")]
pub mod etcd;
mod file;
mod instant;
mod options;
pub mod store;

pub use campaign::{Campaign, CampaignError, Report};
pub use election::{Command, Event, Standing};
#[cfg(feature = "etcd")]
pub use etcd::EtcdStore;
pub use file::FileStore;
pub use instant::Instant;
pub use options::{LEAST_TTL, LONGEST_NAME, Options, OptionsError};
