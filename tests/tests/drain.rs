//! Scenario 26: how a worker leaves when it is asked to, and how it is made to when it doesn't.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ph_tests::{Process, Sandbox, until};

/// How much before the limit a KILL may come: that the stop has begun is said a moment after the clock was looked at.
const EARLY: Duration = Duration::from_millis(100);

/// How much after it: 100 ms, and as much as a busy machine may keep the master from its processor. The next limit that
/// there could be is farther away.
const LATE: Duration = Duration::from_millis(400);

/// Waits until a worker has ended, which was killed so long after the master was asked to stop. By the master's own
/// clock: on a busy machine the test may hear of both late.
#[track_caller]
fn killed(sandbox: &Sandbox, worker: Process, limit: Duration) {
    until("the worker ends", || !worker.is_alive());
    let pid = format!("pid={}", worker.pid());
    let took = sandbox.between(&["stopping speed="], &["killing it", &pid]);
    assert!(took + EARLY >= limit, "killed after {took:?}, too early for {limit:?}");
    assert!(took <= limit + LATE, "killed after {took:?}, too late for {limit:?}");
}

/// A process that the worker made, by the journal.
#[track_caller]
fn child(sandbox: &Sandbox) -> Process {
    let words = sandbox.journal("child");
    Process::find(words[0][1].parse().unwrap()).unwrap()
}

#[test]
fn s26_a_request_that_never_ends_gets_term_then_kill_at_graceful_timeout() {
    let section = "graceful_timeout = 1\napp.job = deaf\napp.child = group\n";
    let sandbox = Sandbox::new("never", section);
    sandbox.ok(&["start"]);
    let (master, worker) = (sandbox.master(), sandbox.settled(1)[0].1);
    let child = child(&sandbox);
    until("the job runs", || !sandbox.told("job").is_empty());
    let stop = sandbox.begin("stop", &["stop"]);
    killed(&sandbox, worker, Duration::from_secs(1));
    // TERM came first: the worker noted it.
    assert_eq!(sandbox.told("asked").len(), 1, "TERM did not reach the worker before KILL");
    let (output, _) = sandbox.end(stop);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(!master.is_alive(), "stop returned before its master was gone");
    until("KILL is for the whole group", || !child.is_alive());
    assert!(sandbox.read("app.log").contains("graceful_timeout"), "the log says why");
    assert!(!sandbox.path("app.pid").exists());
}

#[test]
fn s26_a_request_that_spins_is_killed_all_the_same() {
    let sandbox = Sandbox::new("spins", "graceful_timeout = 500ms\napp.job = busy\n");
    sandbox.ok(&["start"]);
    let (master, worker) = (sandbox.master(), sandbox.settled(1)[0].1);
    until("the job runs", || !sandbox.told("job").is_empty());
    master.signal(Signal::SIGTERM);
    killed(&sandbox, worker, Duration::from_millis(500));
    until("the master ends", || !master.is_alive());
}

#[test]
fn s26_one_that_never_ends_delays_the_end_of_no_other() {
    let section = "number_workers = 3\ngraceful_timeout = 2\napp.job = deaf\napp.slot = 1\n";
    let sandbox = Sandbox::new("others", section);
    sandbox.ok(&["start"]);
    let (master, workers) = (sandbox.master(), sandbox.settled(3));
    until("the job runs", || sandbox.times("job", 1).len() == 1);
    master.signal(Signal::SIGTERM);
    until("the others left", || !workers[0].1.is_alive() && !workers[2].1.is_alive());
    assert!(workers[1].1.is_alive(), "the others were held up by the one that stays");
    killed(&sandbox, workers[1].1, Duration::from_secs(2));
}

#[test]
fn s26_a_job_in_its_sleep_returns_early() {
    let limit = Duration::from_secs(15);
    let section = format!("number_workers = 2\ngraceful_timeout = {limit:?}\napp.job = idle\n");
    let sandbox = Sandbox::new("asleep", &section);
    sandbox.ok(&["start"]);
    let began = Instant::now();
    sandbox.ok(&["stop"]);
    assert!(began.elapsed() < limit / 3, "the sleep went on: {:?}", began.elapsed());
    assert_eq!(sandbox.told("stop").len(), 2, "both ran their `stop`");
    let log = sandbox.read("app.log");
    assert!(!log.contains("SIGKILL") && !log.contains("SIGTERM"), "a worker did not leave: {log}");
}

#[test]
fn s26_a_job_deaf_to_term_is_completed_in_a_graceful_stop() {
    let section = "number_workers = 2\ngraceful_timeout = 10\napp.job = sleep\napp.job_ms = 300\n";
    let sandbox = Sandbox::new("completes", section);
    sandbox.ok(&["start"]);
    until("both are inside a job", || (0..2).all(|slot| !sandbox.times("job", slot).is_empty()));
    sandbox.ok(&["stop"]);
    for slot in 0..2 {
        let (begun, done) = (sandbox.times("job", slot).len(), sandbox.times("done", slot).len());
        assert_eq!(begun, done, "worker {slot} was cut off in the middle of a job");
    }
    assert_eq!(sandbox.told("stop").len(), 2, "both ran their `stop`");
    assert!(!sandbox.read("app.log").contains("SIGKILL"));
}

/// INT can be ignored; then KILL comes after a second, or at `graceful_timeout` where that is shorter.
#[track_caller]
fn quick(test: &str, graceful_timeout: &str, limit: Duration) {
    let section =
        format!("graceful_timeout = {graceful_timeout}\napp.job = sleep\napp.ignore = INT,TERM\n");
    let sandbox = Sandbox::new(test, &section);
    sandbox.ok(&["start"]);
    let (master, worker) = (sandbox.master(), sandbox.settled(1)[0].1);
    until("the job runs", || !sandbox.told("job").is_empty());
    master.signal(Signal::SIGINT);
    killed(&sandbox, worker, limit);
    until("the master ends", || !master.is_alive());
    assert!(sandbox.told("done").is_empty());
}

#[test]
fn s26_a_quick_stop_kills_after_a_second() {
    quick("quick", "5", Duration::from_secs(1));
}

#[test]
fn s26_a_quick_stop_kills_at_a_shorter_graceful_timeout() {
    quick("quicker", "400ms", Duration::from_millis(400));
}

#[test]
fn s26_a_quick_stop_without_graceful_timeout_kills_after_a_second() {
    quick("unlimited", "none", Duration::from_secs(1));
}

#[test]
fn s26_stop_quick_waits_for_nobody() {
    let section = "number_workers = 2\ngraceful_timeout = 15\napp.job = sleep\n";
    let sandbox = Sandbox::new("hurry", section);
    sandbox.ok(&["start"]);
    let (master, workers) = (sandbox.master(), sandbox.settled(2));
    let began = Instant::now();
    sandbox.ok(&["stop", "--quick"]);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(!master.is_alive() && workers.iter().all(|(_, worker)| !worker.is_alive()));
}
