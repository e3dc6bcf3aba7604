//! Scenarios 27 (jobs), 28 and 30: workers that have done their share, or are asked to make room.

use std::collections::BTreeSet;
use std::time::Duration;

use ph_tests::lives::{at, jobs, left_after_their_successors};
use ph_tests::{Sandbox, until};

#[test]
fn s27_max_requests_is_exact_and_the_successor_comes_first() {
    let section = "number_workers = 2\nmax_requests = 5\napp.tick_ms = 5\n";
    let sandbox = Sandbox::new("exact", section);
    sandbox.ok(&["start"]);
    until("eight workers have left", || sandbox.told("stop").len() >= 8);
    let entries = sandbox.entries();
    for life in left_after_their_successors(&entries) {
        assert_eq!(jobs(&life), 5, "{life:?}");
    }
    let totals = &sandbox.status()["totals"];
    assert_eq!((&totals["crashed"], &totals["killed"]), (&0.into(), &0.into()), "{totals}");
    sandbox.ok(&["stop"]);
}

#[test]
fn s27_max_requests_jitter_spreads_the_recycling() {
    let section = "number_workers = 4\nmax_requests = 3\nmax_requests_jitter = 20\n\
                   app.tick_ms = 2\n";
    let sandbox = Sandbox::new("jitter", section);
    sandbox.ok(&["start"]);
    until("sixteen workers have left", || sandbox.told("stop").len() >= 16);
    let entries = sandbox.entries();
    let shares: Vec<usize> =
        left_after_their_successors(&entries).iter().map(|life| jobs(life)).collect();
    assert!(shares.iter().all(|share| (3..=23).contains(share)), "{shares:?}");
    let different: BTreeSet<&usize> = shares.iter().collect();
    assert!(different.len() >= 3, "all at once: {shares:?}");
    sandbox.ok(&["stop"]);
}

#[test]
fn s27_a_successor_that_cannot_boot_costs_no_worker() {
    let section = "number_workers = 2\nmax_requests = 3\napp.tick_ms = 5\napp.boot = exit\n\
                   app.flag = %(here)s/flag\nrestart_backoff_max = 300ms\n";
    let sandbox = Sandbox::new("stays", section);
    sandbox.ok(&["start"]);
    std::fs::write(sandbox.path("flag"), "").unwrap();
    // Enough attempts that a master which let the old workers go would have nobody left.
    let first = sandbox.told("new").len();
    until("successors fail", || sandbox.told("new").len() >= first + 8);
    let ready = sandbox.workers("ready");
    assert_eq!(ready.len(), 2, "{}", sandbox.status());
    std::fs::remove_file(sandbox.path("flag")).unwrap();
    until("they are replaced after all", || ready.iter().all(|(_, worker)| !worker.is_alive()));
    left_after_their_successors(&sandbox.entries());
    sandbox.ok(&["stop"]);
}

#[test]
fn s28_an_idle_worker_counts_nothing() {
    let section = "number_workers = 2\nmax_requests = 1\napp.job = idle\n";
    let sandbox = Sandbox::new("idle", section);
    sandbox.ok(&["start"]);
    let before = sandbox.settled(2);
    // Nothing is to happen, and that takes time to see.
    std::thread::sleep(Duration::from_secs(10));
    let status = sandbox.status();
    assert_eq!(sandbox.settled(2), before, "a worker was replaced");
    assert_eq!(status["totals"]["requests"], 0, "{status}");
    assert_eq!(status["totals"]["spawned"], 2, "{status}");
    assert!(status["workers"].as_array().unwrap().iter().all(|row| row["requests"] == 0));
    sandbox.ok(&["stop"]);
}

#[test]
fn s30_max_lifetime_replaces_staggered() {
    const WORKERS: u64 = 8;
    // With as much surge as workers, nothing but their own lifetimes spreads them.
    let section = "number_workers = 8\nmax_surge = 8\nmax_lifetime = 2\napp.tick_ms = 200\n";
    let sandbox = Sandbox::new("lifetime", section);
    sandbox.ok(&["start"]);
    until("each was replaced", || (0..WORKERS).all(|slot| sandbox.times("ready", slot).len() >= 2));
    until("the first have left", || {
        (0..WORKERS).all(|slot| !sandbox.times("stop", slot).is_empty())
    });
    let entries = sandbox.entries();
    for life in left_after_their_successors(&entries) {
        let age = at(&life, "stop").unwrap() - at(&life, "ready").unwrap();
        // Up to a tenth early, by jitter.
        assert!(age >= Duration::from_millis(1750).as_nanos() as u64, "left young: {life:?}");
    }
    let begun: Vec<u64> = (0..WORKERS).map(|slot| sandbox.times("new", slot)[1]).collect();
    let spread = begun.iter().max().unwrap() - begun.iter().min().unwrap();
    assert!(Duration::from_nanos(spread) > Duration::from_millis(15), "all at once: {begun:?}");
    assert_eq!(sandbox.status()["totals"]["crashed"], 0);
    sandbox.ok(&["stop"]);
}

#[test]
fn s30_worker_restart_puts_the_new_before_the_old() {
    let sandbox = Sandbox::new("restart", "number_workers = 3\n");
    sandbox.ok(&["start"]);
    let before = sandbox.settled(3);
    sandbox.ok(&["worker", "restart", "1"]);
    let after = sandbox.settled(3);
    assert_ne!(after[1].1, before[1].1, "worker 1 was not replaced");
    assert_eq!((after[0], after[2]), (before[0], before[2]), "others were");
    sandbox.ok(&["worker", "restart", "--all"]);
    let last = sandbox.settled(3);
    assert!((0..3).all(|slot| last[slot].1 != after[slot].1), "{after:?} {last:?}");
    let entries = sandbox.entries();
    assert_eq!(left_after_their_successors(&entries).len(), 4);
    let output = sandbox.run(&["worker", "restart", "7"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.err.contains('7'), "{output:?}");
    sandbox.ok(&["stop"]);
}

#[test]
fn s30_with_no_surge_the_old_one_stops_first() {
    let section = "number_workers = 3\nmax_surge = 0\nmax_unavailable = 1\napp.tick_ms = 5\n\
                   app.boot = 100\n";
    let sandbox = Sandbox::new("stopfirst", section);
    sandbox.ok(&["start"]);
    let before = sandbox.settled(3);
    sandbox.ok(&["worker", "restart", "--all"]);
    sandbox.ok(&["reload"]);
    assert!(before.iter().all(|(_, worker)| !worker.is_alive()));
    sandbox.settled(3);
    let entries = sandbox.entries();
    let booted = (0..3).map(|slot| sandbox.times("ready", slot)[0]).max().unwrap();
    let mut serving = 0;
    for entry in &entries {
        match entry.what.as_str() {
            "stop" => serving -= 1,
            "ready" => serving += 1,
            _ => {}
        }
        assert!(entry.at < booted || serving >= 2, "more than one away at {entry:?}");
    }
    for slot in 0..3 {
        let (new, stop) = (sandbox.times("new", slot), sandbox.times("stop", slot));
        assert_eq!((new.len(), stop.len()), (3, 2), "slot {slot}");
        let follows = stop.iter().zip(&new[1..]).all(|(stop, new)| stop < new);
        assert!(follows, "slot {slot}: a successor began before its predecessor ended");
    }
    sandbox.ok(&["stop"]);
}
