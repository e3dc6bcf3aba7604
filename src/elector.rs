//! The elector: this program as the candidate that a master stands for, in a process of its own.
//!
//! It campaigns by `ph-leader`, which may block and use threads, and forwards: what the campaign reports to the master, what the
//! master answers to the campaign. It dies with the master, and a lease that it leaves behind runs out.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant as Clock};

use ph_core::elector::{
    self, Command, ELECTOR, News, Orders, Place, Received, SHELF, SOCKET, Standing, VARIABLE,
    VERSION, Word,
};
use ph_core::log::Shelf;
use ph_core::slots::boot_clock;
use ph_core::sys::title::Title;
use ph_core::sys::{fds, fork, orphans};
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
        Ok(Received::Message(orders)) if orders.version == VERSION => orders,
        _ => return FAILED,
    };
    let master = nix::unistd::Pid::from_raw(orders.master);
    if !fork::die_with(master) {
        return FAILED;
    }
    if let Ok(mut title) = Title::prepare() {
        title.set(format_args!("ph: elector [{}]", orders.app));
    }
    let campaigned = Candidate::new(&orders)
        .and_then(|candidate| candidate.campaign(&socket).map_err(|error| error.to_string()));
    match campaigned {
        Ok(()) => DONE,
        Err(reason) => {
            // Whoever reads it can do something about it; another elector is tried meanwhile.
            let _ = elector::send(&socket, &Word::Trouble(reason));
            FAILED
        }
    }
}

/// A campaign; and, if it is about a lock, where that is, and where it lies for the master while this one leads.
struct Candidate {
    campaign: Campaign,
    file: Option<(FileStore, Shelf)>,
    has_led: bool,
    ttl: Duration,
    /// How long a lease lasts for us once it is renewed.
    term: Duration,
    master: nix::unistd::Pid,
    /// How long before a deadline the workers of a stopped master are to be ended, if that is to be done here.
    guards: Option<Duration>,
    /// When that is, as nanoseconds of `CLOCK_BOOTTIME`.
    end: Option<u64>,
    /// The number of the lease that is to be renewed, and when the master is asked whether it still wants that.
    renewal: Option<(u64, Clock)>,
}

impl Candidate {
    fn new(orders: &Orders) -> Result<Self, String> {
        let options = Options::new(orders.candidate.as_str(), orders.ttl)
            .and_then(|options| options.margin(orders.margin))
            .map_err(|error| error.to_string())?;
        let text = |error: &dyn std::fmt::Display| error.to_string();
        match &orders.place {
            Place::File(path) => {
                let [put, look] = SHELF;
                let shelf = fds::adopt(put).and_then(|put| Ok(Shelf::of(put, fds::adopt(look)?)));
                let shelf = shelf.map_err(|error| text(&error))?;
                // A lock that is held is claimed once more, under the same token.
                let lock = shelf.look().ok().filter(|_| orders.has_lock);
                let store = match lock {
                    Some(lock) => FileStore::adopt(path, lock).map_err(|error| text(&error))?,
                    None => FileStore::new(path),
                };
                let campaign = Campaign::start(store.clone(), options);
                let campaign = campaign.map_err(|error| text(&error))?;
                Ok(Self::with(orders, campaign, Some((store, shelf))))
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
                let campaign = campaign.map_err(|error| text(&error))?;
                Ok(Self::with(orders, campaign, None))
            }
        }
    }

    fn with(orders: &Orders, campaign: Campaign, file: Option<(FileStore, Shelf)>) -> Self {
        Self {
            campaign,
            file,
            has_led: false,
            ttl: orders.ttl,
            term: orders.ttl.saturating_sub(orders.margin),
            master: nix::unistd::Pid::from_raw(orders.master),
            guards: orders.guards,
            end: None,
            renewal: None,
        }
    }

    /// How long to wait at most before there is something to do here.
    fn patience(&self) -> Option<Duration> {
        let renewal = self.renewal.map(|(_, at)| at.saturating_duration_since(Clock::now()));
        let end = self.end.map(|end| Duration::from_nanos(end.saturating_sub(boot_clock())));
        renewal.into_iter().chain(end).min()
    }

    /// Forwards, both ways. Whatever can't be said ends it: unheard, nobody may lead.
    fn campaign(mut self, socket: &OwnedFd) -> io::Result<()> {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        loop {
            for report in self.campaign.pending().map_err(io::Error::other)? {
                self.tell(socket, report)?;
            }
            if self.campaign.is_over() {
                return Ok(());
            }
            let mut waited = [
                PollFd::new(self.campaign.as_fd(), PollFlags::POLLIN),
                PollFd::new(socket.as_fd(), PollFlags::POLLIN),
            ];
            let timeout = self.patience().map_or(PollTimeout::NONE, |left| {
                let left = left + Duration::from_millis(1);
                PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
            });
            match poll(&mut waited, timeout) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            if self.end.take_if(|end| *end <= boot_clock()).is_some() {
                orphans::end_groups_of_stopped(self.master);
            }
            if let Some((serial, _)) = self.renewal.take_if(|(_, at)| *at <= Clock::now()) {
                elector::send(socket, &Word::Asks(serial))?;
            }
            loop {
                match elector::receive::<Command>(socket)? {
                    // It has heard that it leads. Whether it still wants to is asked when it matters.
                    Received::Message(Command::Answer(serial))
                        if self.renewal.is_some_and(|(due, _)| due == serial) => {}
                    Received::Message(command) => self.campaign.command(command_of(command)),
                    Received::Nothing => break,
                    Received::Gone => return Ok(()),
                }
            }
        }
    }

    fn tell(&mut self, socket: &OwnedFd, report: Report) -> io::Result<()> {
        let word = match report {
            Report::Trouble(sentence) => Word::Trouble(sentence),
            Report::Event { serial, event } => match event {
                Event::Leader { .. } => {
                    let Some(standing) = self.campaign.standing() else {
                        // It is over already, which is the next report.
                        return Ok(());
                    };
                    self.has_led = true;
                    self.end = self.guards.map(|before| {
                        let deadline = standing.deadline - before;
                        u64::try_from(deadline.since_boot().as_nanos()).unwrap_or(u64::MAX)
                    });
                    // One that another elector had may have been renewed a while ago.
                    let left = standing.deadline.saturating_since(Instant::now());
                    let spent = self.term.saturating_sub(left);
                    let due = (self.ttl * 3 / 10).saturating_sub(spent);
                    self.renewal = Some((serial, Clock::now() + due));
                    self.lay_lock()?;
                    Word::So { serial, news: News::Leader(words_of(standing)) }
                }
                Event::Follower { of } => {
                    self.take_lock();
                    Word::So { serial, news: News::Follower { of } }
                }
                Event::Unknown => {
                    self.take_lock();
                    Word::So { serial, news: News::Unknown }
                }
            },
        };
        elector::send(socket, &word)
    }

    /// Where the master finds it for its workers.
    fn lay_lock(&self) -> io::Result<()> {
        let Some((store, shelf)) = &self.file else { return Ok(()) };
        match store.descriptor()? {
            Some(lock) if shelf.look().is_err() => shelf.put(&lock),
            _ => Ok(()),
        }
    }

    /// The master may be stopped, and can't be waited for. A worker that is still there has a descriptor of its own.
    fn take_lock(&mut self) {
        // What lies there before that is the lock that it is to go on with.
        if let Some((_, shelf)) = &self.file
            && std::mem::take(&mut self.has_led)
        {
            shelf.clear();
        }
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
