//! Scenarios 39 and 40: every way in which a worker can end by itself, and what it may leave behind.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;
use ph_tests::{Process, Sandbox, until, until_some};
use serde_json::{Value, json};

/// How one kind of end shows.
struct Kind {
    job: &'static str,
    exit_code: Value,
    signal: Value,
    /// What a line of the log says about it.
    said: &'static [&'static str],
}

/// Worker 0 ends so, again and again; worker 1 works on.
#[track_caller]
fn ends(kind: &Kind) {
    let section = format!(
        "number_workers = 2\nrestart_backoff = 200ms\napp.job = {}\napp.slot = 0\n\
         app.flag = %(here)s/flag\n",
        kind.job
    );
    let sandbox = Sandbox::new(kind.job, &section);
    sandbox.ok(&["start"]);
    let before = sandbox.settled(2);
    fs::write(sandbox.path("flag"), "").unwrap();
    until("worker 0 ended four times", || sandbox.times("new", 0).len() >= 5);
    let done = sandbox.times("job", 1).len();
    until("worker 1 works on", || sandbox.times("job", 1).len() > done + 2);
    sandbox.remember();
    assert_eq!(Process::find(before[1].1.pid()), Some(before[1].1), "worker 1 was touched");

    // The first end is made good at once; from the second in a row on, each doubles the wait.
    let times = sandbox.times("new", 0);
    for (at, pair) in times[1..5].windows(2).enumerate() {
        let wait = Duration::from_nanos(pair[1] - pair[0]);
        assert!(wait >= Duration::from_millis(200 << at), "start {at} came after {wait:?}");
    }

    let output = sandbox.ok(&["why", "0", "--json"]);
    let certificate: Value = serde_json::from_str(&output).unwrap();
    let (code, signal) = (&certificate["exit_code"], &certificate["signal"]);
    assert_eq!((code, signal), (&kind.exit_code, &kind.signal), "{certificate}");
    assert!(certificate["generation"] == 1 && certificate["lived_s"].as_f64().unwrap() < 10.0);
    let pids = sandbox.told("new").into_iter().map(|entry| i64::from(entry.pid));
    assert!(pids.into_iter().any(|pid| certificate["pid"] == pid), "{certificate}");

    let log = sandbox.read("app.log");
    let victim = before[0].1.pid().to_string();
    for said in kind.said {
        let told = |line: &str| line.contains(said) && line.contains(&victim);
        assert!(log.lines().any(told), "nobody said {said:?} of worker {victim}");
    }

    fs::remove_file(sandbox.path("flag")).unwrap();
    let after = sandbox.settled(2);
    assert_eq!(after[1], before[1]);
    workers_alone(&sandbox, 2);
    let totals = &sandbox.status()["totals"];
    let (crashed, exited) = (totals["crashed"].as_u64().unwrap(), totals["exited"].as_u64());
    assert!(crashed + exited.unwrap() >= 4, "{totals}");
    assert_eq!(totals["killed"], 0, "{totals}");
    sandbox.ok(&["stop"]);
}

#[test]
fn s40_panic() {
    let said = &["the fixture was told to panic in a job", "exit code 101"];
    ends(&Kind { job: "panic", exit_code: json!(101), signal: Value::Null, said });
}

#[test]
fn s40_abort() {
    let said = &["SIGABRT"];
    ends(&Kind { job: "abort", exit_code: Value::Null, signal: json!("SIGABRT"), said });
}

/// The language's runtime tells an overflow from other bad addresses, and aborts.
#[test]
fn s40_stack_overflow() {
    let said = &["SIGABRT"];
    ends(&Kind { job: "overflow", exit_code: Value::Null, signal: json!("SIGABRT"), said });
}

#[test]
fn s40_exit_3() {
    let said = &["exit code 3"];
    ends(&Kind { job: "exit", exit_code: json!(3), signal: Value::Null, said });
}

#[test]
fn s40_segmentation_fault() {
    let said = &["SIGSEGV"];
    ends(&Kind { job: "segv", exit_code: Value::Null, signal: json!("SIGSEGV"), said });
}

/// Nobody asked it to leave, so it is replaced like any other.
#[test]
fn s40_exit_0() {
    let said = &["exit code 0", "unasked"];
    ends(&Kind { job: "leave", exit_code: json!(0), signal: Value::Null, said });
}

/// A job that fails by its own word costs no worker.
#[test]
fn s40_an_error_is_logged_and_the_next_job_follows() {
    let sandbox = Sandbox::new("error", "app.job = error\n");
    sandbox.ok(&["start"]);
    let before = sandbox.settled(1);
    until("three jobs failed", || sandbox.told("job").len() >= 4);
    let log = sandbox.read("app.log");
    assert!(log.matches("the fixture was told to fail a job").count() >= 3, "{log}");
    assert_eq!(sandbox.settled(1), before);
    assert_eq!(sandbox.status()["totals"]["crashed"], 0);
    sandbox.ok(&["stop"]);
}

/// The processes that the journal calls a worker's children.
fn left_behind(sandbox: &Sandbox) -> Vec<Process> {
    let lines = sandbox.journal("child");
    let found: Vec<Process> =
        lines.iter().filter_map(|words| Process::find(words[1].parse().ok()?)).collect();
    found.iter().for_each(|process| sandbox.adopt(*process));
    found
}

/// Waits until the master's children are its workers, with no zombie and no stranger among them.
#[track_caller]
fn workers_alone(sandbox: &Sandbox, count: usize) {
    let master = sandbox.master();
    let mut strangers = BTreeSet::new();
    until("the master's children are its workers alone", || {
        let workers: Vec<Process> = sandbox.workers("ready").iter().map(|it| it.1).collect();
        let others: Vec<Process> =
            master.children().into_iter().filter(|child| !workers.contains(child)).collect();
        // Should it fail, they must not outlive the test.
        let fresh = others.iter().filter(|it| strangers.insert(it.pid()));
        fresh.for_each(|process| sandbox.adopt(*process));
        workers.len() == count && others.is_empty()
    });
}

#[test]
fn s39_a_daemon_that_ignores_term_does_not_outlive_its_worker() {
    let section = "number_workers = 2\napp.job = daemon\napp.slot = 0\napp.flag = %(here)s/flag\n";
    let sandbox = Sandbox::new("daemon", section);
    sandbox.ok(&["start"]);
    sandbox.settled(2);
    fs::write(sandbox.path("flag"), "").unwrap();
    let daemon = until_some("a daemon runs", || left_behind(&sandbox).first().copied());
    // It had a child of its own, which may be gone by now.
    let grandchildren = daemon.children();
    grandchildren.iter().for_each(|process| sandbox.adopt(*process));
    fs::remove_file(sandbox.path("flag")).unwrap();
    until("no daemon is left", || !left_behind(&sandbox).iter().any(|it| it.is_alive()));
    workers_alone(&sandbox, 2);
    until("nor what it started", || !grandchildren.iter().any(|it| it.is_alive()));
    sandbox.ok(&["stop"]);
}

/// A child that led a session of its own is no member of the worker's group, and goes with it all the same.
#[test]
fn s39_a_session_of_its_own_helps_no_child() {
    let sandbox = Sandbox::new("aside", "number_workers = 2\napp.child = aside\n");
    sandbox.ok(&["start"]);
    let before = sandbox.settled(2);
    until("they set themselves aside", || {
        let left = left_behind(&sandbox);
        left.len() == 2 && left.iter().all(|it| it.places().is_some_and(|at| at.1 == it.pid()))
    });
    let mine = |worker: Process| worker.children()[0];
    let (first, second) = (mine(before[0].1), mine(before[1].1));
    before[0].1.signal(Signal::SIGKILL);
    until("the first one's child ends", || !first.is_alive());
    workers_alone(&sandbox, 2);
    assert!(second.is_alive(), "the second one's child was ended with it");
    sandbox.ok(&["stop"]);
    until("nobody is left", || !left_behind(&sandbox).iter().any(|it| it.is_alive()));
}

#[test]
fn s39_a_hundred_orphans_are_reaped() {
    let section = "number_workers = 2\napp.job = orphans\napp.slot = 0\n";
    let sandbox = Sandbox::new("zombies", section);
    sandbox.ok(&["start"]);
    let before = sandbox.settled(2);
    let master = sandbox.master();
    until("the master has adopted them", || master.children().len() > 60);
    until("all are made", || !sandbox.told("done").is_empty());
    workers_alone(&sandbox, 2);
    assert_eq!(sandbox.settled(2), before, "a worker was touched");
    sandbox.ok(&["stop"]);
}

/// They end together with workers: of the many deaths that one signal stands for, none is lost.
#[test]
fn s39_orphans_and_workers_that_die_at_once() {
    let section = "number_workers = 8\napp.job = orphans\napp.slot = 0\n";
    let sandbox = Sandbox::new("together", section);
    sandbox.ok(&["start"]);
    let before = sandbox.settled(8);
    until("the orphans are made", || !sandbox.told("done").is_empty());
    let master = sandbox.master();
    master.signal(Signal::SIGSTOP);
    let orphans = master.children();
    assert!(orphans.len() > 8);
    for process in &orphans {
        process.signal(Signal::SIGKILL);
    }
    until("all are zombies", || !orphans.iter().any(|process| process.is_alive()));
    master.signal(Signal::SIGCONT);
    let after = until_some("all workers are replaced", || {
        let ready = sandbox.workers("ready");
        let fresh = ready.iter().all(|(_, worker)| !before.iter().any(|(_, it)| it == worker));
        (ready.len() == 8 && fresh).then_some(ready)
    });
    assert_eq!(after.len(), 8);
    workers_alone(&sandbox, 8);
    sandbox.ok(&["stop"]);
}
