//! `worker_class = rpc`, methods that block: on threads, beside all others.

use std::time::{Duration, Instant};

use ph_rpc::client::{Call, CallError, Client};
use ph_tests::rpc::Rpc;
use ph_tests::until;

/// Threads of the only worker.
fn threads(server: &Rpc) -> usize {
    let pid = server.settled(1)[0].1.pid();
    std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().count()
}

fn work(client: &Client, ms: u64) -> Call<'_, u64> {
    client.start("work", &(ms,)).unwrap()
}

#[test]
fn calls_that_block_keep_nobody_waiting() {
    let server = Rpc::start("beside", "number_workers = 1\nthreads = 3\n");
    let client = server.caller();
    let idle = threads(&server);
    let began = Instant::now();
    let works: Vec<_> = (0..6).map(|_| work(&client, 2_000)).collect();
    until("all are under way", || server.status()["workers"][0]["active"] == 6);
    assert_eq!(client.call::<i64, _>("add", &(1, 2)).unwrap(), 3);
    assert_eq!(client.call::<u64, _>("sleep", &(1,)).unwrap(), 1);
    assert!(began.elapsed() < Duration::from_millis(2_000), "{:?}", began.elapsed());
    works.into_iter().for_each(|work| assert_eq!(work.wait().unwrap(), 2_000));
    // Three at a time.
    assert!(began.elapsed() >= Duration::from_millis(4_000), "{:?}", began.elapsed());
    assert_eq!(threads(&server), idle + 3, "made for the first, and kept");
    server.ok(&["stop"]);
}

/// A handler that hangs is given up, and its thread is not missed.
#[test]
fn a_thread_that_hangs_has_a_successor() {
    let server = Rpc::start("hangs", "number_workers = 1\nthreads = 1\ntimeout = 1\n");
    let client = server.caller();
    let before = server.settled(1);
    let hung: Vec<_> = (0..3).map(|_| work(&client, 6_000)).collect();
    for call in hung {
        match call.wait() {
            Err(CallError::Refused(error)) => assert!(error.message.contains("timed out")),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(work(&client, 1).wait().unwrap(), 1);
    assert_eq!(server.settled(1), before, "the worker lives");
    let many = threads(&server);
    // The lost ones end when their handlers return; one is enough.
    until("there is one thread for calls again", || threads(&server) < many);
    assert_eq!(work(&client, 1).wait().unwrap(), 1);
    server.ok(&["stop"]);
}

#[test]
fn what_is_under_way_on_a_thread_is_answered_before_an_end() {
    let server = Rpc::start("answered", "number_workers = 1\nthreads = 2\n");
    let client = server.caller();
    for command in ["reload", "stop"] {
        let works: Vec<_> = (0..3).map(|_| work(&client, 1_500)).collect();
        until("all are under way", || server.status()["workers"][0]["active"] == 3);
        server.ok(&[command]);
        works.into_iter().for_each(|work| assert_eq!(work.wait().unwrap(), 1_500, "{command}"));
    }
}
