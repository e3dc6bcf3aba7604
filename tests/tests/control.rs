//! Scenario 43, what clients say: every call, right and wrong, in any order, and clients that leave early.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;

use nix::sys::signal::Signal;
use ph_rpc::client::{Connection, Incoming};
use ph_rpc::{Message, RpcError, Value, encode};
use ph_tests::{Sandbox, until, until_some};

type Outcome = Result<Value, RpcError>;

fn request(msgid: u32, method: &str, params: Vec<Value>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&Message::request(msgid, method, params), &mut bytes);
    bytes
}

fn field<'a>(map: &'a Value, name: &str) -> &'a Value {
    let pairs = map.as_map().unwrap();
    &pairs.iter().find(|(key, _)| key.as_str() == Some(name)).unwrap().1
}

fn response(incoming: Incoming) -> (u32, Outcome) {
    match incoming {
        Incoming::Response { msgid, result } => (msgid, result),
        other => panic!("{other:?}"),
    }
}

#[test]
fn s43_wrong_calls_get_a_sentence_and_change_nothing() {
    let sandbox = Sandbox::new("wrong", "number_workers = 2\n");
    sandbox.ok(&["start"]);
    let before = sandbox.settled(2);
    let mut client = sandbox.client();
    let map = Value::Map(vec![("n".into(), 3.into())]);
    let wrong: Vec<(&str, Vec<Value>)> = vec![
        ("fly", vec![]),
        ("", vec![]),
        ("STATUS", vec![]),
        ("status", vec![1.into()]),
        ("reload", vec![Value::Nil]),
        ("reopen_logs", vec!["now".into()]),
        ("scale", vec![]),
        ("scale", vec![1.into(), 2.into()]),
        ("scale", vec!["three".into()]),
        ("scale", vec![1.5.into()]),
        ("scale", vec![(-1).into()]),
        ("scale", vec![true.into()]),
        ("scale", vec![u64::MAX.into()]),
        ("scale", vec![map.clone()]),
        ("stop", vec!["quick".into()]),
        ("stop", vec![true.into(), true.into()]),
        ("restart_worker", vec!["0".into()]),
        ("restart_worker", vec![(-1).into()]),
        ("stop_worker", vec![]),
        ("stop_worker", vec![Value::Nil]),
        ("why", vec![]),
        ("why", vec!["0".into()]),
        ("why", vec![(1u64 << 32).into()]),
        ("config_get", vec![]),
        ("config_get", vec![3.into()]),
    ];
    for (method, params) in wrong {
        let outcome = client.call(method, params.clone()).unwrap();
        let error = outcome.expect_err(&format!("{method} {params:?}"));
        assert_eq!(error.code, 1, "{method} {params:?}: {error:?}");
        assert!(error.message.contains(method), "{method} {params:?}: {error:?}");
    }
    // Understood, and refused: not the caller's grammar, but the value is wrong.
    let refused: Vec<(&str, Vec<Value>)> = vec![
        ("scale", vec![0.into()]),
        ("scale", vec!["-2".into()]),
        ("scale", vec![65_537.into()]),
        ("scale", vec!["+65536".into()]),
        ("restart_worker", vec![7.into()]),
        ("stop_worker", vec![7.into()]),
        ("why", vec![7.into()]),
        ("config_get", vec!["no_such_key".into()]),
    ];
    for (method, params) in refused {
        let outcome = client.call(method, params.clone()).unwrap();
        let error = outcome.expect_err(&format!("{method} {params:?}"));
        assert_ne!(error.message, "", "{method} {params:?}");
    }
    // What is right, a client can ask.
    let methods = client.call("rpc.discover", vec![]).unwrap().unwrap();
    let methods = methods.as_array().unwrap();
    let names: Vec<_> = methods.iter().map(|method| field(method, "name")).collect();
    assert!(names.contains(&&"scale".into()) && names.contains(&&"config_get".into()), "{names:?}");
    // The same connection is good for right calls.
    let status = client.call("status", vec![]).unwrap().unwrap();
    assert_eq!(field(&status, "wanted"), &2.into());
    let number = client.call("config_get", vec!["number_workers".into()]).unwrap().unwrap();
    assert_eq!(number, "2".into());
    assert_eq!(sandbox.settled(2), before);
    sandbox.ok(&["stop"]);
}

/// A message that is none of the protocol's is answered where it has an id, and skipped where it hasn't.
#[test]
fn s43_after_a_frame_that_is_no_message_the_next_is_read() {
    let sandbox = Sandbox::new("frames", "");
    sandbox.ok(&["start"]);
    let mut stream = sandbox.connect();
    let mut bytes = Vec::new();
    // A number; an empty array; a request whose method is a number, id 5; an answer that nobody asked for.
    bytes.extend_from_slice(&[
        0x07, 0x90, 0x94, 0x00, 0x05, 0x09, 0x90, 0x94, 0x01, 0x02, 0xc0, 0xc0,
    ]);
    bytes.extend(request(6, "status", vec![]));
    stream.write_all(&bytes).unwrap();
    let mut client = Connection::new(stream);
    let (msgid, outcome) = response(client.receive().unwrap());
    assert_eq!((msgid, outcome.unwrap_err().code), (5, 1));
    let (msgid, outcome) = response(client.receive().unwrap());
    assert_eq!(msgid, 6);
    assert_eq!(field(&outcome.unwrap(), "state"), &"running".into());
    sandbox.ok(&["stop"]);
}

#[test]
fn s43_pipelined_calls_are_answered_as_they_are_done() {
    let sandbox = Sandbox::new("pipeline", "number_workers = 1\napp.boot = 300\n");
    sandbox.ok(&["start"]);
    let mut stream = sandbox.connect();
    let mut bytes = request(1, "scale", vec![2.into()]);
    // Ids are the caller's business, and need not be in any order.
    for msgid in [70, 3, u32::MAX] {
        bytes.extend(request(msgid, "status", vec![]));
    }
    bytes.extend(request(9, "fly", vec![]));
    stream.write_all(&bytes).unwrap();
    let mut client = Connection::new(stream);
    let mut order = Vec::new();
    let mut answers = BTreeMap::new();
    for _ in 0..5 {
        let (msgid, outcome) = response(client.receive().unwrap());
        order.push(msgid);
        answers.insert(msgid, outcome);
    }
    // The scale waits for a boot; nothing waits for the scale.
    assert_eq!(order, [70, 3, u32::MAX, 9, 1]);
    assert_eq!(field(answers[&70].as_ref().unwrap(), "wanted"), &2.into());
    assert_eq!(answers[&9].as_ref().unwrap_err().code, 1);
    assert!(answers[&1].is_ok());
    sandbox.settled(2);
    sandbox.ok(&["stop"]);
}

/// Cut anywhere: one byte at a time is the same call.
#[test]
fn s43_a_call_in_pieces() {
    let sandbox = Sandbox::new("pieces", "");
    sandbox.ok(&["start"]);
    let mut stream = sandbox.connect();
    for byte in request(1, "status", vec![]) {
        stream.write_all(&[byte]).unwrap();
        // In between, somebody else's is answered.
        sandbox.client().call("status", vec![]).unwrap().unwrap();
    }
    let (msgid, outcome) = response(Connection::new(stream).receive().unwrap());
    assert!(msgid == 1 && outcome.is_ok());
    sandbox.ok(&["stop"]);
}

#[test]
fn s43_a_client_that_sends_no_more_still_gets_its_answers() {
    let sandbox = Sandbox::new("half", "number_workers = 1\napp.boot = 300\n");
    sandbox.ok(&["start"]);
    let mut stream = sandbox.connect();
    let mut bytes = request(1, "scale", vec![2.into()]);
    bytes.extend(request(2, "status", vec![]));
    stream.write_all(&bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut client = Connection::new(stream.try_clone().unwrap());
    assert_eq!(response(client.receive().unwrap()).0, 2);
    let (msgid, outcome) = response(client.receive().unwrap());
    assert!(msgid == 1 && outcome.is_ok(), "{outcome:?}");
    // And then the end.
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
    sandbox.settled(2);
    sandbox.ok(&["stop"]);
}

#[test]
fn s43_a_change_whose_client_goes_away_happens() {
    let sandbox = Sandbox::new("gone", "number_workers = 1\napp.boot = 200\n");
    sandbox.ok(&["start"]);
    let mut stream = sandbox.connect();
    stream.write_all(&request(1, "scale", vec![3.into()])).unwrap();
    drop(stream);
    sandbox.settled(3);
    // Nor does a notification want an answer.
    sandbox.client().notify("scale", vec!["-1".into()]).unwrap();
    sandbox.settled(2);
    sandbox.client().notify("reload", vec![]).unwrap();
    until("it reloads", || sandbox.status()["generation"] == 2);
    sandbox.settled(2);
    sandbox.unwatched(sandbox.master());
    sandbox.ok(&["stop"]);
}

/// However much was asked before: what a client sent before it went is heard to its end.
#[test]
fn s43_the_last_word_of_a_client_that_goes_away_counts() {
    let sandbox = Sandbox::new("lastword", "number_workers = 1\n");
    sandbox.ok(&["start"]);
    let mut stream = sandbox.connect();
    let mut bytes = Vec::new();
    // Notifications want no answers, so that none is in the way.
    for _ in 0..3000 {
        encode(&Message::notification("config_get", vec!["number_workers".into()]), &mut bytes);
    }
    bytes.extend(request(1, "scale", vec![2.into()]));
    stream.write_all(&bytes).unwrap();
    drop(stream);
    sandbox.settled(2);
    sandbox.ok(&["stop"]);
}

#[test]
fn s43_status_answers_while_a_reload_is_under_way() {
    let sandbox = Sandbox::new("reloading", "number_workers = 2\napp.boot = 400\n");
    sandbox.ok(&["start"]);
    let before = sandbox.settled(2);
    let reload = sandbox.begin("reload", &["reload"]);
    let status = until_some("the reload is seen", || {
        let status = sandbox.status();
        let workers = status["workers"].as_array().unwrap().len();
        // Two and a canary; or it has been ready, and one that it replaces drains.
        (status["state"] == "reloading" && workers > 2).then_some(status)
    });
    let boots = |row: &&serde_json::Value| row["state"] == "booting";
    let booting = status["workers"].as_array().unwrap().iter().filter(boots).count();
    assert!(booting <= 1, "{status}");
    // One at a time, canary first, both serve meanwhile.
    until("it is over", || {
        let status = sandbox.status();
        let rows = status["workers"].as_array().unwrap();
        assert!(rows.iter().filter(|row| row["state"] == "ready").count() >= 2, "{status}");
        status["state"] == "running"
    });
    let (output, _) = sandbox.end(reload);
    assert_eq!(output.code, Some(0), "{output:?}");
    let after = sandbox.settled(2);
    assert!(after.iter().all(|it| !before.contains(it)));
    let status = sandbox.status();
    assert_eq!(status["last_change"]["kind"], "reload");
    assert_eq!(status["last_change"]["result"], "ok");
    assert!(status["last_change"]["took_s"].as_f64().unwrap() > 0.7, "{status}");
    sandbox.ok(&["stop"]);
}

/// Whoever asks meanwhile shares the next one.
#[test]
fn s43_reloads_from_many_clients_at_once() {
    let sandbox = Sandbox::new("many", "number_workers = 2\napp.boot = 200\n");
    sandbox.ok(&["start"]);
    let mut clients: Vec<_> = (0..10).map(|_| sandbox.client()).collect();
    // At once, as the master sees it.
    let master = sandbox.master();
    master.signal(Signal::SIGSTOP);
    until("it is stopped", || master.is_stopped());
    let asked: Vec<u32> =
        clients.iter_mut().map(|client| client.request("reload", vec![]).unwrap()).collect();
    master.signal(Signal::SIGCONT);
    for (client, msgid) in clients.iter_mut().zip(asked) {
        let outcome = client.wait(msgid).unwrap();
        assert!(outcome.is_ok(), "{outcome:?}");
    }
    sandbox.settled(2);
    let generation = sandbox.status()["generation"].as_u64().unwrap();
    assert!((2..=3).contains(&generation), "{generation}");
    sandbox.ok(&["stop"]);
}
