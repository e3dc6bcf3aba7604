//! The master as one candidate of several: its elector, its lease, and who else keeps to that.
//!
//! The arbiter decides what a lease is used for; here it is kept. It is known in four places, so that nobody has to be alive for
//! it to be over: the arbiter's deadlines, a timer of `CLOCK_BOOTTIME` in the loop's one set (the clock in which leases count,
//! which goes on in a suspended machine), the board that the workers look at, and the guard's own.

mod elector;
mod listeners;
mod standing;
mod status;

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::unistd::Pid;
use ph_config::Settings;
use ph_config::value::choice::Leader;

use super::poll::{Poll, Token};
use super::{Master, Office};
use crate::arbiter::Event;
use crate::elector::{Command, News, Place, Received, Standing, Word};
use crate::log::Shelf;
use crate::slots::{self, boot_clock};
use elector::Elector;
pub(super) use standing::CarriedCandidacy;

/// What there is of an election.
pub(super) struct Candidacy {
    elector: Option<Elector>,
    place: Place,
    /// Unlike that of any other candidate.
    name: String,
    ttl: Duration,
    /// How much sooner than its store the elector takes a lease for over.
    margin: Duration,
    timer: TimerFd,
    /// On which the lock lies, where a lock is the lease: for each new worker to have a descriptor of it, and for the guard to take
    /// away when the time is over and nobody else does.
    shelf: Option<Shelf>,
    /// Where workers that were made before this master leads find what they need then, if there are such.
    office: Option<Office>,
    /// The lease, while there is one.
    standing: Option<Standing>,
    /// The highest token that was seen.
    highest: u64,
    /// The number of what the elector said last, while it is not answered.
    unanswered: Option<u64>,
    /// What the elector has complained about last, if nothing has gone well since.
    trouble: Option<String>,
}

impl Candidacy {
    /// What these settings ask for; none if nobody contends.
    pub(super) fn of(settings: &Settings) -> io::Result<Option<Self>> {
        if settings.leader == Leader::None {
            return Ok(None);
        }
        let place = place(settings);
        let shelf = matches!(place, Place::File(_)).then(Shelf::empty).transpose()?;
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        let timer = TimerFd::new(ClockId::CLOCK_BOOTTIME, flags)?;
        let host = nix::unistd::gethostname().unwrap_or_default();
        let ttl = settings.leader_ttl;
        Ok(Some(Self {
            elector: None,
            place,
            name: name(&host.to_string_lossy(), std::process::id()),
            ttl,
            margin: (ttl / 10).max(Duration::from_millis(500)),
            timer,
            shelf,
            office: settings.standby_warm.then(Office::open).transpose()?,
            standing: None,
            highest: 0,
            unanswered: None,
            trouble: None,
        }))
    }

    /// Has the loop hear of the end of a lease.
    pub(super) fn watch(&self, poll: &Poll) -> nix::Result<()> {
        poll.add(self.timer.as_fd(), Token::Lease)
    }

    /// Where a lock lies.
    pub(super) fn shelf(&self) -> Option<&Shelf> {
        self.shelf.as_ref()
    }

    /// Before a lease's deadline so much time is for the killing.
    fn lead(&self) -> Duration {
        (self.ttl / 20).clamp(Duration::from_millis(100), Duration::from_millis(500))
    }

    /// When everybody is killed, of a lease that ends at this time.
    fn last_moment(&self, deadline: u64) -> u64 {
        deadline.saturating_sub(self.lead().as_nanos() as u64)
    }

    /// No lease that was renewed just now ends later.
    fn bound(&self, deadline: u64) -> u64 {
        let longest = self.ttl.saturating_sub(self.margin).as_nanos() as u64;
        deadline.min(boot_clock().saturating_add(longest))
    }
}

/// What operators recognize a candidate by. Containers may share a host's name, and each has a process 1.
fn name(host: &str, pid: u32) -> String {
    // As long as a candidate's name may be, all in all.
    let host: String = host.chars().filter(|letter| !letter.is_control()).take(48).collect();
    match pid {
        1 => format!("{host}:1:{:06x}", (boot_clock() >> 10) & 0xff_ffff),
        pid => format!("{host}:{pid}"),
    }
}

/// Where candidates meet, as the settings say.
fn place(settings: &Settings) -> Place {
    if settings.leader == Leader::File {
        return Place::File(lock_path(&settings.start_dir, &settings.leader_key));
    }
    let user = settings.leader_user.as_ref().map(|user| {
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        (name.to_owned(), password.to_owned())
    });
    let resolve = |path: &PathBuf| settings.start_dir.join(path);
    let identity = settings.leader_tls_cert.as_ref().zip(settings.leader_tls_key.as_ref());
    Place::Etcd {
        endpoints: settings.leader_endpoints.clone(),
        key: settings.leader_key.clone(),
        user,
        tls_ca: settings.leader_tls_ca.as_ref().map(resolve),
        tls_identity: identity.map(|(cert, key)| (resolve(cert), resolve(key))),
    }
}

/// A key with a `/` is a path; any other names a lock that all masters of this host and user find.
fn lock_path(start: &Path, key: &str) -> PathBuf {
    if key.contains('/') { start.join(key) } else { crate::sys::lock::shared(key, "leader") }
}

/// Nanoseconds from one time to another, as an instant of the loop's clock.
fn instant(at: u64) -> Instant {
    Instant::now() + Duration::from_nanos(at.saturating_sub(boot_clock()))
}

impl Master<'_> {
    pub(super) fn elector_pid(&self) -> Option<Pid> {
        self.candidacy.as_ref()?.elector.as_ref().map(Elector::pid)
    }

    /// The elector said something, or has gone.
    pub(super) fn hear_elector(&mut self) {
        while let Some(elector) = self.candidacy.as_ref().and_then(|it| it.elector.as_ref()) {
            match elector.hear() {
                Ok(Received::Nothing) => return,
                Ok(Received::Message(word)) => self.take_word(word),
                Ok(Received::Gone) => break,
                Err(error) => {
                    tracing::error!(%error, "the elector says what no elector of this kind does");
                    break;
                }
            }
        }
        // What it would do without us, nobody would hear of.
        if let Some(elector) = self.candidacy.as_mut().and_then(|it| it.elector.as_mut()) {
            elector.give_up(&self.poll);
        }
    }

    fn take_word(&mut self, word: Word) {
        let Some(candidacy) = &mut self.candidacy else { return };
        let (serial, news) = match word {
            Word::So { serial, news } => (serial, news),
            Word::Asks(serial) => {
                candidacy.unanswered = Some(serial);
                return self.consent();
            }
            Word::Trouble(sentence) => {
                // Another elector may find the same as the one before.
                if candidacy.trouble.as_ref() == Some(&sentence) {
                    return self.feed(Event::CampaignTroubled);
                }
                tracing::warn!("{sentence}");
                candidacy.trouble = Some(sentence.clone());
                self.happen("election_trouble", &serde_json::json!({ "reason": sentence }));
                return self.feed(Event::CampaignTroubled);
            }
        };
        candidacy.unanswered = Some(serial);
        let Some(elector) = &mut candidacy.elector else { return };
        let leader = match news {
            News::Leader(standing) => {
                elector.has_led = true;
                self.lead_on(standing);
                return self.pass_on_lease();
            }
            News::Follower { of } => Some(of),
            // One that goes on with a lease asks first how things are.
            News::Unknown if !elector.has_led && candidacy.standing.is_some() => {
                return self.consent();
            }
            News::Unknown => None,
        };
        if leader.is_some() {
            candidacy.trouble = None;
        }
        self.feed(Event::Deposed { leader });
    }

    /// The elector says that this master leads.
    pub(super) fn lead_on(&mut self, standing: Standing) {
        let Some(candidacy) = &mut self.candidacy else { return };
        let Standing { token, .. } = standing;
        if token < candidacy.highest {
            let highest = candidacy.highest;
            tracing::error!(token, highest, "a token that is smaller than one before is refused");
            candidacy.unanswered = None;
            return self.feed(Event::Deposed { leader: None });
        }
        candidacy.highest = token;
        candidacy.trouble = None;
        let deadline = candidacy.bound(standing.deadline);
        let standing = Standing { deadline, ..standing };
        let until = instant(candidacy.last_moment(deadline));
        candidacy.standing = Some(standing);
        self.feed(Event::Elected { token, until });
        self.keep_to(standing);
    }

    /// Has everybody know how long this master leads, if the arbiter has it lead.
    fn keep_to(&mut self, standing: Standing) {
        let Some(candidacy) = &mut self.candidacy else { return };
        if self.arbiter.token() != Some(standing.token) {
            return;
        }
        let (last, deadline) = (candidacy.last_moment(standing.deadline), standing.deadline);
        // The master's hand comes first, as long as it moves: it tells why.
        let guards = last + (deadline - last) / 2;
        if let Some(guard) = &mut self.guard {
            guard.end_at(Some(guards));
        }
        slots::board(&self.slots).lease().hold(standing.token, last);
        let at = TimeSpec::from_duration(Duration::from_nanos(last.max(1)));
        let set =
            candidacy.timer.set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME);
        if let Err(errno) = set {
            tracing::error!(%errno, "no timer for the lease: a suspended machine is noticed late");
        }
    }

    /// Before the first worker of a leader: they look there.
    pub(super) fn take_office(&mut self) {
        if let Some(standing) = self.candidacy.as_ref().and_then(|it| it.standing) {
            self.keep_to(standing);
        }
    }

    /// By the clock that goes on in a suspended machine.
    pub(super) fn lease_is_over(&mut self) {
        let Some(candidacy) = &self.candidacy else { return };
        // It has fired, or was set anew; either way it is quiet from here on.
        let mut count = [0; 8];
        let _ = nix::unistd::read(candidacy.timer.as_fd(), &mut count);
        let over = |standing: Standing| candidacy.last_moment(standing.deadline) <= boot_clock();
        if candidacy.standing.is_some_and(over) {
            self.feed(Event::LeaseOver);
        }
    }

    /// Answers the elector, if the arbiter has it go on. Without that it takes no lease, and renews none.
    pub(super) fn consent(&mut self) {
        let Some(candidacy) = &mut self.candidacy else { return };
        let Some(serial) = candidacy.unanswered else { return };
        if self.arbiter.consents()
            && let Some(elector) = &candidacy.elector
            && elector.say(Command::Answer(serial)).is_ok()
        {
            candidacy.unanswered = None;
        }
    }

    /// Nobody works here any more: others may. In this order, so that the next leader finds everything free.
    pub(super) fn give_way(&mut self, command: Command) {
        self.close_listeners();
        self.lay_down();
        let Some(candidacy) = &mut self.candidacy else { return };
        match &candidacy.elector {
            Some(elector) => {
                // One that is stopped takes no word; it is waited for no longer than the arbiter says.
                if let Err(error) = elector.say(command) {
                    tracing::warn!(%error, "the elector does not listen");
                }
            }
            None if command == Command::Stop => {
                let reason = "there was none".to_owned();
                self.queue.push_back(Event::ElectorEnded { reason });
            }
            None => {}
        }
    }

    /// There is no lease any more that anybody would have to keep to.
    fn lay_down(&mut self) {
        slots::board(&self.slots).lease().lose();
        if let Some(guard) = &mut self.guard {
            guard.end_at(None);
        }
        let Some(candidacy) = &mut self.candidacy else { return };
        let _ = candidacy.timer.unset();
        candidacy.standing = None;
        if let Some(shelf) = &candidacy.shelf {
            shelf.clear();
        }
        if let Some(office) = &candidacy.office {
            office.clear();
        }
    }

    /// The title says whether this master leads.
    pub(super) fn wear_role(&mut self) {
        let role = if self.arbiter.role() == "standby" { "standby" } else { "master" };
        self.title.set(format_args!("ph: {role} [{}]", self.name));
        if let Some(manager) = &self.manager {
            manager.role(self.arbiter.role(), self.arbiter.wanted());
        }
    }

    /// Where a worker waits that is made before this master leads; none where it need not.
    pub(super) fn office_for_worker(&self) -> io::Result<Option<Office>> {
        let leads = self.arbiter.token().is_some();
        let office = self.candidacy.as_ref().and_then(|it| it.office.as_ref());
        office.filter(|_| !leads).map(Office::for_worker).transpose()
    }

    /// A descriptor of the lock for a worker that is about to be made; none where a lock is not what leads.
    pub(super) fn lock_for_worker(&self) -> io::Result<Option<std::os::fd::OwnedFd>> {
        if self.arbiter.token().is_none() {
            return Ok(None);
        }
        if !slots::board(&self.slots).lease().is_good() {
            return Err(io::Error::other("the lease is over"));
        }
        self.candidacy.as_ref().and_then(Candidacy::shelf).map(Shelf::look).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn candidacy(ttl: &str) -> Candidacy {
        let pairs = [("leader", "file"), ("leader_key", "a/b"), ("leader_ttl", ttl)];
        let settings = Settings::without_file("app", "/srv", pairs).unwrap();
        Candidacy::of(&settings).unwrap().unwrap()
    }

    #[test]
    fn a_lease_is_no_longer_than_it_can_be() {
        let candidacy = candidacy("10");
        let now = boot_clock();
        // An elector that lies within the protocol.
        let bound = candidacy.bound(u64::MAX);
        assert!((now + 9 * SECOND..now + 10 * SECOND).contains(&bound), "{bound} at {now}");
        assert_eq!(candidacy.bound(now), now);
        assert_eq!(candidacy.last_moment(9 * SECOND), 9 * SECOND - SECOND / 2);
        assert_eq!(candidacy.last_moment(0), 0);
    }

    #[test]
    fn a_short_lease_leaves_time_to_work_and_to_kill() {
        let candidacy = candidacy("2");
        assert_eq!(candidacy.margin, Duration::from_millis(500));
        assert_eq!(candidacy.lead(), Duration::from_millis(100));
    }

    #[test]
    fn a_key_is_a_path_or_a_name() {
        assert_eq!(candidacy("10").place, Place::File("/srv/a/b".into()));
        let shared = lock_path(Path::new("/srv"), "app");
        assert!(shared.is_absolute() && !shared.starts_with("/srv"), "{shared:?}");
        assert!(shared.to_string_lossy().ends_with("-app.leader"), "{shared:?}");
    }

    #[test]
    fn a_candidate_is_recognized_and_unlike_others() {
        assert_eq!(name("host", 17), "host:17");
        assert!(name("host", 1).starts_with("host:1:"));
        assert!(name(&"h".repeat(300), 17).len() < 64);
    }
}
