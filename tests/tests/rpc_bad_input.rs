//! What clients send to an rpc worker that is not right: an error where one can be given, else the end of that connection,
//! and nothing of it remains. Clients that are slow, deaf or half gone are in `rpc.rs`.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use ph_rpc::client::{Connection, Incoming};
use ph_rpc::{Decoder, Message, RpcError, Value, code, fuzz};
use ph_tests::rpc::{Rpc, sum};
use ph_tests::{Process, until};

/// A server with one worker, and what that had before anybody came.
struct Before {
    server: Rpc,
    worker: Process,
    sockets: usize,
    memory: u64,
}

/// What the allocator may keep, whoever has gone.
const KEPT: u64 = 4 << 20;

impl Before {
    fn look(test: &str) -> Self {
        let server = Rpc::start(test, "number_workers = 1\n");
        let worker = server.settled(1)[0].1;
        let sockets = worker.sockets().len();
        // What a few calls allocate stays, and is not what is looked for.
        assert_eq!(server.caller().call::<i64, _>("add", &(1, 2)).unwrap(), 3);
        until("it has gone", || worker.sockets().len() == sockets);
        Self { server, worker, sockets, memory: worker.resident() }
    }

    /// Sends as much of it as is taken, and returns what comes back until the connection is closed.
    fn closed_after(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.server.stream();
        let _ = stream.write_all(bytes);
        let mut said = Vec::new();
        // An end or a reset: it may have been closed with some of it unread. But no silence.
        let end = stream.read_to_end(&mut said).map_err(|error| error.kind());
        let silence = [std::io::ErrorKind::WouldBlock, std::io::ErrorKind::TimedOut];
        assert!(!end.is_err_and(|kind| silence.contains(&kind)), "{:?} is waited for", &bytes[..9]);
        said
    }

    /// How many connections were closed for what their clients sent.
    fn counted(&self) -> usize {
        self.server.status()["calls"]["broken"].as_u64().unwrap() as usize
    }

    /// Nothing of the clients remains, now that they are gone.
    #[track_caller]
    fn leaves_nothing(self) {
        let Self { server, worker, sockets, memory } = self;
        until("all connections are closed", || worker.sockets().len() == sockets);
        let more = worker.resident().saturating_sub(memory);
        assert!(more < KEPT, "{more} bytes more than before");
        assert_eq!(server.caller().call::<i64, _>("add", &(1, 2)).unwrap(), 3);
        assert_eq!(server.settled(1)[0].1, worker);
        let log = server.read("app.log");
        assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
        server.ok(&["stop"]);
    }
}

/// `[0, 1, "echo", [`…
const ECHO: &[u8] = b"\x94\x00\x01\xa4echo\x91";

#[test]
fn what_breaks_a_limit_ends_its_connection_at_once() {
    let before = Before::look("limits");
    let claims: [&[u8]; 10] = [
        // Texts, bytes and others of 4 GiB; arrays and maps of as many elements.
        b"\xdb\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x07",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        // No more than the limit itself, but for what is around it; and that behind a long array.
        b"\xdb\x00\x10\x00\x00",
        b"\xdc\xff\xff\xdd\x00\x10\x00\x00",
        // Nothing begins with this byte.
        b"\xc1",
        &[0x91; 200_000],
        &[0x81; 200_000],
    ];
    for claim in claims {
        let bytes = [ECHO, claim].concat();
        assert_eq!(before.closed_after(&bytes), b"", "{:?}", &claim[..1]);
    }
    until("each is counted", || before.counted() == claims.len());
    // What came before it is answered first.
    let bytes = [&sum(7)[..], ECHO, b"\xc1"].concat();
    assert_eq!(before.closed_after(&bytes), b"\x94\x01\x07\xc0\x08");
    before.leaves_nothing();
}

/// A claim that is kept within the limit is believed as far as it is kept: a mebibyte for each connection.
#[test]
fn what_keeps_its_clients_waiting_is_held_within_the_limit() {
    let before = Before::look("held");
    let clients: Vec<TcpStream> = (0..16)
        .map(|_| {
            let mut stream = before.server.stream();
            let mut bytes = [ECHO, b"\xc6\x00\x0f\xff\x00"].concat();
            bytes.resize(0xf_0000, 0);
            stream.write_all(&bytes).unwrap();
            stream
        })
        .collect();
    // The others are served meanwhile, and when each has its bytes, that is all it has.
    assert_eq!(before.server.caller().call::<i64, _>("add", &(1, 2)).unwrap(), 3);
    until("all of it has come", || before.worker.resident() > before.memory + (8 << 20));
    let held = before.worker.resident() - before.memory;
    assert!(held < 36 << 20, "sixteen clients hold {held} bytes");
    drop(clients);
    until("it is given back", || before.worker.resident() < before.memory + KEPT);
    before.leaves_nothing();
}

/// A message may end anywhere; the rest never comes.
#[test]
fn a_message_that_is_cut_off_is_no_call() {
    let before = Before::look("cut");
    let mut message = Vec::new();
    let value = Value::Map(vec![("key".into(), Value::Array(vec![1.5.into(), Value::Nil]))]);
    ph_rpc::encode(&Message::request(7, "kv_set", vec!["cut".into(), value]), &mut message);
    for length in 1..message.len() {
        let mut stream = before.server.stream();
        stream.write_all(&message[..length]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).unwrap();
        assert_eq!(said, b"", "{length} bytes are no message");
    }
    let client = before.server.caller();
    assert_eq!(client.call::<Value, _>("kv_get", &("cut",)).unwrap(), Value::Nil);
    drop(client);
    assert_eq!(before.counted(), 0, "it was right as far as it came");
    before.leaves_nothing();
}

/// One connection on which everything is wrong that leaves the stream in step.
#[test]
fn what_can_be_told_is_told_and_the_connection_goes_on() {
    let before = Before::look("told");
    let mut stream = before.server.stream();
    let wrong: [(&[u8], Option<&str>); 15] = [
        (b"\x94\x00\x01\xa3fly\x90", Some("no method \"fly\"")),
        (b"\x94\x00\x01\xa0\x90", Some("no method \"\"")),
        (b"\x94\x00\x01\xa2\xff\xfe\x90", Some("no method")),
        (b"\x94\x00\x01\xa3add\x90", Some("add takes 2 arguments, not none")),
        (b"\x94\x00\x01\xa3add\x93\x01\x02\x03", Some("add takes 2 arguments, not 3")),
        (b"\x94\x00\x01\xa3add\x92\x01\xa1x", Some("add: argument 2")),
        (b"\x94\x00\x01\xa3add\x92\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x01", Some("argument 1")),
        (b"\x94\x00\x01\xa3add\x80", Some("parameters that are not an array")),
        (b"\x94\x00\x01\x07\x90", Some("neither str nor bin")),
        (b"\x92\x00\x01", Some("other than 4 fields")),
        // Nobody is waiting for an answer: no message at all, an answer that was not asked for, a notification.
        (b"\x07", None),
        (b"\x90", None),
        (b"\x94\x01\xcd\x03\xe7\xc0\xc0", None),
        (b"\x94\x01\xcd\x03\xe7\xa2no\xc0", None),
        (b"\x93\x02\xa3fly\x90", None),
    ];
    let bytes: Vec<u8> = wrong.iter().flat_map(|(bytes, _)| bytes.iter().copied()).collect();
    stream.write_all(&bytes).unwrap();
    stream.write_all(&sum(9)).unwrap();
    let mut client = Connection::new(stream);
    for (bytes, told) in wrong.iter().filter_map(|(bytes, told)| Some((bytes, (*told)?))) {
        let Incoming::Response { msgid: 1, result: Err(error) } = client.receive().unwrap() else {
            panic!("{} was taken", bytes.escape_ascii());
        };
        assert_eq!(error.code, code::INVALID_CALL, "{error:?}");
        assert!(error.message.contains(told), "{error:?} instead of {told}");
    }
    let Incoming::Response { msgid: 9, result } = client.receive().unwrap() else { panic!("no 9") };
    assert_eq!(result, Ok(10.into()));
    drop(client);
    assert_eq!(before.counted(), 0);
    before.leaves_nothing();
}

/// Ids are the client's business: each call is answered by the one it came with.
#[test]
fn calls_with_the_same_id_are_all_answered() {
    let before = Before::look("same");
    let mut stream = before.server.stream();
    for _ in 0..3 {
        stream.write_all(b"\x94\x00\x07\xa5sleep\x91\x32").unwrap();
        stream.write_all(b"\x94\x00\x07\xa3add\x92\x01\x02").unwrap();
        stream.write_all(b"\x94\x00\x07\xa4fail\x92\x05\xa2no").unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let mut decoder = Decoder::default();
    decoder.feed(&bytes);
    let mut answers = Vec::new();
    while let Some(message) = decoder.next_message().unwrap() {
        let Message::Response { msgid: 7, result } = message else { panic!("{message:?}") };
        answers.push(result.map_err(RpcError::from));
    }
    let of = |wanted: Result<Value, RpcError>| answers.iter().filter(|it| **it == wanted).count();
    let each = [of(Ok(50.into())), of(Ok(3.into())), of(Err(RpcError::new(5, "no")))];
    assert_eq!((each, answers.len()), ([3; 3], 9));
    before.leaves_nothing();
}

/// The fuzzer's seeds, cut off at every byte and with every byte changed, at a real worker.
#[test]
fn changed_at_any_byte_a_message_harms_nobody() {
    let before = Before::look("changed");
    for (name, seed) in fuzz::seeds() {
        for at in 4..seed.len() {
            let mut bytes = seed[4..].to_vec();
            bytes[at - 4] ^= 0xff;
            bytes.truncate(if at % 3 == 0 { at - 3 } else { usize::MAX });
            let mut stream = before.server.stream();
            // It may be closed before all is sent.
            let _ = stream.write_all(&bytes);
            let _ = stream.shutdown(Shutdown::Write);
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let mut said = Vec::new();
            if let Err(error) = stream.read_to_end(&mut said) {
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{name}, {at}");
            }
        }
    }
    before.leaves_nothing();
}
