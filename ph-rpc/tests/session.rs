//! A connection as its driver meets it: limits, refusals, calls that wait or run elsewhere, bad input.

mod common;

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use common::{add, answers, bytes, outcome, take};
use ph_rpc::{
    Bounds, CodecError, Driver, Limits, Message, Outcome, Pending, Progress, Ran, RpcError,
    Service, Session, Ticket, Value, code,
};

/// Writes down what it is told, and takes no more than it has room for.
#[derive(Default)]
struct Clerk {
    said: Vec<String>,
    pending: Vec<Pending>,
    /// The last that began.
    last: Option<Ticket>,
    room: Option<usize>,
}

impl Driver for Clerk {
    fn has_room(&mut self) -> bool {
        self.room.is_none_or(|room| self.said.len() < room)
    }

    fn begun(&mut self, ticket: Ticket) {
        self.said.push(format!("{} begun", ticket.method()));
        self.last = Some(ticket);
    }

    fn ended(&mut self, ticket: Ticket, outcome: Outcome) {
        self.said.push(format!("{} ended {outcome:?}", ticket.method()));
    }

    fn refused(&mut self, code: i64) {
        self.said.push(format!("refused {code}"));
    }

    fn pending(&mut self, call: Pending) {
        self.said.push(format!("{} pending", call.ticket().method()));
        self.pending.push(call);
    }
}

/// A gate that futures wait at.
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<(bool, Vec<Waker>)>>);

impl Gate {
    fn open(&self) {
        let mut gate = self.0.lock().unwrap();
        gate.0 = true;
        gate.1.drain(..).for_each(Waker::wake);
    }

    fn passed(&self) -> impl Future<Output = ()> + Send + use<> {
        let gate = self.clone();
        poll_fn(move |cx| {
            let mut gate = gate.0.lock().unwrap();
            if gate.0 {
                return Poll::Ready(());
            }
            gate.1.push(cx.waker().clone());
            Poll::Pending
        })
    }
}

fn service(gate: &Gate) -> Service {
    let gate = gate.clone();
    Service::new()
        .method("add", |a: i64, b: i64| Ok(a + b))
        .method("fail", |code: i64| Err::<(), _>(RpcError::new(code, "no")))
        .method_async("wait", move |answer: Value| {
            let passed = gate.passed();
            async move {
                passed.await;
                Ok(answer)
            }
        })
        .method("large", |size: usize| Ok("x".repeat(size)))
}

#[test]
fn the_driver_hears_of_every_call() {
    let gate = Gate::default();
    let service = service(&gate);
    let (mut session, mut clerk) = (Session::default(), Clerk::default());
    session.feed(&bytes(&[
        add(1),
        Message::notification("add", vec![1.into(), 2.into()]),
        Message::request(2, "fail", vec![44.into()]),
        Message::request(3, "fail", vec!["x".into()]),
        Message::request(4, "wait", vec![5.into()]),
        Message::request(5, "fly", vec![]),
        Message::request(6, "add", vec![]),
        Message::success(7, "unasked"),
    ]));
    session.feed(b"\x93\x00\x08\xa1m\x90");
    assert_eq!(service.dispatch(&mut session, &mut (), &mut clerk), Ok(Progress::Hungry));
    let heard = [
        "0 begun",
        "0 ended Ok(())",
        "0 begun",
        "0 ended Ok(())",
        "1 begun",
        "1 ended Err(44)",
        "1 begun",
        "1 ended Err(1)",
        "2 begun",
        "2 pending",
        "refused 1",
        "refused 1",
        "refused 1",
    ];
    assert_eq!(clerk.said[..heard.len()], heard);
    let ids: Vec<_> = take(&mut session)
        .iter()
        .map(|answer| match answer {
            Message::Response { msgid, result } => (*msgid, result.is_ok()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids, [(1, true), (2, false), (3, false), (5, false), (6, false), (8, false)]);
    assert_eq!(session.in_flight(), 1);
}

#[test]
fn a_handler_that_waits_is_answered_when_it_is_ready() {
    let gate = Gate::default();
    let service = service(&gate);
    let (mut session, mut clerk) = (Session::default(), Clerk::default());
    session.feed(&bytes(&[
        Message::request(1, "wait", vec!["one".into()]),
        Message::notification("wait", vec!["nobody".into()]),
        Message::request(2, "wait", vec!["given up".into()]),
        add(3),
    ]));
    service.dispatch(&mut session, &mut (), &mut clerk).unwrap();
    assert_eq!(outcome(&mut session, 3), Ok(4.into()));
    assert_eq!(session.in_flight(), 3);

    let mut calls = clerk.pending.into_iter();
    let mut first = calls.next().unwrap();
    let mut nothing = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut first).poll(&mut nothing).is_pending());
    gate.open();
    let answer = first.wait();
    assert_eq!((answer.ticket().msgid(), answer.outcome()), (Some(1), Ok(())));
    session.push(&answer);
    assert_eq!(outcome(&mut session, 1), Ok("one".into()));
    session.push(&calls.next().unwrap().wait());
    assert!(session.output().is_empty());

    // Its driver has given it up: it is dropped, and the caller is told.
    let ticket = calls.next().unwrap().ticket();
    let late = RpcError::failed("it took too long");
    assert_eq!(session.answer(ticket, &Err::<(), _>(late.clone())), Err(code::FAILED));
    assert_eq!(outcome(&mut session, 2), Err(late));
    assert!(session.is_idle());
}

/// Panics when it is half written.
struct Half;

impl serde::Serialize for Half {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(2))?;
        serde::ser::SerializeSeq::serialize_element(&mut seq, "one")?;
        panic!("on purpose");
    }
}

#[test]
fn a_handler_that_panics_costs_its_call_alone() {
    let gate = Gate::default();
    let service = service(&gate).method("panic", || Ok(Half));
    let (mut session, mut clerk) = (Session::default(), Clerk::default());
    session.feed(&bytes(&[
        Message::request(1, "wait", vec![1.into()]),
        Message::request(2, "panic", vec![]),
        add(3),
    ]));
    let caught =
        catch_unwind(AssertUnwindSafe(|| service.dispatch(&mut session, &mut (), &mut clerk)));
    assert!(caught.is_err());
    assert_eq!(clerk.said.last().map(String::as_str), Some("4 begun"));
    assert_eq!((session.in_flight(), session.output()), (2, &b""[..]));
    let failed = RpcError::failed("a panic");
    let _ = session.answer(clerk.last.unwrap(), &Err::<(), _>(failed.clone()));
    assert_eq!(outcome(&mut session, 2), Err(failed));
    assert_eq!(service.dispatch(&mut session, &mut (), &mut clerk), Ok(Progress::Hungry));
    assert_eq!(outcome(&mut session, 3), Ok(4.into()));
    assert_eq!(session.in_flight(), 1);
}

#[test]
fn calls_are_run_elsewhere_and_answered_in_any_order() {
    let gate = Gate::default();
    let service = Arc::new(service(&gate));
    let mut session = Session::default();
    session.feed(&bytes(&[add(1), Message::request(2, "fly", vec![]), add(3)]));
    session.feed(&bytes(&[Message::request(4, "add", vec![1.into(), "x".into()]), add(5)])[..9]);
    let mut nobody: Vec<Pending> = Vec::new();
    let mut calls = Vec::new();
    while let Some(call) = service.take_call(&mut session, &mut nobody).unwrap() {
        calls.push(call);
    }
    assert_eq!((calls.len(), session.in_flight()), (2, 2));
    assert!(session.is_mid_message());
    assert!(outcome(&mut session, 2).is_err());
    for call in calls.into_iter().rev() {
        let service = Arc::clone(&service);
        let ran = std::thread::spawn(move || service.run(&call, &mut ())).join().unwrap();
        let Ran::Answer(answer) = ran else { panic!("{ran:?}") };
        session.push(&answer);
    }
    let sum = |id: u32| Message::success(id, id + 1);
    assert_eq!(take(&mut session), [sum(3), sum(1)]);
    assert!(session.is_idle());
}

#[test]
fn who_has_much_under_way_or_unread_is_not_asked_for_more() {
    let gate = Gate::default();
    let service = service(&gate);
    let bounds = Bounds { in_flight: 3, unread: 1_000, ..Bounds::default() };
    let mut session = Session::new(bounds);
    let mut clerk = Clerk::default();
    let wait = |id: u32| Message::request(id, "wait", vec![id.into()]);
    session.feed(&bytes(&[wait(1), wait(2), wait(3), wait(4), add(5)]));
    assert_eq!(service.dispatch(&mut session, &mut (), &mut clerk), Ok(Progress::Full));
    assert!(!session.wants_input());
    assert_eq!((session.in_flight(), session.output().len()), (3, 0));
    gate.open();
    let mut done = std::mem::take(&mut clerk.pending).into_iter().map(Pending::wait);
    session.push(&done.next().unwrap());
    assert_eq!(service.dispatch(&mut session, &mut (), &mut clerk), Ok(Progress::Hungry));
    done.for_each(|answer| session.push(&answer));
    assert_eq!(take(&mut session).len(), 5);

    let large = |id: u32| Message::request(id, "large", vec![600.into()]);
    session.feed(&bytes(&[large(1), large(2), large(3)]));
    assert_eq!(service.dispatch(&mut session, &mut (), &mut clerk), Ok(Progress::Full));
    assert!((1_200..1_300).contains(&session.output().len()));
    session.sent(500);
    assert_eq!(service.dispatch(&mut session, &mut (), &mut clerk), Ok(Progress::Full));
    assert!((1_200..1_400).contains(&session.output().len()) && !session.is_mid_message());

    // The driver's own limit, which is about all its connections.
    let (mut session, mut clerk) =
        (Session::default(), Clerk { room: Some(2), ..Clerk::default() });
    session.feed(&bytes(&[add(1), add(2)]));
    assert_eq!(service.dispatch(&mut session, &mut (), &mut clerk), Ok(Progress::Full));
    assert_eq!(outcome(&mut session, 1), Ok(2.into()));
}

#[test]
fn a_session_refuses_calls_while_it_is_told_to() {
    let service = service(&Gate::default());
    let mut session = Session::default();
    let leaving = RpcError::shutting_down("the worker leaves");
    session.refuse(Some(leaving.clone()));
    let said = [add(1), Message::notification("add", vec![]), Message::request(2, "fly", vec![])];
    assert_eq!(
        answers(&service, &mut session, &mut (), &said),
        [Message::failure(1, leaving.clone()), Message::failure(2, leaving)]
    );
    session.refuse(None);
    assert_eq!(answers(&service, &mut session, &mut (), &[add(3)]), [Message::success(3, 4)]);
}

#[test]
fn what_is_unread_goes_on_elsewhere() {
    let service = service(&Gate::default());
    let mut first = Session::default();
    let wire = bytes(&[add(1), add(2), add(3)]);
    for cut in 0..wire.len() {
        let (head, tail) = wire.split_at(cut);
        first.feed(head);
        let mut clerk = Clerk { room: Some(2), ..Clerk::default() };
        service.dispatch(&mut first, &mut (), &mut clerk).unwrap();
        let mut answers = take(&mut first);
        let mut second = Session::default();
        second.feed(&first.take_unread());
        second.feed(tail);
        service.dispatch(&mut second, &mut (), &mut Clerk::default()).unwrap();
        answers.extend(take(&mut second));
        assert_eq!(answers, [1, 2, 3].map(|id: u32| Message::success(id, id + 1)), "{cut}");
        assert!(!first.is_mid_message() && first.is_idle());
    }
}

#[test]
fn duplicate_ids_are_each_answered() {
    let service = service(&Gate::default());
    let said = [add(7), add(7)];
    let answered = answers(&service, &mut Session::default(), &mut (), &said);
    assert_eq!(answered, [Message::success(7, 8), Message::success(7, 8)]);
}

#[test]
fn what_ends_a_connection_is_told_after_the_answers_that_are_due() {
    let service = service(&Gate::default());
    let cases: [(&[u8], CodecError); 4] = [
        (b"\xc1", CodecError::Malformed { what: "the byte 0xc1, which begins nothing" }),
        (b"\x94\x00\x01\xdb\xff\xff\xff\xff", CodecError::TooLarge { limit: 1 << 20 }),
        (b"\x94\x00\x01\xa1m\xdd\xff\xff\xff\xff", CodecError::TooLarge { limit: 1 << 20 }),
        (&[0x91; 200_000], CodecError::TooDeep { limit: 64 }),
    ];
    for (end, error) in cases {
        let mut session = Session::default();
        session.feed(&bytes(&[add(1)]));
        session.feed(end);
        let mut clerk = Clerk::default();
        assert_eq!(service.dispatch(&mut session, &mut (), &mut clerk), Err(error.clone()));
        assert_eq!(outcome(&mut session, 1), Ok(2.into()));
        assert_eq!(service.dispatch(&mut session, &mut (), &mut clerk), Err(error));
    }
}

#[test]
fn arguments_as_deep_as_the_limit_are_taken_without_an_overflow() {
    let service = Service::new().method("value", |value: Value| Ok(value));
    let frame = Limits { frame: 1 << 20, depth: Limits::MAX_DEPTH };
    let deep = (0..Limits::MAX_DEPTH - 2).fold(Value::Nil, |value, _| Value::Array(vec![value]));
    let mut session = Session::new(Bounds { frame, ..Bounds::default() });
    let said = [Message::request(1, "value", vec![deep.clone()])];
    assert_eq!(answers(&service, &mut session, &mut (), &said), [Message::success(1, deep)]);
}

#[test]
fn a_silent_client_holds_little() {
    let service = service(&Gate::default());
    let mut session = Session::default();
    let said = [Message::request(1, "large", vec![500_000.into()])];
    assert_eq!(answers(&service, &mut session, &mut (), &said).len(), 1);
    session.release();
    assert_eq!(answers(&service, &mut session, &mut (), &[add(1)]), [Message::success(1, 2)]);
}
