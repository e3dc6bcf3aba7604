//! The builder that turns an implementation of a worker trait into a program.

use std::ffi::OsString;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ph_cli::{Exit, Host, LoadRequest, Settings};
use ph_config::Layers;
use ph_config::value::choice::WorkerClass;
use ph_core::master::{self, Hooks, Launch, StartError};
use ph_core::sys::daemon::{self, Side};
use ph_rpc::Service;
use ph_worker::{
    AsyncConnectionWorker, AsyncJobWorker, CallContext, ConnectionWorker, Context, Error, JobWorker,
};

use crate::check::Check;
use crate::start::Start;
use crate::support;
use crate::workers::{Takes, Workers};

/// An application: a worker, a name, and the command line of `ph` under that name.
///
/// ```no_run
/// use std::time::Duration;
/// use processhandler::{App, Context, Error, JobWorker, tracing};
///
/// struct Greeter;
///
/// impl JobWorker for Greeter {
///     fn handle_request(&mut self, cx: &Context) -> Result<(), Error> {
///         tracing::info!("hello from worker {}", cx.id());
///         cx.sleep(Duration::from_secs(1)); // returns early when asked to stop
///         Ok(())
///     }
/// }
///
/// fn main() -> std::process::ExitCode {
///     App::new("greeter").job(|_cx| Ok(Greeter)).main()
/// }
/// ```
pub struct App {
    name: String,
    default_config: Option<PathBuf>,
    workers: Workers,
    hooks: Box<dyn Hooks>,
}

/// An application without hooks of its own.
struct NoHooks;

impl Hooks for NoHooks {}

impl App {
    /// An application of this name: that of its command in help texts and messages.
    pub fn new(name: impl Into<String>) -> Self {
        let (name, workers, hooks) = (name.into(), Workers::default(), Box::new(NoHooks));
        Self { name, default_config: None, workers, hooks }
    }

    /// The configuration to use when none is named and there is none at the usual places; relative to the
    /// working directory.
    #[must_use]
    pub fn default_config(mut self, path: impl Into<PathBuf>) -> Self {
        self.default_config = Some(path.into());
        self
    }

    /// Workers that take jobs, one at a time or on threads. `construct` runs in each worker's process, and with
    /// `worker_class = thread` in each of its threads.
    #[must_use]
    pub fn job<W: JobWorker>(
        mut self,
        construct: impl Fn(&Context) -> Result<W, Error> + Sync + 'static,
    ) -> Self {
        self.workers.take(Takes::Jobs).blocking =
            Some(Box::new(move |seat| match seat.settings.worker_class {
                WorkerClass::Thread => ph_worker::run_job_threads(seat, &construct),
                _ => ph_worker::run_job(seat, &construct),
            }));
        self
    }

    /// Workers that are handed connections, one at a time or on threads. As [`job`](Self::job) otherwise.
    #[must_use]
    pub fn connection<W: ConnectionWorker>(
        mut self,
        construct: impl Fn(&Context) -> Result<W, Error> + Sync + 'static,
    ) -> Self {
        self.workers.take(Takes::Connections).blocking =
            Some(Box::new(move |seat| match seat.settings.worker_class {
                WorkerClass::Thread => ph_worker::run_threads(seat, &construct),
                _ => ph_worker::run_sync(seat, &construct),
            }));
        self
    }

    /// Workers that take jobs as coroutines, under `worker_class = async`.
    #[must_use]
    pub fn async_job<W: AsyncJobWorker>(
        mut self,
        construct: impl Fn(&Context) -> Result<W, Error> + Sync + 'static,
    ) -> Self {
        self.workers.take(Takes::Jobs).coroutines =
            Some(Box::new(move |seat| ph_worker::run_job_async(seat, &construct)));
        self
    }

    /// Workers that are handed connections, each in a coroutine, under `worker_class = async`.
    #[must_use]
    pub fn async_connection<W: AsyncConnectionWorker>(
        mut self,
        construct: impl Fn(&Context) -> Result<W, Error> + Sync + 'static,
    ) -> Self {
        self.workers.take(Takes::Connections).coroutines =
            Some(Box::new(move |seat| ph_worker::run_async(seat, &construct)));
        self
    }

    /// Workers that answer the calls of msgpack-RPC clients, under `worker_class = rpc`. `construct` runs in each worker's
    /// process; what its functions share is that worker's.
    ///
    /// ```no_run
    /// use processhandler::App;
    /// use processhandler::rpc::Service;
    ///
    /// App::new("adder")
    ///     .rpc(|_cx| Ok(Service::new().method("add", |a: i64, b: i64| Ok(a + b))))
    ///     .main();
    /// ```
    ///
    /// Methods that want the worker's [`Context`] are those of a `Service::<Context>::with_context()`, added by
    /// `method_with`. All calls run in one thread, which a method must not block: one that waits is a
    /// `method_async`, and one that blocks is said to (`Service::blocking`, `Service::on_threads`), and runs on one of
    /// `threads` threads. A method added by `Service::later` has nobody to answer it here.
    #[must_use]
    pub fn rpc<C: CallContext>(
        mut self,
        construct: impl Fn(&Context) -> Result<Service<C>, Error> + Sync + 'static,
    ) -> Self {
        self.workers.take(Takes::Connections).rpc =
            Some(Box::new(move |seat| ph_worker::run_rpc(seat, &construct)));
        self
    }

    /// Code to run in the master at certain moments.
    #[must_use]
    pub fn hooks(mut self, hooks: impl Hooks + 'static) -> Self {
        self.hooks = Box::new(hooks);
        self
    }

    /// Runs the command that the program's arguments ask for. Call it first in `main`, before any thread starts.
    pub fn main(self) -> ExitCode {
        self.run_command(std::env::args_os()).into()
    }

    /// The same for other arguments, the program's name first.
    pub fn run_command(&self, arguments: impl IntoIterator<Item = OsString>) -> Exit {
        let mut arguments: Vec<OsString> = arguments.into_iter().collect();
        if ph_worker::shim::is_called(arguments.get(1)) {
            return Exit::of(ph_worker::shim::run());
        }
        if crate::elector::is_called(arguments.get(1)) {
            return Exit::of(crate::elector::run());
        }
        match arguments.get(1) {
            Some(role) if role == master::QUESTION && master::is_summoned() => {
                arguments.remove(1);
                ph_cli::main(&Check(self), arguments)
            }
            _ => ph_cli::main(self, arguments),
        }
    }

    fn serve(
        &self,
        settings: Settings,
        request: Option<&LoadRequest>,
        start: Start,
    ) -> Result<(), StartError> {
        let listens = start.listens();
        let Start { program, inherited, predecessor, resumed, launcher } = start;
        let reread = || {
            let request = request.ok_or("the configuration file is not where it was any more")?;
            let settings = Settings::load(request).map_err(|error| error.to_string())?;
            settings.check_runnable().map_err(|error| error.to_string())?;
            self.examine(&settings, listens).map(|_| settings)
        };
        let object = |key: &str, reason: &str| object(request, key, reason);
        let worker = |seat| self.workers.run(seat);
        ph_worker::panics::install();
        let hooks = &*self.hooks;
        master::run(Launch {
            settings,
            reread: &reread,
            object: &object,
            worker: &worker,
            hooks,
            launcher,
            inherited,
            program,
            predecessor,
            resumed,
        })
    }

    fn launch(&self, settings: Settings, request: &LoadRequest, background: bool) -> Exit {
        let start = match Start::find() {
            Ok(start) => start,
            Err((exit, reason)) => {
                self.complain(&reason);
                return exit;
            }
        };
        if let Some(exit) = self.object(&settings, background, start.listens()) {
            return exit;
        }
        if background && std::process::id() == 1 {
            self.complain("as PID 1 it can't go to the background, all would end with it: use run");
            return Exit::Refused;
        }
        // Who succeeds a master is where that is.
        if background && start.predecessor.is_none() {
            return self.daemonize(settings, request, start);
        }
        self.end(self.serve(settings, Some(request), start))
    }

    fn end(&self, result: Result<(), StartError>) -> Exit {
        match result {
            Ok(()) => Exit::Done,
            Err(error) => {
                self.complain(&error.to_string());
                Exit::of(error.exit_code())
            }
        }
    }

    /// In the background; the calling process waits for the daemon's word.
    fn daemonize(&self, settings: Settings, request: &LoadRequest, mut start: Start) -> Exit {
        let keep = start.inherited.iter().map(|handed| handed.fd.as_fd()).collect::<Vec<_>>();
        let side = daemon::daemonize(&keep);
        match side {
            Ok(Side::Launcher(launched)) => {
                let (code, reason) = launched.wait();
                self.complain(&reason);
                Exit::of(code)
            }
            Ok(Side::Daemon(launcher)) => {
                start.launcher = Some(launcher);
                let result = self.serve(settings, Some(request), start);
                result.map_or_else(|error| Exit::of(error.exit_code()), |()| Exit::Done)
            }
            Err(error) => {
                self.complain(&error.to_string());
                Exit::Failed
            }
        }
    }

    /// What is to be said where somebody reads it, before a daemon gives its terminal up. `Some` ends the start.
    fn object(&self, settings: &Settings, background: bool, listens: bool) -> Option<Exit> {
        let passed_over = match self.examine(settings, listens) {
            Ok(keys) => keys,
            Err(reason) => {
                self.complain(&reason);
                return Some(Exit::Config);
            }
        };
        if background && settings.log_file.is_none() {
            self.complain("there is no log_file: a daemon's log goes to /dev/null");
        }
        // Its own log, which has the same, is not what is read here.
        if (background || settings.log_file.is_some())
            && let Some(warning) = master::exposure(settings)
        {
            self.complain(&warning);
        }
        if !passed_over.is_empty() {
            self.complain(&format!("this version passes over {}", passed_over.join(", ")));
        }
        None
    }

    /// The keys that this version passes over, or a sentence why these settings can't be served. `listens`: a service
    /// manager has handed sockets over.
    pub(crate) fn examine(
        &self,
        settings: &Settings,
        listens: bool,
    ) -> Result<Vec<&'static str>, String> {
        let passed_over = support::examine(settings)?;
        self.workers.check(settings)?;
        self.workers.lack(settings, listens).map_or(Ok(passed_over), Err)
    }
}

/// The sentence for a key that can't be followed: with its place, if there is still a configuration to be found there.
pub(crate) fn object(request: Option<&LoadRequest>, key: &str, reason: &str) -> String {
    let layers = request.and_then(|request| Layers::load(request).ok());
    let sentence = layers.map(|layers| layers.object(key, reason).to_string());
    sentence.unwrap_or_else(|| format!("{key}: {reason}"))
}

impl Host for App {
    fn name(&self) -> &str {
        &self.name
    }

    fn default_config(&self) -> Option<&Path> {
        self.default_config.as_deref()
    }

    fn run(&self, settings: Settings, request: &LoadRequest) -> Exit {
        self.launch(settings, request, false)
    }

    fn start(&self, settings: Settings, request: &LoadRequest) -> Exit {
        let background = settings.daemonize;
        self.launch(settings, request, background)
    }

    fn examine(&self, settings: &Settings, request: &LoadRequest) -> Result<(), (Exit, String)> {
        App::examine(self, settings, false).map_err(|reason| (Exit::Config, reason))?;
        let object = |key: &str, reason: &str| object(Some(request), key, reason);
        master::examine(settings, &object)
            .map_err(|error| (Exit::of(error.exit_code()), error.to_string()))
    }

    fn resume(&self, request: Option<&LoadRequest>) -> Option<Exit> {
        match Start::resume() {
            Ok(None) => None,
            Ok(Some(start)) => {
                let settings = start.resumed.as_ref()?.settings().clone();
                Some(self.end(self.serve(settings, request, start)))
            }
            Err(reason) => {
                self.complain(&reason);
                Some(Exit::Failed)
            }
        }
    }

    fn succeeds(&self) -> bool {
        master::is_summoned()
    }

    fn complain(&self, reason: &str) {
        ph_cli::complain(&self.name, reason);
        // A master that waits for this one reads no terminal.
        master::decline(reason);
    }
}
