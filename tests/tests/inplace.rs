//! Scenario 23, and the same where the master is not PID 1: it becomes another program and stays the same process.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ph_tests::echo::Echo;
use ph_tests::manager::Manager;
use ph_tests::release::Release;
use ph_tests::{Process, Sandbox, each_class, load, until};

each_class![
    s23_upgrades_of_pid_1_lose_no_short_connection,
    s23_upgrades_of_pid_1_lose_no_connection_that_stays,
    s21_upgrades_in_place_lose_no_connection_that_stays,
];

const INPLACE: &str = "upgrade_mode = inplace\n";
const FIVE: &str =
    "number_workers = 5\ngraceful_timeout = 15\nbind = 127.0.0.1:0\nunix_socket = a.sock\n";

/// Upgrades five times; the process, its listeners and its counts stay.
fn upgrades(echo: &Echo) {
    let (master, before, listeners) = (echo.master(), echo.status(), echo.listeners());
    for count in 1..=5 {
        echo.ok(&["upgrade"]);
        let status = echo.status();
        assert_eq!(status["pid"], before["pid"]);
        assert_eq!(status["generation"].as_u64(), Some(1 + count));
        assert_eq!(status["last_change"]["kind"], "upgrade");
        assert_eq!(status["totals"]["crashed"], 0, "{status}");
        assert_eq!(echo.master(), master);
        assert_eq!(echo.listeners(), listeners);
    }
    let status = echo.status();
    let workers = before["wanted"].as_u64().unwrap();
    assert_eq!(status["totals"]["spawned"].as_u64(), Some(6 * workers), "{status}");
    assert!(status["uptime_s"].as_f64() > before["uptime_s"].as_f64());
}

fn s23_upgrades_of_pid_1_lose_no_short_connection(class: &str) {
    let echo = Echo::contained("inits", class, FIVE);
    let served = load::short(&echo, load::nothing, || upgrades(&echo));
    assert!(served > 50, "{served} were served");
    echo.ok(&["stop"]);
    until("all is over", || echo.namespace().members().is_empty());
    assert!(!echo.path("a.sock").exists() && !echo.path("app.pid").exists());
}

fn s23_upgrades_of_pid_1_lose_no_connection_that_stays(class: &str) {
    let echo = Echo::contained("initk", class, &load::with_room(FIVE, class));
    let served = load::kept(&echo, || upgrades(&echo));
    assert!(served > 50, "{served} were served");
    echo.ok(&["stop"]);
    until("all is over", || echo.namespace().members().is_empty());
}

fn s21_upgrades_in_place_lose_no_connection_that_stays(class: &str) {
    let echo = Echo::run("inplace", class, &(load::with_room(FIVE, class) + INPLACE));
    let served = load::kept(&echo, || upgrades(&echo));
    assert!(served > 50, "{served} were served");
    echo.ok(&["stop"]);
    echo.nothing_runs();
}

#[test]
fn s21_the_other_ways_to_accept_go_along() {
    for accept in ["lock", "reuseport"] {
        let settings = format!("{FIVE}{INPLACE}accept = {accept}\n");
        let echo = Echo::start(accept, "sync", &settings);
        let served = load::short(&echo, load::nothing, || upgrades(&echo));
        assert!(served > 50, "{served} were served");
        echo.ok(&["stop"]);
        echo.nothing_runs();
    }
}

#[test]
fn s21_all_that_an_operator_knows_goes_along() {
    let sandbox =
        Sandbox::named("known", &format!("number_workers = 2\napp.job = idle\n{INPLACE}"));
    sandbox.ok(&["start"]);
    sandbox.ok(&["scale", "4"]);
    let master = sandbox.master();
    let (_, victim) = sandbox.settled(4)[1];
    victim.signal(Signal::SIGKILL);
    sandbox.replaced(victim, 4);
    let why = sandbox.ok(&["why", "1", "--json"]);
    let before = sandbox.status();
    sandbox.ok(&["upgrade"]);
    let status = sandbox.status();
    assert_eq!(sandbox.settled(4).len(), 4);
    assert_eq!(sandbox.master(), master);
    assert_eq!(sandbox.read("app.pid"), format!("{}\n", master.pid()));
    assert_eq!(status["totals"]["crashed"], 1, "{status}");
    assert_eq!(status["config_file"], before["config_file"]);
    // Each worker's end has its own certificate; this is an older one's no more.
    let after = sandbox.ok(&["why", "1", "--json"]);
    assert!(why.contains("KILL") && after.contains("asked"), "{why}{after}");
    assert_eq!(sandbox.run(&["start"]).code, Some(4), "the lock was lost");
    // A guard of its own, and only one, which does what guards do.
    let guard = |process: &Process| process.title().starts_with("ph: guard");
    until("the former one has gone", || {
        let guards: Vec<Process> = sandbox.processes().into_iter().filter(guard).collect();
        let own = sandbox.status()["guard_pid"].as_i64();
        matches!(guards[..], [guard] if own == Some(guard.pid().into()))
    });
    let family = sandbox.settled(4);
    master.signal(Signal::SIGKILL);
    until("they go with it", || !family.iter().any(|(_, worker)| worker.is_alive()));
    sandbox.ok(&["start"]);
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

/// Who waits on the control socket is not cut off, and gets the answer of the other program.
#[test]
fn s21_a_reload_that_waits_is_done_by_the_next_program() {
    let section = format!("app.job = idle\napp.boot = 1500\n{INPLACE}");
    let sandbox = Sandbox::new("waits", &section);
    sandbox.ok(&["start"]);
    let mut upgrade = sandbox.command(&["upgrade"]).spawn().unwrap();
    until("it is under way", || sandbox.status()["state"] == "upgrading");
    assert_eq!(sandbox.run(&["upgrade"]).code, Some(4));
    sandbox.ok(&["reload"]);
    assert!(upgrade.wait().unwrap().success());
    let status = sandbox.status();
    assert_eq!(status["generation"], 3, "{status}");
    assert_eq!(status["last_change"]["kind"], "reload");
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

const TWO: &str = "number_workers = 2\napp.job = idle\nboot_timeout = 2\nupgrade_mode = inplace\n";

/// The program that a process executes.
fn executed(process: Process) -> String {
    let link = fs::read_link(format!("/proc/{}/exe", process.pid())).unwrap();
    link.to_string_lossy().into_owned()
}

/// A master whose program is `v1`, with `current` that leads to it.
fn release(test: &str) -> Release {
    let release = Release::new(Sandbox::new(test, TWO));
    release.copy("v1");
    release.lead_to("v1");
    release.begin();
    release
}

#[test]
fn s22_a_program_that_is_asked_and_cannot_changes_nothing() {
    let release = release("asked");
    release.script("exit 7", 0o755);
    release.fails(&["/current ended before it was ready"]);
    release.script("exec sleep 1000", 0o755);
    release.fails(&["not ready within boot_timeout"]);
    release.script("exit 0", 0o644);
    release.fails(&["cannot start ", "Permission denied"]);
    release.lead_to("nothing");
    release.fails(&["cannot start ", "No such file"]);
    release.lead_to("/bin/true");
    release.fails(&["/current ended before it was ready"]);
    release.copy("v2");
    release.lead_to("v2");
    release.sandbox.configure(&format!("{TWO}single_instance = true\n"));
    release.fails(&["can only change by a restart"]);
    release.sandbox.configure(&format!("{TWO}user = no-such-user\n"));
    release.fails(&["config.ini:", "there is no user no-such-user"]);
    release.sandbox.configure(TWO);
    // It has forgotten nothing, and can still do it.
    let master = release.sandbox.master();
    assert!(executed(master).ends_with("/v1"));
    release.sandbox.ok(&["upgrade"]);
    assert_eq!(release.sandbox.master(), master);
    assert!(executed(master).ends_with("/v2"));
    assert_eq!(release.sandbox.status()["last_change"]["result"], "ok");
    release.sandbox.ok(&["stop"]);
    release.sandbox.nothing_runs();
}

/// It took over, and its workers can't boot: the former program has the process again.
#[test]
fn s22_a_program_whose_workers_cannot_boot_gives_the_process_back() {
    let release = release("back");
    let sandbox = &release.sandbox;
    let master = sandbox.master();
    release.copy("v2");
    release.lead_to("v2");
    for (boot, why) in [
        ("fail", "could not boot: the fixture was told to fail"),
        ("exit", "could not boot: ended in boot with exit code 9"),
        ("hang", "not ready within boot_timeout (2s)"),
    ] {
        sandbox.configure(&format!("{TWO}app.boot = {boot}\n"));
        release.fails(&[why]);
        assert!(executed(master).ends_with("/v1"));
        // By the former program, under the former settings.
        let (_, worker) = sandbox.settled(2)[0];
        worker.signal(Signal::SIGKILL);
        sandbox.replaced(worker, 2);
    }
    // The file that the former program was may be gone: the process has it still.
    fs::remove_file(sandbox.path("v1")).unwrap();
    sandbox.configure(&format!("{TWO}app.boot = fail\n"));
    release.fails(&["could not boot"]);
    assert!(executed(master).ends_with("/v1 (deleted)"));
    sandbox.configure(TWO);
    sandbox.ok(&["upgrade"]);
    assert!(executed(master).ends_with("/v2"));
    assert_eq!(sandbox.master(), master);
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

/// At whatever moment of it a worker dies or a stop comes: nobody is forgotten, and nothing is left.
#[test]
fn s23_deaths_and_stops_at_any_moment_of_it_are_seen() {
    let sandbox =
        Sandbox::new("moments", &format!("number_workers = 3\napp.job = idle\n{INPLACE}"));
    for round in 0..20 {
        sandbox.ok(&["start"]);
        sandbox.remember();
        let (master, workers) = (sandbox.master(), sandbox.settled(3));
        master.signal(Signal::SIGUSR2);
        // The moments are spread over what an upgrade takes; which of them is hit does not matter.
        let moment = Instant::now() + Duration::from_millis(3 * round);
        while Instant::now() < moment {
            thread::yield_now();
        }
        workers[0].1.signal(Signal::SIGKILL);
        if round % 2 == 0 {
            sandbox.replaced(workers[0].1, 3);
            until("it is over", || sandbox.status()["state"] == "running");
            sandbox.ok(&["stop"]);
        } else {
            master.signal(Signal::SIGTERM);
            until("it has stopped", || !master.is_alive());
        }
        sandbox.nothing_runs();
    }
}

#[test]
fn s45_upgrades_in_place_leave_descriptors_and_memory_flat() {
    let sandbox = Sandbox::new("flat", &format!("number_workers = 2\napp.job = idle\n{INPLACE}"));
    sandbox.ok(&["start"]);
    let master = sandbox.master();
    let look = || {
        sandbox.settled(2);
        sandbox.unwatched(master)
    };
    sandbox.ok(&["upgrade"]);
    let (files, memory) = (look(), master.resident());
    for _ in 0..30 {
        sandbox.ok(&["upgrade"]);
    }
    let after = look();
    assert_eq!(after.len(), files.len(), "{files:?}\n{after:?}");
    let grown = master.resident().saturating_sub(memory);
    assert!(grown < 1 << 20, "30 upgrades cost {grown} bytes");
    assert_eq!(master.status("Threads"), Some(1));
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

#[test]
fn s21_the_service_manager_goes_along() {
    let sandbox = Sandbox::new("notified", &format!("app.job = idle\n{INPLACE}"));
    let manager = Manager::start(&sandbox);
    assert!(manager.told().contains(&"READY=1".to_owned()));
    for _ in 0..2 {
        sandbox.ok(&["upgrade"]);
        until("it is told that all is well", || {
            let words = manager.told();
            words.contains(&"READY=1".to_owned()) && words.contains(&"STATUS=upgraded".to_owned())
        });
    }
    sandbox.ok(&["stop"]);
    until("it is told of the end", || manager.told().contains(&"STOPPING=1".to_owned()));
}
