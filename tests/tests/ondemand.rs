//! Scenario 15, `scaling = ondemand`: nobody works while there is no work.

use std::collections::HashSet;
use std::fs;
use std::thread;
use std::time::Duration;

use ph_tests::echo::{Client, Echo};
use ph_tests::{Sandbox, until};

const ONDEMAND: &str =
    "scaling = ondemand\nmax_workers = 3\nnumber_workers = 1\nidle_timeout = 300ms\n";

fn ondemand(test: &str) -> Echo {
    Echo::start(test, "sync", ONDEMAND)
}

#[test]
fn s15_nobody_works_at_rest_and_the_first_connection_is_served() {
    let echo = ondemand("ondemand");
    let status = echo.status();
    assert_eq!((status["state"].as_str(), status["wanted"].as_u64()), (Some("running"), Some(0)));
    assert_eq!(status["totals"]["spawned"].as_u64(), Some(0));
    assert!(echo.master().children().is_empty());
    let mut first = echo.client();
    assert_eq!(first.ask("hello"), "hello");
    drop(first);
    echo.settled(0);
    // Several at once, each at a worker of its own, and one that waits for the first who leaves.
    let mut clients = echo.clients(4);
    let workers: HashSet<_> = clients[..3].iter_mut().map(Client::worker).collect();
    assert_eq!(workers.len(), 3);
    let mut last = clients.remove(3);
    drop(clients.remove(0));
    assert!(workers.contains(&last.worker()), "more than max_workers");
    drop((clients, last));
    echo.settled(0);
    echo.ok(&["status"]);
    echo.ok(&["stop"]);
}

#[test]
fn s15_a_unix_socket_wakes_it_too() {
    let echo = Echo::start("unix", "sync", &format!("{ONDEMAND}unix_socket = a.sock\n"));
    for _ in 0..2 {
        assert_eq!(echo.client().ask("hello"), "hello");
        echo.settled(0);
    }
    echo.ok(&["stop"]);
}

#[test]
fn s46_a_master_without_workers_sleeps() {
    let echo = ondemand("asleep");
    assert_eq!(echo.client().ask("hello"), "hello");
    echo.settled(0);
    let master = echo.master();
    let mut before = master.sleeps();
    until("three seconds without a look", || {
        thread::sleep(Duration::from_secs(3));
        std::mem::replace(&mut before, master.sleeps()) == before
    });
    echo.ok(&["stop"]);
}

/// The connection waits, and the attempts to serve it wait longer each time; once they succeed, it is served.
#[test]
fn s35_a_waiting_connection_does_not_storm_what_cannot_boot() {
    let section = format!(
        "{ONDEMAND}worker_class = sync\nbind = 127.0.0.1:0\nrestart_backoff = 100ms\n\
         app.boot = fail\napp.flag = %(here)s/flag\n"
    );
    let sandbox = Sandbox::new("storm", &section);
    let start = || sandbox.command(&["start"]).env("FIXTURE_CONNECTIONS", "1").status().unwrap();
    fs::write(sandbox.path("flag"), "").unwrap();
    assert!(start().success(), "there is nobody yet who could fail");
    let listener = sandbox.listeners().remove(0);
    let connect = || Client::connect(&listener).unwrap();
    let mut clients = [connect(), connect()];
    clients.iter_mut().for_each(|client| client.say("hello"));
    until("five attempts", || sandbox.told("new").len() >= 5);
    let status = sandbox.status();
    assert_eq!(status["wanted"].as_u64(), Some(1), "{status}");
    fs::remove_file(sandbox.path("flag")).unwrap();
    for client in &mut clients {
        assert_eq!(client.answer(), "hello");
    }
    let attempts = sandbox.told("new");
    let waits: Vec<u64> =
        attempts.windows(2).take(4).map(|two| (two[1].at - two[0].at) / 1_000_000).collect();
    let least = [100, 200, 400, 800];
    assert!(waits.iter().zip(least).all(|(wait, least)| *wait >= least), "{waits:?} ms");
    drop(clients);
    sandbox.settled(0);
    // Whoever has gone needs nobody.
    fs::write(sandbox.path("flag"), "").unwrap();
    let before = sandbox.told("new").len();
    let impatient = connect();
    until("it is tried again", || sandbox.told("new").len() > before);
    drop(impatient);
    sandbox.ok(&["stop"]);
}

#[test]
fn a_reload_of_nobody_is_taken() {
    let echo = ondemand("reload");
    echo.becomes("sync", &ONDEMAND.replace("= 3", "= 2"));
    echo.ok(&["reload"]);
    let status = echo.status();
    assert_eq!((status["generation"].as_u64(), status["wanted"].as_u64()), (Some(2), Some(0)));
    assert_eq!(status["totals"]["spawned"].as_u64(), Some(0));
    assert_eq!(echo.client().ask("hello"), "hello");
    echo.settled(0);
    // To a number of its own, by a canary, and back.
    echo.becomes("sync", "number_workers = 2\n");
    echo.ok(&["reload"]);
    echo.settled(2);
    echo.becomes("sync", ONDEMAND);
    echo.ok(&["reload"]);
    echo.settled(0);
    echo.ok(&["restart"]);
    let mut client = Client::connect(&echo.listeners()[0]).unwrap();
    assert_eq!(client.ask("hello"), "hello");
    echo.ok(&["stop"]);
}

#[test]
fn the_load_alone_decides() {
    let echo = ondemand("alone");
    for number in ["2", "+1"] {
        let output = echo.run(&["scale", number]);
        assert_eq!(output.code, Some(4), "{output:?}");
        assert!(output.err.contains("scaling = ondemand"), "{output:?}");
    }
    echo.master().signal(nix::sys::signal::Signal::SIGTTIN);
    until("it is told", || echo.read("app.log").contains("scaling = ondemand"));
    let output = echo.run(&["worker", "restart", "0"]);
    assert!(output.code == Some(1) && output.err.contains("none at the moment"), "{output:?}");
    assert_eq!(echo.client().ask("hello"), "hello");
    echo.ok(&["stop"]);
}

/// Nothing tells of a job: a start is refused, and so is a reload.
#[test]
fn jobs_are_not_taken_on_demand() {
    let sandbox = Sandbox::new("jobs", "scaling = ondemand\n");
    let output = sandbox.run(&["start"]);
    assert_eq!(output.code, Some(78), "{output:?}");
    assert!(output.err.contains("ondemand") && output.err.lines().count() == 1, "{output:?}");
    sandbox.configure("number_workers = 1\n");
    sandbox.ok(&["start"]);
    let before = sandbox.settled(1);
    sandbox.configure("number_workers = 1\nscaling = ondemand\n");
    assert_eq!(sandbox.run(&["reload"]).code, Some(78));
    assert_eq!(sandbox.settled(1), before);
    sandbox.ok(&["stop"]);
}
