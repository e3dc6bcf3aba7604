//! A client that is a few lines of the codec.
#![allow(dead_code, reason = "no test uses all of it")]

use ph_rpc::{Decoder, Limits, Message, Pending, RpcError, Service, Session, Value, encode};

/// Messages as they are sent.
pub(crate) fn bytes(messages: &[Message]) -> Vec<u8> {
    let mut bytes = Vec::new();
    messages.iter().for_each(|message| encode(message, &mut bytes));
    bytes
}

/// A call of `add` whose id is its first argument.
pub(crate) fn add(msgid: u32) -> Message {
    Message::request(msgid, "add", vec![msgid.into(), 1.into()])
}

/// Has `said` dispatched, and takes the answers to be sent. Nothing may be pending.
pub(crate) fn answers<C: 'static>(
    service: &Service<C>,
    session: &mut Session,
    cx: &mut C,
    said: &[Message],
) -> Vec<Message> {
    session.feed(&bytes(said));
    let mut pending: Vec<Pending> = Vec::new();
    service.dispatch(session, cx, &mut pending).unwrap();
    assert!(pending.is_empty());
    take(session)
}

/// Takes what a session would send.
pub(crate) fn take(session: &mut Session) -> Vec<Message> {
    let mut decoder = Decoder::new(Limits { frame: 64 << 20, depth: 500 });
    decoder.feed(session.output());
    session.sent(session.output().len());
    let messages = std::iter::from_fn(|| decoder.next_message().unwrap()).collect();
    assert!(!decoder.is_mid_message());
    messages
}

/// Takes the only thing that a session would send, the answer to `msgid`.
pub(crate) fn outcome(session: &mut Session, msgid: u32) -> Result<Value, RpcError> {
    match &take(session)[..] {
        [Message::Response { msgid: id, result }] if *id == msgid => {
            result.clone().map_err(RpcError::from)
        }
        other => panic!("not the answer to {msgid}: {other:?}"),
    }
}

/// Calls one method, on a connection of its own.
pub(crate) fn ask(service: &Service, method: &str, params: Vec<Value>) -> Result<Value, RpcError> {
    let mut session = Session::default();
    session.feed(&Message::request(9, method, params).to_bytes());
    let mut pending: Vec<Pending> = Vec::new();
    service.dispatch(&mut session, &mut (), &mut pending).unwrap();
    for call in pending {
        session.push(&call.wait());
    }
    outcome(&mut session, 9)
}
