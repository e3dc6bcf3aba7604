//! The master: one loop that waits, tells the arbiter what happened, and does what it answers.
//!
//! Everything that the master waits for is in one epoll set: pending signals (a signalfd), each worker's death (a
//! pidfd) and words (a pipe), the guard's death, the control socket and its clients. The wait ends at the arbiter's next
//! deadline. There is no second place where the master waits.

mod accounts;
mod autopsy;
mod binding;
mod boot;
mod bundles;
mod carried;
mod cells;
mod certificate;
mod certificates;
mod children;
mod control;
mod curve;
mod estate;
mod events;
mod exposure;
mod foreign;
mod generation;
mod hearing;
mod last_lines;
mod leader;
mod load;
mod manager;
mod narrate;
mod office;
mod perform;
mod poll;
mod predecessor;
mod pressure;
mod privileges;
mod question;
mod reading;
mod reexec;
mod requests;
mod resume;
mod signals;
mod spawn;
mod start_error;
mod status;
mod successor;
mod untold;
mod zygote;

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use nix::unistd::Pid;
use ph_config::Settings;

use crate::arbiter::{Action, Arbiter, Event, Outcome};
use crate::calls::CallTable;
use crate::channel::Channel;
use crate::listen::{Bundle, Listener};
use crate::slots::Slots;
use crate::sys::accept_lock::AcceptLock;
use crate::sys::activation::Inherited;
use crate::sys::daemon::Launcher;
use crate::sys::guard::Guard;
use crate::sys::lock::{Lock, PidFile};
use crate::sys::title::Title;
use accounts::Accounts;
use autopsy::Patience;
use certificates::Certificates;
use children::Children;
use control::Control;
#[doc(hidden)]
pub use control::fuzz;
use curve::Turn;
use events::Events;
pub use exposure::exposure;
use foreign::Notices;
use generation::Generation;
use hearing::Hearing;
use leader::Candidacy;
use manager::Manager;
pub use office::{Equipment, Office};
use poll::{Poll, Token};
pub use predecessor::{Predecessor, decline, is_summoned};
use pressure::Pressure;
pub use question::{ARGUMENT as QUESTION, Question, examine};
use reading::Reading;
pub use resume::Resumed;
pub use spawn::Seat;
pub use start_error::StartError;
pub use successor::Program;
use untold::Untold;
use zygote::Zygotes;

/// What an application lends its master.
pub struct Launch<'a> {
    /// The settings of the first generation.
    pub settings: Settings,
    /// Reads the configuration again, for a reload; an error is one sentence, or one line for each fault.
    pub reread: &'a dyn Fn() -> Result<Settings, String>,
    /// The sentence for what is wrong with a key: its place in the configuration, what it says there, and the reason.
    pub object: &'a dyn Fn(&str, &str) -> String,
    /// Runs in each forked worker; its result is the worker's exit code.
    pub worker: &'a dyn Fn(Seat) -> u8,
    /// The application's own hooks.
    pub hooks: &'a dyn Hooks,
    /// Who waits for the first readiness, when this is a daemon.
    pub launcher: Option<Launcher>,
    /// How this program was started, for an upgrade.
    pub program: Program,
    /// The master that this one is to succeed.
    pub predecessor: Option<Predecessor>,
    /// The program that this process was before, whose master goes on.
    pub resumed: Option<Resumed>,
    /// Sockets that were handed to this process.
    pub inherited: Vec<Inherited>,
}

/// Code of the application that runs in the master, at the moments that the ancestor named.
///
/// A hook that blocks holds the whole master up; one that starts a thread stops it from forking.
pub trait Hooks {
    /// Locks are taken, no worker exists yet.
    fn on_starting(&self) {}
    /// The first generation serves.
    fn when_ready(&self) {}
    /// Just before a worker is forked into this slot.
    fn pre_fork(&self, slot: u32) {
        let _ = slot;
    }
    /// In the forked child, before anything of the worker runs.
    fn post_fork(&self, slot: u32) {
        let _ = slot;
    }
    /// A worker has ended; it is not reaped yet.
    fn worker_exit(&self, slot: u32, pid: i32) {
        let _ = (slot, pid);
    }
    /// A reload has read a valid configuration.
    fn on_reload(&self) {}
    /// All workers have gone.
    fn on_exit(&self) {}
}

/// The state of the shell. What is to be done, the arbiter knows; this is what it is done with.
struct Master<'a> {
    arbiter: Arbiter,
    queue: VecDeque<Event>,
    outcome: Option<Outcome>,
    poll: Poll,
    signals: ph_signal::Source,
    children: Children,
    /// Made in the batch of forks under way, and not yet among the children.
    newborn: Vec<spawn::Newborn>,
    /// What workers of an application that is loaded once are forked from.
    zygotes: Zygotes,
    hearing: Hearing,
    slots: Slots,
    control: Control,
    certificates: Certificates,
    pressure: Pressure,
    turn: Turn,
    patience: Patience,
    events: Events,
    /// How often the log was reopened.
    reopened: u64,
    accounts: Accounts,
    /// Made when a generation first wants it.
    accept_lock: Option<AcceptLock>,
    /// Made with the first listener.
    channel: Option<Arc<Channel>>,
    /// Made when a generation first answers calls.
    calls: Option<CallTable>,
    /// Made when the workers of a generation first are programs.
    notices: Option<Notices>,
    guard: Option<Guard>,
    /// What there is of an election; none where nobody contends.
    candidacy: Option<Candidacy>,
    /// Listeners that were handed to this master, and that stay open when it does not lead.
    handed: Vec<Arc<Listener>>,
    /// The socket to the master that this one has succeeded, which sees its workers out by the lease of this one.
    former_master: Option<OwnedFd>,
    title: Title,
    name: String,
    /// Each generation that may still be spawned.
    generations: BTreeMap<u32, Generation>,
    /// Addresses of which each slot has its own listeners.
    bundles: Vec<Bundle>,
    /// Listeners whose next connection is waited for, while nobody looks at the load.
    watched: Vec<Arc<Listener>>,
    /// A configuration that is not a generation yet: its names are being resolved.
    reading: Option<Reading>,
    /// One whose verdict is awaited from the arbiter.
    candidate: Option<Generation>,
    reread: &'a dyn Fn() -> Result<Settings, String>,
    object: &'a dyn Fn(&str, &str) -> String,
    worker: &'a dyn Fn(Seat) -> u8,
    hooks: &'a dyn Hooks,
    launcher: Option<Launcher>,
    /// Ends that are told to a debugger first, and to us when it lets go: then there is a `SIGCHLD`.
    withheld: Vec<Token>,
    /// What has happened and is told when there is time.
    untold: Vec<Untold>,
    /// How this program was started.
    program: Program,
    /// What this process was before, as long as it may have to be that again.
    former: Option<OwnedFd>,
    /// What makes this master the only one.
    locks: Vec<Lock>,
    pidfile: Option<PidFile>,
    /// The master that this one is to succeed, until it has.
    predecessor: Option<Predecessor>,
    /// The master that is to succeed this one, or has.
    successor: Option<Successor>,
    manager: Option<Manager>,
    /// Signals that are not at their default in this process: a worker resets them.
    changed_signals: ph_signal::SignalSet,
    /// The soft limit on descriptors as the master found it: what a worker gets.
    descriptors: Option<u64>,
}

/// A process that was started to succeed this master, or to say whether its program can.
struct Successor {
    socket: OwnedFd,
    pid: Pid,
    /// When it was started, in the kernel's ticks since boot.
    started: u64,
    errand: Errand,
}

/// What another process of the program on disk was started for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Errand {
    /// To be the master.
    TakeOver,
    /// To say whether this process can become that program.
    Answer,
}

/// Runs a master until it ends. Returns when no worker is left.
///
/// Affects the whole process: it takes over its signals, its title and its children.
pub fn run(mut launch: Launch<'_>) -> Result<(), StartError> {
    match launch.resumed.take() {
        Some(resumed) => resume::resume(launch, resumed),
        None => boot::boot(launch),
    }
}

impl Master<'_> {
    /// The one loop.
    fn run(&mut self, first: Event) -> Outcome {
        self.feed(first);
        loop {
            if let Some(outcome) = self.outcome.take() {
                return outcome;
            }
            // Here nothing is under way but what the arbiter knows of.
            if let Some(departure) = self.arbiter.departure().cloned()
                && self.zygotes.rest()
            {
                self.tell_untold();
                self.depart(&departure);
                continue;
            }
            if crate::log::is_full() {
                self.rotate_log();
            }
            let beat = self.manager.as_ref().and_then(Manager::next_beat);
            let deadline = self.arbiter.next_deadline().into_iter().chain(beat).min();
            let told = self.untold.is_empty();
            let late = (!told).then(|| Instant::now() + untold::DELAY);
            for (token, hung_up) in self.poll.wait(deadline.into_iter().chain(late).min()) {
                self.happened(token, hung_up);
            }
            if !told {
                self.tell_untold();
            }
            if let Some(manager) = &mut self.manager {
                manager.beat(Instant::now());
            }
            if deadline.is_some_and(|at| at <= Instant::now()) {
                self.feed(Event::Tick);
            }
            // Not while a successor is to run.
            if self.untold.is_empty() {
                self.look_around();
            }
        }
    }

    fn happened(&mut self, token: Token, hung_up: bool) {
        match token {
            Token::Signals => self.take_signals(),
            Token::Reports => self.hear(),
            Token::Death(serial) => self.mourn(serial),
            Token::Output(serial) => self.hear_output(serial, hung_up),
            Token::Notices => self.hear_notices(),
            Token::Zygote(part, number) => self.attend_zygote(part, number, hung_up),
            Token::Guard => self.lose_guard(),
            Token::Listener => self.somebody_connects(),
            Token::Control => self.control.accept(&self.poll),
            Token::Client(id) => self.serve(id, hung_up),
            Token::Resolver => self.resolved(),
            Token::Successor => self.hear_successor(),
            Token::Predecessor => self.hear_predecessor(),
            Token::Elector => self.hear_elector(),
            Token::ElectorDeath => self.mourn_elector(),
            Token::Lease => self.lease_is_over(),
        }
    }

    /// Hands an event to the arbiter, does what it says, and goes on with what came of that.
    fn feed(&mut self, event: Event) {
        self.queue.push_back(event);
        self.work_off();
    }

    fn work_off(&mut self) {
        while let Some(event) = self.queue.pop_front() {
            let actions = self.arbiter.step(Instant::now(), event);
            // Before any of it is done: who is asked to leave looks there for those who stay.
            let board = crate::slots::board(&self.slots);
            board.set_workers(self.arbiter.ready());
            board.set_resting(self.arbiter.is_resting());
            board.set_stopping(self.arbiter.closes());
            self.settle_bundles();
            for action in actions {
                // Spawns come many at a time, and each copies the pages that the master wrote to since the last.
                if !matches!(action, Action::Spawn { .. }) {
                    self.register_newborn();
                }
                if !untold::goes_before(&action) {
                    self.tell_untold();
                }
                self.perform(action);
            }
            self.register_newborn();
        }
        self.consent();
    }
}
