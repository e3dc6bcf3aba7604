//! From settings to a running loop, and from its end to a clean exit.
//!
//! What is taken is given back in reverse, also when a later step fails: nothing half-started is left behind.

use std::collections::VecDeque;
use std::mem::take;
use std::sync::Arc;
use std::time::Instant;

use ph_config::value::choice::Accept;
use ph_config::{LogFormat, LogLevel, Settings};
use ph_signal::disposition::DispositionError;
use ph_signal::{MaskGuard, Signal, SignalSet, Source};
use tracing::level_filters::LevelFilter;

use super::accounts::Accounts;
use super::autopsy::Patience;
use super::binding;
use super::certificates::Certificates;
use super::children::Children;
use super::control::Control;
use super::curve::Turn;
use super::events::Events;
use super::foreign::Notices;
use super::generation::Generation;
use super::leader::Candidacy;
use super::poll::{Poll, Token};
use super::pressure::Pressure;
use super::privileges::Objection;
use super::{Hooks, Launch, Master, Predecessor, StartError, privileges};
use crate::arbiter::{Arbiter, Event, Outcome, Policy};
use crate::listen::{Listener, Plan};
use crate::log::{self, LogError, Shape, Shelf};
use crate::slots;
use crate::sys::accept_lock::AcceptLock;
use crate::sys::daemon::Launcher;
use crate::sys::guard::Guard;
use crate::sys::lock::{Lock, LockError, PidFile};
use crate::sys::resolver::{Answers, Resolver};
use crate::sys::title::Title;
use crate::sys::{cpu, fds, procfs};

/// The signals that the master takes; they are blocked and read from a descriptor.
pub(super) const TAKEN: SignalSet = SignalSet::of(&[
    Signal::HUP,
    Signal::TERM,
    Signal::QUIT,
    Signal::INT,
    Signal::TTIN,
    Signal::TTOU,
    Signal::USR1,
    Signal::USR2,
    Signal::WINCH,
    Signal::CHLD,
]);

pub(super) fn boot(mut launch: Launch<'_>) -> Result<(), StartError> {
    let mut waiting =
        Waiting { launcher: launch.launcher.take(), predecessor: launch.predecessor.take() };
    let result = boot_and_run(launch, &mut waiting);
    // Still here: the workers were never ready.
    let (code, reason) = match &result {
        Ok(()) => (1, "the master was stopped before its workers were ready".to_owned()),
        Err(error) => (error.exit_code(), error.to_string()),
    };
    if let Some(predecessor) = waiting.predecessor {
        predecessor.tell(&format!("failed {reason}"));
    }
    if let Some(launcher) = waiting.launcher {
        launcher.tell(&(code, reason));
    }
    result
}

/// Who waits to hear how the boot went.
struct Waiting {
    launcher: Option<Launcher>,
    predecessor: Option<Predecessor>,
}

fn boot_and_run(launch: Launch<'_>, waiting: &mut Waiting) -> Result<(), StartError> {
    let settings = launch.settings;
    // The first process of a pid namespace loses the signals that it neither blocks nor handles, TERM as well: what
    // comes before there is a source waits for it. Elsewhere they end a master that waits for a name.
    let _kept = (std::process::id() == 1).then(|| MaskGuard::block(TAKEN));
    // What the configuration names and can't be had is told with its place there.
    let wrong = |key: &str, reason: String| StartError::Config((launch.object)(key, &reason));
    open_log(&settings, None).map_err(|error| wrong("log_file", error.to_string()))?;
    // Before there are any of its own. Without a list, there is none to be spared.
    let found = crate::sys::orphans::children(|_| true).unwrap_or_default();
    let locks = match &mut waiting.predecessor {
        Some(predecessor) => {
            predecessor.check(&settings)?;
            take(&mut predecessor.locks)
        }
        None => take_locks(&settings, &wrong)?,
    };
    binding::check(&settings.cpu_affinity)
        .map_err(|error| StartError::from(error).about("cpu_affinity", &wrong))?;
    let system = |error: &dyn std::fmt::Display| StartError::System(error.to_string());

    set_dispositions().map_err(|error| system(&error))?;
    let descriptors = fds::raise_limit();
    let descriptors = waiting.predecessor.as_ref().map_or(descriptors, |it| it.words.descriptors);
    let name = settings.proc_name.clone();
    let mut title = Title::prepare().map_err(|error| system(&error))?;
    let mut candidacy = Candidacy::of(&settings).map_err(|error| system(&error))?;
    let led = match &mut waiting.predecessor {
        Some(predecessor) => {
            predecessor.lease(candidacy.as_mut()).map_err(|error| system(&error))?
        }
        None => None,
    };
    // Who leads, or is alone, has workers.
    let works = candidacy.is_none() || led.is_some();
    title.set(format_args!("ph: {} [{name}]", if works { "master" } else { "standby" }));
    let answers = match Generation::names(&settings) {
        names if names.is_empty() => Answers::default(),
        names => Resolver::start(names, &mut title, &name).map_err(|error| system(&error))?.wait(),
    };
    let privileges = privileges::of(&settings, &answers)
        .map_err(|Objection { key, reason }| wrong(key, reason))?;
    let slots = slots::create().map_err(|error| system(&error))?;
    log::share(slots::board(&slots).log());
    if candidacy.is_some() {
        slots::board(&slots).lease().contend();
    }
    let shelf = candidacy.as_ref().and_then(Candidacy::shelf);
    let guard = if std::process::id() == 1 {
        nix::sys::prctl::set_child_subreaper(true).map_err(|errno| system(&errno))?;
        None
    } else {
        Some(Guard::start(slots::COUNT, &mut title, &name, shelf).map_err(|error| system(&error))?)
    };
    // After the guard: the process that stood between it and us has told its end by then, and wakes nobody later.
    let signals = Source::new(TAKEN).map_err(|error| system(&error))?;
    let inherited =
        launch.inherited.into_iter().map(|handed| Listener::inherit(handed).map(Arc::new));
    let mut inherited = inherited.collect::<Result<Vec<_>, _>>()?;
    let path = &settings.control_socket;
    let control = match &mut waiting.predecessor {
        Some(predecessor) => {
            inherited.extend(predecessor.listeners.iter().cloned());
            let socket = predecessor.control.try_clone().map_err(|error| system(&error))?;
            Control::succeed(socket, path)
        }
        None => Control::bind(path)
            .map_err(|error| StartError::from(error).about("control_socket", &wrong))?,
    };
    let plan = Plan::new(&settings, &answers)?;
    let mut bundles = waiting.predecessor.as_mut().map_or(Vec::new(), |it| take(&mut it.bundles));
    let generation = if works {
        let opened = Generation::open(plan, settings, privileges, &inherited, &bundles)?;
        bundles.extend(opened.1);
        opened.0
    } else {
        Generation::closed(plan, settings, privileges)
    };
    let mut handed = inherited;
    handed.retain(|listener| listener.is_inherited());
    let settings = &generation.settings;
    // A successor writes it when it takes over.
    let pidfile = settings.pidfile.as_deref().filter(|_| waiting.predecessor.is_none());
    let pidfile = pidfile.map(PidFile::write).transpose();
    let pidfile = pidfile.map_err(|error| wrong("pidfile", error.to_string()))?;

    let poll = Poll::new().map_err(|errno| system(&errno))?;
    let hearing = super::Hearing::new().map_err(|error| system(&error))?;
    let watch = poll
        .add(&signals, Token::Signals)
        .and_then(|()| poll.add(&hearing, Token::Reports))
        .and_then(|()| match &waiting.predecessor {
            Some(predecessor) => poll.add(&predecessor.socket, Token::Predecessor),
            None => poll.add(&control, Token::Control),
        })
        .and_then(|()| candidacy.as_ref().map_or(Ok(()), |candidacy| candidacy.watch(&poll)));
    watch.map_err(|errno| system(&errno))?;
    if let Some(guard) = guard.as_ref().and_then(Guard::pidfd) {
        poll.add(guard, Token::Guard).map_err(|errno| system(&errno))?;
    }
    let accept_lock = (settings.accept == Accept::Lock).then(AcceptLock::create).transpose();
    let accept_lock = accept_lock.map_err(|error| system(&error))?;
    let channel = match waiting.predecessor.as_mut().and_then(|it| it.channel.take()) {
        Some(channel) => Some(channel),
        None => generation.channel().map_err(|error| system(&error))?,
    };
    let calls = generation.call_table().map_err(|error| system(&error))?;
    let notices = generation.is_foreign().then(|| Notices::watched(&name, &poll)).transpose();
    let notices = notices.map_err(|error| system(&error))?;
    let manager = waiting.predecessor.is_none().then(super::Manager::find).flatten();
    let listens = generation.listens() || !handed.is_empty();
    let policy = Policy::from_settings(settings, listens, cpu::available);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        config = settings.config_file.as_deref().map(tracing::field::debug),
        "master of {name} starts"
    );
    if let Some(warning) = super::exposure(settings) {
        tracing::warn!("{warning}");
    }
    if !procfs::is_own() {
        let what = "/proc is another pid namespace's: mount this one's (unshare --mount-proc)";
        tracing::warn!("{what}; until then what workers leave behind is not ended");
    }
    privileges::tell(&generation.privileges);
    launch.hooks.on_starting();
    let seed = slots::now() ^ u64::from(std::process::id());
    let mut arbiter = match &waiting.predecessor {
        Some(predecessor) => {
            let wanted = predecessor.wanted(policy.number_workers);
            let former = predecessor.words.generation;
            Arbiter::succeeding(policy, former, wanted, Instant::now(), seed)
        }
        None => Arbiter::new(policy, Instant::now(), seed),
    };
    if waiting.predecessor.is_some() {
        arbiter.inherit(led);
    }
    let first = arbiter.generation();
    let mut master = Master {
        arbiter,
        queue: VecDeque::new(),
        outcome: None,
        poll,
        signals,
        children: Children::beside(found.into_iter().map(|child| child.pid).collect()),
        newborn: Vec::new(),
        zygotes: super::Zygotes::default(),
        hearing,
        slots,
        control,
        certificates: Certificates::default(),
        pressure: Pressure::new(None),
        turn: Turn::new(),
        patience: Patience::new(),
        events: Events::default(),
        reopened: 0,
        accounts: Accounts::default(),
        accept_lock,
        channel,
        calls,
        notices,
        guard,
        candidacy,
        handed,
        former_master: None,
        title,
        name,
        generations: [(first, generation)].into(),
        bundles,
        watched: Vec::new(),
        reading: None,
        candidate: None,
        reread: launch.reread,
        object: launch.object,
        worker: launch.worker,
        hooks: launch.hooks,
        launcher: waiting.launcher.take(),
        withheld: Vec::new(),
        untold: Vec::new(),
        program: launch.program,
        former: None,
        locks,
        pidfile,
        predecessor: waiting.predecessor.take(),
        successor: None,
        manager,
        changed_signals: ph_signal::disposition::changed(),
        descriptors,
    };
    master.take_office();
    crate::sys::memory::give_back();
    match master.predecessor {
        Some(_) => master.open_account(),
        None => log::set_limit(master.current().settings.log_rotate),
    }
    let outcome = master.run(Event::Start);
    waiting.launcher = master.launcher.take();
    waiting.predecessor = master.predecessor.take();
    if waiting.predecessor.is_some() {
        // They are the predecessor's still.
        master.locks.clear();
    }
    finish(master, outcome, launch.hooks)
}

/// Gives back what a master has taken.
pub(super) fn finish(
    mut master: Master<'_>,
    outcome: Outcome,
    hooks: &dyn Hooks,
) -> Result<(), StartError> {
    hooks.on_exit();
    drop(master.pidfile.take());
    // What belongs to another master by now is left alone.
    if outcome != Outcome::HandedOver {
        std::mem::take(&mut master.locks).into_iter().for_each(Lock::release);
    }
    // Whoever waits for the end hears of it when there is nothing left of us but the process.
    drop(master);
    match outcome {
        Outcome::Stopped | Outcome::HandedOver => {
            tracing::info!("master has ended");
            Ok(())
        }
        Outcome::BootFailed(reason) => {
            tracing::error!(%reason, "master gives up");
            Err(StartError::BootFailed(reason))
        }
    }
}

/// What signals that it does not take do to a master.
pub(super) fn set_dispositions() -> Result<(), DispositionError> {
    // An inherited "ignore" would make children vanish without a status.
    ph_signal::disposition::default(Signal::CHLD)?;
    // A file that may not grow any more (`RLIMIT_FSIZE`) is as a full disk, and ends nobody.
    ph_signal::disposition::ignore(Signal::XFSZ)
}

pub(super) fn open_log(settings: &Settings, shelf: Option<Shelf>) -> Result<(), LogError> {
    let shape = match settings.log_format {
        LogFormat::Text => Shape::Text,
        LogFormat::Json => Shape::Json,
    };
    log::open(settings.log_file.as_deref(), level_of(settings), shape, shelf)
}

/// The locks that make this master the only one; held until the process ends.
fn take_locks(
    settings: &Settings,
    wrong: &dyn Fn(&str, String) -> StartError,
) -> Result<Vec<Lock>, StartError> {
    let refused = |key: &'static str| {
        move |error: LockError| match error {
            LockError::Held(_) => StartError::Running(error.to_string()),
            LockError::File(_) => wrong(key, error.to_string()),
        }
    };
    let key = if settings.pidfile.is_some() { "pidfile" } else { "control_socket" };
    let mut locks = vec![Lock::take(&settings.lock_file()).map_err(refused(key))?];
    if settings.single_instance {
        let lock = Lock::single_instance(&settings.proc_name);
        locks.push(lock.map_err(refused("single_instance"))?);
    }
    Ok(locks)
}

pub(super) fn level_of(settings: &Settings) -> LevelFilter {
    match settings.log_level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
