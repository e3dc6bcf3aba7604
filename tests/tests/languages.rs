//! Scenarios 31, 32, 39, 40 and 42 for workers that are programs: a shell script, and a class on CPython and on PyPy.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ph_tests::languages::Language;
use ph_tests::python::Python;
use ph_tests::{Process, Sandbox, each_language, until, until_some};
use serde_json::{Value, json};

each_language![
    s31_a_killed_worker_is_replaced_and_the_other_notices_nothing,
    s32_nobody_outlives_a_killed_master,
    s32_nor_do_workers_that_changed_their_user,
    s39_a_daemon_set_aside_ends_with_its_worker,
    s40_each_end_is_told_with_its_cause,
    s40_what_goes_too_deep_ends_no_more_than_it_must,
    s42_a_renamed_log_loses_no_line_and_doubles_none,
];

/// What this process has counted to so far: each number once, and none left out.
#[track_caller]
fn counted(sandbox: &Sandbox, worker: Process) -> u64 {
    let numbers = Sandbox::counted(&sandbox.printed(), worker.pid());
    assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{numbers:?}");
    numbers.len() as u64
}

/// It works on.
#[track_caller]
fn goes_on(sandbox: &Sandbox, worker: Process) {
    let before = counted(sandbox, worker);
    until("it counts on", || counted(sandbox, worker) > before + 3);
}

/// Waits for the end of the first worker, and for its successor; returns the certificate.
#[track_caller]
fn ends(sandbox: &Sandbox, before: &[(u64, Process)]) -> Value {
    let (slot, victim) = before[0];
    let why = until_some("the master has heard of its end", || {
        sandbox.try_why(slot).filter(|why| why["pid"] == victim.pid())
    });
    let after = until_some("it is replaced", || {
        let ready = sandbox.workers("ready");
        (ready.len() == before.len() && ready[0].1 != victim).then_some(ready)
    });
    sandbox.remember();
    assert_eq!(after[1..], before[1..], "the others are the same");
    goes_on(sandbox, after[0].1);
    why
}

fn s31_a_killed_worker_is_replaced_and_the_other_notices_nothing(language: Language) {
    let sandbox = language.start("killed", "number_workers = 2\n");
    let before = sandbox.settled(2);
    before.iter().for_each(|(_, worker)| goes_on(&sandbox, *worker));
    before[0].1.signal(Signal::SIGKILL);
    let why = ends(&sandbox, &before);
    assert_eq!(why["signal"], "SIGKILL", "{why}");
    assert!(sandbox.ok(&["why", "0"]).contains("SIGKILL"));
    goes_on(&sandbox, before[1].1);
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

/// With a process in the group of each.
#[track_caller]
fn master_killed(sandbox: &Python) {
    until("each has its child", || sandbox.titled("sleep 1001") == 2);
    sandbox.adopt_all();
    let family = sandbox.processes();
    let began = Instant::now();
    sandbox.master().signal(Signal::SIGKILL);
    until("nobody is left", || !family.iter().any(|it| it.is_alive()));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    sandbox.begin_workers();
    sandbox.settled(2);
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

const FAMILY: &str = "number_workers = 2\nenvironment = FAMILY=1\n";

fn s32_nobody_outlives_a_killed_master(language: Language) {
    let sandbox = language.start("orphans", FAMILY);
    sandbox.settled(2);
    master_killed(&sandbox);
}

fn s32_nor_do_workers_that_changed_their_user(language: Language) {
    let section = format!("{FAMILY}user = nobody\n");
    let sandbox = language.sandbox("user", &section);
    sandbox.copy_sources();
    if language == Language::Shell {
        let script = fs::read_to_string(ph_tests::programs::program("obedient.sh")).unwrap();
        sandbox.script("obedient.sh", &script);
        let command = "command = sh obedient.sh\nnotify = ready\n";
        sandbox.configure(&format!("{command}{section}"));
    }
    fs::set_permissions(sandbox.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.begin_workers();
    for (_, worker) in sandbox.settled(2) {
        assert_eq!(worker.status("Uid"), Some(65534));
    }
    master_killed(&sandbox);
}

fn s39_a_daemon_set_aside_ends_with_its_worker(language: Language) {
    let sandbox = language.start("daemon", "number_workers = 2\n");
    let before = sandbox.settled(2);
    sandbox.order(0, "daemon");
    let daemon = sandbox.written("daemon").trim().parse().unwrap();
    if let Some(daemon) = Process::find(daemon) {
        sandbox.adopt(daemon);
    }
    let why = ends(&sandbox, &before);
    assert_eq!(why["exit_code"], 3, "{why}");
    let master = sandbox.master();
    until("the daemon is gone, and nobody is a zombie", || {
        Process::find(daemon).is_none_or(|daemon| !daemon.is_alive())
            && !master.children().iter().any(|child| child.is_zombie())
    });
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

fn s40_each_end_is_told_with_its_cause(language: Language) {
    let ways = [
        ("exit", json!(3), Value::Null),
        ("ABRT", Value::Null, json!("SIGABRT")),
        ("SEGV", Value::Null, json!("SIGSEGV")),
    ];
    let sandbox = language.start("ends", "number_workers = 2\nrestart_backoff = 50ms\n");
    for (order, code, signal) in ways {
        let before = sandbox.settled(2);
        sandbox.order(0, order);
        let why = ends(&sandbox, &before);
        assert_eq!((&why["exit_code"], &why["signal"]), (&code, &signal), "{order}: {why}");
        let said = signal.as_str().map_or_else(|| "exit code 3".to_owned(), str::to_owned);
        let victim = before[0].1.pid().to_string();
        let log = sandbox.read("app.log");
        let told = |line: &str| line.contains(&said) && line.contains(&victim);
        assert!(log.lines().any(told), "{order}: {log}");
    }
    assert_eq!(sandbox.status()["totals"]["killed"], 0);
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

/// The shell gives up, and says so; a class gets an exception, which ends the job, and so does any other.
fn s40_what_goes_too_deep_ends_no_more_than_it_must(language: Language) {
    let sandbox = language.start("deep", "number_workers = 2\n");
    let before = sandbox.settled(2);
    if language.is_class() {
        for (order, says) in [("overflow", "RecursionError"), ("panic", "RuntimeError: as ordered")]
        {
            sandbox.order(0, order);
            until("it is told", || sandbox.read("app.log").contains(says));
            assert!(sandbox.read("app.log").contains("job failed"));
        }
        goes_on_after_words(&sandbox, before[0].1);
        assert_eq!(sandbox.settled(2), before);
    } else {
        sandbox.order(0, "overflow");
        let why = ends(&sandbox, &before);
        assert_eq!(why["exit_code"], 2, "{why}");
        assert!(why["output"].to_string().contains("Maximum function recursion depth"), "{why}");
    }
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

/// As [`goes_on`], where what it prints besides is no matter.
#[track_caller]
fn goes_on_after_words(sandbox: &Sandbox, worker: Process) {
    let count = || Sandbox::counted(&sandbox.printed(), worker.pid()).len();
    let before = count();
    until("it counts on", || count() > before + 3);
}

fn s42_a_renamed_log_loses_no_line_and_doubles_none(language: Language) {
    let sandbox = language.start("renamed", "number_workers = 3\n");
    let (master, workers) = (sandbox.master(), sandbox.settled(3));
    let mut names = vec!["app.log".to_owned()];
    for round in 0..20 {
        until("there is something in it", || sandbox.printed().len() > 6);
        let name = format!("old.{round}");
        fs::rename(sandbox.path("app.log"), sandbox.path(&name)).unwrap();
        names.push(name);
        match round % 2 {
            0 => drop(sandbox.ok(&["log", "reopen"])),
            _ => master.takes(Signal::SIGUSR1),
        }
    }
    assert_eq!(sandbox.settled(3), workers);
    sandbox.ok(&["stop"]);
    let all: Vec<_> = names.iter().flat_map(|name| sandbox.printed_in(name)).collect();
    for (_, worker) in workers {
        let mut numbers = Sandbox::counted(&all, worker.pid());
        numbers.sort_unstable();
        assert!(numbers.len() > 30, "{numbers:?}");
        assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{numbers:?}");
    }
}
