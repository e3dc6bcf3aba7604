//! The client for many threads, against a server that is `serve` and against some that misbehave.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ph_rpc::client::{CallError, Client, Options};
use ph_rpc::{Decoder, Message, RpcError, Service, Session, Str, Value, serve};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i64,
    y: i64,
}

fn echo(text: Str<'_>) -> Result<Str<'_>, RpcError> {
    Ok(text)
}

fn service() -> Service {
    Service::new()
        .method("add", |a: i64, b: i64| Ok(a + b))
        .method("echo", echo)
        .method("mirror", |p: Point| Ok(Point { x: p.y, y: p.x }))
        .method("fail", |code: i64, text: String| Err::<(), _>(RpcError::new(code, text)))
        .method("nothing", || Ok(()))
}

fn patient() -> Options {
    Options { timeout: Duration::from_secs(60), ..Options::default() }
}

/// A client, and `serve` on a thread of its own.
fn pair(options: Options) -> (Client, JoinHandle<std::io::Result<()>>) {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let server =
        thread::spawn(move || serve(&service(), &mut Session::default(), &mut theirs, &mut ()));
    (Client::on_unix(ours, options).unwrap(), server)
}

/// A client, and a server that is this function on a thread of its own.
fn against(
    options: Options,
    server: impl FnOnce(UnixStream) + Send + 'static,
) -> (Client, JoinHandle<()>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let server = thread::spawn(move || server(theirs));
    (Client::on_unix(ours, options).unwrap(), server)
}

fn next_id(stream: &mut UnixStream, decoder: &mut Decoder) -> u32 {
    loop {
        match decoder.next_message().unwrap() {
            Some(Message::Request { msgid, .. }) => return msgid,
            Some(other) => panic!("{other:?}"),
            None => assert_ne!(decoder.read_from(stream).unwrap(), 0, "the client is gone"),
        }
    }
}

#[test]
fn results_are_typed_and_errors_are_told_apart() {
    let (client, server) = pair(patient());
    assert_eq!(client.call::<i64, _>("add", &(40, 2)).unwrap(), 42);
    assert_eq!(client.call::<String, _>("echo", &("grüße",)).unwrap(), "grüße");
    assert_eq!(client.call::<String, _>("echo", &["list"]).unwrap(), "list");
    let mirrored: Point = client.call("mirror", &(Point { x: 1, y: 2 },)).unwrap();
    assert_eq!(mirrored, Point { x: 2, y: 1 });
    client.call::<(), _>("nothing", &()).unwrap();
    assert_eq!(client.call_values("add", &[1.into(), 2.into()]).unwrap(), Value::from(3));
    client.notify("add", &(1, 2)).unwrap();

    let refused = client.call::<(), _>("fail", &(77, "no")).unwrap_err();
    assert_eq!(refused.refusal(), Some(&RpcError::new(77, "no")));
    assert_eq!(refused.to_string(), "no");
    let wrong = client.call::<String, _>("add", &(1, 2)).unwrap_err();
    assert!(matches!(&wrong, CallError::Result(says) if says.contains("expected a string")));
    let scalar = client.call::<i64, _>("add", &7).unwrap_err();
    assert!(matches!(scalar, CallError::Params(_)), "{scalar}");
    // None of these has cost the connection.
    assert_eq!(client.call::<i64, _>("add", &(1, 2)).unwrap(), 3);
    drop(client);
    server.join().unwrap().unwrap();
}

#[test]
fn many_threads_share_one_connection() {
    let (client, server) = pair(patient());
    thread::scope(|scope| {
        for thread in 0..16i64 {
            let client = &client;
            scope.spawn(move || {
                for n in 0..200 {
                    assert_eq!(client.call::<i64, _>("add", &(thread, n)).unwrap(), thread + n);
                }
            });
        }
    });
    drop(client);
    server.join().unwrap().unwrap();
}

#[test]
fn thousands_of_calls_are_under_way_at_once() {
    let options = Options { in_flight: 100, ..patient() };
    let (client, server) = pair(options);
    // Far more than sockets hold, both ways: who writes has to read meanwhile.
    let text = "x".repeat(20_000);
    let calls: Vec<_> = (0..1_000).map(|_| client.start("echo", &(&text,)).unwrap()).collect();
    for call in calls.into_iter().rev() {
        let echoed: String = call.wait().unwrap();
        assert!(echoed == text);
    }
    drop(client);
    server.join().unwrap().unwrap();
}

#[test]
fn tcp_and_addresses_that_nobody_has() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        drop(listener);
        serve(&service(), &mut Session::default(), &mut stream, &mut ())
    });
    let client = Client::tcp(address, patient()).unwrap();
    assert_eq!(client.call::<i64, _>("add", &(1, 2)).unwrap(), 3);
    drop(client);
    server.join().unwrap().unwrap();
    assert!(matches!(Client::tcp(address, patient()), Err(CallError::Connect(_))));
    assert!(matches!(Client::unix("/no/such.sock", patient()), Err(CallError::Connect(_))));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn answers_in_any_order_find_their_callers() {
    let (client, server) = against(patient(), |mut stream| {
        let mut decoder = Decoder::default();
        let ids: Vec<u32> = (0..3).map(|_| next_id(&mut stream, &mut decoder)).collect();
        // An answer that nobody waits for, and one that comes twice.
        for (id, answer) in [(ids[2], 2), (99_999, 7), (ids[0], 0), (ids[0], 8), (ids[1], 1)] {
            stream.write_all(&Message::success(id, answer).to_bytes()).unwrap();
        }
    });
    let calls: Vec<_> = (0..3).map(|_| client.start::<i64, _>("m", &()).unwrap()).collect();
    let heard: Vec<i64> = calls.into_iter().map(|call| call.wait().unwrap()).collect();
    assert_eq!(heard, [0, 1, 2]);
    server.join().unwrap();
}

#[test]
fn a_call_that_takes_too_long_costs_no_other() {
    // Long enough for a server that has to wait for its processor.
    let options = Options { timeout: Duration::from_secs(1), in_flight: 1, ..patient() };
    let (client, server) = against(options, |mut stream| {
        let mut decoder = Decoder::default();
        let late = next_id(&mut stream, &mut decoder);
        let next = next_id(&mut stream, &mut decoder);
        stream.write_all(&Message::success(late, "late").to_bytes()).unwrap();
        stream.write_all(&Message::success(next, "in time").to_bytes()).unwrap();
    });
    let began = Instant::now();
    assert!(matches!(client.call::<(), _>("m", &()), Err(CallError::TimedOut)));
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(client.call::<String, _>("m", &()).unwrap(), "in time");
    server.join().unwrap();
}

#[test]
fn the_end_of_a_connection_is_told_to_everyone() {
    let (client, server) = against(patient(), |mut stream| {
        let mut decoder = Decoder::default();
        let first = next_id(&mut stream, &mut decoder);
        next_id(&mut stream, &mut decoder);
        stream.write_all(&Message::success(first, 1).to_bytes()).unwrap();
    });
    let (one, two) = (client.start::<i64, _>("m", &()), client.start::<i64, _>("m", &()));
    assert_eq!(one.unwrap().wait().unwrap(), 1);
    let closed = two.unwrap().wait().unwrap_err();
    assert_eq!(closed.to_string(), "the connection to the server is closed: the server closed it");
    server.join().unwrap();
    assert!(matches!(client.call::<i64, _>("m", &()), Err(CallError::Closed { .. })));

    let (client, server) = against(patient(), |mut stream| {
        stream.write_all(b"\xc1").unwrap();
        let _ = stream.read(&mut [0]);
    });
    let closed = client.call::<i64, _>("m", &()).unwrap_err();
    assert!(closed.to_string().contains("not msgpack"), "{closed}");
    drop(client);
    server.join().unwrap();
}

#[test]
fn notifications_are_kept_up_to_a_limit_and_requests_are_refused() {
    let (told, tell) = mpsc::channel();
    let options = Options { notices: 2, ..patient() };
    let (client, server) = against(options, move |mut stream| {
        for n in 0..3 {
            stream.write_all(&Message::notification("event", vec![n.into()]).to_bytes()).unwrap();
        }
        stream.write_all(&Message::request(5, "fly", vec![]).to_bytes()).unwrap();
        let mut decoder = Decoder::default();
        let mut refused = false;
        let asked = loop {
            match decoder.next_message().unwrap() {
                Some(Message::Response { msgid: 5, result: Err(_) }) => refused = true,
                Some(Message::Request { msgid, .. }) => break msgid,
                Some(other) => panic!("{other:?}"),
                None => assert_ne!(decoder.read_from(&mut stream).unwrap(), 0),
            }
        };
        stream.write_all(&Message::success(asked, Value::Nil).to_bytes()).unwrap();
        while !refused {
            refused = matches!(decoder.next_message().unwrap(), Some(Message::Response { .. }));
            assert!(refused || decoder.read_from(&mut stream).unwrap() > 0);
        }
        told.send(()).unwrap();
    });
    client.call::<(), _>("m", &()).unwrap();
    let kept = [1, 2].map(|_| client.receive(Duration::from_secs(60)).unwrap().params);
    assert_eq!(kept, [vec![Value::from(1)], vec![Value::from(2)]]);
    let silence = client.receive(Duration::from_millis(30));
    assert!(matches!(silence, Err(CallError::TimedOut | CallError::Closed { .. })));
    tell.recv_timeout(Duration::from_secs(60)).unwrap();
    server.join().unwrap();
}

#[test]
fn a_server_that_reads_nothing_is_given_up() {
    let options = Options { timeout: Duration::from_millis(200), ..patient() };
    let (done, wait) = mpsc::channel::<()>();
    let (client, server) = against(options, move |stream| {
        let _ = wait.recv();
        drop(stream);
    });
    let text = "x".repeat(4 << 20);
    let late = client.call::<String, _>("echo", &(&text,));
    assert!(matches!(late, Err(CallError::TimedOut)), "{late:?}");
    // Part of a message was sent: no other could follow it.
    assert!(matches!(client.call::<i64, _>("m", &()), Err(CallError::Closed { .. })));
    drop(done);
    server.join().unwrap();
}
