//! Going on where another program was: the process, its children and its open files are there; the rest is carried.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::Arc;

use nix::unistd::Pid;
use ph_config::Settings;
use ph_config::value::choice::Accept;
use ph_signal::Source;

use super::autopsy::Patience;
use super::boot::{self, TAKEN};
use super::carried::{Carried, CarriedChild};
use super::cells::Cells;
use super::certificates::Certificates;
use super::children::{Child, Children};
use super::control::Control;
use super::curve::Turn;
use super::events::Events;
use super::foreign::{Foreign, Notices};
use super::generation::Generation;
use super::hearing::Hearing;
use super::leader::{Candidacy, CarriedCandidacy};
use super::poll::{Poll, Token};
use super::pressure::Pressure;
use super::reexec::{self, RESUME, RETURNED};
use super::{Launch, Manager, Master, Program, StartError};
use crate::arbiter::{Arbiter, Event, Policy};
use crate::calls::CallTable;
use crate::channel::Channel;
use crate::listen::Bundle;
use crate::log::{self, Shelf};
use crate::slots::{self, Slots};
use crate::sys::accept_lock::AcceptLock;
use crate::sys::guard::Guard;
use crate::sys::lock::{Lock, PidFile};
use crate::sys::pidfd::PidFd;
use crate::sys::title::Title;
use crate::sys::{cpu, environment, fds};

/// What this process has from the program that it was before.
#[derive(Debug)]
pub struct Resumed {
    carried: Carried,
    program: Program,
    settings: Settings,
    /// The memory that it is carried in, for the way back.
    memory: OwnedFd,
    /// The program that this process was, if there is a way back.
    former: Option<OwnedFd>,
    /// Why this program has the process back.
    returned: Option<String>,
}

impl Resumed {
    /// Whether this process was another program before; then what that left. To be called before this one opens anything.
    ///
    /// What can't be read goes back to where it came from, if it can.
    pub fn find(program: &Program) -> Result<Option<Self>, StartError> {
        let Some(word) = std::env::var_os(RESUME) else { return Ok(None) };
        let refused = |error: &dyn std::fmt::Display| {
            StartError::System(format!("cannot go on where the former program was: {error}"))
        };
        let returned = std::env::var_os(RETURNED).map(|why| why.to_string_lossy().into_owned());
        environment::forget(&[RESUME, RETURNED]).map_err(|error| refused(&error))?;
        let numbers = reexec::numbers(&word);
        let (memory, former) = numbers.ok_or_else(|| refused(&"no numbers of descriptors"))?;
        let memory = fds::adopt(memory).map_err(|error| refused(&error))?;
        let former = former.map(fds::adopt).transpose().map_err(|error| refused(&error))?;
        let read = memory.try_clone().and_then(Carried::unpack).and_then(|carried| {
            let settings = carried.settings.clone().unpack()?;
            Ok((carried.program.clone().unpack(), settings, carried))
        });
        match read {
            Ok((program, settings, carried)) => {
                Ok(Some(Self { carried, program, settings, memory, former, returned }))
            }
            // It knows by itself how it was started.
            Err(error) => Err(refused(&give_back(program, &memory, former.as_ref(), &error))),
        }
    }

    /// The settings that the workers have.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether there are sockets that a service manager had handed over.
    pub fn inherited(&self) -> bool {
        self.carried.open.listeners.iter().any(|(listener, _)| listener.inherited)
    }
}

/// Has the former program go on, with everything as it was. Returns, with the reason, if that can't be.
fn give_back(
    program: &Program,
    memory: &OwnedFd,
    former: Option<&OwnedFd>,
    why: &dyn std::fmt::Display,
) -> String {
    use std::os::fd::AsRawFd as _;
    let Some(former) = former else { return why.to_string() };
    let word = memory.as_raw_fd().to_string();
    let reason = format!("the new program could not go on: {why}");
    let words = [(RESUME, word.into()), (RETURNED, reason.replace('\0', "").into())];
    let gone = fds::pass_on(memory, true).and_then(|()| reexec::exec(program, Some(former), words));
    match gone {
        Ok(never) => match never {},
        Err(error) => format!("{why}; and the former program can't: {error}"),
    }
}

/// What is new in this program, made before anything is taken from the former one: whatever fails until then can go back.
struct Fresh {
    title: Title,
    slots: Slots,
    calls: Option<CallTable>,
    signals: Source,
    poll: Poll,
    accept_lock: Option<AcceptLock>,
    processes: Vec<PidFd>,
    guard: Option<Guard>,
    candidacy: Option<Candidacy>,
    changed_signals: ph_signal::SignalSet,
}

pub(super) fn resume(mut launch: Launch<'_>, resumed: Resumed) -> Result<(), StartError> {
    let fresh = match prepare(&resumed) {
        Ok(fresh) => fresh,
        Err(error) => {
            let Resumed { program, memory, former, .. } = &resumed;
            return Err(StartError::System(give_back(program, memory, former.as_ref(), &error)));
        }
    };
    let first = match &resumed.returned {
        Some(reason) => Event::SuccessorFailed { reason: reason.clone() },
        None => Event::Resumed,
    };
    let name = &resumed.settings.proc_name;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "master of {name} goes on as this program");
    launch.hooks.on_starting();
    let hooks = launch.hooks;
    let taken = take_over(&mut launch, resumed, fresh);
    let mut master = taken.map_err(|error| StartError::System(error.to_string()))?;
    // The new guard and timer know of no lease yet.
    master.take_office();
    if master.candidacy.is_some() {
        master.wear_role();
    }
    crate::sys::memory::give_back();
    let outcome = master.run(first);
    boot::finish(master, outcome, hooks)
}

fn prepare(resumed: &Resumed) -> Result<Fresh, StartError> {
    let Resumed { carried, settings, .. } = resumed;
    let system = |error: &dyn std::fmt::Display| StartError::System(error.to_string());
    let shelf = carried
        .open
        .shelf
        .map(|(put, look)| Ok::<_, io::Error>(Shelf::of(fds::copy(put)?, fds::copy(look)?)));
    boot::open_log(settings, shelf.transpose().map_err(|error| system(&error))?)
        .map_err(|error| StartError::Config(error.to_string()))?;
    boot::set_dispositions().map_err(|error| system(&error))?;
    fds::raise_limit();
    let mut title = Title::prepare().map_err(|error| system(&error))?;
    let name = &settings.proc_name;
    title.set(format_args!("ph: master [{name}]"));
    let candidacy = Candidacy::of(settings).map_err(|error| system(&error))?;
    let memory = fds::copy(carried.open.slots).map_err(|error| system(&error))?;
    let slots = slots::adopt(memory).map_err(|error| system(&error))?;
    let calls = carried.open.calls.map(fds::copy).transpose().map_err(|error| system(&error))?;
    let calls = calls.map(|memory| CallTable::adopt(memory, carried.calls.clone())).transpose();
    let calls = calls.map_err(|error| system(&error))?;
    log::share(slots::board(&slots).log());
    // The signals are blocked since the former program's time; what came meanwhile is pending.
    let signals = Source::new(TAKEN).map_err(|error| system(&error))?;
    let poll = Poll::new().map_err(|errno| system(&errno))?;
    poll.add(&signals, Token::Signals).map_err(|errno| system(&errno))?;
    let accept_lock = (settings.accept == Accept::Lock).then(AcceptLock::create).transpose();
    let accept_lock = accept_lock.map_err(|error| system(&error))?;
    let mut processes = Vec::with_capacity(carried.children.len());
    for CarriedChild { key, pid, .. } in &carried.children {
        // Nobody has reaped it: it is our child still, dead or alive.
        let process = PidFd::open(Pid::from_raw(*pid)).map_err(|error| system(&error))?;
        poll.add_once(&process, Token::Death(key.serial)).map_err(|errno| system(&errno))?;
        processes.push(process);
    }
    // The shelf of the former program, whose number is adopted later.
    let shelf = carried.candidacy.as_ref().and_then(CarriedCandidacy::shelf);
    let shelf = shelf.transpose().map_err(|error| system(&error))?;
    let guard = match std::process::id() {
        1 => None,
        _ => Some(
            Guard::start(slots::COUNT, &mut title, name, shelf.as_ref())
                .map_err(|error| system(&error))?,
        ),
    };
    if let Some(pidfd) = guard.as_ref().and_then(Guard::pidfd)
        && let Err(errno) = poll.add(pidfd, Token::Guard)
    {
        // Its board is empty: it does no harm.
        return Err(system(&errno));
    }
    let changed_signals = ph_signal::disposition::changed();
    Ok(Fresh {
        title,
        slots,
        calls,
        signals,
        poll,
        accept_lock,
        processes,
        guard,
        candidacy,
        changed_signals,
    })
}

/// Takes every descriptor that there is a number of; each is there, or the former program was wrong.
fn take_over<'a>(
    launch: &mut Launch<'a>,
    resumed: Resumed,
    fresh: Fresh,
) -> io::Result<Master<'a>> {
    let Resumed { carried, program, settings, former, .. } = resumed;
    let Fresh {
        title,
        slots,
        calls,
        signals,
        poll,
        accept_lock,
        processes,
        guard,
        candidacy,
        changed_signals,
    } = fresh;
    let adopt = |number: RawFd| fds::adopt(number);
    let open = carried.open;
    drop(adopt(open.slots)?);
    drop(open.calls.map(adopt).transpose()?);
    let notices = open.notices.map(adopt).transpose()?;
    let notices = notices.map(|socket| Notices::resume(socket.into())).transpose()?;
    if let Some(notices) = &notices {
        poll.add(notices, Token::Notices)?;
    }
    if let Some((put, look)) = open.shelf {
        drop((adopt(put)?, adopt(look)?));
    }
    let hearing = Hearing::of(adopt(open.hear)?, adopt(open.say)?, carried.partial);
    poll.add(&hearing, Token::Reports)?;
    let control = Control::resume(carried.control, &settings.control_socket, &poll, adopt)?;
    poll.add(&control, Token::Control)?;
    let candidacy = match (candidacy, carried.candidacy) {
        (Some(candidacy), Some(carried)) => {
            candidacy.watch(&poll)?;
            Some(candidacy.resume(carried, adopt, &poll)?)
        }
        _ => None,
    };
    let mut locks = Vec::with_capacity(open.locks.len());
    for number in open.locks {
        locks.push(Lock::inherit(adopt(number)?).ok_or(io::ErrorKind::InvalidData)?);
    }
    let channel = match open.channel {
        Some((give, take)) => Some(Arc::new(Channel::of(adopt(give)?, adopt(take)?))),
        None => None,
    };
    let mut listeners = Vec::with_capacity(open.listeners.len());
    for (heirloom, number) in open.listeners {
        let listener = heirloom.listener(adopt(number)?)?;
        listener.claim();
        listeners.push(Arc::new(listener));
    }
    let mut bundles = Vec::with_capacity(carried.bundles.len());
    for bundle in carried.bundles {
        bundles.push(Bundle::unpack(bundle, adopt)?);
    }
    let mut children = Children::beside(carried.found.into_iter().map(Pid::from_raw).collect());
    let cells: BTreeSet<usize> = carried.children.iter().map(|child| child.cell).collect();
    (children.departed, children.cells) = (carried.departed, Cells::taken(&cells));
    for (child, process) in carried.children.into_iter().zip(processes) {
        let CarriedChild { key, cell, bound, reopened, born, asked, shared, .. } = child;
        let (foreign, history) = (child.foreign, child.history);
        let foreign = foreign.map(|foreign| Foreign::resume(foreign, adopt)).transpose()?;
        if let Some(foreign) = &foreign {
            poll.add(&foreign.output, Token::Output(key.serial))?;
        }
        if let Some(guard) = &guard {
            guard.watch(cell, process.pid());
        }
        children.insert(Child {
            key,
            process,
            cell,
            bound,
            reopened,
            born,
            asked,
            shared,
            foreign: foreign.map(Box::new),
            history: Some(history),
        });
    }
    // The new one watches by now.
    if let Some(number) = open.lifeline {
        Guard::relieve(adopt(number)?);
    }
    let mut certificates = Certificates::default();
    carried.certificates.into_iter().for_each(|one| certificates.issue(one));
    let pidfile = settings.pidfile.as_deref().map(PidFile::claim);
    let name = settings.proc_name.clone();
    let settings = Arc::new(settings);
    let (plan, privileges) = (carried.plan, carried.privileges);
    let mut generation = Generation { settings, plan, listeners, privileges };
    let policy = Policy::from_settings(&generation.settings, generation.listens(), cpu::available);
    let handed = generation.listeners.iter().filter(|listener| listener.is_inherited());
    let handed = handed.cloned().collect();
    let seed = slots::now() ^ u64::from(std::process::id());
    let arbiter = Arbiter::resume(policy, carried.arbiter, carried.stamp.packed, seed);
    if arbiter.role() == "standby" {
        generation.listeners.clear();
    }
    let generations = BTreeMap::from([(arbiter.generation(), generation)]);
    Ok(Master {
        arbiter,
        queue: VecDeque::new(),
        outcome: None,
        poll,
        signals,
        children,
        newborn: Vec::new(),
        zygotes: super::Zygotes::default(),
        hearing,
        slots,
        control,
        certificates,
        pressure: Pressure::new(carried.explained),
        turn: Turn::new(),
        patience: Patience::new(),
        events: Events::of(carried.events),
        reopened: carried.reopened,
        accounts: carried.accounts,
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
        generations,
        bundles,
        watched: Vec::new(),
        reading: None,
        candidate: None,
        reread: launch.reread,
        object: launch.object,
        worker: launch.worker,
        hooks: launch.hooks,
        launcher: None,
        withheld: Vec::new(),
        untold: Vec::new(),
        program,
        former,
        locks,
        pidfile,
        predecessor: None,
        successor: None,
        manager: Manager::find(),
        changed_signals,
        descriptors: carried.limit,
    })
}
