//! Typed settings, and the one table they come from.
//!
//! Each row below is at once a field of [`Settings`], an entry of [`KEYS`] with its default, its
//! expectation and its documentation, and an arm of everything that walks over keys. A key that is
//! not here does not exist; one that is here is parsed, validated, shown, compared and documented.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use crate::{
    key::{DefaultValue, Effect, Key},
    kind::{
        Command, Endpoints, Environment, FilePath, Flag, Kind, Limit, LogTarget, Many, Maybe,
        Number, Octal, One, Program, Size, Time, Words,
    },
    value::{
        affinity::CpuAffinity,
        bind::Bind,
        capability::Capability,
        choice::{Accept, Leader, LogFormat, LogLevel, Notify, Scaling, UpgradeMode, WorkerClass},
        count::{Count, MAX_WORKERS},
        identity::{Group, ProcName, User},
        is_none,
        limit::Rlimit,
        python::PythonClass,
        signal::StopSignal,
    },
};

mod adapt;
mod change;
mod load;
mod rules;
#[macro_use]
mod table;

use DefaultValue::{Derived, Section, Text, Unset};
use adapt::Inner;
pub use change::Change;

const TIME: Time = Time { min: Duration::ZERO };
/// A back-off of nothing would let a broken program fork without end.
const BACKOFF: Time = Time { min: Duration::from_millis(1) };
/// A lease must outlast the margin for the clocks and one round trip.
const LEASE: Time = Time { min: Duration::from_secs(2) };
const COUNT: Number<u64> = Number { min: 1, max: u64::MAX };

settings! {
    /// The name in titles (`ph: master [NAME]`), logs and files.
    proc_name: String = Section, Inner::<ProcName>::KIND, Restart;
    /// A directory, free to interpolate as `%(base_path)s`.
    base_path: PathBuf = Text("."), FilePath, Live;
    /// A directory for logs, free to interpolate as `%(log_path)s`.
    log_path: PathBuf = Text("."), FilePath, Live;
    /// Whether `start` goes to the background, and returns only when the workers are ready or have
    /// failed.
    daemonize: bool = Text("false"), Flag, Restart;
    /// Where the master writes its pid; the lock that counts is on this path with `.lock` behind
    /// it.
    pidfile: Option<PathBuf> = Unset, Maybe(FilePath), Restart;
    /// Whether there may be only one master of this `proc_name` on this host for this user.
    single_instance: bool = Text("false"), Flag, Restart;

    /// Where the log goes, the workers' output included.
    log_file: Option<PathBuf> = Text("stderr"), LogTarget, Restart;
    /// The least severe message that is logged.
    log_level: LogLevel = Text("info"), One::<LogLevel>::KIND, Live;
    /// How a line of the log is written.
    log_format: LogFormat = Text("text"), One::<LogFormat>::KIND, Restart;
    /// The size at which `log_file` is renamed to `FILE.1`, the one before it to `FILE.2`, and so on.
    log_rotate: Option<u64> = Unset, Limit(Size), Live;
    /// How many of the renamed logs are kept.
    log_keep: u32 = Text("7"), Number { min: 0, max: 10_000 }, Live;

    /// How many workers there are; `auto` is as many as there are CPUs, by affinity and cgroup
    /// quota.
    number_workers: Count = Text("1"), One::<Count>::KIND, Live;
    /// Whether the number of workers is fixed or follows the load.
    scaling: Scaling = Text("static"), One::<Scaling>::KIND, Live;
    /// The fewest workers under `scaling = dynamic`.
    min_workers: u32 = Text("1"), Number { min: 0, max: MAX_WORKERS }, Live;
    /// The most workers under `scaling = dynamic` and `ondemand`.
    max_workers: Count = Derived {
        meaning: "number_workers",
        placeholder: "1",
        from: |text| text("number_workers"),
    }, One::<Count>::KIND, Live;
    /// How long a worker beyond the fewest may be idle before it is retired.
    idle_timeout: Option<Duration> = Text("30"), Limit(TIME), Live;

    /// What a worker is; `command` and `python_class` imply `exec`.
    worker_class: WorkerClass = Derived {
        meaning: "sync; exec with command or python_class",
        placeholder: "sync",
        from: |text| {
            let program = ["command", "python_class"].iter().any(|key| !is_none(&text(key)));
            if program { "exec" } else { "sync" }.to_owned()
        },
    }, One::<WorkerClass>::KIND, NewWorkers;
    /// Threads of a `thread` worker.
    threads: u32 = Text("4"), Number { min: 1, max: 4096 }, NewWorkers;
    /// Coroutines that an `async` worker runs at once.
    max_coroutines alias "max_greenlets": u32
        = Text("1000"), Number { min: 1, max: 1_000_000 }, NewWorkers;

    /// The program that an `exec` worker runs: shell words, no shell.
    command: Option<Vec<String>> = Unset, Maybe(Command), NewWorkers;
    /// The directory in which an `exec` worker starts.
    working_directory: PathBuf = Text("."), FilePath, NewWorkers;
    /// What an `exec` worker's environment has beyond the master's.
    environment: Vec<(String, String)> = Unset, Environment, NewWorkers;
    /// The signal that asks a worker to finish and exit.
    stop_signal: StopSignal = Text("TERM"), One::<StopSignal>::KIND, Live;
    /// What makes an `exec` worker ready: its message `READY=1`, or having lived for `ready_after`.
    notify: Notify = Derived {
        meaning: "none; ready with python_class",
        placeholder: "none",
        from: |text| if is_none(&text("python_class")) { "none" } else { "ready" }.to_owned(),
    }, One::<Notify>::KIND, NewWorkers;
    /// How long an `exec` worker must live to be ready, under `notify = none`.
    ready_after: Duration = Text("500ms"), TIME, NewWorkers;
    /// The Python class that an `exec` worker is.
    python_class: Option<PythonClass> = Unset, Maybe(One::<PythonClass>::KIND), NewWorkers;
    /// The interpreter for `python_class`: a name is looked for in the virtual environment that `ph` is installed in, if it is in one, then on `PATH`.
    python: PathBuf = Text("python3"), Program, NewWorkers;
    /// Whether the module of `python_class` is loaded once, before the workers fork from it.
    preload: bool = Text("false"), Flag, NewWorkers;

    /// The TCP addresses to listen on.
    bind: Vec<Bind> = Unset, Many::<Bind>::KIND, NewListeners;
    /// The Unix socket to listen on.
    unix_socket: Option<PathBuf> = Unset, Maybe(FilePath), NewListeners;
    /// The permissions of the Unix socket.
    unix_socket_mode: u32 = Text("0660"), Octal { max: 0o777 }, NewListeners;
    /// How many connections the kernel queues on a listener.
    backlog: u32 = Text("1024"), Number { min: 1, max: i32::MAX as u32 }, NewListeners;
    /// Whether other programs may listen on the same addresses (`SO_REUSEPORT`).
    reuse_port: bool = Text("false"), Flag, NewListeners;
    /// How workers share a listener.
    accept: Accept = Text("exclusive"), One::<Accept>::KIND, NewListeners;

    /// How long a worker may take from its start to being ready.
    boot_timeout: Option<Duration> = Text("30"), Limit(TIME), Live;
    /// How long one request may take before its worker is killed.
    timeout: Option<Duration> = Unset, Limit(TIME), NewWorkers;
    /// How long a worker may take to finish its requests before it is killed.
    graceful_timeout: Option<Duration> = Text("30"), Limit(TIME), Live;

    /// After how many requests a worker is replaced.
    max_requests: Option<u64> = Unset, Limit(COUNT), NewWorkers;
    /// By how many requests, at most, workers differ in that, so that they are not replaced all at
    /// once.
    max_requests_jitter: Option<u64> = Unset, Limit(COUNT), NewWorkers;
    /// At what age a worker is replaced.
    max_lifetime alias "kill_interval": Option<Duration> = Unset, Limit(TIME), Live;
    /// At how much private resident memory a worker is replaced.
    max_memory: Option<u64> = Unset, Limit(Size), Live;

    /// How many workers there may be beyond the wanted number while they are replaced.
    max_surge: u32 = Text("1"), Number { min: 0, max: MAX_WORKERS }, Live;
    /// How many of the wanted workers may be missing while they are replaced.
    max_unavailable: u32 = Text("0"), Number { min: 0, max: MAX_WORKERS }, Live;
    /// How a new binary takes over.
    upgrade_mode: UpgradeMode = Text("auto"), One::<UpgradeMode>::KIND, Live;

    /// How long a crashing worker's slot waits first; the wait doubles with every crash in a row.
    restart_backoff: Duration = Text("100ms"), BACKOFF, Live;
    /// How long it waits at most.
    restart_backoff_max: Duration = Text("30s"), BACKOFF, Live;
    /// After how many crashes in a row a master counts as degraded.
    crash_limit: Option<u32> = Unset, Limit(Number { min: 1, max: 1_000_000 }), Live;

    /// The user that workers become, after the listeners are bound, with all of its groups: a name or
    /// a number, and perhaps a group as in `www-data:adm`. They keep no capability but those of
    /// `keep_capabilities`, and the file of `unix_socket` becomes theirs.
    user: Option<User> = Unset, Maybe(One::<User>::KIND), NewWorkers;
    /// The group that workers become: a name or a number; the user's own where there is none.
    group: Option<String> = Unset, Maybe(Inner::<Group>::KIND), NewWorkers;
    /// The permissions that files of workers do not get.
    umask: Option<u32> = Unset, Maybe(Octal { max: 0o777 }), NewWorkers;
    /// The directory that workers see as `/`, and in which they start.
    chroot: Option<PathBuf> = Unset, Maybe(FilePath), NewWorkers;
    /// How many descriptors a worker may have open.
    rlimit_nofile: Option<Rlimit> = Unset, Maybe(One::<Rlimit>::KIND), NewWorkers;
    /// How large a worker's core file may be, in bytes or a unit; `0` writes none. One that changed
    /// its user writes a core file, and can be traced, only if this is more than 0.
    rlimit_core: Option<Rlimit> = Unset, Maybe(One::<Rlimit>::KIND), NewWorkers;
    /// The scheduling priority of workers; 19 is the last to get a processor.
    nice: Option<i32> = Unset, Maybe(Number { min: -20, max: 19 }), NewWorkers;
    /// Whether workers, and what they execute, are barred from gaining privileges.
    no_new_privs: bool = Text("false"), Flag, NewWorkers;
    /// The capabilities that workers keep when they give up root, and that what they execute has;
    /// without `user`, all that is left of root's.
    keep_capabilities: Vec<Capability> = Unset, Many::<Capability>::KIND, NewWorkers;
    /// Which CPUs each worker runs on.
    cpu_affinity: CpuAffinity = Unset, One::<CpuAffinity>::KIND, NewWorkers;

    /// Where the master listens for operators.
    control_socket: PathBuf = Derived {
        meaning: "NAME.sock beside the pidfile, else in base_path",
        placeholder: "app.sock",
        from: |text| {
            let pidfile = text("pidfile");
            let directory = match pidfile.rsplit_once('/') {
                _ if is_none(&pidfile) => text("base_path"),
                Some((directory, _)) => directory.to_owned(),
                None => ".".to_owned(),
            };
            format!("{directory}/{}.sock", text("proc_name").trim())
        },
    }, FilePath, Restart;

    /// Where it is decided which of several masters has workers: `file` on one host, `etcd` on many.
    leader: Leader = Text("none"), One::<Leader>::KIND, Restart;
    /// The name that the masters of one election share: a key of etcd, beside which they keep another, `KEY/last-leader`; or a lock of
    /// this host, and with a `/` in it the lock's path.
    leader_key: String = Derived {
        meaning: "proc_name",
        placeholder: "app",
        from: |text| text("proc_name"),
    }, Words("a name"), Restart;
    /// How long leadership lasts without renewal. Who is cut off or stopped has no worker any more when it is over.
    leader_ttl: Duration = Text("10"), LEASE, Restart;
    /// The servers of the etcd cluster.
    leader_endpoints: Vec<String> = Unset, Endpoints, Restart;
    /// The account on the etcd cluster.
    leader_user: Option<String> = Unset, Maybe(Words("name or name:password")), Restart;
    /// The certificates that vouch for the etcd cluster.
    leader_tls_ca: Option<PathBuf> = Unset, Maybe(FilePath), Restart;
    /// This master's certificate for the etcd cluster.
    leader_tls_cert: Option<PathBuf> = Unset, Maybe(FilePath), Restart;
    /// The private key of that certificate.
    leader_tls_key: Option<PathBuf> = Unset, Maybe(FilePath), Restart;
    /// Whether a standby boots its workers, which then wait before their first job or connection.
    standby_warm: bool = Text("false"), Flag, Restart;
}

impl Settings {
    /// The file whose lock makes a master the only one: beside the pidfile; without that, beside the control socket, which two
    /// masters would quarrel over.
    pub fn lock_file(&self) -> PathBuf {
        let mut name =
            self.pidfile.as_ref().unwrap_or(&self.control_socket).clone().into_os_string();
        name.push(".lock");
        name.into()
    }
}
