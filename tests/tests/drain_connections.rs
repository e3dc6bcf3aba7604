//! Scenarios 24 to 26: what becomes of connections when their worker is asked to leave.

use std::io::{ErrorKind, Read as _, Write as _};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ph_tests::echo::Echo;
use ph_tests::{each_class, until};

each_class![
    s24_a_request_under_way_completes_in_a_stop,
    s25_fifty_queued_connections_are_answered,
    s26_a_request_that_never_ends_is_killed_at_graceful_timeout,
    idle_connections_end_at_once_in_a_stop,
    a_client_that_never_pauses_cannot_hold_a_stop,
    a_first_byte_that_comes_soon_after_the_stop_is_answered,
    a_silent_client_cannot_hold_a_stop,
];

/// Long beyond what these tests wait for: whatever takes so long was held up.
const PATIENCE: Duration = Duration::from_secs(15);

/// A number of the line that accounts for a stop.
#[track_caller]
fn account(log: &str, field: &str) -> u64 {
    let lines: Vec<&str> =
        log.lines().filter(|line| line.contains("account of the stop")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    let mut words = lines[0].split_ascii_whitespace();
    let number = words.find_map(|word| word.strip_prefix(field)?.strip_prefix('='));
    number.unwrap_or_else(|| panic!("no {field} in {:?}", lines[0])).parse().unwrap()
}

/// The whole account: accepted since the stop began, finished, aborted, left in the queue.
#[track_caller]
fn accounts(echo: &Echo) -> [u64; 4] {
    let log = echo.read("app.log");
    ["accepted", "finished", "aborted", "left_in_queue"].map(|field| account(&log, field))
}

fn s24_a_request_under_way_completes_in_a_stop(class: &str) {
    let echo = Echo::start("request", class, "number_workers = 2\n");
    let master = echo.master();
    let mut client = echo.client();
    client.say("!sleep 2000");
    until("it is under way", || echo.sum("active") == 1);
    let stop = echo.begin("stop", &["stop"]);
    assert_eq!(client.answer(), "slept 2000");
    let answered = Instant::now();
    client.closed();
    let (output, took) = echo.end(stop);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(!master.is_alive());
    assert!(took >= Duration::from_millis(500), "the stop did not wait: {took:?}");
    assert!(answered.elapsed() < Duration::from_secs(3), "the connection was kept open");
    assert_eq!(accounts(&echo), [0, 1, 0, 0]);
}

/// More clients than the workers have room for, each with its bytes sent before the stop.
fn s25_fifty_queued_connections_are_answered(class: &str) {
    let settings = "number_workers = 2\nthreads = 2\nmax_coroutines = 2\ngraceful_timeout = 15\n";
    let echo = Echo::start("queued", class, settings);
    let room = if class == "sync" { 2 } else { 4 };
    let mut busy = echo.clients(room);
    busy.iter_mut().for_each(|client| client.say("!sleep 2500"));
    until("all are busy", || echo.sum("active") == room as u64);
    let mut queued = echo.clients(50);
    for (number, client) in queued.iter_mut().enumerate() {
        client.say(&number.to_string());
    }
    let stop = echo.begin("stop", &["stop"]);
    for client in &mut busy {
        assert_eq!(client.answer(), "slept 2500");
    }
    for (number, client) in queued.iter_mut().enumerate() {
        assert_eq!(client.answer(), number.to_string());
        client.closed();
    }
    let (output, _) = echo.end(stop);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(accounts(&echo), [50, 50 + room as u64, 0, 0]);
}

fn s26_a_request_that_never_ends_is_killed_at_graceful_timeout(class: &str) {
    let echo = Echo::start("never", class, "number_workers = 2\ngraceful_timeout = 2\n");
    let workers = echo.settled(2);
    let mut stuck = echo.client();
    let pid = stuck.worker();
    stuck.say("!block");
    until("it is stuck", || echo.sum("active") == 1);
    let (_, victim) = *workers.iter().find(|(_, worker)| worker.pid() == pid).unwrap();
    let master = echo.master();
    master.signal(Signal::SIGTERM);
    until("the other one left", || workers.iter().any(|(_, worker)| !worker.is_alive()));
    assert!(victim.is_alive(), "killed before its time, or first");
    until("it is killed", || !victim.is_alive());
    let took = echo.between(&["stopping speed="], &["killing it", &format!("pid={pid}")]);
    assert!(took >= Duration::from_millis(1700), "killed after {took:?}");
    assert!(took < Duration::from_secs(4), "killed after {took:?}");
    stuck.lost();
    until("the master ends", || !master.is_alive());
    let log = echo.read("app.log");
    assert!(log.contains("graceful_timeout") && log.contains("SIGKILL"), "{log}");
    assert_eq!(accounts(&echo), [0, 0, 1, 0]);
}

/// Nothing is waited for on a connection that is between two requests; what is under way on others completes.
fn idle_connections_end_at_once_in_a_stop(class: &str) {
    // One connection is all that a sync worker has: of these five one has a request, and one is spare.
    let echo = Echo::start("idle", class, "number_workers = 5\ngraceful_timeout = 15\n");
    let mut idle = echo.clients(3);
    for client in &mut idle {
        assert_eq!(client.ask("hello"), "hello");
    }
    let mut busy = echo.client();
    busy.say("!sleep 3000");
    until("one is under way", || echo.sum("active") == 1);
    let began = Instant::now();
    let stop = echo.begin("stop", &["stop"]);
    for client in &mut idle {
        client.closed();
    }
    assert!(began.elapsed() < Duration::from_millis(2500), "{:?}", began.elapsed());
    assert_eq!(busy.answer(), "slept 3000");
    busy.closed();
    let (output, _) = echo.end(stop);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(accounts(&echo), [0, 4, 0, 0]);
}

/// It sends whether it gets answers or not, so there is always another request in the worker's socket.
fn a_client_that_never_pauses_cannot_hold_a_stop(class: &str) {
    let echo = Echo::start("flood", class, "graceful_timeout = 15\n");
    let mut client = echo.client();
    assert_eq!(client.ask("hello"), "hello");
    let mut writer = client.stream().try_clone().unwrap();
    let flood = std::thread::spawn(move || while writer.write_all(&[b'x'; 4096]).is_ok() {});
    let drain = std::thread::spawn(move || {
        let mut bytes = vec![0; 1 << 16];
        while client.stream().read(&mut bytes).is_ok_and(|count| count > 0) {}
    });
    until("it floods", || echo.sum("requests") > 200);
    let (output, took) = echo.end(echo.begin("stop", &["stop"]));
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(took < PATIENCE / 3, "the stop took {took:?}");
    let log = echo.read("app.log");
    assert!(!log.contains("SIGKILL"), "{log}");
    assert_eq!(accounts(&echo), [0, 1, 0, 0]);
    flood.join().unwrap();
    drain.join().unwrap();
}

fn a_first_byte_that_comes_soon_after_the_stop_is_answered(class: &str) {
    let echo = Echo::start("first", class, "graceful_timeout = 10\n");
    let [(_, worker)] = echo.settled(1)[..] else { panic!("one worker") };
    let mut client = echo.client();
    until("it is accepted", || echo.open(worker) > 0);
    let stop = echo.begin("stop", &["stop"]);
    until("the stop has begun", || echo.read("app.log").contains("stopping"));
    until("the worker has heard of it", || !worker.is_pending(Signal::SIGTERM));
    assert_eq!(client.ask("late"), "late");
    client.closed();
    let (output, took) = echo.end(stop);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(took < Duration::from_secs(4), "with the answer all was done, but it took {took:?}");
    assert_eq!(accounts(&echo), [0, 1, 0, 0]);
}

/// It gets half of `graceful_timeout` for its first byte, so that an answer could still be made.
fn a_silent_client_cannot_hold_a_stop(class: &str) {
    let echo = Echo::start("silent", class, "graceful_timeout = 2\n");
    let [(_, worker)] = echo.settled(1)[..] else { panic!("one worker") };
    let mut client = echo.client();
    until("it is accepted", || echo.open(worker) > 0);
    let (output, took) = echo.end(echo.begin("stop", &["stop"]));
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(took >= Duration::from_millis(950), "no grace: {took:?}");
    client.closed();
    let log = echo.read("app.log");
    assert!(!log.contains("SIGKILL"), "it was waited for until the end: {log}");
    assert_eq!(accounts(&echo), [0, 1, 0, 0]);
}

/// Whoever connects while the workers finish what they have is counted, not served: the account tells of everybody.
#[test]
fn who_comes_after_the_queues_were_seen_is_left_and_counted() {
    let echo = Echo::start("late", "sync", "graceful_timeout = 10\n");
    let mut busy = echo.client();
    busy.say("!sleep 2000");
    until("it is under way", || echo.sum("active") == 1);
    let mut queued = echo.client();
    queued.say("!sleep 2000");
    let stop = echo.begin("stop", &["stop"]);
    assert_eq!(busy.answer(), "slept 2000");
    busy.closed();
    // The last call is over: its worker has counted one, and is at it.
    until("the next is under way", || {
        echo.try_status().is_some_and(|status| status["workers"][0]["active"] == 1)
    });
    let mut late = echo.client();
    assert_eq!(queued.answer(), "slept 2000");
    let (output, _) = echo.end(stop);
    assert_eq!(output.code, Some(0), "{output:?}");
    let gone = late.try_ask("hello").unwrap_err().kind();
    let expected = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe, ErrorKind::UnexpectedEof];
    assert!(expected.contains(&gone), "{gone:?}");
    assert_eq!(accounts(&echo), [1, 2, 0, 1]);
}
