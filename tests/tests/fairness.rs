//! Who gets how much: a coarse look, not a measurement.

use std::collections::BTreeMap;

use ph_tests::echo::{Client, Echo};
use ph_tests::{each_class, until};

each_class![
    short_connections_go_round_among_all,
    short_connections_go_round_among_all_with_a_lock,
    two_listeners_are_shared_alike,
];

/// Connections by worker; `count` workers, those with none included.
fn shares(workers: impl Iterator<Item = i32>, echo: &Echo, count: usize) -> BTreeMap<i32, usize> {
    let all = echo.settled(count);
    let mut shares: BTreeMap<i32, usize> = all.iter().map(|(_, it)| (it.pid(), 0)).collect();
    for worker in workers {
        *shares.get_mut(&worker).expect("a worker of this master") += 1;
    }
    shares
}

/// 400 connections, one after the other, onto four workers: a fair share is 100, and on a machine with nothing else to do
/// all are within ten of it. Where a worker waits for its processor the others take its turns, and it has its share of the
/// next 400; without turns, one worker takes them all.
#[track_caller]
fn sequential(echo: &Echo) {
    echo.settled(4);
    let listeners = echo.listeners();
    let mut served = Vec::new();
    until("each has a twentieth", || {
        served.extend((0..400).map(|turn| {
            let listener = &listeners[turn % listeners.len()];
            Client::connect(listener).unwrap().worker()
        }));
        let shares = shares(served.iter().copied(), echo, 4);
        println!("{shares:?}");
        shares.values().all(|share| share * 20 >= served.len())
    });
}

fn short_connections_go_round_among_all(class: &str) {
    let echo = Echo::start("short", class, "number_workers = 4\n");
    sequential(&echo);
    echo.ok(&["stop"]);
}

fn short_connections_go_round_among_all_with_a_lock(class: &str) {
    let echo = Echo::start("lock", class, "number_workers = 4\naccept = lock\n");
    sequential(&echo);
    echo.ok(&["stop"]);
}

fn two_listeners_are_shared_alike(class: &str) {
    let settings = "number_workers = 4\nbind = 127.0.0.1:0\nunix_socket = a.sock\n";
    let echo = Echo::start("two", class, settings);
    sequential(&echo);
    echo.ok(&["stop"]);
}

/// Connections that stay, opened in a burst: whoever was quicker once must not keep more of them for ever.
#[test]
fn long_connections_are_spread_evenly() {
    for class in ["thread", "async"] {
        for accept in ["exclusive", "lock"] {
            let settings = format!("number_workers = 4\nthreads = 40\naccept = {accept}\n");
            let echo = Echo::start("long", class, &settings);
            echo.settled(4);
            let mut clients = echo.clients(80);
            let mut spread = || {
                let shares = shares(clients.iter_mut().map(Client::worker), &echo, 4);
                let (most, least) = (shares.values().max(), shares.values().min());
                if 2 * most.unwrap() <= 3 * least.unwrap() {
                    return true;
                }
                // Whoever had to wait for its processor makes up for it, as long as there is room.
                assert!(clients.len() < 150, "{class}, {accept}: {shares:?}");
                clients.extend(echo.clients(10));
                false
            };
            until("they are spread evenly", &mut spread);
            echo.ok(&["stop"]);
        }
    }
}

/// One at a time is all that a worker of class sync has, so as many clients as workers are served at once.
#[test]
fn connections_that_stay_are_given_to_workers_that_are_free() {
    let echo = Echo::start("free", "sync", "number_workers = 4\n");
    echo.settled(4);
    let mut clients = echo.clients(4);
    let shares = shares(clients.iter_mut().map(Client::worker), &echo, 4);
    assert!(shares.values().all(|share| *share == 1), "{shares:?}");
    echo.ok(&["stop"]);
}
