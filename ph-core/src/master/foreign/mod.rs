//! Workers that are programs of their own (`worker_class = exec`): how they are started, and what the master keeps of each.
//!
//! No copy of the master is made for one: the shim is spawned, prepares the process and executes the program
//! ([`crate::orders`]). What a forked worker tells through shared memory and the report pipe, a program tells by a service
//! manager's protocol ([`notices`]); what it prints goes to the log ([`output`]). A program may be a class of Python's ([`python`]).

mod notices;
mod output;
mod python;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use nix::fcntl::OFlag;
use nix::unistd::{Pid, pipe2};
use ph_config::Settings;
use ph_config::value::choice::WorkerClass;
use ph_signal::Signal;

pub(super) use notices::Notices;
pub(super) use output::Output;
pub(super) use python::lacks_package;

use super::carried::CarriedForeign;
use super::generation::Generation;
use super::spawn::SpawnError;
use super::{Master, binding};
use crate::arbiter::WorkerKey;
use crate::listen::{Address, Listener};
use crate::orders::{FIRST_SOCKET, ORDERS, Orders, SHIM};
use crate::sys::{SysError, cpu, program};

/// What the master keeps of a worker that is a program.
#[derive(Debug)]
pub(super) struct Foreign {
    pub(super) output: Output,
    /// What it was started by.
    pub(super) command: Vec<String>,
    /// What asks it to stop, quickly or not.
    pub(super) stop_signal: Signal,
    /// When it has fed the watchdog last; none before the first time.
    pub(super) fed: Option<Instant>,
    /// What it says that it is doing.
    pub(super) said: Option<String>,
}

/// What a shim is started for: what differs from one to the next of a generation.
pub(super) struct Errand<'a> {
    /// The number that its reports begin with.
    pub(super) serial: u64,
    /// What each of the sockets is called.
    pub(super) names: Vec<String>,
    pub(super) sockets: Vec<BorrowedFd<'a>>,
    /// One more descriptor, and the variable that tells its number.
    pub(super) more: Option<(&'static str, BorrowedFd<'a>)>,
    /// What it only has to have, and is told nothing of.
    pub(super) kept: Option<BorrowedFd<'a>>,
    pub(super) cpus: Vec<usize>,
    pub(super) set: Vec<(OsString, OsString)>,
}

impl Foreign {
    /// What there is to be of a program with these settings, and the other end of the pipe that it is to print to.
    pub(super) fn of(settings: &Settings) -> Result<(Self, OwnedFd), SysError> {
        let failed = |errno: nix::Error| SysError::call("make a pipe")(errno.into());
        let (read, write) = pipe2(OFlag::O_CLOEXEC).map_err(failed)?;
        let stop_signal = Signal::try_from(settings.stop_signal.number()).unwrap_or(Signal::TERM);
        let (output, command) = (Output::new(read), command_of(settings));
        Ok((Self { output, command, stop_signal, fed: None, said: None }, write))
    }

    /// As data, when the process becomes another program.
    pub(super) fn carry(&self) -> CarriedForeign {
        CarriedForeign {
            output: self.output.as_fd().as_raw_fd(),
            partial: self.output.partial().to_vec(),
            command: self.command.clone(),
            stop_signal: self.stop_signal.number(),
            fed: self.fed.map(|at| at.elapsed()),
            said: self.said.clone(),
        }
    }

    /// As the program had it that this process was before.
    pub(super) fn resume(
        carried: CarriedForeign,
        adopt: impl Fn(RawFd) -> io::Result<OwnedFd>,
    ) -> io::Result<Self> {
        let CarriedForeign { output, partial, command, stop_signal, fed, said } = carried;
        Ok(Self {
            output: Output::resume(adopt(output)?, partial),
            command,
            stop_signal: Signal::try_from(stop_signal).unwrap_or(Signal::TERM),
            fed: fed.and_then(|age| Instant::now().checked_sub(age)),
            said,
        })
    }
}

/// Variables of the master's own, which a service manager meant for it alone.
const MASTERS_OWN: [&str; 6] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
];

impl Generation {
    /// Whether its workers are programs.
    pub(super) fn is_foreign(&self) -> bool {
        self.settings.worker_class == WorkerClass::Exec
    }
}

impl Master<'_> {
    /// Starts the program of a worker. Its pid, and what the master keeps of it.
    pub(super) fn spawn_program(
        &mut self,
        key: WorkerKey,
        generation: u32,
        cell: usize,
    ) -> Result<(Pid, Foreign), SpawnError> {
        let listeners = self.blocking_listeners(key.slot, generation)?;
        let settings = &self.generations[&generation].settings;
        let (foreign, write) = Foreign::of(settings)?;
        let cpus = binding::of(&settings.cpu_affinity, key.slot)?;
        let sockets: Vec<_> = listeners.iter().map(|listener| listener.as_fd()).collect();
        let lock = self.lock_for_worker().map_err(SpawnError::Lease)?;
        let errand = Errand {
            serial: key.serial,
            names: names_of(listeners.iter().map(|listener| listener.address().clone())),
            sockets,
            more: None,
            kept: lock.as_ref().map(OwnedFd::as_fd),
            cpus: cpus.iter().flat_map(cpu::members).collect(),
            set: self.variables(settings, key, generation, cell),
        };
        let pid = self.start_shim(generation, &write, errand)?;
        Ok((pid, foreign))
    }

    /// What a worker that is a program is to listen on.
    pub(super) fn blocking_listeners(
        &mut self,
        slot: u32,
        generation: u32,
    ) -> Result<Vec<Arc<Listener>>, SpawnError> {
        let own = self.own_listeners(slot, generation)?;
        let start = &self.generations[&generation];
        let listeners = own.unwrap_or_else(|| start.listeners.clone());
        // Blocking, as a service manager hands them over. But that is the open file's, which all who have it share: what a
        // program has made of it stays so as long as there is another of that program, whose accept would begin to wait.
        if !self.runs(&command_of(&start.settings)) {
            for listener in &listeners {
                let _ = rustix::io::ioctl_fionbio(listener, false);
            }
        }
        Ok(listeners)
    }

    /// Has the shim become the program of this generation.
    pub(super) fn start_shim(
        &self,
        generation: u32,
        output: &OwnedFd,
        errand: Errand<'_>,
    ) -> Result<Pid, SpawnError> {
        let start = &self.generations[&generation];
        let settings = &start.settings;
        let null = File::open("/dev/null").map_err(SysError::call("open /dev/null"))?;
        let slots = self.slots.fd().ok_or(SysError::Orphaned)?;
        let Errand { serial, names, sockets, more, kept, cpus, mut set } = errand;
        let mut descriptors = vec![null.as_fd(), output.as_fd(), output.as_fd()];
        descriptors.extend(sockets);
        let next = descriptors.len() as i32;
        debug_assert_eq!(names.len() as i32, next - FIRST_SOCKET);
        descriptors.extend([slots, self.hearing.kept()]);
        // First: what the configuration says comes after, and has the last word.
        set.insert(0, ("PH_SLOT_FD".into(), next.to_string().into()));
        if let Some((name, fd)) = more {
            set.push((name.into(), descriptors.len().to_string().into()));
            descriptors.push(fd);
        }
        descriptors.extend(kept);
        let orders = Orders {
            master: std::process::id() as i32,
            serial,
            slots: next,
            say: next + 1,
            sockets: names,
            cpus,
            descriptors: self.descriptors,
            privileges: start.privileges.clone(),
            directory: directory_of(settings),
            command: command_of(settings),
            set,
            unset: MASTERS_OWN.map(str::to_owned).to_vec(),
        };
        let orders = serde_json::to_string(&orders)
            .map_err(|error| SysError::call("write a worker's orders")(error.into()))?;
        let environment = std::env::vars_os().chain([(ORDERS.into(), orders.into())]);
        let name = self.program.path.as_os_str().to_owned();
        Ok(program::spawn([name, SHIM.into()], environment, &descriptors)?)
    }

    /// Whether this program has workers already, of this master or of the one that it succeeds.
    fn runs(&self, command: &[String]) -> bool {
        let same = |foreign: &Foreign| foreign.command == command;
        self.predecessor.is_some()
            || self.children.iter().any(|child| child.foreign.as_deref().is_some_and(same))
    }

    /// What a program is told of itself, and what the configuration adds.
    pub(super) fn variables(
        &self,
        settings: &Settings,
        key: WorkerKey,
        generation: u32,
        cell: usize,
    ) -> Vec<(OsString, OsString)> {
        let config = settings.config_file.as_ref().map(|file| settings.start_dir.join(file));
        let mut set: Vec<(OsString, OsString)> = vec![
            ("PH_APP".into(), settings.proc_name.as_str().into()),
            ("PH_WORKER_ID".into(), key.slot.to_string().into()),
            ("PH_GENERATION".into(), generation.to_string().into()),
            ("PH_MASTER_PID".into(), std::process::id().to_string().into()),
            ("PH_CONFIG".into(), config.unwrap_or_default().into()),
            ("PH_SECTION".into(), settings.section.as_str().into()),
            ("PH_SLOT".into(), cell.to_string().into()),
        ];
        if let Some(notices) = &self.notices {
            set.push(("NOTIFY_SOCKET".into(), notices.place()));
        }
        if let Some(limit) = settings.timeout {
            set.push(("WATCHDOG_USEC".into(), limit.as_micros().to_string().into()));
        }
        if let Some(token) = self.arbiter.token() {
            set.push(("PH_FENCING_TOKEN".into(), token.to_string().into()));
        }
        set.extend(python::settings(settings));
        let own = settings.environment.iter();
        set.extend(own.map(|(name, value)| (name.into(), value.into())));
        set
    }
}

/// The program and its arguments.
fn command_of(settings: &Settings) -> Vec<String> {
    match (&settings.command, &settings.python_class) {
        (Some(command), _) => command.clone(),
        (None, Some(class)) => python::command(&settings.python, class),
        // Checked before it was a generation.
        (None, None) => Vec::new(),
    }
}

/// Where it starts: in a root of its own that is the root, unless another is asked for, since the master's is not in there.
fn directory_of(settings: &Settings) -> PathBuf {
    let directory = &settings.working_directory;
    let is_masters = settings.chroot.is_some() && *directory == settings.start_dir;
    if is_masters { "/".into() } else { directory.clone() }
}

/// What each socket is called (`LISTEN_FDNAMES`): the key that asked for it.
pub(super) fn names_of(addresses: impl Iterator<Item = Address>) -> Vec<String> {
    let name = |address| match address {
        Address::Tcp(_) => "bind".to_owned(),
        Address::Unix(_) => "unix_socket".to_owned(),
    };
    addresses.map(name).collect()
}
