//! Sessions that another program goes on with, and calls that another thread runs.

mod common;

use common::{add, bytes, outcome, take};
use ph_rpc::{
    Bounds, Driver, Message, OwnedCall, Pending, Progress, Ran, Service, Session, Ticket,
};

/// As when a process becomes another program: what was read, what is under way and what is owed go along.
#[test]
fn a_suspended_session_goes_on_where_it_was() {
    let service = Service::<Vec<Ticket>>::with_context()
        .later("wait", |tickets: &mut Vec<Ticket>, ticket: Ticket| {
            tickets.push(ticket);
            Ok(())
        })
        .method("add", |a: i64, b: i64| Ok(a + b));
    let mut tickets = Vec::new();
    let mut dispatch = |session: &mut Session| {
        let hungry = service.dispatch(session, &mut tickets, &mut Vec::new());
        assert_eq!(hungry, Ok(Progress::Hungry));
    };
    let said = bytes(&[Message::request(1, "wait", vec![]), add(2), add(3)]);
    let (first, rest) = said.split_at(said.len() - 2);
    let mut session = Session::default();
    session.feed(first);
    dispatch(&mut session);
    let suspended = session.suspend();
    assert_eq!(suspended, session.suspend(), "it is a look");
    drop(session);
    let mut session = Session::resume(Bounds::default(), suspended);
    assert_eq!(session.in_flight(), 1);
    session.feed(rest);
    dispatch(&mut session);
    session.answer(tickets.remove(0), &Ok("late")).unwrap();
    let id = |answer: &Message| match answer {
        Message::Response { msgid, .. } => *msgid,
        other => panic!("{other:?}"),
    };
    assert_eq!(take(&mut session).iter().map(id).collect::<Vec<_>>(), [2, 3, 1]);
    assert!(session.is_idle());
}

/// Has threads, or would have some.
#[derive(Default)]
struct Taker(Vec<OwnedCall>);

impl Driver for Taker {
    fn offload(&mut self, call: impl FnOnce() -> OwnedCall) -> bool {
        self.0.push(call());
        true
    }

    fn pending(&mut self, call: Pending) {
        panic!("{call:?}");
    }
}

/// A driver that has threads for them is given the calls that may block, and no others.
#[test]
fn calls_that_may_block_can_be_taken() {
    let service = Service::new()
        .method("twice", |a: i64| Ok(2 * a))
        .blocking()
        .method("add", |a: i64, b: i64| Ok(a + b));
    assert!(service.blocks());
    let (mut session, mut taker) = (Session::default(), Taker::default());
    let calls = [Message::request(1, "twice", vec![4.into()]), add(2)];
    session.feed(&bytes(&calls));
    assert_eq!(service.dispatch(&mut session, &mut (), &mut taker), Ok(Progress::Hungry));
    assert_eq!(outcome(&mut session, 2), Ok(3.into()));
    assert_eq!(session.in_flight(), 1);
    let Ran::Answer(answer) = service.run(&taker.0.remove(0), &mut ()) else {
        panic!("it is answered");
    };
    session.push(&answer);
    assert_eq!(outcome(&mut session, 1), Ok(8.into()));
    // Without threads they are run on the spot.
    session.feed(&bytes(&calls[..1]));
    let pending = &mut Vec::new();
    assert_eq!(service.dispatch(&mut session, &mut (), pending), Ok(Progress::Hungry));
    assert_eq!(outcome(&mut session, 1), Ok(8.into()));
    assert!(!Service::new().method("one", || Ok(1)).blocks());
    assert!(Service::new().method("one", || Ok(1)).on_threads().blocks());
}
