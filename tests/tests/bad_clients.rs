//! Clients that say nothing, or little, or go at once, or come in numbers; and scenario 37: no worker is lost to them.

use std::time::{Duration, Instant};

use ph_tests::echo::{Client, Echo};
use ph_tests::users::limit_files;
use ph_tests::{Process, each_class, until};

each_class![
    silent_slow_and_resetting_clients_cost_no_worker,
    a_silent_client_is_let_go_at_timeout,
    without_timeout_a_silent_client_is_kept,
    s37_a_worker_without_descriptors_waits_and_recovers,
];

fn silent_slow_and_resetting_clients_cost_no_worker(class: &str) {
    let echo = Echo::start("costs", class, "number_workers = 3\n");
    let workers = echo.settled(3);
    let mut silent = echo.client();
    let mut slow = echo.client();
    for turn in 0..60 {
        // Before it is accepted, while its request is read, and while its answer is made.
        let mut client = echo.client();
        match turn % 4 {
            0 => {}
            1 => client.say("hello"),
            2 => client.say("!sleep 20"),
            _ => assert_eq!(client.ask("hello"), "hello"),
        }
        client.reset();
        if turn % 12 == 0 {
            slow.send(b"x").unwrap();
            assert_eq!(slow.take(1), b"x");
        }
    }
    assert_eq!(echo.client().ask("hello"), "hello");
    assert_eq!(silent.ask("at last"), "at last");
    assert_eq!(echo.settled(3), workers);
    let log = echo.read("app.log");
    assert!(!log.contains("ERROR"), "a client's fault is no error: {log}");
    echo.ok(&["stop"]);
}

/// A byte now and then is more than silence.
#[test]
fn a_byte_now_and_then_keeps_a_connection() {
    for class in ph_tests::echo::CLASSES {
        let echo = Echo::start("slow", class, "timeout = 2\n");
        let workers = echo.settled(1);
        let mut slow = echo.client();
        for _ in 0..6 {
            // Not for a condition: that time goes by is what this is about.
            std::thread::sleep(Duration::from_millis(500));
            slow.send(b"x").unwrap();
            assert_eq!(slow.take(1), b"x", "{class}");
        }
        assert_eq!(echo.settled(1), workers);
        echo.ok(&["stop"]);
    }
}

/// As many silent clients as the worker has room for; whoever comes next is served when they are let go.
fn a_silent_client_is_let_go_at_timeout(class: &str) {
    let settings = "timeout = 1\nthreads = 2\nmax_coroutines = 2\n";
    let echo = Echo::start("silent", class, settings);
    let workers = echo.settled(1);
    let room = if class == "sync" { 1 } else { 2 };
    let began = Instant::now();
    let mut silent = echo.clients(room);
    let mut next = echo.client();
    assert_eq!(next.ask("hello"), "hello");
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(950), "served after {took:?}: the worker had room");
    assert!(took < Duration::from_secs(8), "served after {took:?}");
    for client in &mut silent {
        client.closed();
    }
    assert_eq!(echo.settled(1), workers);
    until("one is counted", || echo.status()["totals"]["requests"] == 1);
    echo.ok(&["stop"]);
}

fn without_timeout_a_silent_client_is_kept(class: &str) {
    let echo = Echo::start("kept", class, "number_workers = 2\nthreads = 2\n");
    let workers = echo.settled(2);
    let mut silent = echo.client();
    until("it is accepted", || workers.iter().any(|(_, worker)| echo.open(*worker) > 0));
    // It has one worker of class sync, and no more than that.
    for _ in 0..20 {
        assert_eq!(echo.client().ask("hello"), "hello");
    }
    assert_eq!(silent.ask("at last"), "at last");
    assert_eq!(echo.settled(2), workers);
    echo.ok(&["stop"]);
}

/// Time on a processor so far, of all its threads.
fn processor_time(process: Process) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", process.pid())).unwrap();
    let fields = text.rsplit_once(')').unwrap().1;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next().unwrap().parse::<u64>().unwrap();
    Duration::from_millis((ticks() + ticks()) * 10)
}

/// The limit under which a process can open so many more files.
fn limit_for(process: Process, room: usize) -> usize {
    let open = process.open_files();
    (0..).filter(|number| !open.contains_key(number)).nth(room).unwrap() as usize
}

fn s37_a_worker_without_descriptors_waits_and_recovers(class: &str) {
    let echo = Echo::start("descriptors", class, "threads = 20\n");
    let [(_, worker)] = echo.settled(1)[..] else { panic!("one worker") };
    // Room for three connections; in a worker of class sync, which has one at a time, for none.
    let room = if class == "sync" { 0 } else { 3 };
    limit_files(worker, limit_for(worker, room));
    let mut held: Vec<Client> = (0..room).map(|_| echo.client()).collect();
    for client in &mut held {
        assert_eq!(client.ask("hello"), "hello");
    }
    let mut queued = echo.clients(10);
    for (number, client) in queued.iter_mut().enumerate() {
        client.say(&number.to_string());
    }
    until("it says so", || echo.read("app.log").contains("cannot accept"));
    let before = processor_time(worker);
    // A second in which nothing can go on: what it costs is the question.
    std::thread::sleep(Duration::from_secs(1));
    let spent = processor_time(worker) - before;
    assert!(spent < Duration::from_millis(150), "it spins: {spent:?} in a second");
    for client in &mut held {
        assert_eq!(client.ask("still here"), "still here");
    }
    let said = echo.read("app.log").matches("cannot accept").count();
    assert!(said <= 3, "it is said {said} times");
    // Room comes by clients who leave; a worker of class sync gets it from outside.
    if class == "sync" {
        limit_files(worker, limit_for(worker, 1));
    }
    drop(held);
    for (number, mut client) in queued.into_iter().enumerate() {
        assert_eq!(client.answer(), number.to_string());
    }
    assert_eq!(echo.settled(1)[0].1, worker);
    echo.ok(&["stop"]);
}

/// Beyond what a worker has room for, connections wait in the queue, and are served when somebody leaves.
#[test]
fn connections_beyond_the_room_of_a_worker_wait_their_turn() {
    for class in ["thread", "async"] {
        let echo = Echo::start("room", class, "threads = 3\nmax_coroutines = 3\n");
        let [(_, worker)] = echo.settled(1)[..] else { panic!("one worker") };
        let mut held = echo.clients(3);
        for client in &mut held {
            assert_eq!(client.ask("hello"), "hello");
        }
        let mut waiting = echo.clients(5);
        for client in &mut waiting {
            client.say("hello");
        }
        // Those inside are served as ever, and nobody else.
        for _ in 0..10 {
            for client in &mut held {
                assert_eq!(client.ask("hello"), "hello");
            }
        }
        assert_eq!(echo.open(worker), 3, "{class}: a fourth was accepted");
        until("each was counted, and nobody else", || echo.sum("requests") == 3 + 30);
        // One goes, one comes.
        for mut client in waiting {
            drop(held.pop());
            assert_eq!(client.answer(), "hello", "{class}");
            held.push(client);
        }
        echo.ok(&["stop"]);
    }
}
