//! `worker_class = rpc`: calls, their errors and limits, as clients see them.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use ph_rpc::client::{CallError, Client};
use ph_rpc::{Decoder, Message, RpcError, Value, code};
use ph_tests::rpc::{Rpc, sum};
use ph_tests::until;

#[track_caller]
fn refusal(client: &Client, method: &str, params: &[Value]) -> RpcError {
    match client.call_values(method, params) {
        Err(CallError::Refused(error)) => error,
        other => panic!("{method}: {other:?}"),
    }
}

#[test]
fn calls_are_answered_and_counted() {
    let server = Rpc::start("calls", "number_workers = 1\n");
    let client = server.caller();
    assert_eq!(client.call::<i64, _>("add", &(1, 2)).unwrap(), 3);
    assert_eq!(client.call::<String, _>("echo", &("grüß dich",)).unwrap(), "grüß dich");
    let worker = server.settled(1)[0].1.pid();
    assert_eq!(client.call::<i32, _>("pid", &()).unwrap(), worker);
    assert_eq!(client.call::<(u32, u32), _>("worker", &()).unwrap(), (0, 1));
    assert_eq!(refusal(&client, "fail", &[7.into(), "no".into()]), RpcError::new(7, "no"));
    // A notification is a call that is not answered; the next one tells that it was made.
    client.notify("kv_set", &("a", [1, 2])).unwrap();
    assert_eq!(client.call::<Vec<i64>, _>("kv_get", &("a",)).unwrap(), [1, 2]);
    assert_eq!(client.call::<u64, _>("sleep", &(1,)).unwrap(), 1);
    until("each is counted", || {
        let status = server.status();
        status["totals"]["requests"] == 8 && status["workers"][0]["active"] == 0
    });
    server.ok(&["stop"]);
}

/// By method: what was answered, how, and how long it took; and no worker's end takes any of it away.
#[test]
fn calls_are_counted_by_method() {
    let server = Rpc::start("methods", "number_workers = 2\ntimeout = 1\nupgrade_mode = inplace\n");
    for _ in 0..10 {
        let client = server.caller();
        let sums: Vec<_> =
            (0..10).map(|n| client.start::<i64, _>("add", &(n, 1)).unwrap()).collect();
        for (n, sum) in (0..).zip(sums) {
            assert_eq!(sum.wait().unwrap(), n + 1);
        }
        assert_eq!(refusal(&client, "add", &["x".into(), 1.into()]).code, code::INVALID_CALL);
        assert_eq!(client.call::<u64, _>("sleep", &(50,)).unwrap(), 50);
        assert_eq!(refusal(&client, "fly", &[]).code, code::INVALID_CALL);
    }
    let client = server.caller();
    assert!(refusal(&client, "sleep", &[5000.into()]).message.contains("timed out"));
    let figures = |name: &str| {
        let status = server.status();
        let methods = status["calls"]["methods"].as_array().unwrap().clone();
        methods.into_iter().find(|method| method["name"] == name).unwrap()
    };
    let check = || {
        // The last was answered a moment before it is.
        until("all are counted", || {
            server.status()["calls"]["refused"] == 10
                && figures("add")["calls"] == 110
                && figures("sleep")["calls"] == 11
        });
        let (add, sleep) = (figures("add"), figures("sleep"));
        assert_eq!(
            (&add["calls"], &add["errors"], &add["timeouts"]),
            (&110.into(), &10.into(), &0.into())
        );
        assert_eq!(
            (&sleep["calls"], &sleep["errors"], &sleep["timeouts"]),
            (&11.into(), &1.into(), &1.into())
        );
        let seconds =
            |figures: &serde_json::Value, name: &str| figures["latency"][name].as_f64().unwrap();
        assert!((0.05..1.0).contains(&seconds(&sleep, "p50_s")), "{sleep}");
        assert!((1.0..5.0).contains(&seconds(&sleep, "max_s")), "{sleep}");
        assert!((1.5..15.0).contains(&seconds(&sleep, "sum_s")), "{sleep}");
        assert!(seconds(&add, "p50_s") < 0.05 && seconds(&add, "p50_s") > 0.0, "{add}");
        assert_eq!(figures("pid")["latency"]["p50_s"], serde_json::Value::Null);
    };
    check();
    // Those who counted it are gone.
    server.ok(&["reload"]);
    server.settled(2);
    until("the old ones are gone", || server.status()["workers"].as_array().unwrap().len() == 2);
    check();
    server.ok(&["upgrade"]);
    let page = server.ok(&["status"]);
    assert!(page.lines().any(|line| line.starts_with("sleep ") && line.contains("11")), "{page}");
    let metrics = server.ok(&["metrics"]);
    for line in [
        "ph_calls_total{method=\"add\"} 110",
        "ph_call_errors_total{method=\"sleep\"} 1",
        "ph_call_seconds_count{method=\"sleep\"} 11",
        "ph_calls_refused_total 10",
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line}\n{metrics}");
    }
    server.ok(&["stop"]);
}

#[test]
fn what_can_not_be_called_is_told_why() {
    let server = Rpc::start("invalid", "number_workers = 1\n");
    let client = server.caller();
    for (method, params, told) in [
        ("fly", vec![], "no method \"fly\""),
        ("add", vec![1.into()], "takes 2 arguments, not 1"),
        ("add", vec![1.into(), "two".into()], "argument 2"),
    ] {
        let error = refusal(&client, method, &params);
        assert_eq!(error.code, code::INVALID_CALL, "{error:?}");
        assert!(error.message.contains(told), "{error:?}");
    }
    // What is not even msgpack ends that connection, and no other.
    let mut stream = server.stream();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n\xc1").unwrap();
    let _ = stream.shutdown(Shutdown::Write);
    let mut answers = Vec::new();
    let _ = stream.read_to_end(&mut answers);
    assert_eq!(client.call::<i64, _>("add", &(1, 2)).unwrap(), 3);
    server.ok(&["stop"]);
}

#[test]
fn a_thousand_calls_are_under_way_on_one_connection() {
    let server = Rpc::start("thousand", "number_workers = 1\nmax_coroutines = 1000\n");
    let client = server.caller();
    let began = Instant::now();
    let sleeps: Vec<_> =
        (0..1000).map(|_| client.start::<u64, _>("sleep", &(2_000,)).unwrap()).collect();
    until("all are under way", || server.status()["workers"][0]["active"] == 1000);
    for sleep in sleeps {
        assert_eq!(sleep.wait().unwrap(), 2_000);
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let sums: Vec<_> = (0..1000).map(|n| client.start::<i64, _>("add", &(n, 1)).unwrap()).collect();
    for (n, sum) in (0..).zip(sums) {
        assert_eq!(sum.wait().unwrap(), n + 1);
    }
    server.ok(&["stop"]);
}

#[test]
fn calls_that_wait_wait_together() {
    let server = Rpc::start("together", "number_workers = 1\n");
    let client = server.caller();
    let began = Instant::now();
    let sleeps: Vec<_> =
        (0..100).map(|_| client.start::<u64, _>("sleep", &(200,)).unwrap()).collect();
    // Nor does another call wait for them.
    assert_eq!(client.call::<i64, _>("add", &(1, 2)).unwrap(), 3);
    for sleep in sleeps {
        sleep.wait().unwrap();
    }
    // One after the other they would take twenty seconds.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    server.ok(&["stop"]);
}

/// One call more than there is room for is not lost, on whatever connection it comes.
#[test]
fn max_coroutines_is_shared_by_all_connections() {
    let server = Rpc::start("room", "number_workers = 1\nmax_coroutines = 4\n");
    let clients: Vec<Client> = (0..6).map(|_| server.caller()).collect();
    let began = Instant::now();
    let sleeps: Vec<_> =
        (0..48).map(|n| clients[n % 6].start::<u64, _>("sleep", &(20,)).unwrap()).collect();
    for sleep in sleeps {
        let active = server.status()["workers"][0]["active"].as_u64().unwrap();
        assert!(active <= 5, "{active} under way");
        sleep.wait().unwrap();
    }
    assert!(began.elapsed() >= Duration::from_millis(100), "{:?}", began.elapsed());
    server.ok(&["stop"]);
}

#[test]
fn a_call_past_timeout_is_answered_and_its_worker_lives() {
    let server = Rpc::start("timeout", "number_workers = 1\ntimeout = 1.5\n");
    let worker = server.settled(1)[0].1;
    let client = server.caller();
    let late = client.start::<u64, _>("sleep", &(60_000,)).unwrap();
    let short = client.start::<u64, _>("sleep", &(10,)).unwrap();
    assert_eq!(short.wait().unwrap(), 10);
    match late.wait() {
        Err(CallError::Refused(error)) => {
            assert_eq!(error.code, code::FAILED);
            assert_eq!(error.message, "sleep timed out after 1.5s");
        }
        other => panic!("{other:?}"),
    }
    until("both are counted", || server.status()["totals"]["requests"] == 2);
    // Nor does silence end the connection, or the call have ended the worker: the master looks four times in each limit.
    let error = refusal(&client, "sleep", &[60_000.into()]);
    assert!(error.message.contains("timed out"), "{error:?}");
    assert_eq!(client.call::<i32, _>("pid", &()).unwrap(), worker.pid());
    let log = server.read("app.log");
    assert!(!log.contains("past timeout"), "{log}");
    server.ok(&["stop"]);
}

/// Nobody else is answered meanwhile, so this is the master's to see: there is another worker before it is over.
#[test]
fn a_call_that_blocks_past_timeout_costs_the_worker() {
    let server = Rpc::start("blocks", "number_workers = 1\ntimeout = 0.5\ngraceful_timeout = 15\n");
    let worker = server.settled(1)[0].1;
    let client = server.caller();
    let blocks = client.start::<u64, _>("block", &(3_000,)).unwrap();
    until("it has a successor", || server.workers("ready").iter().any(|(_, it)| *it != worker));
    assert_eq!(blocks.wait().unwrap(), 3_000, "it was finished all the same");
    until("the successor answers", || client.call::<i32, _>("pid", &()).unwrap() != worker.pid());
    server.ok(&["stop"]);
}

/// Ten thousand clients that wait are no reason to have room for what they might say.
#[test]
fn an_idle_connection_costs_little_memory() {
    let server = Rpc::start("idle", "number_workers = 1\n");
    let worker = server.settled(1)[0].1;
    let open = |count: usize| -> Vec<Client> {
        let clients: Vec<Client> = (0..count).map(|_| server.caller()).collect();
        for client in &clients {
            assert_eq!(client.call::<i64, _>("add", &(1, 2)).unwrap(), 3);
        }
        clients
    };
    let some = open(50);
    let before = worker.resident();
    let more = open(200);
    let each = worker.resident().saturating_sub(before) / 200;
    assert!(each < 8 << 10, "{each} bytes for each connection");
    drop((some, more));
    server.ok(&["stop"]);
}

#[test]
fn a_panic_is_answered_and_told_and_costs_no_call() {
    let server = Rpc::start("panic", "number_workers = 1\ngraceful_timeout = 10\n");
    let worker = server.settled(1)[0].1;
    let client = server.caller();
    let sleep = client.start::<u64, _>("sleep", &(300,)).unwrap();
    let error = refusal(&client, "panic", &["on purpose".into()]);
    assert_eq!(error.code, code::FAILED);
    assert!(error.message.starts_with("panic panicked"), "{error:?}");
    assert_eq!(sleep.wait().unwrap(), 300);
    // On the same connection, by another worker.
    until("another worker answers", || client.call::<i32, _>("pid", &()).unwrap() != worker.pid());
    assert!(server.read("app.log").contains("on purpose"));
    server.ok(&["stop"]);
}

#[test]
fn a_client_that_never_reads_is_not_read_from() {
    let server = Rpc::start("deaf", "number_workers = 1\n");
    let worker = server.settled(1)[0].1;
    let mut deaf = server.stream();
    deaf.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    // echo(32 KiB of x), again and again: 256 MiB, if somebody took it.
    let mut call = b"\x94\x00\x01\xa4echo\x91\xda\x80\x00".to_vec();
    call.resize(call.len() + 0x8000, b'x');
    let before = worker.resident();
    let taken = (0..8192).take_while(|_| deaf.write_all(&call).is_ok()).count();
    assert!(taken < 2048, "{taken} calls were taken");
    let after = worker.resident();
    assert!(after < before + (16 << 20), "{before} bytes before, {after} after");
    // The others do not notice.
    assert_eq!(server.caller().call::<i64, _>("add", &(1, 2)).unwrap(), 3);
    drop(deaf);
    server.ok(&["stop"]);
}

#[test]
fn a_client_that_has_said_all_it_will_is_answered() {
    let server = Rpc::start("half", "number_workers = 1\n");
    let mut stream = server.stream();
    stream.write_all(b"\x94\x00\x07\xa5sleep\x91\xcc\xc8").unwrap();
    stream.write_all(&sum(9)).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).unwrap();
    assert_eq!(answers, b"\x94\x01\x09\xc0\x0a\x94\x01\x07\xc0\xcc\xc8");
    server.ok(&["stop"]);
}

#[test]
fn a_stop_answers_what_was_sent() {
    let server = Rpc::start("stop", "number_workers = 2\ngraceful_timeout = 15\n");
    let mut stream = server.stream();
    // It waits, and those behind it are not waited for before the stop.
    stream.write_all(b"\x94\x00\x07\xa5sleep\x91\xcd\x05\xdc").unwrap();
    until("it is under way", || {
        let status = server.status();
        let rows = status["workers"].as_array().unwrap();
        rows.iter().any(|row| row["active"] == 1)
    });
    for n in 0..500 {
        stream.write_all(&sum(n)).unwrap();
    }
    server.ok(&["stop"]);
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let mut decoder = Decoder::default();
    decoder.feed(&bytes);
    let mut answers = 0;
    while let Some(message) = decoder.next_message().unwrap() {
        assert!(matches!(message, Message::Response { result: Ok(_), .. }), "{message:?}");
        answers += 1;
    }
    assert_eq!(answers, 501);
}
