//! Scenario 17: connections outlive their workers. What is between two requests goes on with another worker.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ph_tests::echo::{CLASSES, Client, Echo};
use ph_tests::{each_class, load, until};

each_class![
    s17_reloads_cost_no_connection_that_stays,
    idle_connections_go_on_over_a_reload,
    idle_connections_go_on_over_a_worker_restart,
    a_connection_goes_on_when_its_worker_is_one_too_many,
    a_silent_connection_goes_on_after_its_grace,
    a_pipelined_request_is_answered_by_whoever_comes_next,
];

const FIVE: &str = "number_workers = 5\ngraceful_timeout = 15\n";

fn s17_reloads_cost_no_connection_that_stays(class: &str) {
    let workers = load::enough(class);
    let settings = format!("number_workers = {workers}\ngraceful_timeout = 15\n");
    let echo = Echo::run("reloads", class, &settings);
    let served = load::kept(&echo, || {
        for _ in 0..20 {
            echo.ok(&["reload"]);
        }
    });
    assert!(served > 500, "{served} were served");
    echo.settled(workers);
    let log = echo.read("app.log");
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
    echo.ok(&["stop"]);
}

/// From class to class, too: what one kind of worker leaves, any other goes on with.
#[test]
fn s17_reloads_from_class_to_class_cost_no_connection_that_stays() {
    let settings = format!("number_workers = {}\ngraceful_timeout = 15\n", load::enough("sync"));
    let echo = Echo::run("classes", "sync", &settings);
    let served = load::kept(&echo, || {
        for class in CLASSES.iter().cycle().take(20) {
            echo.becomes(class, &settings);
            echo.ok(&["reload"]);
        }
    });
    assert!(served > 500, "{served} were served");
    echo.settled(load::enough("sync"));
    echo.ok(&["stop"]);
}

/// Three connections that have been served, and one inside a request; `leave` has their workers replaced.
#[track_caller]
fn idle_ones_go_on(echo: &Echo, leave: &[&str]) {
    let old: Vec<i32> = echo.settled(5).iter().map(|(_, worker)| worker.pid()).collect();
    let mut idle = echo.clients(3);
    for client in &mut idle {
        assert!(old.contains(&client.worker()));
    }
    let mut busy = echo.client();
    busy.say("!sleep 5000");
    until("one is under way", || echo.sum("active") == 1);
    let began = Instant::now();
    echo.ok(leave);
    for client in &mut idle {
        // The last of the old ones was only just asked to leave.
        until("it goes on", || !old.contains(&client.worker()));
    }
    assert!(began.elapsed() < Duration::from_millis(4500), "{:?}", began.elapsed());
    assert_eq!(busy.answer(), "slept 5000");
    // What it asks at once may have come before the old one looked whether there is more.
    until("it goes on as well", || !old.contains(&busy.worker()));
    echo.settled(5);
    let log = echo.read("app.log");
    assert!(!log.contains("SIGKILL"), "{log}");
    echo.ok(&["stop"]);
}

fn idle_connections_go_on_over_a_reload(class: &str) {
    idle_ones_go_on(&Echo::start("reload", class, FIVE), &["reload"]);
}

fn idle_connections_go_on_over_a_worker_restart(class: &str) {
    idle_ones_go_on(&Echo::start("restart", class, FIVE), &["worker", "restart", "--all"]);
}

fn a_connection_goes_on_when_its_worker_is_one_too_many(class: &str) {
    let echo = Echo::start("scaled", class, "number_workers = 2\n");
    let workers = echo.settled(2);
    let mut client = echo.client();
    let first = client.worker();
    let (slot, _) = *workers.iter().find(|(_, worker)| worker.pid() == first).unwrap();
    echo.ok(&["worker", "stop", &slot.to_string()]);
    let [(_, left)] = echo.settled(1)[..] else { panic!("one worker") };
    assert_ne!(left.pid(), first);
    assert_eq!(client.worker(), left.pid());
    // Counted where it was served.
    until("both requests are counted", || echo.status()["totals"]["requests"] == 2);
    echo.ok(&["stop"]);
}

/// It has said nothing yet, so its worker waits for it a while; then another does.
fn a_silent_connection_goes_on_after_its_grace(class: &str) {
    let echo = Echo::start("silent", class, "graceful_timeout = 2\n");
    let [(_, old)] = echo.settled(1)[..] else { panic!("one worker") };
    let mut client = echo.client();
    until("it is accepted", || echo.open(old) > 0);
    echo.ok(&["reload"]);
    until("the old worker has left", || !old.is_alive());
    assert_eq!(client.worker(), echo.settled(1)[0].1.pid());
    let log = echo.read("app.log");
    assert!(!log.contains("SIGKILL"), "{log}");
    echo.ok(&["stop"]);
}

/// The bytes that had not been read when the worker left are read by the next.
fn a_pipelined_request_is_answered_by_whoever_comes_next(class: &str) {
    let echo = Echo::start("pipelined", class, "number_workers = 1\ngraceful_timeout = 15\n");
    let [(_, old)] = echo.settled(1)[..] else { panic!("one worker") };
    let mut client = echo.client();
    client.say("!sleep 1500");
    until("it is under way", || echo.sum("active") == 1);
    echo.ok(&["reload"]);
    until("the worker has heard of it", || !old.is_pending(Signal::SIGTERM));
    client.say("one");
    assert_eq!(client.answer(), "slept 1500");
    assert_eq!(client.answer(), "one");
    let successor = echo.replaced(old, 1)[0].1;
    assert_eq!(client.worker(), successor.pid());
    echo.ok(&["stop"]);
}

/// More connections than a channel holds at once.
#[test]
fn a_thousand_connections_move_together() {
    for class in ["thread", "async"] {
        let settings = "threads = 1100\nmax_coroutines = 1100\nbacklog = 2048\n\
                        graceful_timeout = 15\n";
        let echo = Echo::start("thousand", class, settings);
        let mut clients: Vec<Client> = echo.clients(1000);
        for (number, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.ask(&number.to_string()), number.to_string());
        }
        let [(_, old)] = echo.settled(1)[..] else { panic!("one worker") };
        echo.ok(&["reload"]);
        let successor = echo.replaced(old, 1)[0].1;
        for client in &mut clients {
            assert_eq!(client.worker(), successor.pid(), "{class}");
        }
        echo.ok(&["stop"]);
    }
}
