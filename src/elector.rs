//! The elector: this program as the candidate that a master stands for, in a process of its own.
//!
//! It campaigns by `ph-leader`, which may block and use threads, and forwards: what the campaign reports to the master, what the
//! master answers to the campaign. It dies with the master, and a lease that it leaves behind runs out.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use ph_core::elector::{
    self, Command, ELECTOR, LOCK, News, Orders, Place, Received, SOCKET, Standing, VARIABLE,
    VERSION, Word,
};
use ph_core::sys::title::Title;
use ph_core::sys::{fds, fork};
use ph_leader::etcd::Tls;
use ph_leader::{Campaign, EtcdStore, Event, FileStore, Instant, Options, Report};

/// The exit codes of an elector.
const DONE: u8 = 0;
const FAILED: u8 = 1;

/// Whether this process was started as an elector.
pub(crate) fn is_called(argument: Option<&std::ffi::OsString>) -> bool {
    argument.is_some_and(|word| word == ELECTOR) && std::env::var_os(VARIABLE).is_some()
}

/// Campaigns until the master has it stop, or is gone.
pub(crate) fn run() -> u8 {
    let Ok(socket) = fds::adopt(SOCKET) else { return FAILED };
    let orders = match elector::receive::<Orders>(&socket) {
        Ok(Received::Message(orders, _)) if orders.version == VERSION => orders,
        _ => return FAILED,
    };
    let master = nix::unistd::Pid::from_raw(orders.master);
    if !fork::die_with(master) {
        return FAILED;
    }
    if let Ok(mut title) = Title::prepare() {
        title.set(format_args!("ph: elector [{}]", orders.app));
    }
    let lock = orders.has_lock.then(|| fds::adopt(LOCK)).transpose();
    let campaigned = lock
        .map_err(|error| format!("the lock that was passed on cannot be used: {error}"))
        .and_then(|lock| Candidate::new(&orders, lock))
        .and_then(|candidate| candidate.campaign(&socket).map_err(|error| error.to_string()));
    match campaigned {
        Ok(()) => DONE,
        Err(reason) => {
            // Whoever reads it can do something about it; another elector is tried meanwhile.
            let _ = elector::send(&socket, &Word::Trouble(reason), None);
            FAILED
        }
    }
}

/// A campaign, and where its lock is, if a lock is what it is about.
struct Candidate {
    campaign: Campaign,
    file: Option<FileStore>,
}

impl Candidate {
    fn new(orders: &Orders, lock: Option<OwnedFd>) -> Result<Self, String> {
        let options = Options::new(orders.candidate.as_str(), orders.ttl)
            .and_then(|options| options.margin(orders.margin))
            .map_err(|error| error.to_string())?;
        let text = |error: &dyn std::fmt::Display| error.to_string();
        match &orders.place {
            Place::File(path) => {
                // A lock that is held is claimed once more, under the same token.
                let store = match lock {
                    Some(lock) => FileStore::adopt(path, lock).map_err(|error| text(&error))?,
                    None => FileStore::new(path),
                };
                let campaign = Campaign::start(store.clone(), options);
                let campaign = campaign.map_err(|error| text(&error))?;
                Ok(Self { campaign, file: Some(store) })
            }
            Place::Etcd { endpoints, key, user, tls_ca, tls_identity } => {
                let mut store =
                    EtcdStore::new(endpoints, key.as_str()).map_err(|error| text(&error))?;
                if let Some((name, password)) = user {
                    store = store.user(name, password);
                }
                if let Some(ca) = tls_ca {
                    let tls = Tls::new(ca);
                    let tls = match tls_identity {
                        Some((certificate, key)) => tls.identity(certificate, key),
                        None => tls,
                    };
                    store = store.tls(&tls).map_err(|error| text(&error))?;
                }
                let campaign = match orders.standing {
                    Some(standing) => Campaign::resume(store, options, standing_of(standing)),
                    None => Campaign::start(store, options),
                };
                Ok(Self { campaign: campaign.map_err(|error| text(&error))?, file: None })
            }
        }
    }

    /// Forwards, both ways. Whatever can't be said ends it: unheard, nobody may lead.
    fn campaign(mut self, socket: &OwnedFd) -> io::Result<()> {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        while !self.campaign.is_over() {
            for report in self.campaign.pending().map_err(io::Error::other)? {
                self.tell(socket, report)?;
            }
            let mut waited = [
                PollFd::new(self.campaign.as_fd(), PollFlags::POLLIN),
                PollFd::new(socket.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut waited, PollTimeout::NONE) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            loop {
                match elector::receive::<Command>(socket)? {
                    Received::Message(command, _) => self.campaign.command(command_of(command)),
                    Received::Nothing => break,
                    Received::Gone => return Ok(()),
                }
            }
        }
        Ok(())
    }

    fn tell(&self, socket: &OwnedFd, report: Report) -> io::Result<()> {
        let (word, lock) = match report {
            Report::Trouble(sentence) => (Word::Trouble(sentence), None),
            Report::Event { serial, event } => match event {
                Event::Leader { .. } => {
                    let Some(standing) = self.campaign.standing() else {
                        // It is over already, which is the next report.
                        return Ok(());
                    };
                    let lock = self.file.as_ref().map(FileStore::descriptor).transpose()?;
                    let news = News::Leader(words_of(standing));
                    (Word::So { serial, news }, lock.flatten())
                }
                Event::Follower { of } => (Word::So { serial, news: News::Follower { of } }, None),
                Event::Unknown => (Word::So { serial, news: News::Unknown }, None),
            },
        };
        elector::send(socket, &word, lock.as_ref().map(OwnedFd::as_fd))
    }
}

fn command_of(command: Command) -> ph_leader::Command {
    match command {
        Command::Answer(serial) => ph_leader::Command::Answer(serial),
        Command::Resign => ph_leader::Command::Resign,
        Command::Stop => ph_leader::Command::Stop,
    }
}

fn standing_of(standing: Standing) -> ph_leader::Standing {
    let Standing { lease, token, deadline } = standing;
    let deadline = Instant::from_boot(Duration::from_nanos(deadline));
    ph_leader::Standing { lease, token, deadline }
}

fn words_of(standing: ph_leader::Standing) -> Standing {
    let ph_leader::Standing { lease, token, deadline } = standing;
    let deadline = u64::try_from(deadline.since_boot().as_nanos()).unwrap_or(u64::MAX);
    Standing { lease, token, deadline }
}
