//! Scenarios 35 and 36: workers that can't boot any more, and a system that makes no more processes.

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;
use ph_tests::users::{limit_files, limit_processes, nobody_else};
use ph_tests::{Process, Sandbox, until, until_some};

/// A worker dies, and its successors fail in boot from then on, until the cause is gone.
#[track_caller]
fn crash_on_every_boot(boot: &str, code: Option<i64>, cause: &str) {
    // A boot that takes its time on a busy machine is none that hangs.
    let limit = if boot == "hang" { "1" } else { "30" };
    let section = format!(
        "number_workers = 2\ncrash_limit = 3\nrestart_backoff = 100ms\nrestart_backoff_max = 400ms\n\
         boot_timeout = {limit}\napp.boot = {boot}\napp.slot = 0\napp.flag = %(here)s/flag\n"
    );
    let sandbox = Sandbox::new(&format!("boot-{boot}"), &section);
    sandbox.ok(&["start"]);
    let before = sandbox.settled(2);
    fs::write(sandbox.path("flag"), "").unwrap();
    before[0].1.signal(Signal::SIGKILL);
    until("the master is degraded", || sandbox.status()["state"] == "degraded");
    until("eight attempts were made", || sandbox.times("new", 0).len() >= 9);
    sandbox.remember();

    // The first was the good one, the second follows its death at once; each that failed doubles the wait.
    let times = sandbox.times("new", 0);
    for (at, pair) in times[1..].windows(2).enumerate() {
        let wait = Duration::from_nanos(pair[1] - pair[0]);
        let least = Duration::from_millis(100 << at.min(2));
        assert!(wait >= least, "attempt {at} came after {wait:?}, not {least:?}: {times:?}");
    }
    let status = sandbox.status();
    assert_eq!(status["state"], "degraded", "{status}");
    assert_eq!(status["wanted"], 2);
    let row = &status["workers"][0];
    assert!(["backoff", "booting", "killed"].iter().any(|state| row["state"] == *state), "{row}");
    assert_eq!(sandbox.workers("ready"), [before[1]], "the other worker was touched");
    let certificate = sandbox.why(0);
    assert!(certificate["cause"].as_str().unwrap().contains("boot"), "{certificate}");
    assert_eq!(certificate["exit_code"].as_i64(), code, "{certificate}");
    assert!(certificate.to_string().contains(cause), "{certificate}");
    let log = sandbox.read("app.log");
    assert!(log.contains(cause), "no {cause:?} in the log");
    assert_eq!(sandbox.run(&["worker", "restart", "0"]).code, Some(1), "it can't boot");

    fs::remove_file(sandbox.path("flag")).unwrap();
    until("it recovers", || sandbox.status()["state"] == "running");
    assert_eq!(sandbox.settled(2)[1], before[1]);
    sandbox.ok(&["stop"]);
}

#[test]
fn s35_a_constructor_that_fails() {
    crash_on_every_boot("fail", Some(70), "the fixture was told to fail");
}

#[test]
fn s35_an_exit_in_boot() {
    crash_on_every_boot("exit", Some(9), "exit code 9");
}

#[test]
fn s35_a_panic_in_boot() {
    crash_on_every_boot("panic", Some(70), "the fixture was told to panic");
}

#[test]
fn s35_a_boot_that_hangs() {
    crash_on_every_boot("hang", None, "boot_timeout");
}

/// The master doesn't wake for workers that wait, except to start them.
#[test]
fn s35_all_workers_waiting_cost_nothing() {
    let section = "number_workers = 2\nrestart_backoff = 10m\nrestart_backoff_max = 10m\n\
                   app.boot = exit\napp.flag = %(here)s/flag\n";
    let sandbox = Sandbox::new("waiting", section);
    sandbox.ok(&["start"]);
    fs::write(sandbox.path("flag"), "").unwrap();
    for (_, worker) in sandbox.settled(2) {
        worker.signal(Signal::SIGKILL);
    }
    until("both wait", || {
        let status = sandbox.status();
        let rows = status["workers"].as_array().unwrap();
        rows.len() == 2 && rows.iter().all(|row| row["state"] == "backoff" && row["pid"].is_null())
    });
    let master = sandbox.master();
    assert_eq!(master.children(), []);
    // A client that goes is a cause, and so is a death: a second later it looks for orphans.
    sandbox.unwatched(master);
    // Nothing is to happen, and that takes time to see.
    let before = master.sleeps();
    std::thread::sleep(Duration::from_secs(2));
    assert!(master.sleeps() <= before + 5, "{} wake-ups", master.sleeps() - before);
    // An operator need not wait for ten minutes.
    fs::remove_file(sandbox.path("flag")).unwrap();
    sandbox.ok(&["worker", "restart", "--all"]);
    sandbox.settled(2);
    // Nor need a stop.
    sandbox.ok(&["stop"]);
}

/// A master of an ordinary user, with two workers; alone with its limits.
fn ordinary(test: &str) -> (Sandbox, u32, Process) {
    let section = "number_workers = 2\nrestart_backoff_max = 300ms\n";
    let sandbox = Sandbox::new(test, section);
    let user = nobody_else();
    sandbox.hand_over(user);
    let output = sandbox.run_as(user, &["start"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    sandbox.settled(2);
    let master = sandbox.master();
    assert_eq!(master.status("Uid"), Some(user.into()));
    (sandbox, user, master)
}

/// Master, guard and workers count; this many more may be made.
#[track_caller]
fn room(user: u32, master: Process, workers: u32, more: u32) {
    limit_processes(user, master, 2 + workers + more);
}

#[test]
fn s36_the_limit_on_processes_delays_a_scale() {
    let (sandbox, user, master) = ordinary("nproc");
    let before = sandbox.settled(2);
    room(user, master, 2, 1);
    let output = sandbox.run_as(user, &["scale", "5"]);
    // The operator's own command is one more process of that user, until it ends.
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.err.contains("cannot make a process"), "{output:?}");
    until("there are as many as may be", || sandbox.workers("ready").len() == 3);
    until("it is degraded", || sandbox.status()["state"] == "degraded");
    let first = refusals(&sandbox);
    assert!(first >= 1, "the log says nothing");
    until("it tries again", || refusals(&sandbox) >= first + 3);
    assert_eq!(sandbox.status()["wanted"], 5, "what was asked for is still wanted");
    assert_eq!(sandbox.workers("ready")[..2], before, "others were touched");

    room(user, master, 5, 4);
    let after = sandbox.settled(5);
    until("it is well again", || sandbox.status()["state"] == "running");
    assert_eq!(after[..2], before);
    sandbox.ok(&["stop"]);
}

#[test]
fn s36_a_number_that_was_never_reached_is_forgotten_with_the_wish() {
    let (sandbox, user, master) = ordinary("wish");
    room(user, master, 2, 0);
    assert_eq!(sandbox.run(&["scale", "4"]).code, Some(1));
    until("it is degraded", || sandbox.status()["state"] == "degraded");
    // With the wish goes the trouble.
    sandbox.ok(&["scale", "2"]);
    until("nothing is missing any more", || sandbox.status()["state"] == "running");
    sandbox.settled(2);
    sandbox.ok(&["stop"]);
}

#[test]
fn s36_a_death_at_the_limit_is_made_good() {
    let (sandbox, user, master) = ordinary("death");
    room(user, master, 2, 0);
    let before = sandbox.settled(2);
    // Its place is free until somebody takes it: nobody is missing for long.
    before[0].1.signal(Signal::SIGKILL);
    until("it is replaced", || {
        let ready = sandbox.workers("ready");
        ready.len() == 2 && ready[0].1 != before[0].1
    });
    assert_eq!(refusals(&sandbox), 0);
    sandbox.ok(&["stop"]);
}

/// A successor's descriptor may be opened before its predecessor's is closed, and there is none to spare.
#[test]
fn s36_a_death_at_the_limit_on_descriptors_is_made_good() {
    let sandbox = Sandbox::new("nofiledeath", "number_workers = 2\nrestart_backoff = 30\n");
    sandbox.ok(&["start"]);
    let (master, before) = (sandbox.master(), sandbox.settled(2));
    // As many as there are, or as good as: the last worker's is the highest.
    let highest = *sandbox.unwatched(master).keys().max().unwrap() as usize;
    limit_files(master, highest + 1);
    before.iter().for_each(|(_, worker)| worker.signal(Signal::SIGKILL));
    until("they are replaced", || sandbox.read("app.log").matches("worker ready").count() == 2);
    assert_eq!(refusals(&sandbox), 0);
    limit_files(master, 200);
    sandbox.settled(2);
    sandbox.ok(&["stop"]);
}

/// How often the log says that a worker could not be made.
fn refusals(sandbox: &Sandbox) -> usize {
    sandbox.read("app.log").matches("cannot make a worker").count()
}

#[test]
fn s36_a_guard_that_dies_at_the_limit_is_replaced_when_it_is_lifted() {
    let (sandbox, user, master) = ordinary("noguard");
    let guard = || Process::find(sandbox.status()["guard_pid"].as_i64()? as i32);
    let old = guard().unwrap();
    // Below what there is: nothing at all can be made.
    limit_processes(user, master, 1);
    old.signal(Signal::SIGKILL);
    until("the master notices", || guard().is_none_or(|now| now != old));
    assert_eq!(sandbox.workers("ready").len(), 2, "the workers go on without one");
    limit_processes(user, master, 100);
    let new = until_some("another guard is there", || guard().filter(|new| *new != old));
    sandbox.adopt(new);
    // And the master is what it was: it still adopts what workers leave behind, and ends with all it has.
    let workers = sandbox.settled(2);
    master.signal(Signal::SIGKILL);
    until("nobody is left", || !new.is_alive() && !workers.iter().any(|(_, it)| it.is_alive()));
}

/// Each worker costs the master descriptors; without any, it waits for better times as well.
#[test]
fn s36_the_limit_on_descriptors_delays_a_scale() {
    let sandbox = Sandbox::new("nofile", "number_workers = 2\nrestart_backoff_max = 300ms\n");
    sandbox.ok(&["start"]);
    let (master, before) = (sandbox.master(), sandbox.settled(2));
    let highest = *sandbox.unwatched(master).keys().max().unwrap() as usize;
    // One for the client that asks, and some that are enough for one more worker at most.
    limit_files(master, highest + 3);
    let output = sandbox.run(&["scale", "6"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.err.contains("Too many open files"), "{output:?}");
    until("it is degraded", || sandbox.status()["state"] == "degraded");
    assert_eq!(sandbox.workers("ready")[..2], before, "others were touched");
    limit_files(master, 200);
    let after = sandbox.settled(6);
    until("it is well again", || sandbox.status()["state"] == "running");
    assert_eq!(after[..2], before);
    let workers: Vec<Process> = after.iter().map(|(_, worker)| *worker).collect();
    until("what failed half-way is gone", || {
        master.children().iter().all(|child| workers.contains(child))
    });
    sandbox.ok(&["stop"]);
}
