//! The blocking client against a server that misbehaves on purpose, over a socket pair.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ph_rpc::client::{ClientError, Connection, Incoming};
use ph_rpc::{CodecError, Decoder, Message, RpcError, Value, encode};

/// A client, and a server that is this function on a thread of its own.
fn pair(
    server: impl FnOnce(&mut Peer) + Send + 'static,
) -> (Connection<UnixStream>, JoinHandle<()>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let server =
        thread::spawn(move || server(&mut Peer { stream: theirs, decoder: Decoder::default() }));
    (Connection::new(ours), server)
}

struct Peer {
    stream: UnixStream,
    decoder: Decoder,
}

impl Peer {
    fn receive(&mut self) -> Message {
        loop {
            if let Some(message) = self.decoder.next_message().unwrap() {
                return message;
            }
            assert_ne!(self.decoder.read_from(&mut self.stream).unwrap(), 0, "the client is gone");
        }
    }

    fn receive_request(&mut self) -> (u32, String, Vec<Value>) {
        match self.receive() {
            Message::Request { msgid, method, params } => (msgid, method, params),
            other => panic!("not a request: {other:?}"),
        }
    }

    fn send(&mut self, messages: &[Message]) {
        let mut bytes = Vec::new();
        messages.iter().for_each(|message| encode(message, &mut bytes));
        self.stream.write_all(&bytes).unwrap();
    }
}

#[test]
fn a_call_has_its_result_or_its_error() {
    let (mut client, server) = pair(|peer| {
        let (id, method, params) = peer.receive_request();
        assert_eq!((method.as_str(), params), ("scale", vec![Value::from(4)]));
        peer.send(&[Message::success(id, "ok")]);
        let (id, ..) = peer.receive_request();
        peer.send(&[Message::failure(id, RpcError::overloaded("busy"))]);
    });
    assert_eq!(client.call("scale", vec![4.into()]).unwrap(), Ok("ok".into()));
    assert_eq!(client.call("reload", vec![]).unwrap(), Err(RpcError::overloaded("busy")));
    server.join().unwrap();
}

#[test]
fn answers_come_in_any_order_and_notifications_in_between_are_kept() {
    let (mut client, server) = pair(|peer| {
        let ids: Vec<u32> = (0..3).map(|_| peer.receive_request().0).collect();
        peer.send(&[
            Message::notification("event", vec![1.into()]),
            Message::success(ids[2], 2),
            Message::success(ids[0], 0),
            Message::notification("event", vec![2.into()]),
            Message::success(ids[1], 1),
        ]);
    });
    let ids: Vec<u32> = (0..3).map(|n| client.request("m", vec![n.into()]).unwrap()).collect();
    assert_eq!(client.wait(ids[0]).unwrap(), Ok(0.into()));
    assert_eq!(client.wait(ids[1]).unwrap(), Ok(1.into()));
    let event = |n: i32| Incoming::Notification { method: "event".into(), params: vec![n.into()] };
    assert_eq!(client.receive().unwrap(), event(1));
    assert_eq!(client.wait(ids[2]).unwrap(), Ok(2.into()));
    assert_eq!(client.receive().unwrap(), event(2));
    server.join().unwrap();
    assert!(matches!(client.receive(), Err(ClientError::Closed)));
}

#[test]
fn an_answer_to_an_earlier_request_waits_its_turn() {
    let (mut client, server) = pair(|peer| {
        let ids = [peer.receive_request().0, peer.receive_request().0];
        peer.send(&ids.map(|id| Message::success(id, format!("of {id}"))));
    });
    let [first, second] = [(); 2].map(|()| client.request("m", vec![]).unwrap());
    assert_eq!(client.wait(second).unwrap(), Ok(format!("of {second}").into()));
    assert_eq!(client.wait(first).unwrap(), Ok(format!("of {first}").into()));
    server.join().unwrap();
}

#[test]
fn a_silence_loses_nothing_even_inside_a_message() {
    let (go, wait_for_go) = std::sync::mpsc::channel();
    let (mut client, server) = pair(move |peer| {
        let (id, ..) = peer.receive_request();
        let bytes = Message::success(id, "at last").to_bytes();
        let (head, tail) = bytes.split_at(3);
        peer.stream.write_all(head).unwrap();
        wait_for_go.recv().unwrap();
        peer.stream.write_all(tail).unwrap();
    });
    client.stream().set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let id = client.request("status", vec![]).unwrap();
    assert!(matches!(client.wait(id), Err(ClientError::Silent)));
    assert!(matches!(client.receive(), Err(ClientError::Silent)));
    client.stream().set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    go.send(()).unwrap();
    assert_eq!(client.wait(id).unwrap(), Ok("at last".into()));
    server.join().unwrap();
}

#[test]
fn a_servers_own_request_is_refused_rather_than_left_waiting() {
    let (mut client, server) = pair(|peer| {
        let (id, ..) = peer.receive_request();
        peer.send(&[Message::request(77, "fly", vec![]), Message::success(id, true)]);
        let Message::Response { msgid: 77, result: Err(error) } = peer.receive() else {
            panic!("not a refusal");
        };
        assert_eq!(RpcError::from(error).code, ph_rpc::code::INVALID_CALL);
    });
    assert_eq!(client.call("m", vec![]).unwrap(), Ok(true.into()));
    server.join().unwrap();
}

#[test]
fn garbage_and_a_flood_are_told_apart_from_silence() {
    let (mut client, server) = pair(|peer| peer.stream.write_all(b"\xc1").unwrap());
    assert!(matches!(client.receive(), Err(ClientError::Codec(CodecError::Malformed { .. }))));
    server.join().unwrap();

    let (mut client, server) = pair(|peer| {
        let event = Message::notification("event", vec![]).to_bytes().repeat(70_000);
        // The client hangs up before all of it is written, or after.
        let _ = peer.stream.write_all(&event);
        let _ = peer.stream.read(&mut [0; 1]);
    });
    assert!(matches!(client.call("m", vec![]), Err(ClientError::Flooded)));
    drop(client);
    server.join().unwrap();
}
