//! What must hold for any bytes that a client of the control socket sends. A target of a fuzzer, and of a test with a few of
//! its inputs.
//!
//! Not part of the crate's interface: it panics when something is wrong with the crate.

use ph_rpc::{Decoder, Limits, Message, Session, Value, encode};

use super::methods::{self, Change, OneByOne, Request};
use super::{BOUNDS, Inbox};
use crate::arbiter::{ScaleBy, Slots, Speed};

/// Each request is answered once and in its turn, by a whole message; what is asked is one of the things that can be; and a
/// session that is suspended anywhere goes on as if it had not been.
pub fn control(data: &[u8]) {
    let Some((&[piece, suspend_at], input)) = data.split_first_chunk() else { return };
    let service = methods::service();
    let mut session = Session::new(BOUNDS);
    let mut sent = Vec::new();
    for (turn, bytes) in input.chunks(usize::from(piece).max(1)).enumerate() {
        session.feed(bytes);
        if turn == usize::from(suspend_at) {
            session = Session::resume(BOUNDS, session.suspend());
        }
        loop {
            let (mut inbox, mut driver) = (Inbox::None, OneByOne::default());
            let dispatched = service.dispatch(&mut session, &mut inbox, &mut driver);
            assert_eq!(session.in_flight(), usize::from(inbox.is_some()), "one at a time");
            let called = inbox.is_some();
            if let Some((call, request)) = inbox {
                look_at(&request);
                let _ = session.answer(call, &Ok(true));
            }
            sent.extend_from_slice(session.output());
            session.sent(session.output().len());
            match dispatched {
                Err(_) => return look_at_answers(&sent),
                Ok(_) if !called => break,
                Ok(_) => {}
            }
        }
    }
    look_at_answers(&sent);
}

/// What a request may be, for all that was said.
fn look_at(request: &Request) {
    match request {
        Request::Change(Change::Stop(speed)) => assert_ne!(*speed, Speed::Now),
        Request::Change(Change::Scale(by)) => assert!(!matches!(by, ScaleBy::Nudge(_))),
        Request::Change(Change::Restart(Slots::These(ids))) => assert!(!ids.is_empty()),
        _ => {}
    }
}

fn look_at_answers(sent: &[u8]) {
    let mut decoder = Decoder::new(Limits { frame: usize::MAX, depth: Limits::MAX_DEPTH });
    decoder.feed(sent);
    while let Some(message) = decoder.next_message().expect("answers are messages") {
        assert!(matches!(message, Message::Response { .. }), "{message:?}");
    }
    assert_eq!(decoder.buffered(), 0, "half an answer");
}

/// Inputs to begin with, each by the name of its file.
#[must_use]
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let request = |method: &str, params: Vec<Value>| Message::request(7, method, params);
    let seed = |name, messages: &[Message]| {
        let mut bytes = vec![5, 1];
        messages.iter().for_each(|message| encode(message, &mut bytes));
        (name, bytes)
    };
    vec![
        seed("status", &[request("status", vec![]), request("why", vec![0.into()])]),
        seed("scale", &[request("scale", vec!["+1".into()]), request("scale", vec![4.into()])]),
        seed("stop", &[request("stop", vec![true.into()]), request("stop", vec![])]),
        seed(
            "workers",
            &[request("restart_worker", vec![0.into(), 3.into()]), request("stop_worker", vec![])],
        ),
        seed("reload", &[Message::notification("reload", vec![]), request("upgrade", vec![])]),
        seed(
            "config",
            &[request("config_get", vec!["number_workers".into()]), request("config_all", vec![])],
        ),
        seed("events", &[request("events", vec![true.into()]), request("reopen_logs", vec![])]),
        seed("unknown", &[request("fly", vec![Value::Nil]), Message::success(3, "ok")]),
    ]
}
