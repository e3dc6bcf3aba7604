//! Scenarios 10 to 14, and what else signals and the number of workers do.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;

use nix::sys::signal::Signal;
use ph_tests::{Process, Sandbox, until};

/// Waits until the master wants `count` workers and has them ready; nobody else is left.
#[track_caller]
fn has(sandbox: &Sandbox, count: u64) -> Vec<(u64, Process)> {
    until(&format!("{count} workers are wanted"), || sandbox.status()["wanted"] == count);
    sandbox.settled(count as usize)
}

fn pids(workers: &[(u64, Process)]) -> BTreeSet<i32> {
    workers.iter().map(|(_, worker)| worker.pid()).collect()
}

/// Scenario 10.
#[test]
fn s10_ttin_and_ttou_add_and_remove_one() {
    let sandbox = Sandbox::new("s10", "number_workers = 2");
    sandbox.ok(&["start"]);
    let (master, before) = (sandbox.master(), sandbox.settled(2));
    master.takes(Signal::SIGTTIN);
    let three = has(&sandbox, 3);
    assert!(pids(&before).is_subset(&pids(&three)), "TTIN replaced a worker");
    master.takes(Signal::SIGTTOU);
    let two = has(&sandbox, 2);
    assert!(pids(&two).is_subset(&pids(&three)), "TTOU replaced a worker");
    master.takes(Signal::SIGTTOU);
    has(&sandbox, 1);
    assert_eq!(sandbox.status()["totals"]["spawned"], 3);
}

/// Scenario 10.
#[test]
fn s10_ttou_at_one_stays_at_one() {
    let sandbox = Sandbox::new("s10-one", "");
    sandbox.ok(&["start"]);
    let (master, before) = (sandbox.master(), sandbox.settled(1));
    for _ in 0..5 {
        master.takes(Signal::SIGTTOU);
        assert_eq!(sandbox.status()["wanted"], 1);
    }
    assert_eq!(has(&sandbox, 1), before);
    // Nothing was owed either: one more is two, not still one.
    master.takes(Signal::SIGTTIN);
    has(&sandbox, 2);
}

/// Scenario 11.
#[test]
fn s11_ten_clients_at_once_add_exactly_thirty() {
    let sandbox = Sandbox::new("s11", "number_workers = 2\napp.job = idle");
    sandbox.ok(&["start"]);
    let spawn = |_| {
        let mut command = sandbox.command(&["scale", "+3"]);
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    let clients: Vec<_> = (0..10).map(spawn).collect();
    let codes: Vec<_> = clients.into_iter().map(|mut it| it.wait().unwrap().code()).collect();
    assert_eq!(codes, [Some(0); 10]);
    assert_eq!(sandbox.status()["wanted"], 32);
    let workers = sandbox.settled(32);
    let slots: Vec<u64> = workers.iter().map(|(slot, _)| *slot).collect();
    assert_eq!(slots, (0..32).collect::<Vec<_>>());
    assert_eq!(sandbox.status()["totals"]["spawned"], 32);
}

/// Scenario 12. USR2 is left out: it makes another master, which has scenarios of its own.
#[test]
fn s12_a_burst_that_ends_in_term_ends_cleanly() {
    let section = "number_workers = 2\napp.job = idle";
    let mut sandbox = Sandbox::named("s12", section);
    let master = sandbox.foreground();
    let mixture = [
        Signal::SIGTTIN,
        Signal::SIGUSR1,
        Signal::SIGHUP,
        Signal::SIGCHLD,
        Signal::SIGTTOU,
        Signal::SIGWINCH,
        Signal::SIGHUP,
    ];
    mixture.iter().cycle().take(999).for_each(|signal| master.signal(*signal));
    master.signal(Signal::SIGTERM);
    assert_eq!(sandbox.wait(), Some(0), "the end was not clean");
    sandbox.nothing_runs();
    assert!(sandbox.read("app.log").contains("master has ended"));
}

/// Scenario 12: a stop outranks what is pending with it, whatever the numbers of the signals say.
#[test]
fn s12_a_stop_outranks_what_is_pending_with_it() {
    let mut sandbox = Sandbox::named("s12-rank", "number_workers = 2");
    let master = sandbox.foreground();
    // All of these are pending together when it wakes.
    master.signal(Signal::SIGSTOP);
    until("it is stopped", || master.is_stopped());
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGTTIN, Signal::SIGWINCH] {
        master.signal(signal);
    }
    master.signal(Signal::SIGCONT);
    assert_eq!(sandbox.wait(), Some(0));
    sandbox.nothing_runs();
    assert_eq!(sandbox.journal("new").len(), 2, "something else was begun before the stop");
}

/// Scenario 13.
#[test]
fn s13_a_number_set_by_hand_outlives_a_reload() {
    let sandbox = Sandbox::new("s13", "number_workers = 2");
    sandbox.ok(&["start"]);
    sandbox.ok(&["scale", "6"]);
    let before = has(&sandbox, 6);
    sandbox.ok(&["reload"]);
    let after = has(&sandbox, 6);
    assert!(pids(&before).is_disjoint(&pids(&after)), "the reload replaced nobody");
    sandbox.master().takes(Signal::SIGTTIN);
    has(&sandbox, 7);
    sandbox.ok(&["reload"]);
    has(&sandbox, 7);
}

/// Scenario 13: the file's number counts when it is another than before.
#[test]
fn s13_a_changed_number_in_the_file_wins_at_a_reload() {
    let sandbox = Sandbox::new("s13-file", "number_workers = 2");
    sandbox.ok(&["start"]);
    sandbox.ok(&["scale", "6"]);
    sandbox.configure("number_workers = 3");
    sandbox.ok(&["reload"]);
    has(&sandbox, 3);
    // Another key's change is not a change of this one.
    sandbox.ok(&["scale", "5"]);
    sandbox.configure("number_workers = 3\ngraceful_timeout = 4");
    sandbox.ok(&["reload"]);
    has(&sandbox, 5);
}

/// Starts two workers that are deaf to a graceful stop, sends `first`, then `second`, and waits for the end: far
/// sooner than `graceful_timeout`.
#[track_caller]
fn a_second_stop_is_quick(test: &str, first: Signal, second: Signal) {
    let section = "number_workers = 2\ngraceful_timeout = 600\napp.job = sleep";
    let mut sandbox = Sandbox::named(test, section);
    let master = sandbox.foreground();
    let workers = sandbox.settled(2);
    until("both are in a job", || sandbox.journal("job").len() == 2);
    master.takes(first);
    let status = sandbox.status();
    assert_eq!(status["state"], "stopping");
    assert_eq!(sandbox.workers("draining"), workers, "{status}");
    master.signal(second);
    assert_eq!(sandbox.wait(), Some(0));
    sandbox.nothing_runs();
}

/// Scenario 14.
#[test]
fn s14_int_makes_a_graceful_stop_quick() {
    a_second_stop_is_quick("s14-int", Signal::SIGTERM, Signal::SIGINT);
}

/// Scenario 14: any second stop does.
#[test]
fn s14_a_second_term_makes_a_graceful_stop_quick() {
    a_second_stop_is_quick("s14-term", Signal::SIGTERM, Signal::SIGTERM);
    a_second_stop_is_quick("s14-quit", Signal::SIGQUIT, Signal::SIGTERM);
}

/// Scenario 14, by command; whoever asked first gets its answer too.
#[test]
fn s14_a_quick_stop_overtakes_a_graceful_one() {
    let section = "number_workers = 2\ngraceful_timeout = 600\napp.job = sleep";
    let sandbox = Sandbox::named("s14-command", section);
    sandbox.ok(&["start"]);
    let mut graceful = sandbox.command(&["stop"]).stdout(Stdio::null()).spawn().unwrap();
    until("the graceful stop is under way", || sandbox.status()["state"] == "stopping");
    sandbox.ok(&["stop", "--quick"]);
    assert_eq!(graceful.wait().unwrap().code(), Some(0));
    sandbox.nothing_runs();
}

/// Each stop signal alone ends the master with code 0, and lets its workers say good-bye unless it is INT.
#[test]
fn each_stop_signal_ends_the_master() {
    for (signal, graceful) in
        [(Signal::SIGTERM, true), (Signal::SIGQUIT, true), (Signal::SIGINT, false)]
    {
        let mut sandbox = Sandbox::named("stop", "number_workers = 2");
        let master = sandbox.foreground();
        master.signal(signal);
        assert_eq!(sandbox.wait(), Some(0), "{signal}");
        sandbox.nothing_runs();
        if graceful {
            assert_eq!(sandbox.journal("stop").len(), 2, "{signal}: workers did not stop in order");
        }
    }
}

/// HUP: every worker is replaced by one of the next generation, under the file as it is now.
#[test]
fn hup_reloads() {
    let sandbox = Sandbox::new("hup", "number_workers = 2");
    sandbox.ok(&["start"]);
    let (master, before) = (sandbox.master(), sandbox.settled(2));
    sandbox.configure("number_workers = 3\napp.tick_ms = 30");
    master.takes(Signal::SIGHUP);
    let after = has(&sandbox, 3);
    assert!(pids(&before).is_disjoint(&pids(&after)));
    let status = sandbox.status();
    assert_eq!(
        (&status["generation"], &status["last_change"]["result"]),
        (&2.into(), &"ok".into())
    );
    assert_eq!(status["last_change"]["kind"], "reload");
    assert_eq!(sandbox.master(), master);
    // New before old: nobody stopped before the first of the new ones was ready.
    let at = |word: &str, generation: &str| {
        let lines = sandbox.journal(word).into_iter().filter(|line| line[3] == generation);
        lines.map(|line| line[4].parse::<u64>().unwrap()).min().unwrap()
    };
    assert!(at("ready", "2") < at("stop", "1"), "an old worker left before a new one was ready");
}

/// HUP with a file that is wrong leaves everything as it is, and says so.
#[test]
fn hup_with_a_broken_file_changes_nothing() {
    let sandbox = Sandbox::new("hup-bad", "number_workers = 2");
    sandbox.ok(&["start"]);
    let (master, before) = (sandbox.master(), sandbox.settled(2));
    let good = sandbox.read("config.ini");
    fs::write(sandbox.path("config.ini"), good.replace("number_workers = 2", "numer_workers = 2"))
        .unwrap();
    master.takes(Signal::SIGHUP);
    until("the log names the key", || sandbox.read("app.log").contains("numer_workers"));
    fs::write(sandbox.path("config.ini"), good).unwrap();
    assert_eq!(has(&sandbox, 2), before);
    let status = sandbox.status();
    assert_eq!(status["generation"], 1);
    assert_eq!(status["last_change"]["result"], "failed");
}

/// USR1: the master and its workers write to a new file of the old name.
#[test]
fn usr1_reopens_the_log_here_and_in_workers() {
    let sandbox = Sandbox::new("usr1", "number_workers = 2\napp.job = error");
    sandbox.ok(&["start"]);
    let (master, workers) = (sandbox.master(), sandbox.settled(2));
    for (round, by_command) in [(1, false), (2, true)] {
        let old = sandbox.path(&format!("old.{round}"));
        fs::rename(sandbox.path("app.log"), &old).unwrap();
        if by_command {
            sandbox.ok(&["log", "reopen"]);
        } else {
            master.takes(Signal::SIGUSR1);
        }
        for worker in workers.iter().map(|(_, worker)| *worker).chain([master]) {
            // Each line names its writer: [master PID], [worker SLOT PID].
            let own = format!(" {}] ", worker.pid());
            until("it writes to the new log", || sandbox.read("app.log").contains(&own));
            until("nobody holds the old log", || !worker.holds(&old));
        }
    }
    assert_eq!(sandbox.settled(2), workers, "a worker did not survive USR1");
}

/// USR1 while the log's directory is gone: the old file stays in use, and nobody dies.
#[test]
fn usr1_that_cannot_open_the_log_keeps_the_old_one() {
    let sandbox = Sandbox::new("usr1-gone", "log_file = logs/app.log");
    fs::create_dir(sandbox.path("logs")).unwrap();
    sandbox.ok(&["start"]);
    let before = sandbox.settled(1);
    fs::rename(sandbox.path("logs"), sandbox.path("moved")).unwrap();
    sandbox.master().takes(Signal::SIGUSR1);
    until("the old log says why", || sandbox.read("moved/app.log").contains("cannot open the log"));
    assert_eq!(sandbox.settled(1), before);
}

/// WINCH: all workers retire, the master stays; HUP brings them back, and so does `scale`.
#[test]
fn winch_retires_all_and_hup_or_scale_brings_them_back() {
    let sandbox = Sandbox::new("winch", "number_workers = 2");
    sandbox.ok(&["start"]);
    let master = sandbox.master();
    let mut gone = sandbox.settled(2);
    for (back, count) in [(None, 2), (Some("3"), 3), (Some("3"), 3), (Some("+1"), 4)] {
        master.takes(Signal::SIGWINCH);
        sandbox.settled(0);
        until("the retired are gone", || !gone.iter().any(|(_, worker)| worker.is_alive()));
        assert_eq!(sandbox.master(), master);
        match back {
            None => master.takes(Signal::SIGHUP),
            Some(number) => drop(sandbox.ok(&["scale", number])),
        }
        gone = has(&sandbox, count);
    }
    assert_eq!(sandbox.journal("stop").len(), 2 + 2 + 3 + 3, "workers did not leave in order");
}

/// WINCH under a controlling terminal means a resized window, and is nobody's business.
#[test]
fn winch_is_ignored_with_a_controlling_terminal() {
    let sandbox = Sandbox::named("winch-tty", "number_workers = 2");
    let program = sandbox.command(&[]).get_program().to_string_lossy().into_owned();
    let mut script = std::process::Command::new("script");
    script.args(["--quiet", "--command", &format!("'{program}' run"), "/dev/null"]);
    script.current_dir(sandbox.folder()).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut script = script.stderr(Stdio::null()).spawn().unwrap();
    sandbox.adopt(Process::find(script.id() as i32).unwrap());
    until("the master runs", || sandbox.try_status().is_some_and(|it| it["state"] == "running"));
    let (master, before) = (sandbox.master(), sandbox.settled(2));
    let terminal = master.descriptor(0).unwrap();
    assert!(terminal.starts_with("/dev/pts"), "script gave it no terminal: {terminal:?}");
    master.takes(Signal::SIGWINCH);
    assert_eq!(has(&sandbox, 2), before);
    master.signal(Signal::SIGTERM);
    script.wait().unwrap();
    sandbox.nothing_runs();
    assert_eq!(sandbox.journal("new").len(), 2, "workers were replaced");
}

/// Signals to a worker: TERM and QUIT let it finish and leave, INT ends it; each is replaced.
#[test]
fn a_worker_that_is_signalled_leaves_and_is_replaced() {
    let sandbox = Sandbox::new("worker", "number_workers = 2");
    sandbox.ok(&["start"]);
    for signal in [Signal::SIGTERM, Signal::SIGQUIT, Signal::SIGINT] {
        let before = sandbox.settled(2);
        let stopped = sandbox.journal("stop").len();
        before[1].1.signal(signal);
        until("the signalled worker is gone", || !before[1].1.is_alive());
        let after = sandbox.replaced(before[1].1, 2);
        assert_eq!(after[0], before[0], "{signal}: the other one was not left alone");
        let orderly = usize::from(signal != Signal::SIGINT);
        assert_eq!(sandbox.journal("stop").len(), stopped + orderly, "{signal}");
    }
}
