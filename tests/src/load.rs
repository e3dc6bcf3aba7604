//! Clients that go on while something else happens to the server.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

use crate::echo::{Client, Echo};

/// How many clients with short connections there are at a time.
const SHORT: usize = 4;

/// How many connections stay: as many workers that have room for one have nobody left who could be replaced by another.
const KEPT: usize = 16;

/// How many requests every other one of those has under way.
const DEEP: usize = 4;

/// Workers of a class that have room for all connections that stay, and one to spare.
pub fn enough(class: &str) -> usize {
    if class == "sync" { KEPT + 1 } else { 5 }
}

/// No request may fail.
pub fn nothing(_: &io::Error) -> bool {
    false
}

/// Settings of five workers, with as many as have room for all connections that stay.
pub fn with_room(five: &str, class: &str) -> String {
    five.replace("workers = 5", &format!("workers = {}", enough(class)))
}

/// Connections for one request each, until `meanwhile` returns; how many were served.
///
/// `forgiven` says of a failure whether it may be.
pub fn short(
    echo: &Echo,
    forgiven: impl Fn(&io::Error) -> bool + Sync,
    meanwhile: impl FnOnce(),
) -> usize {
    let (listener, served) = (echo.listener(), AtomicUsize::new(0));
    clients(SHORT, meanwhile, |_| {
        |request| {
            let answer = Client::connect(listener).and_then(|mut it| it.try_ask(request));
            match answer {
                Ok(answer) => {
                    assert_eq!(answer, request);
                    served.fetch_add(1, SeqCst);
                }
                Err(error) => assert!(forgiven(&error), "a request failed: {error:?}"),
            }
        }
    });
    served.into_inner()
}

/// Connections that stay, without a pause between requests, until `meanwhile` returns; how many requests were served. Every
/// other one has several requests under way. Not one of the connections may end, and not one answer be missing.
pub fn kept(echo: &Echo, meanwhile: impl FnOnce()) -> usize {
    let (listener, served) = (echo.listener(), AtomicUsize::new(0));
    clients(KEPT, meanwhile, |name| {
        let mut client = Client::connect(listener).unwrap();
        let (mut asked, served) = (VecDeque::new(), &served);
        let depth = if name % 2 == 0 { 1 } else { DEEP };
        move |request| {
            client.say(request);
            asked.push_back(request.to_owned());
            if asked.len() == depth {
                assert_eq!(Some(client.answer()), asked.pop_front());
                served.fetch_add(1, SeqCst);
            }
        }
    });
    served.into_inner()
}

/// The nicest there is.
const NICE: i32 = 19;

/// Lets each of several clients make one request after the other, no two of them alike.
///
/// They take what the server leaves of the processors. Where all were alike, masters and new workers were seen to wait for
/// a processor for up to 22 s, while a few clients and workers went on with each other.
fn clients<F: FnMut(&str)>(
    count: usize,
    meanwhile: impl FnOnce(),
    client: impl Fn(usize) -> F + Sync,
) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for name in 0..count {
            let (over, client) = (&over, &client);
            scope.spawn(move || {
                // To Linux, whoever asks for itself is a thread.
                rustix::process::setpriority_process(None, NICE).unwrap();
                let mut ask = client(name);
                for number in 0.. {
                    if over.load(SeqCst) {
                        break;
                    }
                    ask(&format!("{name} {number}"));
                }
            });
        }
        // Should it panic, the clients must end as well.
        let done = catch_unwind(AssertUnwindSafe(meanwhile));
        over.store(true, SeqCst);
        done.unwrap_or_else(|panic| resume_unwind(panic));
    });
}
