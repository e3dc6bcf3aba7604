//! Scenario 17 for `worker_class = rpc`: a client that sends calls in a row notices nothing of a reload.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::ScopedJoinHandle;

use ph_rpc::{Decoder, Message, Value};
use ph_tests::rpc::{Rpc, sum};
use ph_tests::until;

/// Calls that are sent before the first of them is answered.
const DEPTH: u32 = 64;

/// Calls in a row, cut anywhere, until `over`; each must be answered once, and in its place. How many there were.
fn calls_in_a_row(mut stream: TcpStream, over: &AtomicBool, served: &AtomicU64) {
    let mut decoder = Decoder::default();
    let (mut sent, mut heard) = (0, 0);
    // The end of a message that was sent in part.
    let mut rest = Vec::new();
    while !over.load(SeqCst) || heard < sent {
        if !over.load(SeqCst) && sent - heard <= DEPTH / 2 {
            let mut calls = std::mem::take(&mut rest);
            while sent - heard < DEPTH {
                calls.extend(sum(sent));
                sent += 1;
            }
            rest = calls.split_off(calls.len() - (sent as usize % 11));
            stream.write_all(&calls).unwrap();
        } else if !rest.is_empty() && (over.load(SeqCst) || sent - heard <= 1) {
            stream.write_all(&std::mem::take(&mut rest)).unwrap();
        }
        let length = stream.read(decoder.space()).unwrap();
        assert!(length > 0, "closed after {heard} answers to {sent} calls");
        decoder.filled(length);
        while let Some(message) = decoder.next_message().unwrap() {
            let expected = Value::from(u64::from(heard) + 1);
            let Message::Response { msgid, result } = message else { panic!("{message:?}") };
            assert_eq!((msgid, result), (heard, Ok(expected)));
            heard += 1;
            served.fetch_add(1, SeqCst);
        }
    }
}

/// Six clients with calls in a row, while these commands are given; how many calls were answered.
fn under_load(server: &Rpc, command: &str, times: u32) -> u64 {
    let (over, served) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..6)
            .map(|_| {
                let stream = server.stream();
                let (over, served) = (&over, &served);
                scope.spawn(move || calls_in_a_row(stream, over, served))
            })
            .collect();
        for _ in 0..times {
            let before = served.load(SeqCst);
            server.ok(&[command]);
            until("the calls go on", || {
                served.load(SeqCst) > before || clients.iter().any(ScopedJoinHandle::is_finished)
            });
        }
        over.store(true, SeqCst);
        for client in clients {
            client.join().unwrap();
        }
    });
    server.settled(3);
    let log = server.read("app.log");
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
    served.load(SeqCst)
}

#[test]
fn s17_reloads_lose_and_double_no_call() {
    let server = Rpc::start("reloads", "number_workers = 3\ngraceful_timeout = 15\n");
    let served = under_load(&server, "reload", 20);
    assert!(served > 2_000, "{served} were served");
    let requests = || server.status()["totals"]["requests"].as_u64().unwrap();
    until("each is counted", || requests() >= served);
    assert_eq!(requests(), served, "each was executed once");
    server.ok(&["stop"]);
}

#[test]
fn upgrades_lose_no_call() {
    let server = Rpc::start("upgrades", "number_workers = 3\ngraceful_timeout = 15\n");
    let served = under_load(&server, "upgrade", 3);
    assert!(served > 200, "{served} were served");
    server.ok(&["stop"]);
}

#[test]
fn a_reload_answers_what_is_under_way_and_moves_the_rest() {
    let server = Rpc::start("flight", "number_workers = 2\ngraceful_timeout = 15\n");
    let client = server.caller();
    let old: i32 = client.call("pid", &()).unwrap();
    let sleep = client.start::<u64, _>("sleep", &(1_500,)).unwrap();
    until("it is under way", || {
        let status = server.status();
        status["workers"].as_array().unwrap().iter().any(|row| row["active"] == 1)
    });
    server.ok(&["reload"]);
    // Whoever answers it: these are behind a call that the old worker has in hand.
    let sums: Vec<_> = (0..100).map(|n| client.start::<i64, _>("add", &(n, 1)).unwrap()).collect();
    assert_eq!(sleep.wait().unwrap(), 1_500);
    for (n, sum) in (0..).zip(sums) {
        assert_eq!(sum.wait().unwrap(), n + 1);
    }
    until("another worker answers", || client.call::<i32, _>("pid", &()).unwrap() != old);
    server.settled(2);
    server.ok(&["stop"]);
}

/// Half a message that is more than can go along is waited for.
#[test]
fn a_large_call_that_comes_during_a_reload_is_answered() {
    let server = Rpc::start("large", "number_workers = 2\ngraceful_timeout = 15\n");
    let mut stream = server.stream();
    const LENGTH: usize = 500_000;
    let mut call = b"\x94\x00\x01\xa4echo\x91\xdb".to_vec();
    call.extend((LENGTH as u32).to_be_bytes());
    call.resize(call.len() + LENGTH, b'x');
    let (first, second) = call.split_at(300_000);
    stream.write_all(first).unwrap();
    server.ok(&["reload"]);
    stream.write_all(second).unwrap();
    stream.write_all(&sum(2)).unwrap();
    // The answer begins as a response does: 4 elements, 1, the id, nil, the text.
    let mut answer = vec![0; 9 + LENGTH + 5];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer[..5], b"\x94\x01\x01\xc0\xdb");
    assert_eq!(&answer[9 + LENGTH..], b"\x94\x01\x02\xc0\x03");
    server.settled(2);
    server.ok(&["stop"]);
}
