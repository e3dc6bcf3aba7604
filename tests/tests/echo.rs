//! Connections as a client and an operator see them: bytes come back, requests are counted, and a configuration without
//! a place to connect to is refused.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::path::Path;

use nix::sys::signal::Signal;
use ph_tests::echo::{Client, Echo};
use ph_tests::listeners::own_address;
use ph_tests::{Sandbox, each_class, until};

each_class![
    bytes_come_back_over_every_listener,
    a_megabyte_in_pieces_comes_back_whole,
    commands_are_answered_by_a_worker,
    each_read_counts_as_a_request,
    a_half_closed_connection_gets_its_answer,
];

fn bytes_come_back_over_every_listener(class: &str) {
    let settings = "bind = 127.0.0.1:0, [::1]:0\nunix_socket = a.sock\nnumber_workers = 2\n";
    let echo = Echo::start("bytes", class, settings);
    let listeners = echo.listeners();
    assert_eq!(listeners.len(), 3, "{listeners:?}");
    for listener in listeners {
        let mut client = Client::connect(&listener).unwrap();
        assert_eq!(client.ask("hello"), "hello", "{listener}");
        let binary: Vec<u8> = (0..=255).rev().chain([0, 255, b'\r', b'\n', 0]).collect();
        client.send(&binary).unwrap();
        assert_eq!(client.take(binary.len()), binary, "{listener}");
        // No command, though it begins like one.
        assert_eq!(client.ask("!sleep never"), "!sleep never", "{listener}");
    }
    echo.ok(&["stop"]);
}

fn a_megabyte_in_pieces_comes_back_whole(class: &str) {
    let echo = Echo::start("megabyte", class, "unix_socket = a.sock\nbind = 127.0.0.1:0\n");
    // No two pieces are alike, and none begins like a command.
    let bytes: Vec<u8> = (0..1 << 20_u32).map(|at: u32| (at % 251) as u8 | 0x80).collect();
    for listener in echo.listeners() {
        let mut client = Client::connect(&listener).unwrap();
        let mut writer = client.stream().try_clone().unwrap();
        let sent = bytes.clone();
        // Both ways at once: neither side's buffers hold a megabyte.
        let sending = std::thread::spawn(move || {
            let mut rest = &sent[..];
            for length in (1..).map(|turn| turn * 37 % 9001 + 1) {
                let piece = rest.len().min(length);
                writer.write_all(&rest[..piece]).unwrap();
                rest = &rest[piece..];
                if rest.is_empty() {
                    break;
                }
            }
        });
        let back = client.take(bytes.len());
        sending.join().unwrap();
        assert!(back == bytes, "{listener}: what came back differs");
    }
    echo.ok(&["stop"]);
}

fn commands_are_answered_by_a_worker(class: &str) {
    let echo = Echo::start("commands", class, "number_workers = 2\n");
    let workers: Vec<i32> = echo.settled(2).iter().map(|(_, worker)| worker.pid()).collect();
    let mut client = echo.client();
    let worker = client.worker();
    assert!(workers.contains(&worker), "{worker} of {workers:?}");
    assert_eq!(client.ask("!sleep 50"), "slept 50");
    assert_eq!(client.ask("!eat 1000000"), "ate 1000000");
    assert_eq!(client.worker(), worker, "a connection stays with its worker");
    // The end of the answer is that of the command.
    client.send(b"!sleep 0").unwrap();
    assert_eq!(client.take(7), b"slept 0");
    echo.ok(&["stop"]);
}

fn each_read_counts_as_a_request(class: &str) {
    let echo = Echo::start("counts", class, "number_workers = 2\n");
    let silent = echo.client();
    let mut client = echo.client();
    for number in 0..5 {
        assert_eq!(client.ask(&number.to_string()), number.to_string());
    }
    // The answer is on its way before the request is struck out.
    until("five are counted", || echo.sum("requests") == 5);
    client.say("!sleep 1500");
    until("one is under way", || echo.sum("active") == 1);
    assert_eq!(client.answer(), "slept 1500");
    until("it is done", || (echo.sum("requests"), echo.sum("active")) == (6, 0));
    drop((silent, client));
    drop(echo.client());
    let busy = echo.status()["workers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["busy_s"])
        .fold(0.0, |sum, busy| sum + busy.as_f64().unwrap());
    assert!(busy >= 1.49, "{busy} s");
    assert_eq!(echo.status()["totals"]["requests"], 6, "a connection alone is no request");
    echo.ok(&["stop"]);
}

fn a_half_closed_connection_gets_its_answer(class: &str) {
    let echo = Echo::start("half", class, "");
    let mut client = echo.client();
    client.say("!sleep 100");
    client.stream().shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.answer(), "slept 100");
    client.closed();
    echo.ok(&["stop"]);
}

/// Exit 78, one line, no process.
#[track_caller]
fn refused(sandbox: &Sandbox, said: &str) {
    for command in ["start", "run"] {
        let output = sandbox.run(&[command]);
        sandbox.adopt_all();
        assert_eq!(output.code, Some(78), "{command}: {output:?}");
        assert!(output.err.contains(said) && output.err.lines().count() == 1, "{output:?}");
    }
    assert_eq!(sandbox.run(&["status"]).code, Some(3));
}

#[test]
fn without_a_place_to_connect_to_nothing_starts() {
    let sandbox = Sandbox::for_program("examples/echo", "nowhere", "");
    refused(&sandbox, "set bind or unix_socket");
}

#[test]
fn a_class_that_the_program_has_no_workers_for_is_refused() {
    let jobs = Sandbox::for_program("examples/jobexecute", "jobs", "worker_class = async\n");
    refused(&jobs, "worker_class = async");
    for class in ["rpc", "exec"] {
        refused(&Echo::sandbox("class", class, ""), class);
    }
}

#[test]
fn a_reload_to_what_cannot_be_served_changes_nothing() {
    let echo = Echo::start("unservable", "thread", "number_workers = 2\n");
    let before = echo.settled(2);
    let mut client = echo.client();
    assert_eq!(client.ask("before"), "before");
    for class in ["rpc", "exec"] {
        echo.becomes(class, "number_workers = 2\n");
        let output = echo.run(&["reload"]);
        assert_eq!(output.code, Some(78), "{output:?}");
        assert!(output.err.contains(class), "{output:?}");
    }
    echo.configure("number_workers = 2\n");
    assert_eq!(echo.run(&["reload"]).code, Some(78), "a reload to nowhere");
    assert_eq!(client.ask("after"), "after");
    assert_eq!(echo.settled(2), before);
    echo.ok(&["stop"]);
}

/// The example as its users meet it: its own file, in the foreground, both of its listeners.
#[test]
fn the_example_runs_with_its_own_configuration() {
    let mut sandbox = Sandbox::for_program("examples/echo", "own", "");
    fs::remove_file(sandbox.path("config.ini")).unwrap();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/echo/config.ini");
    let copy = sandbox.path("examples/echo/config.ini");
    fs::create_dir_all(copy.parent().unwrap()).unwrap();
    fs::copy(own, copy).unwrap();
    assert_eq!(sandbox.ok(&["config", "get", "bind"]), "127.0.0.1:7007\n");
    // As it is, but for the port, which may be another's on this machine.
    let bind = format!("bind={}", own_address());
    let child = sandbox.spawn(&["--set", &bind, "run"]);
    sandbox.settled(2);
    assert_eq!(sandbox.master(), child);
    assert_eq!(child.title(), "ph: master [echo]");
    assert_eq!(sandbox.read("echo.pid"), format!("{}\n", child.pid()));
    let listeners = sandbox.listeners();
    assert_eq!(listeners.len(), 2, "{listeners:?}");
    for listener in &listeners {
        // More than its two workers: each has threads.
        let mut clients: Vec<Client> =
            (0..10).map(|_| Client::connect(listener).unwrap()).collect();
        for client in &mut clients {
            assert_eq!(client.ask("hello"), "hello", "{listener}");
        }
    }
    child.signal(Signal::SIGTERM);
    assert_eq!(sandbox.wait(), Some(0));
    sandbox.nothing_runs();
    assert!(!sandbox.path("echo.pid").exists());
}

#[test]
fn the_examples_own_configuration_is_valid_as_it_lies_in_the_repository() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let sandbox = Sandbox::for_program("examples/echo", "valid", "");
    let mut check = std::process::Command::new(sandbox.command(&[]).get_program());
    let output = ph_tests::finish(check.args(["config", "check"]).current_dir(root));
    assert_eq!((output.code, output.err.as_str()), (Some(0), ""), "{output:?}");
}

/// A connection is the socket and nothing else: what its worker holds ends with it.
#[test]
fn closed_connections_leave_no_descriptor() {
    for class in ph_tests::echo::CLASSES {
        let echo = Echo::start("descriptors", class, "");
        let [(_, worker)] = echo.settled(1)[..] else { panic!("one worker") };
        assert_eq!(echo.client().ask("first"), "first");
        until(&format!("{class}: it is closed"), || echo.open(worker) == 0);
        let before = worker.open_files().len();
        for _ in 0..50 {
            let mut client = echo.client();
            assert_eq!(client.ask("x"), "x");
            client.stream().shutdown(Shutdown::Write).unwrap();
            let mut rest = Vec::new();
            client.stream().read_to_end(&mut rest).unwrap();
        }
        until(&format!("{class}: all is given back"), || worker.open_files().len() == before);
        echo.ok(&["stop"]);
    }
}
