//! Scenario 33 and `timeout`: a request that takes too long ends its worker, and as little else as can be.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ph_tests::echo::Echo;
use ph_tests::{Process, each_class, until, until_some};

each_class![
    s33_a_stopped_worker_without_a_request_is_left_alone,
    a_request_below_the_limit_is_not_touched,
    idle_connections_are_no_requests,
];

/// The other workers' processes.
fn others(workers: &[(u64, Process)], pid: i32) -> Vec<(u64, Process)> {
    workers.iter().filter(|(_, worker)| worker.pid() != pid).copied().collect()
}

#[track_caller]
fn slot_of(workers: &[(u64, Process)], pid: i32) -> (u64, Process) {
    *workers.iter().find(|(_, worker)| worker.pid() == pid).unwrap()
}

/// A request of an age at which its worker was killed: past the limit, and not by more than the master's looks, four in
/// each limit, allow where it has a processor.
#[track_caller]
fn killed_at(echo: &Echo, limit: Duration) {
    let age = echo.said(&["request past timeout: killing"]).duration("age");
    assert!(age >= limit, "killed at {age:?}, before its time");
    assert!(age < limit * 3, "killed at {age:?}");
}

#[track_caller]
fn says_timeout(echo: &Echo, slot: u64, pid: i32) {
    let certificate = echo.why(slot);
    assert_eq!(certificate["pid"], pid, "{certificate}");
    assert_eq!(certificate["signal"], "SIGKILL", "{certificate}");
    assert_eq!(certificate["cause"], "timeout", "{certificate}");
    assert!(certificate["reason"].as_str().unwrap().contains("longer than timeout"));
}

#[test]
fn s33_a_stopped_sync_worker_with_a_request_is_killed_at_timeout() {
    let echo = Echo::start("stopped", "sync", "number_workers = 2\ntimeout = 1\n");
    let workers = echo.settled(2);
    let mut client = echo.client();
    let (slot, victim) = slot_of(&workers, client.worker());
    client.say("!sleep 60000");
    until("it is under way", || echo.sum("active") == 1);
    victim.signal(Signal::SIGSTOP);
    until("it is killed", || !victim.is_alive());
    killed_at(&echo, Duration::from_secs(1));
    client.lost();
    let after = echo.replaced(victim, 2);
    assert_eq!(others(&after, slot_of_new(&after, slot)), others(&workers, victim.pid()));
    says_timeout(&echo, slot, victim.pid());
    echo.ok(&["stop"]);
}

#[track_caller]
fn slot_of_new(workers: &[(u64, Process)], slot: u64) -> i32 {
    workers.iter().find(|(id, _)| *id == slot).unwrap().1.pid()
}

fn s33_a_stopped_worker_without_a_request_is_left_alone(class: &str) {
    let echo = Echo::start("spared", class, "number_workers = 2\ntimeout = 1\n");
    let workers = echo.settled(2);
    let (stopped, other) = (workers[0].1, workers[1].1);
    stopped.signal(Signal::SIGSTOP);
    until("it is stopped", || stopped.is_stopped());
    // Three limits go by, while the other one works.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        assert_eq!(echo.client().worker(), other.pid());
    }
    assert_eq!(echo.settled(2), workers);
    assert!(stopped.is_stopped(), "it was continued");
    // A stop continues it, and it leaves as any other.
    echo.ok(&["stop"]);
    assert!(!stopped.is_alive());
    let log = echo.read("app.log");
    assert!(!log.contains("SIGKILL"), "{log}");
}

#[test]
fn a_late_request_of_a_sync_worker_ends_that_worker_alone() {
    let echo = Echo::start("late", "sync", "number_workers = 3\ntimeout = 1500ms\n");
    let workers = echo.settled(3);
    let mut late = echo.client();
    let (slot, victim) = slot_of(&workers, late.worker());
    let mut steady = echo.client();
    let served = steady.worker();
    assert_ne!(served, victim.pid());
    late.say("!sleep 60000");
    until("it is killed", || {
        // Neither a connection that stays nor new ones notice.
        assert_eq!(steady.worker(), served);
        assert_ne!(echo.client().worker(), victim.pid());
        !victim.is_alive()
    });
    killed_at(&echo, Duration::from_millis(1500));
    late.lost();
    let after = echo.replaced(victim, 3);
    assert_eq!(others(&after, slot_of_new(&after, slot)), others(&workers, victim.pid()));
    says_timeout(&echo, slot, victim.pid());
    let log = echo.read("app.log");
    assert!(log.contains("request past timeout: killing its worker"), "{log}");
    assert_eq!(echo.status()["totals"]["killed"], 1);
    echo.ok(&["stop"]);
}

/// One request is stuck, the others of its worker are not to blame: a successor first, time to finish, then KILL.
#[track_caller]
fn a_stuck_one_among_others(class: &str, named: &[&str]) {
    const GRACE: Duration = Duration::from_secs(3);
    const SLACK: Duration = Duration::from_secs(1);
    let settings = format!("number_workers = 1\ntimeout = 2\ngraceful_timeout = {GRACE:?}\n");
    let echo = Echo::start("stuck", class, &settings);
    let [(_, old)] = echo.settled(1)[..] else { panic!("one worker") };
    let mut idle = echo.client();
    assert_eq!(idle.worker(), old.pid());
    let mut stuck = echo.client();
    let began = Instant::now();
    stuck.say("!block");
    until("it is stuck", || echo.sum("active") == 1);
    // Begun later than the first, so that it is under way when the worker is asked to leave.
    let mut other = echo.client();
    assert_eq!(other.worker(), old.pid());
    until("more than half its time is over", || began.elapsed() > Duration::from_millis(1200));
    other.say("!sleep 1600");
    // Not silent for so long that it would be let go.
    assert_eq!(idle.ask("hello"), "hello");
    // From here on somebody is ready at every look, until the successor is alone.
    let successor = until_some("a successor is ready", || {
        let ready = echo.workers("ready");
        assert!(!ready.is_empty(), "nobody was ready: {}", echo.status());
        ready.into_iter().map(|it| it.1).find(|worker| *worker != old)
    });
    assert!(old.is_alive(), "it left before its successor was ready, or with it");
    assert!(began.elapsed() >= Duration::from_millis(1950), "{:?}", began.elapsed());
    // The successor is seen to be ready a moment before the other has heard of it.
    until("between two requests, it goes on", || idle.worker() == successor.pid());
    assert_eq!(echo.client().worker(), successor.pid());
    assert_eq!(other.answer(), "slept 1600");
    assert!(old.is_alive(), "the answer came from a worker that was not killed yet");
    // What it asks at once may have come before the old one looked whether there is more.
    until("it goes on there", || other.worker() == successor.pid());
    until("it is killed", || !old.is_alive());
    let took = echo.between(&["is stuck in it"], &["past timeout: killing"]);
    assert!(took + SLACK >= GRACE && took <= GRACE + SLACK, "killed after {took:?}");
    stuck.lost();
    assert_eq!(echo.replaced(old, 1)[0].1, successor);
    says_timeout(&echo, 0, old.pid());
    let log = echo.read("app.log");
    let told: Vec<&str> = log.lines().filter(|line| line.contains("is stuck in it")).collect();
    assert!(named.iter().any(|who| told[0].contains(&format!(": {who} is stuck"))), "{log}");
    assert!(told.len() == 1 && told[0].contains(&old.pid().to_string()), "{log}");
    assert!(!log.contains("crashed"), "{log}");
    echo.ok(&["stop"]);
}

#[test]
fn a_stuck_thread_is_named_and_the_others_finish() {
    a_stuck_one_among_others("thread", &["thread 1", "thread 2", "thread 3", "thread 4"]);
}

/// Coroutines are counted by the connections of their worker.
#[test]
fn a_stuck_coroutine_is_named_and_the_others_finish() {
    a_stuck_one_among_others("async", &["coroutine 2"]);
}

/// With several requests in hand it is stopped like a stuck one: replaced, then killed.
#[test]
fn s33_a_stopped_worker_with_requests_among_threads_is_replaced_and_killed() {
    for class in ["thread", "async"] {
        let settings = "number_workers = 2\ntimeout = 1\ngraceful_timeout = 1\n";
        let echo = Echo::start("stopped", class, settings);
        let workers = echo.settled(2);
        let mut client = echo.client();
        let (slot, victim) = slot_of(&workers, client.worker());
        client.say("!block");
        until("it is under way", || echo.sum("active") == 1);
        victim.signal(Signal::SIGSTOP);
        until(&format!("{class}: it is killed"), || !victim.is_alive());
        client.lost();
        echo.replaced(victim, 2);
        says_timeout(&echo, slot, victim.pid());
        echo.ok(&["stop"]);
    }
}

fn a_request_below_the_limit_is_not_touched(class: &str) {
    let echo = Echo::start("below", class, "number_workers = 2\ntimeout = 2\n");
    let workers = echo.settled(2);
    let mut client = echo.client();
    // Longer than the limit together, none of them alone.
    for _ in 0..4 {
        assert_eq!(client.ask("!sleep 700"), "slept 700");
    }
    assert_eq!(echo.settled(2), workers);
    echo.ok(&["stop"]);
}

/// A connection between two requests is let go in the end, and no worker with it.
fn idle_connections_are_no_requests(class: &str) {
    let echo = Echo::start("quiet", class, "number_workers = 2\ntimeout = 1\n");
    let workers = echo.settled(2);
    let mut client = echo.client();
    let began = Instant::now();
    assert_eq!(client.ask("hello"), "hello");
    client.closed();
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(950), "let go after {took:?}");
    assert!(took < Duration::from_secs(8), "let go after {took:?}");
    assert_eq!(echo.settled(2), workers);
    assert_eq!(echo.status()["totals"]["spawned"], 2);
    echo.ok(&["stop"]);
}
