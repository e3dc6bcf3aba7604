//! What does not go together, and what a configuration asks for that nobody would see: said at the start.

use std::fs;
use std::process::Command;

use ph_tests::{Process, Sandbox, until, until_some};

/// The launcher says why, in the background as in the foreground, and leaves nothing behind.
#[test]
fn what_does_not_go_together_is_refused() {
    let warm = "leader = file\nstandby_warm = true\nbind = 127.0.0.1:0\naccept = reuseport\n";
    for (key, keys) in [("preload", "preload = true\n"), ("standby_warm", warm)] {
        for daemonize in ["true", "false"] {
            let section = format!("daemonize = {daemonize}\n{keys}");
            let sandbox = Sandbox::new("refused", &section);
            let output = sandbox.run(&["start"]);
            assert_eq!(output.code, Some(78), "{output:?}");
            assert!(output.err.contains(key) && output.err.lines().count() == 1, "{output:?}");
            assert!(!sandbox.path("app.pid").exists(), "something was started");
        }
    }
}

#[test]
fn what_can_be_left_out_is_told() {
    let sandbox = Sandbox::new("told", "stop_signal = INT\n");
    let output = sandbox.run(&["start"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.err.contains("passes over stop_signal"), "{output:?}");
    sandbox.ok(&["stop"]);
}

/// A reload that asks for it is refused as well, and the old generation goes on.
#[test]
fn a_reload_to_what_does_not_go_together_is_refused() {
    let sandbox = Sandbox::new("reload", "number_workers = 2\n");
    sandbox.ok(&["start"]);
    let before = sandbox.settled(2);
    sandbox.configure("number_workers = 2\npreload = true\n");
    let output = sandbox.run(&["reload"]);
    assert_eq!(output.code, Some(78), "{output:?}");
    assert!(output.err.contains("preload"), "{output:?}");
    assert_eq!(sandbox.settled(2), before);
    sandbox.ok(&["stop"]);
}

/// `ph` alone has no worker of its own.
#[test]
fn ph_without_a_worker_says_so() {
    let sandbox = Sandbox::for_program("ph", "bare", "");
    for command in ["run", "start"] {
        let output = sandbox.run(&[command]);
        assert_eq!(output.code, Some(78), "{output:?}");
        assert!(output.err.contains("no worker of its own"), "{output:?}");
    }
}

/// Scenario 39, at the end: what a worker set aside goes with the master, and so does what that started.
#[test]
fn s39_a_stop_leaves_no_descendant() {
    // A worker that ends at once may take its daemon along, before that has left its group: another try follows.
    let section = "app.job = daemon\napp.flag = %(here)s/flag\n";
    let sandbox = Sandbox::new("descendants", section);
    sandbox.ok(&["start"]);
    fs::write(sandbox.path("flag"), "").unwrap();
    let family = until_some("a daemon with a child of its own", || {
        let told = sandbox.journal("child");
        let mut daemons = told.iter().filter_map(|words| Process::find(words[1].parse().ok()?));
        daemons.find_map(|daemon| Some([daemon, *daemon.children().first()?]))
    });
    family.iter().for_each(|process| sandbox.adopt(*process));
    sandbox.ok(&["stop"]);
    until("they are gone", || !family.iter().any(|process| process.is_alive()));
}

/// A child that this process had before it became a master, by the script that started both, is nobody's rest.
#[test]
fn s39_what_was_there_before_the_master_outlives_it() {
    let mut sandbox = Sandbox::new("before", "number_workers = 2\n");
    let run = sandbox.command(&["run"]);
    let mut script = Command::new("sh");
    script.args(["-c", "sleep 1000 & echo $! > beside; exec \"$@\"", "sh"]);
    script.arg(run.get_program()).args(run.get_args()).current_dir(sandbox.folder());
    let master = sandbox.launch(&mut script);
    until("it runs", || sandbox.try_status().is_some_and(|status| status["state"] == "running"));
    let beside = Process::find(sandbox.read("beside").trim().parse().unwrap()).unwrap();
    sandbox.adopt(beside);
    assert_eq!(sandbox.master(), master);
    // Orphans are looked for when a worker has ended.
    sandbox.ok(&["worker", "restart", "--all"]);
    sandbox.ok(&["upgrade"]);
    assert_eq!(sandbox.wait(), Some(0), "the former master");
    assert!(beside.is_alive(), "the upgrade ended what was there before");
    sandbox.ok(&["stop"]);
    assert!(beside.is_alive(), "the stop ended what was there before");
}
