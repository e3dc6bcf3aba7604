//! What programs tell by the protocol of service managers, and what is made of it.

use std::fs;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use nix::sys::signal::Signal;
use ph_tests::programs::journey;
use ph_tests::{Process, Sandbox, until};

const READY: &str = "notify = ready\n";

/// Sends what a stranger might, to where a worker is told to.
fn intrude(worker: Process, text: &str) {
    let place = worker.environment()["NOTIFY_SOCKET"].clone();
    let address = SocketAddr::from_abstract_name(&place[1..]).unwrap();
    UnixDatagram::unbound().unwrap().send_to_addr(text.as_bytes(), &address).unwrap();
}

fn worker(sandbox: &Sandbox) -> serde_json::Value {
    sandbox.status()["workers"][0].clone()
}

#[test]
fn it_is_ready_when_it_says_so_and_a_stranger_says_nothing() {
    let sandbox = Sandbox::exec("ready", &format!("{}{READY}", journey("ready go")));
    let mut start = sandbox.begin("start", &["start"]);
    until("it boots", || {
        sandbox.try_status().is_some_and(|status| status["workers"][0]["state"] == "booting")
    });
    sandbox.remember();
    let process = sandbox.workers("booting")[0].1;
    until("it is the program", || process.title().contains("worker.py"));
    intrude(process, "READY=1\nSTATUS=mine\nMAINPID=1");
    // What was sent before is taken before an answer to what was asked after it, twice.
    for _ in 0..2 {
        let row = worker(&sandbox);
        assert_eq!((&row["state"], &row["status"]), (&"booting".into(), &serde_json::Value::Null));
    }
    assert!(start.is_running());
    fs::write(sandbox.path("go"), "").unwrap();
    assert_eq!(sandbox.end(start).0.code, Some(0));
    assert_eq!(worker(&sandbox)["status"], "at work");
    assert!(sandbox.ok(&["status"]).contains("at work"));
    // Nor afterwards.
    intrude(process, "STATUS=mine\nSTOPPING=1");
    assert_eq!(worker(&sandbox)["status"], "at work");
    assert_eq!(worker(&sandbox)["status"], "at work");
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

#[test]
fn a_helper_of_the_worker_speaks_for_it() {
    let section = format!("command = sh helper.sh\n{READY}");
    let sandbox = Sandbox::exec("helper", &section);
    sandbox.script("helper.sh", "systemd-notify --ready --status='by a helper'\nexec sleep 1000\n");
    sandbox.started();
    assert_eq!(worker(&sandbox)["status"], "by a helper");
    sandbox.ok(&["stop"]);
}

#[test]
fn one_that_never_says_so_is_ended_at_boot_timeout() {
    let section =
        format!("command = sh -c \"echo here I am; sleep 1000\"\n{READY}boot_timeout = 300ms\n");
    let sandbox = Sandbox::exec("never", &section);
    let output = sandbox.run(&["start"]);
    assert_eq!(output.code, Some(70), "{output:?}");
    assert!(
        output.err.contains("worker 0 could not boot: not ready within boot_timeout"),
        "{output:?}"
    );
    sandbox.nothing_runs();
}

#[test]
fn without_notify_it_is_ready_by_living_on() {
    let sandbox = Sandbox::exec("living", "command = sleep 1000\nready_after = 700ms\n");
    let began = std::time::Instant::now();
    sandbox.started();
    assert!(began.elapsed() >= Duration::from_millis(700));
    sandbox.ok(&["stop"]);
    sandbox.configure("command = sh -c \"echo too early; sleep 0.2\"\nready_after = 10\n");
    let output = sandbox.run(&["start"]);
    assert_eq!(output.code, Some(70), "{output:?}");
    assert!(output.err.contains("worker 0 could not boot: ended in boot with "), "{output:?}");
    assert!(output.err.contains("too early"), "{output:?}");
    sandbox.nothing_runs();
}

#[test]
fn descriptors_that_come_along_are_closed() {
    let sandbox = Sandbox::exec("gifts", &format!("{}{READY}", journey("descriptors")));
    sandbox.ok(&["start"]);
    let master = sandbox.master();
    assert_eq!(worker(&sandbox)["status"], "given");
    let before = master.open_files().len();
    sandbox.ok(&["worker", "restart", "0"]);
    sandbox.settled(1);
    until("it has as many open as before", || master.open_files().len() <= before);
    sandbox.ok(&["stop"]);
}

#[test]
fn the_watchdog_starts_with_its_first_meal() {
    let section = format!("{READY}timeout = 1\n");
    let sandbox = Sandbox::exec("watchdog", &format!("{}{section}", journey("watchdog")));
    let hungry = sandbox.started();
    until("it has lived for long", || worker(&sandbox)["age_s"].as_f64().unwrap() > 2.5);
    assert!(hungry.is_alive(), "{}", sandbox.read("app.log"));

    fs::write(sandbox.path("feed"), "").unwrap();
    sandbox.configure(&format!("{}{section}", journey("watchdog once")));
    sandbox.ok(&["reload"]);
    let fed = sandbox.settled(1)[0].1;
    until("it has lived for long", || worker(&sandbox)["age_s"].as_f64().unwrap() > 2.5);
    assert!(fed.is_alive(), "{}", sandbox.read("app.log"));

    fs::remove_file(sandbox.path("feed")).unwrap();
    until("it is ended", || !fed.is_alive());
    let log = sandbox.read("app.log");
    assert!(log.contains("watchdog not fed within timeout"), "{log}");
    sandbox.certificate(0, fed);
    let why = sandbox.ok(&["why", "0"]);
    assert!(why.contains("its watchdog was not fed for"), "{why}");
    fs::write(sandbox.path("feed"), "").unwrap();
    sandbox.settled(1);
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

/// Scenario 33.
#[test]
fn s33_a_stopped_program_starves_its_watchdog() {
    let sandbox =
        Sandbox::exec("stopped", &format!("{}{READY}timeout = 400ms\n", journey("watchdog once")));
    fs::write(sandbox.path("feed"), "").unwrap();
    let worker = sandbox.started();
    worker.signal(Signal::SIGSTOP);
    until("it is ended", || !worker.is_alive());
    sandbox.replaced(worker, 1);
    sandbox.ok(&["stop"]);
}

/// The same by a shell script; and one that has never fed it has nothing under way that could be late.
#[test]
fn s33_a_stopped_shell_script_is_killed_if_it_has_fed_its_watchdog() {
    let section = format!("command = sh watched.sh\n{READY}timeout = 400ms\n");
    let sandbox = Sandbox::exec("script", &section);
    let watched = |meal: &str| {
        let text = format!("systemd-notify --ready\nwhile :; do {meal} sleep 0.05; done\n");
        sandbox.script("watched.sh", &text);
    };
    watched("systemd-notify WATCHDOG=1;");
    let worker = sandbox.started();
    worker.signal(Signal::SIGSTOP);
    until("it is ended", || !worker.is_alive());
    assert_ne!(sandbox.settled(1)[0].1, worker);
    sandbox.ok(&["stop"]);

    watched("");
    let worker = sandbox.started();
    worker.signal(Signal::SIGSTOP);
    until("it is stopped", || worker.is_stopped());
    let began = std::time::Instant::now();
    until("several limits have gone by", || began.elapsed() > Duration::from_millis(2000));
    assert!(worker.is_stopped(), "{}", sandbox.read("app.log"));
    let killed = sandbox.read("app.log").matches("killing").count();
    sandbox.ok(&["stop"]);
    assert_eq!(sandbox.read("app.log").matches("killing").count(), killed);
    sandbox.nothing_runs();
}

/// One that leaves has `graceful_timeout`, and nobody asks it to feed anything meanwhile.
#[test]
fn leaving_has_its_own_limit() {
    let section = format!("command = sh leave.sh\n{READY}timeout = 1\n");
    let sandbox = Sandbox::exec("leaving", &section);
    let text = "trap 'sleep 2.5; echo finished; exit 0' TERM\n\
        systemd-notify --ready; systemd-notify WATCHDOG=1\n\
        while :; do systemd-notify WATCHDOG=1; sleep 0.05; done\n";
    sandbox.script("leave.sh", text);
    sandbox.started();
    sandbox.ok(&["stop"]);
    assert_eq!(sandbox.texts(), ["finished"], "{}", sandbox.read("app.log"));
    sandbox.nothing_runs();
}
