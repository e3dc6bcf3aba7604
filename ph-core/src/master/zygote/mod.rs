//! Zygotes (`preload = true`): processes that have imported an application once, and fork its workers on request.
//!
//! A zygote is started as a program's worker is, by the shim, and is a direct child of the master. What it forks is forked
//! twice, so that the worker becomes the master's own child: the master is a subreaper. Until that has told of itself the
//! worker is *expected* ([`births`]); the arbiter knows it as one that boots. A zygote that ends, or has to be ended, takes
//! with it those that are expected of it, each as a failed boot, and nobody else.
//!
//! There is one for each generation that has been asked for a worker. It goes with its generation.

mod births;
mod words;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use nix::unistd::Pid;
use ph_config::Settings;
use ph_signal::Signal;
use serde_json::json;

use super::Master;
use super::foreign::{self, Errand, Foreign};
use super::generation::Generation;
use super::last_lines::LastLines;
use super::poll::{Part, Token};
use super::spawn::SpawnError;
use crate::arbiter::{Event, ExitStatus, WorkerKey};
use crate::log;
use crate::report::Report;
use crate::sys::SysError;
use crate::sys::pidfd::{PidFd, Used};
use births::Expected;

/// The variable by which a worker's program knows that it is a zygote, and on which descriptor it is asked.
const SOCKET: &str = "PH_ZYGOTE_FD";
/// Variables that a zygote has not: they are one worker's alone.
const WORKERS_OWN: [&str; 2] = ["PH_WORKER_ID", "PH_SLOT"];

/// All of them, and the workers that are expected of them, by serial number.
#[derive(Default)]
pub(super) struct Zygotes {
    by_number: BTreeMap<u32, Zygote>,
    expected: BTreeMap<u64, Expected>,
    last: u32,
}

struct Zygote {
    generation: u32,
    process: PidFd,
    socket: OwnedFd,
    /// Its place on the guard's board.
    cell: usize,
    /// When it was started, in the kernel's ticks since boot.
    started: u64,
    program: Foreign,
    output: LastLines,
    /// The variables that it was started with.
    set: Vec<(OsString, OsString)>,
    /// Since when it can fork.
    ready: Option<Instant>,
    /// Why it can't.
    said: Option<String>,
    /// It has been KILLed.
    ended: bool,
}

impl Generation {
    /// Whether its workers are forked from a zygote.
    pub(super) fn preloads(&self) -> bool {
        self.settings.preload && self.settings.python_class.is_some()
    }
}

impl Zygotes {
    pub(super) fn has(&self, pid: Pid) -> bool {
        self.by_number.values().any(|zygote| zygote.process.pid() == pid)
    }

    /// Whether no worker is expected.
    pub(super) fn rest(&self) -> bool {
        self.expected.is_empty()
    }

    /// The one that workers of this generation are asked of.
    fn of(&self, generation: u32) -> Option<u32> {
        let mut all = self.by_number.iter();
        all.find(|(_, it)| it.generation == generation && !it.ended).map(|(number, _)| *number)
    }

    /// The pid to be shown for a generation.
    pub(super) fn pid_of(&self, generation: u32) -> Option<Pid> {
        Some(self.by_number[&self.of(generation)?].process.pid())
    }

    /// What a shim could not do for one.
    pub(super) fn hear(&mut self, serial: u64, report: Report) {
        let number = u32::try_from(u64::MAX - serial).ok();
        let zygote = number.and_then(|number| self.by_number.get_mut(&number));
        if let (Some(zygote), Report::Failed(reason)) = (zygote, report) {
            zygote.said = Some(reason);
        }
    }

    /// Ends one, with all that is of its group. The rest follows when its death is told.
    fn end(&mut self, number: u32) {
        if let Some(zygote) = self.by_number.get_mut(&number) {
            zygote.ended = true;
            let _ = zygote.process.kill_group();
            let _ = zygote.process.signal(Signal::KILL);
        }
    }

    /// Nobody can ask it for anything any more, if it lives at all.
    fn abandon(&self, number: u32) {
        if let Some(zygote) = self.by_number.get(&number) {
            let _ = zygote.process.signal(Signal::KILL);
        }
    }

    /// Ends those of other generations than these.
    pub(super) fn keep(&mut self, generations: &[u32]) {
        let others = |(number, it): (&u32, &Zygote)| {
            (!it.ended && !generations.contains(&it.generation)).then_some(*number)
        };
        let others: Vec<u32> = self.by_number.iter().filter_map(others).collect();
        others.into_iter().for_each(|number| self.end(number));
    }
}

impl Zygote {
    /// Why there are no workers of it.
    fn reason(&self, status: ExitStatus) -> String {
        if let Some(said) = &self.said {
            return said.clone();
        }
        let Some(line) = self.output.lines().last() else {
            return format!("the zygote that was to fork it ended with {status}");
        };
        foreign::lacks_package(line).unwrap_or_else(|| {
            format!("the zygote that was to fork it ended with {status}; it printed last: {line}")
        })
    }
}

impl Master<'_> {
    /// There is to be one for the workers that are wanted.
    #[inline(never)]
    pub(super) fn start_zygote(&mut self) {
        let generation = self.arbiter.generation();
        let current = self.generations.get(&generation);
        if current.is_some_and(Generation::preloads)
            && let Err(error) = self.find_zygote(generation)
        {
            tracing::error!(%error, "cannot start a zygote");
            self.queue.push_back(Event::ZygoteDied { steady: false });
        }
    }

    /// The zygote of a generation; started if there is none.
    fn find_zygote(&mut self, generation: u32) -> Result<u32, SpawnError> {
        if let Some(number) = self.zygotes.of(generation) {
            return Ok(number);
        }
        let full =
            || SysError::call("find a place for a zygote")(std::io::ErrorKind::OutOfMemory.into());
        let cell = self.children.cells.take().ok_or_else(full)?;
        self.zygotes.last += 1;
        let number = self.zygotes.last;
        match self.try_zygote(generation, number, cell) {
            Ok(zygote) => {
                let pid = zygote.process.pid();
                if let Some(guard) = &self.guard {
                    guard.watch(cell, pid);
                }
                let pid = pid.as_raw();
                tracing::info!(pid, generation, "zygote started");
                self.happen("zygote_started", &json!({ "pid": pid, "generation": generation }));
                self.zygotes.by_number.insert(number, zygote);
                Ok(number)
            }
            Err(error) => {
                self.children.cells.give_back(cell);
                Err(error)
            }
        }
    }

    fn try_zygote(&self, generation: u32, number: u32, cell: usize) -> Result<Zygote, SpawnError> {
        let started = super::spawn::ticks();
        let start = &self.generations[&generation];
        let (socket, theirs) = words::pair().map_err(SysError::call("make a socket"))?;
        let (program, write) = Foreign::of(&start.settings)?;
        // Each worker gets its own listeners; until then something else has their numbers, so that nothing which the
        // application opens takes them.
        let null = std::fs::File::open("/dev/null").map_err(SysError::call("open /dev/null"))?;
        let own = self.bundles.iter().filter(|bundle| start.plan.wants(bundle));
        let own = own.map(crate::listen::Bundle::address);
        let all = own.chain(start.listeners.iter().map(|listener| listener.address().clone()));
        let names = foreign::names_of(all);
        let errand = Errand {
            serial: u64::MAX - u64::from(number),
            sockets: names.iter().map(|_| null.as_fd()).collect(),
            names,
            more: Some((SOCKET, theirs.as_fd())),
            // A lock is each worker's to hold, and is sent to it.
            kept: None,
            cpus: Vec::new(),
            set: self.zygotes_own(&start.settings, generation, cell),
        };
        let set = errand.set.clone();
        let pid = self.start_shim(generation, &write, errand)?;
        crate::sys::fork::lead_group(pid);
        let watched = || {
            let process = PidFd::open(pid).map_err(SysError::call("open a pidfd"))?;
            let failed = |errno: nix::Error| SysError::call("watch a zygote")(errno.into());
            let token = |part| Token::Zygote(part, number);
            self.poll.add_once(&process, token(Part::End)).map_err(failed)?;
            self.poll.add(&socket, token(Part::Words)).map_err(failed)?;
            self.poll.add(&program.output, token(Part::Output)).map_err(failed)?;
            Ok::<_, SysError>(process)
        };
        let process = watched().inspect_err(|_| {
            // Nobody knows it: it is reaped like any orphan.
            let _ = ph_signal::killpg(pid.as_raw(), Signal::KILL);
            let _ = ph_signal::kill(pid.as_raw(), Signal::KILL);
        })?;
        let (output, ready, said, ended) = (LastLines::default(), None, None, false);
        Ok(Zygote {
            generation,
            process,
            socket,
            cell,
            started,
            program,
            output,
            set,
            ready,
            said,
            ended,
        })
    }

    fn zygotes_own(
        &self,
        settings: &Settings,
        generation: u32,
        cell: usize,
    ) -> Vec<(OsString, OsString)> {
        let nobody = WorkerKey { slot: 0, serial: 0 };
        let mut set = self.variables(settings, nobody, generation, cell);
        set.retain(|(name, _)| !WORKERS_OWN.iter().any(|own| name == own));
        set
    }

    /// The one that workers are forked from, if they are.
    pub(super) fn zygote_pid(&self) -> Option<Pid> {
        self.zygotes.pid_of(self.arbiter.generation())
    }

    /// Something of a zygote is to be looked at.
    pub(super) fn attend_zygote(&mut self, part: Part, number: u32, hung_up: bool) {
        match part {
            Part::Words => self.take_births(number),
            Part::Output => {
                if !self.read_zygote(number)
                    && hung_up
                    && let Some(zygote) = self.zygotes.by_number.get(&number)
                {
                    self.poll.remove(&zygote.program.output);
                }
            }
            Part::End => self.lose_zygote(number),
        }
        self.work_off();
    }

    /// A bite of what it prints; whether there was any.
    fn read_zygote(&mut self, number: u32) -> bool {
        let Some(zygote) = self.zygotes.by_number.get_mut(&number) else { return false };
        let (lines, any) = zygote.program.output.read();
        tell_lines(zygote, &lines);
        any
    }

    /// One has ended: so have the hopes of those who are expected of it.
    fn lose_zygote(&mut self, number: u32) {
        let Some(zygote) = self.zygotes.by_number.get(&number) else { return };
        let (status, used) = match zygote.process.look() {
            Ok(Some(end)) => end,
            Ok(None) => return self.withheld.push(Token::Zygote(Part::End, number)),
            // Somebody else has reaped it.
            Err(_) => (ExitStatus::Code(-1), Used::default()),
        };
        // Who has left its group by now has told of it before.
        let _ = zygote.process.kill_group();
        self.hear();
        self.take_births(number);
        const LAST_BITES: usize = 64;
        let _ = (0..LAST_BITES).all(|_| self.read_zygote(number));
        let Some(mut zygote) = self.zygotes.by_number.remove(&number) else { return };
        let rest = zygote.program.output.rest();
        tell_lines(&mut zygote, rest.as_slice());
        self.poll.remove(&zygote.process);
        self.poll.remove(&zygote.socket);
        self.poll.remove(&zygote.program.output);
        if let Some(guard) = &self.guard {
            guard.unwatch(zygote.cell);
        }
        let _ = zygote.process.reap();
        self.children.cells.give_back(zygote.cell);
        // What it has left behind is looked for as after a worker.
        let departed = &mut self.children.departed;
        *departed = Some(departed.map_or(zygote.started, |oldest| oldest.min(zygote.started)));
        let reason = zygote.reason(status);
        let pid = zygote.process.pid().as_raw();
        let ready_for = zygote.ready.map(|since| since.elapsed());
        if !zygote.ended {
            match ready_for {
                Some(_) => tracing::warn!(pid, "the zygote died ({status}); its workers go on"),
                None => tracing::error!(pid, %reason, "the zygote could not boot: {status}"),
            }
            self.happen("zygote_ended", &json!({ "pid": pid, "status": status.to_string() }));
            // Until it is as old as that, its death is taken for one of a row.
            const STEADY: Duration = Duration::from_secs(1);
            let steady = ready_for.is_some_and(|time| time >= STEADY);
            self.queue.push_back(Event::ZygoteDied { steady });
        }
        self.disappoint(number, &zygote, status, used, &reason);
    }
}

/// Puts lines of a zygote in the log.
fn tell_lines(zygote: &mut Zygote, lines: &[String]) {
    for line in lines {
        zygote.output.add(line);
        tracing::info!(target: log::OUTPUT, "zygote: {line}");
    }
}
