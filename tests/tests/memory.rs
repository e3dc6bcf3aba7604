//! Scenario 29: workers that take too much memory are drained and replaced, one at a time.

use std::fs;

use nix::sys::signal::Signal;
use ph_tests::lives::{at, jobs, left_after_their_successors};
use ph_tests::{Sandbox, until, until_some};
use serde_json::Value;

const MIB: u64 = 1 << 20;

/// What the log says when a worker leaves for its memory.
const LEAVES: &str = "why=\"max_memory\"";

fn bytes(sample: &Value) -> u64 {
    sample["bytes"].as_u64().unwrap()
}

#[test]
fn s29_leaking_workers_are_replaced_one_at_a_time() {
    const WORKERS: usize = 3;
    // All leak in step, and there would be room to replace them all at once.
    let section = "number_workers = 3\nmax_surge = 3\nmax_memory = 32MiB\napp.job = leak\n\
                   app.leak_bytes = 4194304\napp.boot = 50\n";
    let sandbox = Sandbox::new("leak", section);
    sandbox.ok(&["start"]);
    until("seven have left", || sandbox.told("stop").len() >= 7);
    let (entries, log) = (sandbox.entries(), sandbox.read("app.log"));
    let certificate = until_some("the first of slot 0 has ended", || sandbox.try_why(0));
    assert_eq!(certificate["cause"], "memory limit", "{certificate}");
    assert_eq!(certificate["exit_code"], 0, "{certificate}");
    let grown: Vec<u64> = certificate["rss"].as_array().unwrap().iter().map(bytes).collect();
    assert!(grown.len() >= 2 && grown[grown.len() - 1] > 32 * MIB, "{certificate}");
    assert!(grown.windows(2).all(|pair| pair[0] <= pair[1] + MIB), "{certificate}");
    assert!(certificate["peak_rss_bytes"].as_u64() >= grown.last().copied(), "{certificate}");
    assert!(log.matches(LEAVES).count() >= 7, "{log}");

    let left = left_after_their_successors(&entries);
    let mut exchanges = Vec::new();
    for life in &left {
        assert!(jobs(life) as u64 * 4 * MIB > 24 * MIB, "it had not leaked yet: {life:?}");
        let (slot, ready) = (life[0].slot, at(life, "ready").unwrap());
        let successor = sandbox.times("new", slot).into_iter().find(|new| *new > ready).unwrap();
        exchanges.push((successor, at(life, "stop").unwrap()));
    }
    exchanges.sort_unstable();
    let apart = exchanges.windows(2).all(|pair| pair[0].1 < pair[1].0);
    assert!(apart, "two at a time: {exchanges:?}");

    let booted = sandbox.told("ready")[WORKERS - 1].at;
    let mut serving = 0;
    for entry in &entries {
        match entry.what.as_str() {
            "ready" => serving += 1,
            "stop" => serving -= 1,
            _ => {}
        }
        assert!(entry.at < booted || serving >= WORKERS, "a worker was missing at {entry:?}");
    }
    let totals = &sandbox.status()["totals"];
    assert_eq!((&totals["crashed"], &totals["killed"]), (&0.into(), &0.into()), "{totals}");
    sandbox.ok(&["stop"]);
}

/// Who stays below the limit stays, whatever becomes of the others.
#[test]
fn s29_others_are_left_alone() {
    let section = "number_workers = 3\nmax_memory = 32MiB\napp.job = leak\napp.slot = 1\n\
                   app.leak_bytes = 4194304\n";
    let sandbox = Sandbox::new("others", section);
    sandbox.ok(&["start"]);
    let before = sandbox.settled(3);
    until("one has left twice", || sandbox.times("stop", 1).len() >= 2);
    left_after_their_successors(&sandbox.entries());
    let ready = sandbox.workers("ready");
    assert!(ready.contains(&before[0]) && ready.contains(&before[2]), "{}", sandbox.status());
    sandbox.ok(&["stop"]);
}

/// A limit that a reload brings holds as one that was there from the start.
#[test]
fn s29_a_reload_brings_the_limit() {
    let section = "number_workers = 2\napp.job = hoard\napp.leak_bytes = 67108864\n";
    let sandbox = Sandbox::new("limit", section);
    sandbox.ok(&["start"]);
    let workers = sandbox.settled(2);
    until("both are large", || workers.iter().all(|(_, worker)| worker.resident() > 60 * MIB));
    sandbox.configure(&format!("{section}max_memory = 32MiB\n"));
    sandbox.ok(&["reload"]);
    until("their successors leave", || sandbox.read("app.log").matches(LEAVES).count() >= 2);
    sandbox.configure(&format!("{section}max_memory = 128MiB\n"));
    sandbox.ok(&["reload"]);
    sandbox.ok(&["stop"]);
}

/// Peaks, however many, that end before the third look. What the master has seen is in its log.
#[test]
fn s29_a_peak_is_left_alone() {
    let section = "max_memory = 32MiB\nlog_level = debug\napp.job = hoard\n\
                   app.leak_bytes = 67108864\napp.flag = %(here)s/flag\napp.tick_ms = 2\n";
    let sandbox = Sandbox::new("peak", section);
    sandbox.ok(&["start"]);
    let (master, before) = (sandbox.master(), sandbox.settled(1));
    let seen = |what: &str| sandbox.read("app.log").matches(what).count();
    for peak in 1..=4 {
        let looks = seen("worker above max_memory");
        fs::write(sandbox.path("flag"), "").unwrap();
        until("the peak is seen", || seen("worker above max_memory") > looks);
        // Nobody looks while it is brought to an end.
        master.signal(Signal::SIGSTOP);
        fs::remove_file(sandbox.path("flag")).unwrap();
        until("the peak is over", || sandbox.told("freed").len() == peak);
        master.signal(Signal::SIGCONT);
        until("that is seen", || seen("worker below max_memory again") == peak);
    }
    assert_eq!(sandbox.settled(1), before, "the worker was replaced");
    assert_eq!(sandbox.status()["totals"]["spawned"], 1);
    sandbox.ok(&["stop"]);
}
