//! A candidate that runs: an [`Election`] with a store, a clock, and something to wait on.

mod desk;

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::election::{Action, Command, Election, Event, Input, Standing};
use crate::instant::Instant;
use crate::options::Options;
use crate::store::Store;
use desk::Desk;

/// What a campaign has to report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// This is so from now on.
    Event {
        /// To be answered with [`Command::Answer`].
        serial: u64,
        /// What is so.
        event: Event,
    },
    /// A sentence for somebody who can do something about it.
    Trouble(String),
}

/// A campaign that can't begin, or go on.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}: {source}")]
pub struct CampaignError {
    what: &'static str,
    source: io::Error,
}

impl CampaignError {
    fn from<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self { what, source: source.into() }
    }
}

/// A candidate that runs. Its descriptor is readable when there may be something to report, so it can be waited for
/// beside others; or use [`Campaign::wait`].
///
/// Two threads of its own do what may block: one asks the store, one watches it. So the clock is looked at in time however long
/// a store takes. Dropped, it stops without a word to the store: a lease that it holds runs out. Say [`Command::Stop`] before, and
/// go on until [`Campaign::is_over`].
#[derive(Debug)]
pub struct Campaign {
    election: Election,
    desk: Desk,
    inputs: Receiver<Input>,
    reports: VecDeque<Report>,
    timer: TimerFd,
    epoll: Epoll,
}

impl AsFd for Campaign {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

impl Campaign {
    /// Begins. Nothing is claimed before the first event has been answered.
    ///
    /// # Errors
    ///
    /// The system gives no descriptor, or no thread.
    pub fn start(store: impl Store, options: Options) -> Result<Self, CampaignError> {
        Self::run(store, Election::new(options, Instant::now()), Vec::new())
    }

    /// Goes on as the leader that another campaign was, by a store that knows the same leases.
    ///
    /// # Errors
    ///
    /// As [`Campaign::start`].
    pub fn resume(
        store: impl Store,
        options: Options,
        standing: Standing,
    ) -> Result<Self, CampaignError> {
        let (election, actions) = Election::resume(options, standing, Instant::now());
        Self::run(store, election, actions)
    }

    fn run(
        store: impl Store,
        election: Election,
        actions: Vec<Action>,
    ) -> Result<Self, CampaignError> {
        let (desk, inputs) = Desk::open(store)?;
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_BOOTTIME, flags)
            .map_err(CampaignError::from("make a timer"))?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)
            .map_err(CampaignError::from("make an epoll set"))?;
        for fd in [timer.as_fd(), desk.as_fd()] {
            epoll
                .add(fd, EpollEvent::new(EpollFlags::EPOLLIN, 0))
                .map_err(CampaignError::from("wait for a descriptor"))?;
        }
        let mut campaign = Self { election, desk, inputs, reports: VecDeque::new(), timer, epoll };
        campaign.perform(actions);
        campaign.step(Input::Tick);
        campaign.set_alarm()?;
        Ok(campaign)
    }

    /// Takes a command. What follows from it at once is reported by the next [`Campaign::pending`].
    pub fn command(&mut self, command: Command) {
        self.step(Input::Command(command));
        // The alarm may have to be another: `pending` sees to it.
        self.desk.ring();
    }

    /// What there is to report. Does not block.
    ///
    /// # Errors
    ///
    /// The system refuses to set the timer.
    pub fn pending(&mut self) -> Result<Vec<Report>, CampaignError> {
        self.desk.hush();
        while let Ok(input) = self.inputs.try_recv() {
            self.step(input);
        }
        self.step(Input::Tick);
        self.set_alarm()?;
        Ok(self.reports.drain(..).collect())
    }

    /// Waits until there is something to report, until the campaign is over, or for so long. It returns nothing in the latter cases.
    ///
    /// # Errors
    ///
    /// As [`Campaign::pending`].
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Vec<Report>, CampaignError> {
        let end = timeout.map(|timeout| Instant::now() + timeout);
        loop {
            let reports = self.pending()?;
            let left = end.map(|end| end.saturating_since(Instant::now()));
            if !reports.is_empty() || self.is_over() || left.is_some_and(|left| left.is_zero()) {
                return Ok(reports);
            }
            // Up, or the last millisecond would be spent turning.
            let millis = left.map(|left| left.as_micros().div_ceil(1_000));
            let timeout = millis.map_or(EpollTimeout::NONE, |millis| {
                i32::try_from(millis)
                    .ok()
                    .and_then(|m| m.try_into().ok())
                    .unwrap_or(EpollTimeout::MAX)
            });
            match self.epoll.wait(&mut [EpollEvent::empty()], timeout) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(errno) => return Err(CampaignError::from("wait for the campaign")(errno)),
            }
        }
    }

    /// Whether we lead at this moment: the token and the deadline.
    #[must_use]
    pub fn leading(&self) -> Option<(u64, Instant)> {
        self.election.leading(Instant::now())
    }

    /// What another campaign can [go on with](Campaign::resume), if we lead.
    #[must_use]
    pub fn standing(&self) -> Option<Standing> {
        self.election.standing()
    }

    /// Whether it has stopped.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.election.is_over()
    }

    fn step(&mut self, input: Input) {
        let actions = self.election.step(Instant::now(), input);
        self.perform(actions);
    }

    fn perform(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send { id, request, within } => self.desk.ask(id, request, within),
                Action::Watch(revision) => self.desk.watch(Some(revision)),
                Action::Unwatch => self.desk.watch(None),
                Action::Tell { serial, event } => {
                    self.reports.push_back(Report::Event { serial, event });
                }
                Action::Complain(sentence) => self.reports.push_back(Report::Trouble(sentence)),
            }
        }
    }

    /// By `CLOCK_BOOTTIME`, so that a machine that wakes up finds out at once what is over.
    fn set_alarm(&self) -> Result<(), CampaignError> {
        let set = match self.election.next_deadline() {
            // Zero would mean none.
            Some(at) => {
                let at = at.since_boot().max(Duration::from_nanos(1));
                let at = Expiration::OneShot(TimeSpec::from_duration(at));
                self.timer.set(at, TimerSetTimeFlags::TFD_TIMER_ABSTIME)
            }
            None => self.timer.unset(),
        };
        set.map_err(CampaignError::from("set a timer"))
    }
}
