//! Payloads that travel compressed, where both sides want it.

mod common;

use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use common::{answers, outcome};
use ph_rpc::client::{Client, Options};
use ph_rpc::{Message, RpcError, Service, Session, Value, code, serve};

fn service() -> Service {
    Service::new()
        .method("length", |text: String| Ok(text.len()))
        .method("repeat", |text: String, count: usize| Ok(text.repeat(count)))
        .method("value", |value: Value| Ok(value))
}

fn willing() -> Session {
    let mut session = Session::default();
    session.allow_zlib();
    session
}

/// A client that asks, the bytes that both have sent, and what it finds.
fn with_client(mut session: Session, test: impl FnOnce(&Client)) {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let server = thread::spawn(move || serve(&service(), &mut session, &mut theirs, &mut ()));
    let options =
        Options { zlib: Some(1_000), timeout: Duration::from_secs(60), ..Options::default() };
    let client = Client::on_unix(ours, options).unwrap();
    test(&client);
    drop(client);
    server.join().unwrap().unwrap();
}

#[test]
fn both_ways_and_only_what_is_large() {
    // More than a frame may have, and less when it is packed: it arrives only because it was.
    let text = "x".repeat(900_000);
    let test = |client: &Client| {
        assert_eq!(client.call::<usize, _>("length", &(&text,)).unwrap(), 900_000);
        let long: String = client.call("repeat", &("ab", 450_000)).unwrap();
        assert_eq!(long.len(), 900_000);
        assert_eq!(client.call::<String, _>("repeat", &("a", 3)).unwrap(), "aaa");
    };
    with_client(willing(), test);
    with_client(Session::default(), test);
}

/// `[0, 1, "rpc.compress", ["zlib", 100]]`.
fn agree(msgid: u32) -> Message {
    Message::request(msgid, "rpc.compress", vec!["zlib".into(), 100.into()])
}

#[test]
fn on_the_wire_it_is_an_ext() {
    let (service, mut session) = (service(), willing());
    assert_eq!(answers(&service, &mut session, &mut (), &[agree(1)]), [Message::success(1, true)]);
    session.feed(&Message::request(2, "repeat", vec!["a".into(), 10_000.into()]).to_bytes());
    service.dispatch(&mut session, &mut (), &mut Vec::new()).unwrap();
    assert!(session.output().len() < 100, "{}", session.output().len());
    let Ok(Value::Ext(0x7a, packed)) = outcome(&mut session, 2) else { panic!("not packed") };
    // Packed parameters: the same bytes, as the only argument of a call.
    let mut call = b"\x94\x00\x03\xa6length\xc9".to_vec();
    call.extend_from_slice(&(packed.len() as u32).to_be_bytes());
    call.push(0x7a);
    call.extend_from_slice(&packed);
    session.feed(&call);
    service.dispatch(&mut session, &mut (), &mut Vec::new()).unwrap();
    // A string is packed there, and no array.
    let error = outcome(&mut session, 3).unwrap_err();
    assert_eq!(error, RpcError::invalid_call("parameters that are not an array"));
}

#[test]
fn an_ext_that_is_none_of_ours_stays_what_it_is() {
    let ext = Value::Ext(0x7a, vec![1, 2, 3]);
    with_client(willing(), |client| {
        assert_eq!(client.call_values("value", std::slice::from_ref(&ext)).unwrap(), ext);
    });
    with_client(Session::default(), |client| {
        assert_eq!(client.call_values("value", std::slice::from_ref(&ext)).unwrap(), ext);
    });
}

#[test]
fn what_was_not_agreed_or_is_broken_is_refused_and_the_stream_goes_on() {
    let service = service();
    let packed = |stream: &[u8]| {
        let mut call = b"\x94\x00\x09\xa6length\xc7".to_vec();
        call.extend_from_slice(&[stream.len() as u8, 0x7a]);
        call.extend_from_slice(stream);
        call
    };
    let length = Message::request(4, "length", vec!["four".into()]);
    for mut session in [Session::default(), willing()] {
        session.feed(&packed(b"no stream"));
        service.dispatch(&mut session, &mut (), &mut Vec::new()).unwrap();
        assert_eq!(outcome(&mut session, 9).unwrap_err().code, code::INVALID_CALL);
        let bad = [Message::request(1, "rpc.compress", vec!["lzma".into(), 1.into()])];
        let refused = answers(&service, &mut session, &mut (), &bad);
        assert!(matches!(&refused[..], [Message::Response { result: Err(_), .. }]));
        let answered = answers(&service, &mut session, &mut (), std::slice::from_ref(&length));
        assert_eq!(answered, [Message::success(4, 4)]);
    }
    let mut session = willing();
    answers(&service, &mut session, &mut (), &[agree(1)]);
    session.feed(&packed(b"no stream"));
    service.dispatch(&mut session, &mut (), &mut Vec::new()).unwrap();
    assert!(outcome(&mut session, 9).unwrap_err().message.contains("can't be unpacked"));
}

#[test]
fn the_agreement_goes_along_to_another_session() {
    let (service, mut first) = (service(), willing());
    answers(&service, &mut first, &mut (), &[agree(1)]);
    let mut second = willing();
    second.feed(&first.take_unread());
    let said = [Message::request(2, "repeat", vec!["a".into(), 10_000.into()])];
    let answered = answers(&service, &mut second, &mut (), &said);
    assert!(matches!(&answered[..], [Message::Response { result: Ok(Value::Ext(0x7a, _)), .. }]));
}
