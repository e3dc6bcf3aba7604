//! The new master's side of an upgrade: what it was left, and taking over.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use ph_config::Settings;
use ph_config::value::choice::Leader;

use super::StartError;
use super::estate::{self, Identity, Words};
use super::leader::Candidacy;
use super::poll::Token;
use super::{Manager, Master};
use crate::arbiter::{Event, Speed};
use crate::channel::Channel;
use crate::listen::{Bundle, Listener};
use crate::sys::environment;
use crate::sys::lock::{Lock, PidFile};

/// By this a program knows that it is to take over; the socket is its standard input.
pub(super) const VARIABLE: &str = "PH_SUCCESSOR";

/// The master that is to be succeeded.
#[derive(Debug)]
pub struct Predecessor {
    pub(super) socket: OwnedFd,
    pub(super) words: Words,
    pub(super) control: OwnedFd,
    pub(super) locks: Vec<Lock>,
    pub(super) channel: Option<Arc<Channel>>,
    /// What it leads by, where that is a lock.
    lock: Option<OwnedFd>,
    pub(super) listeners: Vec<Arc<Listener>>,
    pub(super) bundles: Vec<Bundle>,
}

impl Predecessor {
    /// Whether this process was started to succeed a master; then its estate. Takes standard input, and the word of it
    /// out of the environment.
    pub fn find() -> Result<Option<Self>, StartError> {
        let Some(socket) = summoned()? else { return Ok(None) };
        let received = estate::inherit(&socket).and_then(|(words, descriptors)| {
            Self::of(socket.try_clone()?, words, descriptors)
                .ok_or_else(|| io::Error::other("less than was said"))
        });
        received.map(Some).map_err(|error| {
            // Whoever asked reads that one's answer, and not what this one prints.
            let _ = estate::say(&socket, &format!("failed {error}"));
            refused(&error)
        })
    }

    fn of(socket: OwnedFd, words: Words, descriptors: Vec<OwnedFd>) -> Option<Self> {
        let mut descriptors: Vec<Option<OwnedFd>> = descriptors.into_iter().map(Some).collect();
        let mut take = |place: i32| {
            let fd =
                usize::try_from(place).ok().and_then(|place| descriptors.get_mut(place)?.take());
            fd.ok_or_else(|| io::ErrorKind::InvalidData.into())
        };
        let mut bundles = Vec::with_capacity(words.bundles.len());
        for bundle in &words.bundles {
            bundles.push(Bundle::unpack(bundle.clone(), &mut take).ok()?);
        }
        let mut descriptors = descriptors.into_iter().flatten();
        let control = descriptors.next()?;
        let mut locks = Vec::new();
        for _ in 0..words.locks {
            locks.push(Lock::inherit(descriptors.next()?)?);
        }
        let channel = if words.has_channel {
            Some(Arc::new(Channel::of(descriptors.next()?, descriptors.next()?)))
        } else {
            None
        };
        let lock = if words.has_lock { Some(descriptors.next()?) } else { None };
        let mut listeners = Vec::new();
        for heirloom in &words.listeners {
            listeners.push(Arc::new(heirloom.listener(descriptors.next()?).ok()?));
        }
        Some(Self { socket, words, control, locks, channel, lock, listeners, bundles })
    }

    /// Whether it leaves sockets that a service manager had handed to it.
    pub fn inherited(&self) -> bool {
        self.listeners.iter().any(|listener| listener.is_inherited())
    }

    /// The token and the last moment of the lease that it leads by, if it does, which this candidacy goes on with.
    pub(super) fn lease(
        &mut self,
        candidacy: Option<&mut Candidacy>,
    ) -> io::Result<Option<(u64, Instant)>> {
        let (Some(candidacy), Some(standing)) = (candidacy, self.words.lease) else {
            return Ok(None);
        };
        candidacy.succeed(standing, self.lock.take())?;
        Ok(candidacy.led())
    }

    /// Whether these settings can follow the predecessor's.
    pub(super) fn check(&self, settings: &Settings) -> Result<(), StartError> {
        self.words.identity.check(settings)
    }

    /// The number of workers to begin with: an operator's stays until the configured one changes.
    pub(super) fn wanted(&self, configured: u32) -> Option<u32> {
        let (before, wanted) = self.words.number;
        (before == configured).then_some(wanted)
    }

    /// Tells it how the boot went.
    pub(super) fn tell(&self, word: &str) {
        // If it has gone, this process learns that from its socket.
        let _ = estate::say(&self.socket, word);
    }
}

/// The socket to the master that started this process, if one did. Takes standard input, and the word of it out of the
/// environment.
pub(super) fn summoned() -> Result<Option<OwnedFd>, StartError> {
    if std::env::var_os(VARIABLE).is_none() {
        return Ok(None);
    }
    environment::forget(&[VARIABLE]).map_err(|error| refused(&error))?;
    let socket = io::stdin().as_fd().try_clone_to_owned().map_err(|error| refused(&error))?;
    let null = File::open("/dev/null").map_err(|error| refused(&error))?;
    nix::unistd::dup2_stdin(&null).map_err(|errno| refused(&errno))?;
    // The master that started this has every signal blocked, and so has this.
    let _ = ph_signal::mask::set_mask(ph_signal::SignalSet::EMPTY);
    Ok(Some(socket))
}

/// Tells the master that started this process, if one did, why it does not even come to that.
pub fn decline(reason: &str) {
    if let Ok(Some(socket)) = summoned() {
        let _ = estate::say(&socket, &format!("failed {reason}"));
    }
}

/// Whether a master started this process to take over from it.
pub fn is_summoned() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

fn refused(error: &dyn std::fmt::Display) -> StartError {
    StartError::System(format!("cannot take over from the running master: {error}"))
}

impl Identity {
    /// Whether a master with these settings is the same one.
    pub(super) fn check(&self, settings: &Settings) -> Result<(), StartError> {
        if Self::of(settings) == *self {
            return Ok(());
        }
        let reason = "proc_name, pidfile, control_socket, single_instance and leader_* can only change by a restart";
        Err(StartError::Config(reason.to_owned()))
    }

    pub(super) fn of(settings: &Settings) -> Self {
        let election = ["leader", "leader_key", "leader_ttl", "leader_endpoints"];
        Self {
            proc_name: settings.proc_name.clone(),
            pidfile: settings.pidfile.clone(),
            control_socket: settings.control_socket.clone(),
            single_instance: settings.single_instance,
            election: (settings.leader != Leader::None)
                .then(|| election.map(|key| settings.text(key).unwrap_or_default().to_owned())),
        }
    }
}

impl Master<'_> {
    /// The predecessor said its last word, or has gone without it.
    pub(super) fn hear_predecessor(&mut self) {
        let Some(predecessor) = &self.predecessor else { return };
        let Some(word) = estate::hear(&predecessor.socket) else { return };
        if let Some(lease) = word.strip_prefix("lease ") {
            return self.hear_of_lease(lease);
        }
        self.poll.remove(&predecessor.socket);
        if word == "yours" {
            self.take_over();
        } else {
            tracing::error!("the master that was to hand over is gone, or will not");
            self.feed(Event::Stop { asked: None, speed: Speed::Quick });
        }
    }

    fn take_over(&mut self) {
        let Some(predecessor) = self.predecessor.take() else { return };
        self.control.claim();
        let current = self.current();
        current.listeners.iter().for_each(|listener| listener.claim());
        current.plan.adjust(&current.listeners);
        // What of the predecessor's nobody accepts from any more.
        let left = |listener: &&Arc<Listener>| {
            let mut own = self.listeners().chain(&self.handed);
            !own.any(|own| Arc::ptr_eq(own, listener))
        };
        predecessor.listeners.iter().filter(left).for_each(|listener| listener.close());
        self.claim_bundles();
        let settings = Arc::clone(&self.current().settings);
        if let Some(path) = settings.pidfile.as_deref() {
            match PidFile::write(path) {
                Ok(pidfile) => self.pidfile = Some(pidfile),
                Err(error) => tracing::error!(%error, "the pidfile names the former master"),
            }
        }
        if let Err(errno) = self.poll.add(&self.control, Token::Control) {
            tracing::error!(%errno, "the control socket can't be watched");
        }
        self.manager = Manager::find();
        if let Some(manager) = &self.manager {
            manager.serving(self.arbiter.role(), self.arbiter.wanted());
        }
        crate::log::set_limit(settings.log_rotate);
        predecessor.tell("taken");
        tracing::info!("this master has taken over");
        self.hooks.when_ready();
        self.former_master = Some(predecessor.socket);
        self.feed(Event::TookOver);
    }
}
