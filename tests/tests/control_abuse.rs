//! Scenario 43, what clients do: floods, silence, strangers. `status` answers all the same, and nothing remains of them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use ph_rpc::{Message, encode};
use ph_tests::users::{limit_files, nobody_else};
use ph_tests::{Process, Sandbox, until};

fn started(test: &str) -> (Sandbox, Process, usize, u64) {
    let sandbox = Sandbox::new(test, "number_workers = 2\napp.job = idle\n");
    sandbox.ok(&["start"]);
    sandbox.settled(2);
    let master = sandbox.master();
    // What a first few answers allocate stays, and is not what is looked for.
    (0..5).for_each(|_| drop(sandbox.status()));
    let files = sandbox.unwatched(master).len();
    (sandbox, master, files, master.resident())
}

/// `status` answers, and quickly: long before the command gives up.
#[track_caller]
fn answers(sandbox: &Sandbox) {
    let began = Instant::now();
    assert_eq!(sandbox.status()["state"], "running");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(4), "status took {took:?}");
}

/// Nothing of the clients remains, now that they are gone.
#[track_caller]
fn as_before(sandbox: &Sandbox, master: Process, files: usize, memory: u64) {
    // It may be in the middle of an answer that nobody waits for any more.
    until("its descriptors are as many as before", || sandbox.unwatched(master).len() == files);
    let memory_now = || master.resident();
    let room = 4 << 20;
    until("the memory is given back", || memory_now() < memory + room);
    answers(sandbox);
    let log = sandbox.read("app.log");
    assert!(!log.contains("panicked") && log.len() < 100_000, "{} bytes of log", log.len());
    sandbox.ok(&["stop"]);
}

/// Sends as much of it as the master takes; it may well close the connection.
fn send(stream: &mut UnixStream, bytes: &[u8]) {
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let _ = stream.write_all(bytes);
}

/// A request for the status.
fn ask(msgid: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&Message::request(msgid, "status", Vec::new()), &mut bytes);
    bytes
}

#[test]
fn s43_garbage() {
    let (sandbox, master, files, memory) = started("garbage");
    let mut number = 0x2545_f491_4f6c_dd1d_u64;
    let mut noise = || {
        (0..100_000)
            .map(|_| {
                number ^= number << 13;
                number ^= number >> 7;
                number ^= number << 17;
                number as u8
            })
            .collect::<Vec<u8>>()
    };
    let mut clients = Vec::new();
    for at in 0..20 {
        let mut client = sandbox.connect();
        match at % 4 {
            0 => send(&mut client, &noise()),
            1 => send(&mut client, &[0xc1; 1000]),
            2 => send(&mut client, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            // Arrays in arrays, more than any stack holds.
            _ => send(&mut client, &[0x91; 300_000]),
        }
        clients.push(client);
        answers(&sandbox);
    }
    drop(clients);
    as_before(&sandbox, master, files, memory);
}

#[test]
fn s43_half_a_message_and_silence() {
    let (sandbox, master, files, memory) = started("half");
    let whole = ask(7);
    let mut clients = Vec::new();
    for length in 1..whole.len() {
        let mut client = sandbox.connect();
        send(&mut client, &whole[..length]);
        clients.push(client);
    }
    answers(&sandbox);
    // They may go on when they like.
    let mut client = clients.remove(3);
    client.write_all(&whole[4..]).unwrap();
    assert!(client.read(&mut [0; 64]).unwrap() > 0);
    drop((client, clients));
    as_before(&sandbox, master, files, memory);
}

#[test]
fn s43_a_mebibyte_of_nothing() {
    let (sandbox, master, files, memory) = started("nothing");
    let mut clients = Vec::new();
    for at in 0..16 {
        let mut client = sandbox.connect();
        let mut bytes = match at % 4 {
            // Zeros, each of which is a whole value, and no message.
            0 => Vec::new(),
            // A text of 4 GiB, an array of as many: claims.
            1 => vec![0x94, 0x00, 0x01, 0xdb, 0xff, 0xff, 0xff, 0xff],
            2 => vec![0x94, 0x00, 0x01, 0xdd, 0xff, 0xff, 0xff, 0xff],
            // As much as a message may be, but for its end: it is kept, and must go with its client.
            _ => vec![0x94, 0x00, 0x01, 0xc6, 0x00, 0x0f, 0xff, 0x00],
        };
        bytes.resize(if at % 4 == 3 { 0xf_0000 } else { 1 << 20 }, 0);
        send(&mut client, &bytes);
        clients.push(client);
        answers(&sandbox);
    }
    let held = master.resident() - memory;
    assert!(held < 32 << 20, "sixteen clients hold {held} bytes");
    drop(clients);
    as_before(&sandbox, master, files, memory);
}

#[test]
fn s43_two_hundred_idle_connections() {
    let (sandbox, master, files, memory) = started("idle");
    let clients: Vec<UnixStream> = (0..200).map(|_| sandbox.connect()).collect();
    until("all are connected", || master.open_files().len() >= files + 200);
    answers(&sandbox);
    // Changes as well.
    sandbox.ok(&["scale", "3"]);
    sandbox.ok(&["scale", "2"]);
    drop(clients);
    as_before(&sandbox, master, files, memory);
}

/// The same where there are not so many descriptors: idle clients cost others nothing.
#[test]
fn s43_more_idle_connections_than_descriptors() {
    let (sandbox, master, files, memory) = started("few");
    limit_files(master, files + 20);
    let clients: Vec<UnixStream> = (0..100).map(|_| sandbox.connect()).collect();
    answers(&sandbox);
    answers(&sandbox);
    drop(clients);
    as_before(&sandbox, master, files, memory);
}

#[test]
fn s43_a_thousand_questions_and_no_ear() {
    let (sandbox, master, files, memory) = started("deaf");
    let mut clients = Vec::new();
    for _ in 0..5 {
        let mut client = sandbox.connect();
        let bytes: Vec<u8> = (0..1000).flat_map(ask).collect();
        send(&mut client, &bytes);
        clients.push(client);
        answers(&sandbox);
    }
    let held = master.resident() - memory;
    assert!(held < 40 << 20, "five clients hold {held} bytes");
    drop(clients);
    as_before(&sandbox, master, files, memory);
}

/// One that listens after all gets every answer, in order.
#[test]
fn s43_a_thousand_questions_and_then_an_ear() {
    let (sandbox, master, files, memory) = started("late");
    let mut stream = sandbox.connect();
    let bytes: Vec<u8> = (0..1000).flat_map(ask).collect();
    let mut writer = stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || writer.write_all(&bytes));
    answers(&sandbox);
    let mut decoder = ph_rpc::Decoder::new(ph_rpc::Limits::CONTROL);
    let mut next = 0;
    while next < 1000 {
        assert!(decoder.read_from(&mut stream).unwrap() > 0, "closed after {next} answers");
        while let Some(message) = decoder.next_message().unwrap() {
            let Message::Response { msgid, .. } = message else { panic!("{message:?}") };
            assert_eq!(msgid, next);
            next += 1;
        }
    }
    writing.join().unwrap().unwrap();
    drop(stream);
    as_before(&sandbox, master, files, memory);
}

#[test]
fn s43_clients_that_come_and_go() {
    let (sandbox, master, files, memory) = started("comeandgo");
    for at in 0..500 {
        let mut client = sandbox.connect();
        if at % 2 == 0 {
            send(&mut client, &ask(at));
        }
    }
    as_before(&sandbox, master, files, memory);
}

#[test]
fn s43_another_user_is_refused_who_can_reach_the_socket() {
    let sandbox = Sandbox::new("stranger", "number_workers = 2\n");
    let stranger = nobody_else();
    sandbox.hand_over(0);
    sandbox.ok(&["start"]);
    let before = sandbox.settled(2);
    let socket = sandbox.path("fixture.sock");
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    // By the file's mode he can't even connect.
    assert_eq!(sandbox.run_as(stranger, &["status"]).code, Some(1));
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(sandbox.folder(), fs::Permissions::from_mode(0o777)).unwrap();
    for command in [&["status", "--json"][..], &["scale", "3"], &["stop"], &["reload"]] {
        let output = sandbox.run_as(stranger, command);
        assert!(![None, Some(0)].contains(&output.code), "{command:?}: {output:?}");
        assert_eq!(output.out, "", "{command:?}");
        assert_ne!(output.err, "", "{command:?}");
    }
    assert_eq!(sandbox.settled(2), before);
    assert_eq!(sandbox.status()["generation"], 1);
    let log = sandbox.read("app.log");
    let told = |line: &&str| line.contains("refused") && line.contains(&stranger.to_string());
    assert!(log.lines().filter(told).count() >= 4, "{log}");
    sandbox.ok(&["stop"]);
}

/// Root may ask anybody's master.
#[test]
fn s43_the_owner_and_root_are_served() {
    let sandbox = Sandbox::new("owner", "");
    let owner = nobody_else();
    sandbox.hand_over(owner);
    assert_eq!(sandbox.run_as(owner, &["start"]).code, Some(0));
    let output = sandbox.run_as(owner, &["status", "--json"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    sandbox.ok(&["scale", "2"]);
    let output = sandbox.run_as(owner, &["stop"]);
    assert_eq!(output.code, Some(0), "{output:?}");
}
