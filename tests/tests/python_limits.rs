//! `timeout` of Python classes: what a late request ends, and what it does not. Scenario 33 is among it.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ph_tests::python::Python;
use ph_tests::{each_interpreter, until, until_some};

each_interpreter![
    a_late_request_of_a_sync_worker_ends_it_at_timeout,
    a_stuck_thread_is_named_and_the_others_finish,
    a_coroutine_that_blocks_is_named_and_has_a_successor_first,
    a_job_that_blocks_a_thread_is_named,
    a_coroutine_that_waits_too_long_is_given_up_alone,
    s33_a_stopped_worker_with_a_request_is_killed,
    s33_a_stopped_worker_without_a_request_is_left_alone,
];

/// The last death in the only slot was for that.
#[track_caller]
fn says_timeout(server: &Python, pid: i32) {
    let why = until_some("the master has heard of it", || {
        server.try_why(0).filter(|why| why["pid"] == pid)
    });
    assert_eq!((&why["signal"], &why["cause"]), (&"SIGKILL".into(), &"timeout".into()), "{why}");
}

fn a_late_request_of_a_sync_worker_ends_it_at_timeout(python: &str) {
    let server = Python::serve("late", python, "Sync", "timeout = 700ms\ngraceful_timeout = 20\n");
    let victim = server.settled(1)[0].1;
    let mut client = server.client();
    client.send("sleep 60");
    assert_eq!(client.hear(), "");
    says_timeout(&server, victim.pid());
    let age = server.said(&["request past timeout: killing"]).duration("age");
    assert!(age < Duration::from_secs(5), "at timeout, not at graceful_timeout: {age:?}");
    until("another serves", || server.workers("ready").len() == 1);
    assert!(server.client().ask("hello").starts_with("hello "));
    server.ok(&["stop"]);
}

const GRACE: Duration = Duration::from_millis(1500);

/// From the word that a request is stuck to the KILL there is the time of a drain.
#[track_caller]
fn killed_after_a_drain(server: &Python, named: &[&str]) {
    let stuck: Vec<&str> = ["is stuck in it"].iter().chain(named).copied().collect();
    let took = server.between(&stuck, &["past timeout: killing"]);
    assert!(took + Duration::from_millis(500) >= GRACE && took < GRACE * 3, "{took:?}");
    let log = server.read("app.log");
    assert_eq!(log.matches("is stuck in it").count(), 1, "{log}");
    assert!(!log.contains("crashed"), "{log}");
}

/// One request is stuck, the others of its worker are not to blame: a successor first, time to finish, then KILL.
fn a_stuck_thread_is_named_and_the_others_finish(python: &str) {
    let settings = format!("timeout = 1\ngraceful_timeout = {GRACE:?}\n");
    let server = Python::serve("stuck", python, "Thread", &settings);
    let old = server.settled(1)[0].1;
    let mut stuck = server.client();
    let began = Instant::now();
    stuck.send("sleep 60");
    until("it is stuck", || server.sum("active") == 1);
    let mut other = server.client();
    assert!(other.ask("hello").starts_with("hello "));
    until("half its time is over", || began.elapsed() > Duration::from_millis(500));
    // Under way when the first is late, and not late itself.
    other.send("sleep 0.9");
    let successor = until_some("a successor is ready", || {
        let ready = server.workers("ready");
        assert!(!ready.is_empty(), "nobody was ready: {}", server.status());
        ready.into_iter().map(|it| it.1).find(|worker| *worker != old)
    });
    assert!(old.is_alive(), "it left before its successor was ready, or with it");
    assert_eq!(other.hear(), format!("sleep 0.9 {}\n", old.pid()), "{}", server.read("app.log"));
    until("the successor serves", || {
        server.client().ask("hello") == format!("hello {}\n", successor.pid())
    });
    until("it is killed", || !old.is_alive());
    assert_eq!(stuck.hear(), "");
    says_timeout(&server, old.pid());
    killed_after_a_drain(&server, &["thread worker-", "classes.py:", "(obey)"]);
    assert_eq!(server.settled(1)[0].1, successor);
    server.ok(&["stop"]);
}

/// Nobody else is served by its loop meanwhile, but what waits there may still be, should it go on.
fn a_coroutine_that_blocks_is_named_and_has_a_successor_first(python: &str) {
    for class in ["Coroutine", "Rpc"] {
        let settings = format!("timeout = 1\ngraceful_timeout = {GRACE:?}\napp.block = 60\n");
        let server = Python::serve("blocked", python, class, &settings);
        let old = server.settled(1)[0].1;
        let mut stuck = server.client();
        match class {
            "Rpc" => stuck.send_bytes(b"\x94\x00\x01\xa5stick\x90"),
            _ => stuck.send("block 60"),
        }
        let successor = until_some("a successor is ready", || {
            let ready = server.workers("ready");
            assert!(!ready.is_empty(), "nobody was ready: {}", server.status());
            ready.into_iter().map(|it| it.1).find(|worker| *worker != old)
        });
        assert!(old.is_alive(), "{class}: it left before its successor was ready, or with it");
        until("it is killed", || !old.is_alive());
        assert_eq!(stuck.hear(), "", "{class}");
        says_timeout(&server, old.pid());
        killed_after_a_drain(&server, &["a coroutine", "classes.py:"]);
        assert_eq!(server.settled(1)[0].1, successor);
        server.ok(&["stop"]);
    }
}

fn a_job_that_blocks_a_thread_is_named(python: &str) {
    let settings = format!("timeout = 500ms\ngraceful_timeout = {GRACE:?}\nthreads = 2\n");
    let server = Python::new("job", python, &format!("{settings}app.job = once\n"));
    assert_eq!(server.try_start("classes:ThreadJobs").code, Some(0));
    let old = server.settled(1)[0].1;
    until("it is killed", || !old.is_alive());
    says_timeout(&server, old.pid());
    killed_after_a_drain(&server, &["thread worker-", "classes.py:"]);
    // The others went on, and the successor does.
    let done = server.journal("job").len();
    until("jobs are done", || server.journal("job").len() > done + 5);
    server.ok(&["stop"]);
}

fn a_coroutine_that_waits_too_long_is_given_up_alone(python: &str) {
    let server = Python::serve("given-up", python, "Coroutine", "timeout = 700ms\n");
    let before = server.settled(1);
    let (mut late, mut other) = (server.client(), server.client());
    late.send("sleep 60");
    assert!(other.ask("hello").starts_with("hello "));
    assert_eq!(late.hear(), "");
    assert!(other.ask("still here").starts_with("still here "));
    assert_eq!(server.settled(1)[0].1.pid(), before[0].1.pid());
    until("it is told", || server.read("app.log").contains("given up after"));
}

fn s33_a_stopped_worker_with_a_request_is_killed(python: &str) {
    for (class, request) in
        [("Sync", "sleep 60"), ("Thread", "sleep 60"), ("Coroutine", "block 60")]
    {
        let server =
            Python::serve("stopped", python, class, "timeout = 700ms\ngraceful_timeout = 1\n");
        let victim = server.settled(1)[0].1;
        let mut client = server.client();
        client.send(request);
        until("it is under way", || server.sum("active") == 1);
        victim.signal(Signal::SIGSTOP);
        until(&format!("{class}: it is killed"), || !victim.is_alive());
        assert_eq!(client.hear(), "");
        says_timeout(&server, victim.pid());
        until("another serves", || {
            server.workers("ready").iter().any(|(_, worker)| *worker != victim)
        });
        server.ok(&["stop"]);
    }
}

fn s33_a_stopped_worker_without_a_request_is_left_alone(python: &str) {
    for class in ["Sync", "Thread", "Coroutine"] {
        let server = Python::serve("spared", python, class, "timeout = 300ms\n");
        let before = server.settled(1);
        assert!(server.client().ask("hello").starts_with("hello "), "{class}");
        until("it has nothing in hand", || server.sum("active") == 0);
        before[0].1.signal(Signal::SIGSTOP);
        until("it is stopped", || before[0].1.is_stopped());
        let began = Instant::now();
        until("five limits have gone by", || began.elapsed() > Duration::from_millis(1500));
        assert_eq!(server.settled(1), before, "{class}");
        assert!(before[0].1.is_stopped(), "{class}: it was continued");
        // A stop continues it, and it leaves as any other.
        server.ok(&["stop"]);
        let log = server.read("app.log");
        assert!(!log.contains("SIGKILL"), "{class}: {log}");
        assert_eq!(server.journal("stop").len(), 1, "{class}");
    }
}
