//! The http example: requests in a row, requests that come in pieces, and both over a reload.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use ph_tests::wait::DEADLINE;
use ph_tests::{Sandbox, each_class, until};

each_class![
    requests_in_a_row_are_answered_in_their_order,
    half_a_request_goes_on_over_a_reload,
    what_is_no_request_is_refused,
];

fn server(test: &str, class: &str) -> Sandbox {
    let sandbox = Sandbox::for_program("examples/http", &format!("{test}-{class}"), "");
    sandbox.configure(&format!(
        "worker_class = {class}\nbind = 127.0.0.1:0\nnumber_workers = 5\ngraceful_timeout = 15\n"
    ));
    sandbox.ok(&["start"]);
    sandbox.remember();
    sandbox
}

#[track_caller]
fn client(sandbox: &Sandbox) -> TcpStream {
    let listener = sandbox.listeners().remove(0);
    let client = TcpStream::connect(listener.strip_prefix("tcp://").unwrap()).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client
}

#[track_caller]
fn hears(client: &mut TcpStream, expected: &str) {
    let mut heard = vec![0; expected.len()];
    client.read_exact(&mut heard).unwrap();
    assert_eq!(String::from_utf8_lossy(&heard), expected);
}

fn answer(path: &str) -> String {
    let length = path.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{path}")
}

fn requests_in_a_row_are_answered_in_their_order(class: &str) {
    let sandbox = server("row", class);
    let mut client = client(&sandbox);
    client.write_all(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /").unwrap();
    hears(&mut client, &(answer("/1") + &answer("/2")));
    client.write_all(b"3 HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
    let mut last = String::new();
    client.read_to_string(&mut last).unwrap();
    assert!(last.contains("Connection: close\r\n") && last.ends_with("/3"), "{last}");
    until("each is counted", || sandbox.status()["totals"]["requests"] == 3);
    sandbox.ok(&["stop"]);
}

fn half_a_request_goes_on_over_a_reload(class: &str) {
    let sandbox = server("half", class);
    let mut client = client(&sandbox);
    client.write_all(b"GET /1 HTTP/1.1\r\n\r\nGET /ha").unwrap();
    hears(&mut client, &answer("/1"));
    let old = sandbox.settled(5);
    sandbox.ok(&["reload"]);
    // It may come to several of them, one after the other, each of which leaves it again.
    until("the old workers have left", || !old.iter().any(|(_, worker)| worker.is_alive()));
    let log = sandbox.read("app.log");
    assert!(!log.contains("SIGKILL"), "{log}");
    client.write_all(b"lf HTTP/1.1\r\n\r\n").unwrap();
    hears(&mut client, &answer("/half"));
    sandbox.ok(&["stop"]);
}

fn what_is_no_request_is_refused(class: &str) {
    let sandbox = server("refused", class);
    let asked: [&[u8]; 4] = [
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\na",
        b"GET / HTTP/3\r\n\r\n",
        b"!pid\r\n\r\n",
        &[b'a'; 9000],
    ];
    for bytes in asked {
        let mut client = client(&sandbox);
        client.write_all(bytes).unwrap();
        let mut answer = String::new();
        // What it had not read when it closed may come back as a reset, after the answer.
        let _ = client.read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer:?}");
    }
    sandbox.ok(&["stop"]);
}
