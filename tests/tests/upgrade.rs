//! Scenarios 21 and 22: another master takes over, of the program as it is on disk, or is sent away.

use std::fs;

use nix::sys::signal::Signal;
use ph_tests::echo::Echo;
use ph_tests::manager::Manager;
use ph_tests::release::Release;
use ph_tests::sandbox::programs;
use ph_tests::{Process, Sandbox, each_class, load, until, until_some};

each_class![s21_upgrades_lose_no_short_connection, s21_upgrades_lose_no_connection_that_stays,];

const FIVE: &str =
    "number_workers = 5\ngraceful_timeout = 15\nbind = 127.0.0.1:0\nunix_socket = a.sock\n";

/// Upgrades; returns the new master, which everything names by then.
#[track_caller]
fn upgrade(sandbox: &Sandbox, old: Process) -> Process {
    sandbox.ok(&["upgrade"]);
    sandbox.remember();
    let new = sandbox.master();
    assert_ne!(new.pid(), old.pid());
    assert_eq!(sandbox.read("app.pid"), format!("{}\n", new.pid()));
    let status = sandbox.status();
    let change = &status["last_change"];
    assert_eq!((&change["kind"], &change["result"]), (&"upgrade".into(), &"ok".into()), "{status}");
    assert_eq!(change["workers"]["started"], status["totals"]["spawned"], "{status}");
    until("the old one has seen its workers out", || !old.is_alive());
    new
}

fn upgrades(echo: &Echo) {
    let mut master = echo.master();
    let listeners = echo.listeners();
    for count in 1..=5 {
        master = upgrade(echo, master);
        let status = echo.status();
        assert_eq!(status["generation"].as_u64(), Some(1 + count));
        assert_eq!(echo.listeners(), listeners);
        ph_tests::listeners::reach(&listeners[1]).unwrap();
    }
}

fn s21_upgrades_lose_no_short_connection(class: &str) {
    let echo = Echo::start("short", class, FIVE);
    let served = load::short(&echo, load::nothing, || upgrades(&echo));
    assert!(served > 50, "{served} were served");
    echo.ok(&["stop"]);
    echo.nothing_runs();
    assert!(!echo.path("a.sock").exists() && !echo.path("app.pid").exists());
}

fn s21_upgrades_lose_no_connection_that_stays(class: &str) {
    let echo = Echo::run("stay", class, &load::with_room(FIVE, class));
    let served = load::kept(&echo, || upgrades(&echo));
    assert!(served > 50, "{served} were served");
    echo.ok(&["stop"]);
    echo.nothing_runs();
}

/// Also when the next master has fewer slots, or more.
#[test]
fn s21_listeners_of_each_slots_own_go_along() {
    let own = |workers| FIVE.replace('5', workers) + "accept = reuseport\n";
    let echo = Echo::start("own", "sync", &own("5"));
    let served = load::short(&echo, load::nothing, || {
        let mut master = echo.master();
        for workers in ["5", "2", "6", "1", "5"] {
            echo.becomes("sync", &own(workers));
            master = upgrade(&echo, master);
            assert_eq!(echo.settled(workers.parse().unwrap()).len().to_string(), workers);
        }
    });
    assert!(served > 50, "{served} were served");
    echo.ok(&["stop"]);
    echo.nothing_runs();
}

/// `restart` is how it was started; that must not stop the one that it is to succeed.
#[test]
fn s21_a_master_that_was_restarted_can_be_upgraded() {
    let sandbox = Sandbox::new("restarted", "app.job = idle\n");
    sandbox.ok(&["restart"]);
    let old = sandbox.master();
    let new = upgrade(&sandbox, old);
    sandbox.ok(&["restart"]);
    until("it is gone", || !new.is_alive());
    sandbox.remember();
    sandbox.ok(&["upgrade"]);
    sandbox.remember();
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

#[test]
fn s21_an_operators_number_and_the_lock_go_along() {
    let sandbox = Sandbox::new("number", "number_workers = 2\napp.job = idle\n");
    sandbox.ok(&["start"]);
    sandbox.ok(&["scale", "4"]);
    let old = sandbox.master();
    let new = upgrade(&sandbox, old);
    assert_eq!(sandbox.settled(4).len(), 4);
    assert_eq!(sandbox.run(&["start"]).code, Some(4), "the lock was lost");
    assert_eq!(sandbox.master(), new);
    // Its own workers and guard hang on it as ever.
    let family = sandbox.settled(4);
    new.signal(Signal::SIGKILL);
    until("they go with it", || !family.iter().any(|(_, worker)| worker.is_alive()));
    sandbox.ok(&["start"]);
    sandbox.ok(&["stop"]);
}

#[test]
fn s21_usr2_does_the_same() {
    let sandbox = Sandbox::new("usr2", "app.job = idle\n");
    sandbox.ok(&["start"]);
    let old = sandbox.master();
    old.signal(Signal::SIGUSR2);
    until("the old one is gone", || !old.is_alive());
    sandbox.remember();
    assert_ne!(sandbox.master().pid(), old.pid());
    until("it is in the log", || sandbox.read("app.log").contains("upgrade done"));
    sandbox.ok(&["stop"]);
}

/// A signal that comes meanwhile is the new master's, which may have read the file before it was changed.
#[test]
fn s21_a_reload_asked_for_by_a_signal_meanwhile_is_not_lost() {
    let section = "number_workers = 2\napp.job = idle\napp.boot = 700\n";
    let sandbox = Sandbox::new("meanwhile", section);
    sandbox.ok(&["start"]);
    let old = sandbox.master();
    let upgrade = sandbox.begin("upgrade", &["upgrade"]);
    until("its workers boot", || {
        let masters = old.children().into_iter().filter(|it| it.title().starts_with("ph: master"));
        masters.flat_map(Process::children).any(|it| it.title().starts_with("ph: worker"))
    });
    sandbox.configure(&section.replace("= 2", "= 3"));
    old.signal(Signal::SIGHUP);
    let (output, _) = sandbox.end(upgrade);
    assert_eq!(output.code, Some(0), "{output:?}");
    sandbox.remember();
    assert_ne!(sandbox.master(), old);
    sandbox.settled(3);
    sandbox.ok(&["stop"]);
}

const TWO: &str = "number_workers = 2\napp.job = idle\nboot_timeout = 2\n";

#[test]
fn s22_a_program_that_cannot_take_over_changes_nothing() {
    let release = Release::start("broken", TWO);
    release.script("exit 7", 0o755);
    release.fails(&["ended before it was ready"]);
    release.script("exec sleep 1000", 0o755);
    release.fails(&["not ready within boot_timeout"]);
    release.script("exit 0", 0o644);
    release.fails(&["cannot start "]);
    release.lead_to("nothing");
    release.fails(&["cannot start "]);
    // The real one, then.
    release.lead_to(&programs().join("ph-fixture").to_string_lossy());
    upgrade(&release.sandbox, release.sandbox.master());
    release.sandbox.ok(&["stop"]);
    release.sandbox.nothing_runs();
}

#[test]
fn s22_workers_that_cannot_boot_or_a_configuration_that_cannot_be_read_change_nothing() {
    let release = Release::start("config", TWO);
    release.sandbox.configure(&format!("{TWO}app.boot = fail\n"));
    release.fails(&["could not boot"]);
    release.sandbox.configure(&format!("{TWO}proc_name = other\ncontrol_socket = fixture.sock\n"));
    release.fails(&["can only change by a restart"]);
    release.sandbox.configure(TWO);
    let master = release.sandbox.master();
    // The command would see this itself; the signal does not.
    release.sandbox.configure(&format!("{TWO}threads = many\n"));
    master.signal(Signal::SIGUSR2);
    until("it was tried", || {
        release.sandbox.read("app.log").matches("upgrade failed").count() == 3
    });
    release.sandbox.configure(TWO);
    assert_eq!(release.sandbox.master(), master);
    release.sandbox.ok(&["stop"]);
}

#[test]
fn s22_a_second_upgrade_is_refused_and_a_stop_ends_the_first() {
    let section =
        "number_workers = 2\napp.job = idle\napp.boot = 60000\napp.flag = %(here)s/slow\n";
    let release = Release::start("second", section);
    let sandbox = &release.sandbox;
    let master = sandbox.master();
    fs::write(sandbox.path("slow"), "").unwrap();
    master.signal(Signal::SIGUSR2);
    until("it is under way", || sandbox.status()["state"] == "upgrading");
    let successor = until_some("another master", || {
        let ours = |child: &&Process| child.title().starts_with("ph: master");
        master.children().iter().find(ours).copied()
    });
    sandbox.adopt(successor);
    let output = sandbox.run(&["upgrade"]);
    assert_eq!(output.code, Some(4), "{output:?}");
    assert!(output.err.contains("under way"), "{output:?}");
    sandbox.ok(&["stop"]);
    until("the successor is gone", || !successor.is_alive() || successor.is_zombie());
    sandbox.nothing_runs();
}

#[test]
fn s22_a_master_that_dies_takes_its_successor_along() {
    let section =
        "number_workers = 2\napp.job = idle\napp.boot = 60000\napp.flag = %(here)s/slow\n";
    let release = Release::start("dies", section);
    let sandbox = &release.sandbox;
    let master = sandbox.master();
    fs::write(sandbox.path("slow"), "").unwrap();
    master.signal(Signal::SIGUSR2);
    let successor = until_some("another master", || {
        let ours = |child: &&Process| child.title().starts_with("ph: master");
        master.children().iter().find(ours).copied()
    });
    sandbox.adopt(successor);
    master.signal(Signal::SIGKILL);
    until("both are gone", || !successor.is_alive() || successor.is_zombie());
    fs::remove_file(sandbox.path("slow")).unwrap();
    // A guard that was forked a moment ago may not have closed its copy of the lock yet.
    until("the lock is free", || sandbox.run(&["start"]).code == Some(0));
    sandbox.ok(&["stop"]);
}

#[test]
fn s21_the_service_manager_hears_of_the_new_master() {
    let sandbox = Sandbox::new("manager", "app.job = idle\n");
    let manager = Manager::start(&sandbox);
    assert!(manager.told().contains(&"READY=1".to_owned()));
    let new = upgrade(&sandbox, sandbox.master());
    let main = format!("MAINPID={}", new.pid());
    until("both have named it", || {
        let words = manager.told();
        words.contains(&main) && words.contains(&"READY=1".to_owned())
    });
    sandbox.ok(&["stop"]);
}
