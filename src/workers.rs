//! The kinds of worker that an application has, and the one that its configuration asks for.

use ph_cli::Settings;
use ph_config::value::choice::{Scaling, WorkerClass};
use ph_core::master::Seat;

/// A worker's whole life in the forked child; returns its exit code.
pub(crate) type WorkerMain = Box<dyn Fn(Seat) -> u8>;

/// What an application's workers are given to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// They find it themselves.
    Jobs,
    /// Clients connect.
    Connections,
}

/// The workers of an application, by how they run. All of them take the same.
#[derive(Default)]
pub(crate) struct Workers {
    takes: Option<Takes>,
    /// For `sync` and `thread`.
    pub(crate) blocking: Option<WorkerMain>,
    /// For `async`.
    pub(crate) coroutines: Option<WorkerMain>,
    /// For `rpc`.
    pub(crate) rpc: Option<WorkerMain>,
}

impl Workers {
    /// The workers that take this. Those that took something else are forgotten: the last word counts.
    pub(crate) fn take(&mut self, takes: Takes) -> &mut Self {
        if self.takes != Some(takes) {
            *self = Self { takes: Some(takes), ..Self::default() };
        }
        self
    }

    /// A sentence if there is no worker as these settings ask for.
    pub(crate) fn check(&self, settings: &Settings) -> Result<(), String> {
        // A program is anybody's worker.
        if settings.worker_class == WorkerClass::Exec {
            Ok(())
        } else {
            self.of(settings).map(drop)
        }
    }

    fn of(&self, settings: &Settings) -> Result<&WorkerMain, String> {
        let class = settings.worker_class;
        let worker = match class {
            WorkerClass::Sync | WorkerClass::Thread => &self.blocking,
            WorkerClass::Async => &self.coroutines,
            WorkerClass::Rpc => &self.rpc,
            WorkerClass::Exec => &None,
        };
        if self.takes.is_none() {
            return Err(NO_WORKER.to_owned());
        }
        worker.as_ref().ok_or_else(|| {
            let made_for = self.classes();
            format!("worker_class = {class}, but this program's workers are made for {made_for}")
        })
    }

    /// The classes that this program's workers can be of, for a sentence.
    fn classes(&self) -> String {
        let kinds = [
            ("sync", &self.blocking),
            ("thread", &self.blocking),
            ("async", &self.coroutines),
            ("rpc", &self.rpc),
        ];
        let mut names: Vec<&str> =
            kinds.iter().filter(|(_, worker)| worker.is_some()).map(|(name, _)| *name).collect();
        let last = names.pop().unwrap_or("none");
        if names.is_empty() { last.to_owned() } else { format!("{} or {last}", names.join(", ")) }
    }

    /// Runs the worker that a seat asks for.
    pub(crate) fn run(&self, seat: Seat) -> u8 {
        let worker = self.of(&seat.settings);
        // The settings were checked before they were given to a generation.
        worker.map_or(ph_cli::Exit::Config.code(), |worker| worker(seat))
    }

    /// A sentence if these settings leave the workers without what they take, or nobody to say when they are wanted.
    pub(crate) fn lack(&self, settings: &Settings, listens: bool) -> Option<String> {
        let listens = listens || !settings.bind.is_empty() || settings.unix_socket.is_some();
        let foreign = settings.worker_class == WorkerClass::Exec;
        if self.takes == Some(Takes::Connections) && !listens && !foreign {
            return Some("this program takes connections; set bind or unix_socket to where".into());
        }
        let scaling = settings.scaling;
        if scaling == Scaling::Ondemand && self.takes == Some(Takes::Jobs) && !foreign {
            let why = "waits for connections, and this program's workers take jobs";
            return Some(format!("scaling = {scaling} {why}; make it static or dynamic"));
        }
        if scaling != Scaling::Static && foreign {
            let why = "has to see who is busy, and a program of its own does not show it";
            return Some(format!("scaling = {scaling} {why}; make it static"));
        }
        None
    }
}

const NO_WORKER: &str =
    "this program has no worker of its own: set command to the one that is to run";
