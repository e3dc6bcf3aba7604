//! Scenario 15, `scaling = ondemand`: nobody works while there is no work.

use std::collections::HashSet;
use std::fs;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use ph_tests::echo::{Client, echo};
use ph_tests::listeners::own_address;
use ph_tests::{Sandbox, until};

const ONDEMAND: &str = "worker_class = sync\nscaling = ondemand\nmax_workers = 3\n\
                        number_workers = 1\nidle_timeout = 300ms\n";

fn ondemand(test: &str) -> (Sandbox, SocketAddr) {
    let address = own_address();
    let sandbox = echo(test, address, ONDEMAND);
    sandbox.ok(&["start"]);
    (sandbox, address)
}

#[test]
fn s15_nobody_works_at_rest_and_the_first_connection_is_served() {
    let (sandbox, address) = ondemand("ondemand");
    let status = sandbox.status();
    assert_eq!((status["state"].as_str(), status["wanted"].as_u64()), (Some("running"), Some(0)));
    assert_eq!(status["totals"]["spawned"].as_u64(), Some(0));
    assert!(sandbox.master().children().is_empty());
    let mut first = Client::connect(address);
    assert_eq!(first.ask("hello"), "hello");
    drop(first);
    sandbox.settled(0);
    // Several at once, each at a worker of its own, and one that waits for the first who leaves.
    let mut clients: Vec<Client> = (0..4).map(|_| Client::connect(address)).collect();
    let workers: HashSet<_> = clients[..3].iter_mut().map(Client::worker).collect();
    assert_eq!(workers.len(), 3);
    let mut last = clients.remove(3);
    drop(clients.remove(0));
    assert!(workers.contains(&last.worker()), "more than max_workers");
    drop((clients, last));
    sandbox.settled(0);
    sandbox.ok(&["status"]);
    sandbox.ok(&["stop"]);
}

#[test]
fn s15_a_unix_socket_wakes_it_too() {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;
    let section = format!("{ONDEMAND}unix_socket = a.sock\n");
    let sandbox = Sandbox::for_program("examples/echo", "unix", &section);
    sandbox.ok(&["start"]);
    for _ in 0..2 {
        let mut client = UnixStream::connect(sandbox.path("a.sock")).unwrap();
        client.set_read_timeout(Some(ph_tests::wait::DEADLINE)).unwrap();
        client.write_all(b"hello").unwrap();
        let mut answer = [0; 5];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"hello");
        drop(client);
        sandbox.settled(0);
    }
    sandbox.ok(&["stop"]);
}

#[test]
fn s46_a_master_without_workers_sleeps() {
    let (sandbox, address) = ondemand("asleep");
    assert_eq!(Client::connect(address).ask("hello"), "hello");
    sandbox.settled(0);
    let master = sandbox.master();
    sandbox.unwatched_sockets();
    let mut before = master.sleeps();
    until("three seconds without a look", || {
        thread::sleep(Duration::from_secs(3));
        std::mem::replace(&mut before, master.sleeps()) == before
    });
    sandbox.ok(&["stop"]);
}

/// The connection waits, and the attempts to serve it wait longer each time; once they succeed, it is served.
#[test]
fn s35_a_waiting_connection_does_not_storm_what_cannot_boot() {
    let address = own_address();
    let section = format!(
        "{ONDEMAND}bind = {address}\napp.boot = fail\napp.flag = %(here)s/flag\n\
         restart_backoff = 100ms\n"
    );
    let sandbox = Sandbox::new("storm", &section);
    let start = || sandbox.command(&["start"]).env("FIXTURE_CONNECTIONS", "1").status().unwrap();
    fs::write(sandbox.path("flag"), "").unwrap();
    assert!(start().success(), "there is nobody yet who could fail");
    let mut clients = [Client::connect(address), Client::connect(address)];
    clients.iter_mut().for_each(|client| client.say("hello"));
    until("five attempts", || sandbox.told("new").len() >= 5);
    let status = sandbox.status();
    assert_eq!(status["wanted"].as_u64(), Some(1), "{status}");
    fs::remove_file(sandbox.path("flag")).unwrap();
    for client in &mut clients {
        assert_eq!(client.hear().unwrap(), "hello");
    }
    let attempts = sandbox.told("new");
    let waits: Vec<u64> =
        attempts.windows(2).take(4).map(|two| (two[1].at - two[0].at) / 1_000_000).collect();
    let least = [100, 200, 400, 800];
    assert!(waits.iter().zip(least).all(|(wait, least)| *wait >= least), "{waits:?} ms");
    drop(clients);
    sandbox.settled(0);
    // Whoever has gone needs nobody.
    fs::write(sandbox.path("flag"), "").unwrap();
    let before = sandbox.told("new").len();
    let impatient = Client::connect(address);
    until("it is tried again", || sandbox.told("new").len() > before);
    drop(impatient);
    sandbox.ok(&["stop"]);
}

#[test]
fn a_reload_of_nobody_is_taken() {
    let (sandbox, address) = ondemand("reload");
    sandbox.configure(&format!("bind = {address}\n{}", ONDEMAND.replace("= 3", "= 2")));
    sandbox.ok(&["reload"]);
    let status = sandbox.status();
    assert_eq!((status["generation"].as_u64(), status["wanted"].as_u64()), (Some(2), Some(0)));
    assert_eq!(status["totals"]["spawned"].as_u64(), Some(0));
    assert_eq!(Client::connect(address).ask("hello"), "hello");
    sandbox.settled(0);
    // To a number of its own, by a canary, and back.
    let fixed = format!("bind = {address}\nworker_class = sync\nnumber_workers = 2\n");
    sandbox.configure(&fixed);
    sandbox.ok(&["reload"]);
    sandbox.settled(2);
    sandbox.configure(&format!("bind = {address}\n{ONDEMAND}"));
    sandbox.ok(&["reload"]);
    sandbox.settled(0);
    sandbox.ok(&["restart"]);
    assert_eq!(Client::connect(address).ask("hello"), "hello");
    sandbox.ok(&["stop"]);
}

#[test]
fn the_load_alone_decides() {
    let (sandbox, address) = ondemand("alone");
    for number in ["2", "+1"] {
        let output = sandbox.run(&["scale", number]);
        assert_eq!(output.code, Some(4), "{output:?}");
        assert!(output.err.contains("scaling = ondemand"), "{output:?}");
    }
    sandbox.master().signal(nix::sys::signal::Signal::SIGTTIN);
    until("it is told", || sandbox.read("app.log").contains("scaling = ondemand"));
    let output = sandbox.run(&["worker", "restart", "0"]);
    assert!(output.code == Some(1) && output.err.contains("none at the moment"), "{output:?}");
    assert_eq!(Client::connect(address).ask("hello"), "hello");
    sandbox.ok(&["stop"]);
}

/// Nothing tells of a job: a start is refused, and so is a reload.
#[test]
fn jobs_are_not_taken_on_demand() {
    let sandbox = Sandbox::new("jobs", "scaling = ondemand\n");
    let output = sandbox.run(&["start"]);
    assert_eq!(output.code, Some(78), "{output:?}");
    assert!(output.err.contains("ondemand") && output.err.lines().count() == 1, "{output:?}");
    sandbox.configure("number_workers = 1\n");
    sandbox.ok(&["start"]);
    let before = sandbox.settled(1);
    sandbox.configure("number_workers = 1\nscaling = ondemand\n");
    assert_eq!(sandbox.run(&["reload"]).code, Some(78));
    assert_eq!(sandbox.settled(1), before);
    sandbox.ok(&["stop"]);
}
