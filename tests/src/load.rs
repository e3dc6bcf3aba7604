//! Clients that go on while something else happens to the server.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

use crate::echo::{Client, Echo};

/// How many clients there are at a time.
const CLIENTS: usize = 4;

/// No request may fail.
pub fn nothing(_: &io::Error) -> bool {
    false
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
    clients(meanwhile, || {
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

/// Connections that stay, a request after the other, until `meanwhile` returns; how many requests were served. Not one of
/// the connections may end.
pub fn kept(echo: &Echo, meanwhile: impl FnOnce()) -> usize {
    let (listener, served) = (echo.listener(), AtomicUsize::new(0));
    clients(meanwhile, || {
        let mut client = Client::connect(listener).unwrap();
        let served = &served;
        move |request| {
            assert_eq!(client.ask(request), request);
            served.fetch_add(1, SeqCst);
        }
    });
    served.into_inner()
}

/// Lets each of several clients make one request after the other, no two of them alike.
fn clients<F: FnMut(&str)>(meanwhile: impl FnOnce(), client: impl Fn() -> F + Sync) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for name in 0..CLIENTS {
            let (over, client) = (&over, &client);
            scope.spawn(move || {
                let mut ask = client();
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
