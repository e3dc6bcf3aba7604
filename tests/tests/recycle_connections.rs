//! Scenarios 16, 27, 28 and 30 for workers with connections: they are replaced while clients come, and no client notices.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ph_tests::echo::{Client, Echo};
use ph_tests::{each_class, load, until};

each_class![
    s16_twenty_reloads_cost_no_short_connection,
    s27_max_requests_costs_no_short_connection,
    s27_max_requests_costs_no_connection_that_stays,
    s27_jitter_spreads_the_recycling,
    s28_idle_connections_count_nothing,
    s30_max_lifetime_costs_no_connection,
];

/// Looks at the workers until so many processes have come and gone in each slot: never fewer are ready than wanted.
#[track_caller]
fn until_replaced(echo: &Echo, wanted: usize, times: usize) {
    let mut seen = BTreeMap::<u64, BTreeSet<i64>>::new();
    until("each was replaced often enough", || {
        let ready = echo.ready();
        assert!(ready.len() >= wanted, "fewer than wanted are ready: {ready:?}");
        for (slot, pid) in ready {
            seen.entry(slot).or_default().insert(pid);
        }
        seen.len() == wanted && seen.values().all(|pids| pids.len() > times)
    });
}

/// Nobody crashed, nobody had to be killed.
#[track_caller]
fn in_order(echo: &Echo) {
    let totals = &echo.status()["totals"];
    assert_eq!((&totals["crashed"], &totals["killed"]), (&0.into(), &0.into()), "{totals}");
    let log = echo.read("app.log");
    assert!(!log.contains("ERROR"), "{log}");
}

fn s27_max_requests_costs_no_short_connection(class: &str) {
    let echo = Echo::start("short", class, "number_workers = 3\nmax_requests = 40\n");
    let served = load::short(&echo, load::nothing, || until_replaced(&echo, 3, 4));
    assert!(served >= 3 * 4 * 40, "{served} were served");
    in_order(&echo);
    let log = echo.read("app.log");
    assert!(log.contains("why=\"max_requests\""), "{log}");
    echo.ok(&["stop"]);
}

fn s27_max_requests_costs_no_connection_that_stays(class: &str) {
    // A worker of class sync has one client, so one may be without, and older than the others.
    let workers = load::enough(class);
    let settings =
        format!("number_workers = {workers}\nmax_requests = 40\nmax_requests_jitter = 20\n");
    let echo = Echo::run("kept", class, &settings);
    load::kept(&echo, || {
        until("workers are replaced", || {
            let ready = echo.ready();
            assert!(ready.len() >= workers, "fewer than wanted are ready: {ready:?}");
            echo.status()["totals"]["exited"].as_u64().unwrap() >= 30
        });
    });
    in_order(&echo);
    echo.ok(&["stop"]);
}

fn s27_jitter_spreads_the_recycling(class: &str) {
    let settings = "number_workers = 3\nmax_requests = 10\nmax_requests_jitter = 200\n";
    let echo = Echo::start("jitter", class, settings);
    let mut shares = BTreeMap::<i64, u64>::new();
    until("twelve have left", || {
        for _ in 0..20 {
            assert_eq!(echo.client().ask("hello"), "hello");
        }
        for slot in 0..3 {
            let output = echo.run(&["why", &slot.to_string(), "--json"]);
            if output.code == Some(0) {
                let certificate: serde_json::Value = serde_json::from_str(&output.out).unwrap();
                let pid = certificate["pid"].as_i64().unwrap();
                shares.insert(pid, certificate["requests"].as_u64().unwrap());
            }
        }
        shares.len() >= 12
    });
    let (most, least) = (shares.values().max().unwrap(), shares.values().min().unwrap());
    assert!(*least >= 10, "one left before its share was done: {shares:?}");
    assert!(most - least >= 50, "all at once: {shares:?}");
    in_order(&echo);
    echo.ok(&["stop"]);
}

fn s28_idle_connections_count_nothing(class: &str) {
    let echo = Echo::start("idle", class, "number_workers = 3\nmax_requests = 2\n");
    let before = echo.settled(3);
    let mut client = echo.client();
    assert_eq!(client.ask("hello"), "hello");
    let silent = echo.client();
    until("one is counted", || echo.sum("requests") == 1);
    // Nothing is to happen, and that takes time to see.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!((echo.sum("requests"), echo.sum("active")), (1, 0));
    assert_eq!(echo.settled(3), before);
    // The second request is the one that it was waiting for.
    assert_eq!(client.ask("hello"), "hello");
    until("its worker is replaced", || echo.settled(3) != before);
    assert_eq!(client.ask("hello"), "hello");
    drop(silent);
    echo.ok(&["stop"]);
}

fn s30_max_lifetime_costs_no_connection(class: &str) {
    let echo = Echo::start("lifetime", class, "number_workers = 4\nmax_lifetime = 1\n");
    let began = Instant::now();
    let served = load::short(&echo, load::nothing, || until_replaced(&echo, 4, 2));
    assert!(began.elapsed() >= Duration::from_millis(1700), "{:?}", began.elapsed());
    assert!(served > 100, "{served} were served");
    in_order(&echo);
    let log = echo.read("app.log");
    let left: Vec<&str> =
        log.lines().filter(|line| line.contains("why=\"max_lifetime\"")).collect();
    assert!(left.len() >= 8, "{log}");
    echo.ok(&["stop"]);
}

fn s16_twenty_reloads_cost_no_short_connection(class: &str) {
    let echo = Echo::start("reloads", class, "number_workers = 2\ngraceful_timeout = 15\n");
    let listeners = echo.listeners();
    let served = load::short(&echo, load::nothing, || {
        for _ in 0..20 {
            echo.ok(&["reload"]);
        }
    });
    assert!(served > 100, "{served} were served");
    assert_eq!((echo.status()["generation"].as_u64(), echo.listeners()), (Some(21), listeners));
    echo.settled(2);
    in_order(&echo);
    echo.ok(&["stop"]);
}

/// Whatever class follows upon which, short connections notice nothing.
#[test]
fn s16_twenty_reloads_from_class_to_class_cost_no_connection() {
    let settings = "number_workers = 2\ngraceful_timeout = 15\n";
    let echo = Echo::start("classes", "sync", settings);
    let served = load::short(&echo, load::nothing, || {
        for class in ["thread", "async", "sync", "async", "thread", "sync"].iter().cycle().take(20)
        {
            echo.becomes(class, settings);
            echo.ok(&["reload"]);
            let mut client = echo.client();
            assert_eq!(client.ask(class), *class);
        }
    });
    assert!(served > 100, "{served} were served");
    assert_eq!(echo.status()["generation"], 21);
    echo.settled(2);
    in_order(&echo);
    echo.ok(&["stop"]);
}

/// A request that began under one class ends there, when the workers have long been of another.
#[test]
fn s16_a_request_outlives_the_reload_that_changed_the_class() {
    // Room for each of the connections that stay, in workers of class sync too.
    let settings = "number_workers = 5\ngraceful_timeout = 15\n";
    let echo = Echo::start("outlives", "sync", settings);
    let mut under_way = Vec::<Client>::new();
    for class in ["thread", "async", "sync"] {
        let mut client = echo.client();
        client.say("!sleep 5000");
        until("it is under way", || echo.sum("active") > under_way.len() as u64);
        under_way.push(client);
        echo.becomes(class, settings);
        echo.ok(&["reload"]);
        assert_eq!(echo.client().ask(class), class);
    }
    for client in &mut under_way {
        assert_eq!(client.answer(), "slept 5000");
    }
    for client in &mut under_way {
        assert_eq!(client.ask("hello"), "hello");
    }
    echo.settled(5);
    in_order(&echo);
    echo.ok(&["stop"]);
}
