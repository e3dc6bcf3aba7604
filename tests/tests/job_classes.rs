//! Jobs under each `worker_class`: one at a time, on threads, as coroutines.

use ph_tests::{Sandbox, until};
use serde_json::Value;

/// The classes that do several jobs at a time, and how many of them three are.
const SHARED: [&str; 2] =
    ["worker_class = thread\nthreads = 3\n", "worker_class = async\nmax_coroutines = 3\n"];

fn active(status: &Value) -> Vec<u64> {
    let workers = status["workers"].as_array().unwrap();
    workers.iter().map(|row| row["active"].as_u64().unwrap()).collect()
}

#[test]
fn several_jobs_are_under_way_at_once_in_one_worker() {
    for class in SHARED {
        let section = format!("{class}number_workers = 2\napp.job = sleep\napp.job_ms = 300\n");
        let sandbox = Sandbox::new("at-once", &section);
        sandbox.ok(&["start"]);
        until("three jobs in each worker", || active(&sandbox.status()) == [3, 3]);
        until("and three more", || sandbox.told("done").len() >= 12);
        sandbox.ok(&["stop"]);
        // A graceful stop waits for what is under way.
        assert_eq!(sandbox.told("job").len(), sandbox.told("done").len(), "{class}");
        sandbox.nothing_runs();
    }
}

#[test]
fn each_thread_has_a_worker_of_its_own_and_coroutines_share_one() {
    for (class, made) in SHARED.into_iter().zip([3, 1]) {
        let sandbox = Sandbox::new("own", &format!("{class}app.job = idle\n"));
        sandbox.ok(&["start"]);
        assert_eq!(sandbox.told("new").len(), made, "{class}");
        assert_eq!(sandbox.told("ready").len(), made, "{class}");
        sandbox.ok(&["stop"]);
        assert_eq!(sandbox.told("stop").len(), made, "{class}");
    }
}

#[test]
fn s14_a_stop_wakes_every_thread_and_coroutine() {
    for class in SHARED {
        let sandbox =
            Sandbox::new("wake", &format!("{class}app.job = tick\napp.tick_ms = 600000\n"));
        sandbox.ok(&["start"]);
        until("all are asleep in a job", || active(&sandbox.status()) == [3]);
        if class.contains("thread") {
            sandbox.ok(&["stop"]);
        } else {
            // A coroutine that does not look up is waited for like any request.
            sandbox.ok(&["stop", "--quick"]);
        }
        sandbox.nothing_runs();
    }
}

#[test]
fn a_boot_that_fails_in_one_of_them_fails_the_worker() {
    for class in SHARED {
        let sandbox = Sandbox::new("boot", &format!("{class}app.boot = fail\n"));
        let output = sandbox.run(&["start"]);
        assert_eq!(output.code, Some(70), "{class}: {output:?}");
        assert!(output.err.contains("told to fail"), "{class}: {output:?}");
        sandbox.nothing_runs();
    }
}

#[test]
fn s40_a_panic_ends_the_worker_and_says_where() {
    for class in SHARED {
        let section = format!("{class}app.job = panic\nrestart_backoff = 10s\n");
        let sandbox = Sandbox::new("panic", &section);
        sandbox.ok(&["start"]);
        until("it crashed twice, and waits", || {
            sandbox.status()["totals"]["crashed"].as_u64() >= Some(2)
        });
        let log = sandbox.read("app.log");
        assert!(log.contains("worker panicked at "), "{class}: {log}");
        assert!(log.contains("the fixture was told to panic in a job"), "{class}: {log}");
        assert!(log.contains("exit code 101"), "{class}: {log}");
        sandbox.ok(&["stop"]);
    }
}

#[test]
fn s27_max_requests_recycles_workers_of_several() {
    for class in SHARED {
        let section = format!("{class}max_requests = 10\napp.tick_ms = 5\n");
        let sandbox = Sandbox::new("recycle", &section);
        sandbox.ok(&["start"]);
        until("three workers have left", || {
            sandbox.status()["totals"]["exited"].as_u64() >= Some(3)
        });
        let totals = &sandbox.status()["totals"];
        assert_eq!((&totals["crashed"], &totals["killed"]), (&0.into(), &0.into()), "{totals}");
        sandbox.ok(&["stop"]);
    }
}

#[test]
fn coroutines_that_never_wait_let_the_others_have_their_turn() {
    let section = "worker_class = async\nmax_coroutines = 3\napp.job = busy\n";
    let sandbox = Sandbox::new("turns", section);
    sandbox.ok(&["start"]);
    until("jobs are done", || sandbox.status()["totals"]["requests"].as_u64() > Some(100));
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}
