//! Scenario 40 for workers with connections: what one client makes of its worker, and what the others notice.

use std::time::{Duration, Instant};

use ph_tests::echo::{CLASSES, Client, Echo};
use ph_tests::{Process, each_class, until, until_some};
use serde_json::{Value, json};

each_class![s40_panic, s40_abort, s40_exit_3, s40_a_worker_that_panics_on_is_spaced_out];

/// How one kind of end is asked for, and how it shows.
struct Kind {
    command: &'static str,
    exit_code: Value,
    signal: Value,
    said: &'static [&'static str],
}

/// Another worker than this one, with a connection to it.
#[track_caller]
fn elsewhere(echo: &Echo, worker: i32) -> Client {
    // Those on the worker are kept, so that it doesn't look idle.
    let mut kept = Vec::new();
    until_some("a connection goes to another", || {
        let mut client = echo.client();
        if client.worker() != worker {
            return Some(client);
        }
        kept.push(client);
        None
    })
}

#[track_caller]
fn ends(class: &str, kind: &Kind) {
    let echo = Echo::start("ends", class, "number_workers = 2\n");
    let workers = echo.settled(2);
    let mut culprit = echo.client();
    let pid = culprit.worker();
    let mut witness = elsewhere(&echo, pid);
    let (slot, victim) = *workers.iter().find(|(_, it)| it.pid() == pid).unwrap();
    witness.say("!sleep 500");
    culprit.say(kind.command);
    culprit.lost();
    assert_eq!(witness.answer(), "slept 500", "another worker's request was cut off");
    let after = echo.replaced(victim, 2);
    let untouched: Vec<&(u64, Process)> = after.iter().filter(|it| workers.contains(it)).collect();
    assert_eq!(untouched.len(), 1, "one is replaced, one stays: {workers:?} {after:?}");

    let certificate = echo.why(slot);
    assert_eq!(certificate["pid"], pid, "{certificate}");
    assert_eq!(
        (&certificate["exit_code"], &certificate["signal"]),
        (&kind.exit_code, &kind.signal),
        "{certificate}"
    );
    let log = echo.read("app.log");
    for said in kind.said {
        let told = |line: &str| line.contains(said) && line.contains(&pid.to_string());
        assert!(log.lines().any(told), "nobody said {said:?} of worker {pid}: {log}");
    }
    let totals = &echo.status()["totals"];
    assert_eq!((&totals["crashed"], &totals["killed"]), (&json!(1), &json!(0)), "{totals}");
    assert_eq!(witness.ask("still here"), "still here");
    assert_eq!(echo.client().ask("hello"), "hello");
    echo.ok(&["stop"]);
}

fn s40_panic(class: &str) {
    let said = &["a client asked for it", "exit code 101"];
    ends(class, &Kind { command: "!panic", exit_code: json!(101), signal: Value::Null, said });
}

fn s40_abort(class: &str) {
    let said = &["SIGABRT"];
    let signal = json!("SIGABRT");
    ends(class, &Kind { command: "!crash", exit_code: Value::Null, signal, said });
}

fn s40_exit_3(class: &str) {
    let said = &["exit code 3"];
    ends(class, &Kind { command: "!exit 3", exit_code: json!(3), signal: Value::Null, said });
}

/// From the second crash in a row on, the slot waits: a client can't make the master fork without end.
fn s40_a_worker_that_panics_on_is_spaced_out(class: &str) {
    let echo = Echo::start("row", class, "restart_backoff = 300ms\n");
    for _ in 0..3 {
        // From the second on in the queue before its worker is ready, since a second of readiness ends the row.
        let mut client = echo.client();
        let worker = Process::find(client.worker()).unwrap();
        client.say("!panic");
        client.lost();
        until("it has ended", || !worker.is_alive());
    }
    assert_eq!(echo.client().ask("hello"), "hello");
    let log = echo.read("app.log");
    let waits = log.lines().filter(|line| line.contains("waits before its next start")).count();
    assert_eq!(waits, 2, "{log}");
    assert_eq!(echo.status()["totals"]["crashed"], 3);
    echo.ok(&["stop"]);
}

/// What else the worker has in hand is finished before it ends.
#[test]
fn s40_other_requests_of_a_worker_that_panics_are_finished() {
    for class in ["thread", "async"] {
        let echo = Echo::start("finished", class, "number_workers = 1\n");
        let [(_, worker)] = echo.settled(1)[..] else { panic!("one worker") };
        let mut idle = echo.client();
        assert_eq!(idle.worker(), worker.pid());
        let mut others = echo.clients(2);
        others.iter_mut().for_each(|client| client.say("!sleep 1500"));
        until("both are under way", || echo.sum("active") == 2);
        let mut culprit = echo.client();
        culprit.say("!panic");
        culprit.lost();
        for client in &mut others {
            assert_eq!(client.answer(), "slept 1500", "{class}");
        }
        echo.replaced(worker, 1);
        // And go on with its successor, as does who had asked for nothing.
        for client in others.iter_mut().chain([&mut idle]) {
            assert_ne!(client.worker(), worker.pid(), "{class}");
        }
        assert_eq!(echo.why(0)["exit_code"], 101);
        assert_ne!(echo.client().worker(), worker.pid());
        echo.ok(&["stop"]);
    }
}

/// However long the others take, somebody serves meanwhile; and they may not take for ever.
#[test]
fn s40_a_worker_that_panics_has_a_successor_before_it_ends() {
    for class in ["thread", "async"] {
        let echo = Echo::start("beside", class, "number_workers = 1\ngraceful_timeout = 4\n");
        let [(_, worker)] = echo.settled(1)[..] else { panic!("one worker") };
        let mut stuck = echo.client();
        stuck.say("!block");
        until("it is stuck", || echo.sum("active") == 1);
        let mut culprit = echo.client();
        let began = Instant::now();
        culprit.say("!panic");
        culprit.lost();
        // The connection ends a moment before its worker takes no more.
        until("a successor serves", || echo.client().worker() != worker.pid());
        assert!(began.elapsed() < Duration::from_millis(3500), "{class}: {:?}", began.elapsed());
        assert!(worker.is_alive(), "{class}: it did not wait for the other request");
        echo.replaced(worker, 1);
        stuck.lost();
        let took = began.elapsed();
        assert!(took > Duration::from_millis(3500), "{class}: killed after {took:?}");
        let log = echo.read("app.log");
        assert!(log.contains("still here at graceful_timeout"), "{class}: {log}");
        echo.ok(&["stop"]);
    }
}

/// A panic while the master stops is one worker's matter as well.
#[test]
fn s40_a_panic_in_a_stop_is_no_obstacle() {
    for class in CLASSES {
        let echo = Echo::start("stopping", class, "number_workers = 2\ngraceful_timeout = 10\n");
        let mut culprit = echo.client();
        let pid = culprit.worker();
        let mut witness = elsewhere(&echo, pid);
        witness.say("!sleep 3500");
        culprit.say("!sleep 2500");
        until("both are under way", || echo.sum("active") == 2);
        let stop = echo.begin("stop", &["stop"]);
        until("the stop has begun", || echo.read("app.log").contains("stopping"));
        // It is read as the last call: what had arrived when the request before was over.
        culprit.say("!panic");
        assert_eq!(culprit.answer(), "slept 2500");
        culprit.lost();
        assert_eq!(witness.answer(), "slept 3500");
        let (output, _) = echo.end(stop);
        assert_eq!(output.code, Some(0), "{class}: {output:?}");
        let log = echo.read("app.log");
        assert!(log.contains("a client asked for it"), "{class}: {log}");
        assert!(!log.contains("SIGKILL"), "{class}: {log}");
    }
}

/// The last call is over with it: the worker ends as soon as it can, and what it leaves in the queue is counted.
#[test]
fn s40_a_panic_in_a_stop_does_not_wait_for_the_queue() {
    for class in CLASSES {
        let settings = "threads = 1\nmax_coroutines = 1\ngraceful_timeout = 10\n";
        let echo = Echo::start("rest", class, settings);
        let mut culprit = echo.client();
        culprit.say("!sleep 2000");
        until("it is under way", || echo.sum("active") == 1);
        let mut queued = echo.clients(3);
        queued.iter_mut().for_each(|client| client.say("hello"));
        let stop = echo.begin("stop", &["stop"]);
        until("the stop has begun", || echo.read("app.log").contains("stopping"));
        culprit.say("!panic");
        assert_eq!(culprit.answer(), "slept 2000");
        culprit.lost();
        let (output, took) = echo.end(stop);
        assert_eq!(output.code, Some(0), "{class}: {output:?}");
        assert!(took < Duration::from_secs(8), "{class}: the stop took {took:?}");
        queued.iter_mut().for_each(Client::lost);
        let log = echo.read("app.log");
        assert!(!log.contains("SIGKILL"), "{class}: {log}");
        assert!(log.contains("left_in_queue=3"), "{class}: {log}");
    }
}
