//! `accept = reuseport`: a queue for each slot, that its workers inherit from each other and that nobody is left in.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;
use ph_tests::listeners::{own_address, taken_address};
use ph_tests::wait::DEADLINE;
use ph_tests::{Process, Sandbox, until};

fn sandbox(test: &str, address: SocketAddr, workers: u32) -> Sandbox {
    let section = format!(
        "bind = {address}\nunix_socket = a.sock\naccept = reuseport\nnumber_workers = {workers}\n"
    );
    Sandbox::for_program("examples/echo", test, &section)
}

/// A client that has said all that it has to say, and waits for the answer.
struct Client(TcpStream);

impl Client {
    fn new(address: SocketAddr) -> std::io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.write_all(b"hello\n")?;
        stream.shutdown(Shutdown::Write)?;
        Ok(Self(stream))
    }

    fn answer(mut self) -> std::io::Result<()> {
        let mut answer = [0; 6];
        self.0.read_exact(&mut answer)?;
        assert_eq!(&answer, b"hello\n");
        Ok(())
    }
}

/// Waits until the master has so many sockets, that of the control socket included, and no client.
#[track_caller]
fn holds(sandbox: &Sandbox, sockets: usize) {
    let master = sandbox.master();
    until("the master has its listeners and no others", || master.sockets().len() == sockets);
}

/// Clients that wait: the workers don't run meanwhile.
fn queued(address: SocketAddr, workers: &[(u64, Process)], count: usize) -> Vec<Client> {
    workers.iter().for_each(|(_, worker)| worker.signal(Signal::SIGSTOP));
    (0..count).map(|_| Client::new(address).unwrap()).collect()
}

fn go_on(workers: &[(u64, Process)]) {
    workers.iter().for_each(|(_, worker)| worker.signal(Signal::SIGCONT));
}

#[test]
fn every_slot_has_a_listener_of_its_own() {
    let address = own_address();
    let sandbox = sandbox("own", address, 3);
    sandbox.ok(&["start"]);
    let path = sandbox.path("a.sock");
    let told = [format!("tcp://{address}"), format!("unix:{}", path.display())];
    assert_eq!(sandbox.listeners(), told, "one address, whoever listens there");
    let workers = sandbox.settled(3);
    let mut sockets: Vec<String> = Vec::new();
    for (slot, worker) in &workers {
        let own = worker.sockets();
        assert_eq!(own.len(), 2, "worker {slot}: {:?}", worker.open_files());
        sockets.extend(own);
    }
    sockets.sort_unstable();
    sockets.dedup();
    assert_eq!(sockets.len(), 4, "three of their own and one for all: {sockets:?}");
    // All of them are served, and by more than one.
    let clients = queued(address, &workers, 60);
    go_on(&workers);
    clients.into_iter().for_each(|client| client.answer().unwrap());
    let status = sandbox.status();
    let rows = status["workers"].as_array().unwrap().iter();
    let busy = rows.filter(|row| row["requests"].as_u64() > Some(0)).count();
    assert_eq!(busy, 3, "{status:#}");
    sandbox.ok(&["stop"]);
}

/// A worker that is killed leaves its queue to the next in its slot, and so does one that is replaced.
#[test]
fn a_successor_inherits_the_queue() {
    let address = own_address();
    let sandbox = sandbox("inherits", address, 3);
    sandbox.ok(&["start"]);
    let workers = sandbox.settled(3);
    let clients = queued(address, &workers, 30);
    workers.iter().for_each(|(_, worker)| worker.signal(Signal::SIGKILL));
    clients.into_iter().for_each(|client| client.answer().unwrap());
    let workers = sandbox.settled(3);
    let before: Vec<_> = workers.iter().map(|(_, worker)| worker.sockets()).collect();
    let clients = queued(address, &workers, 30);
    sandbox.ok(&["reload"]);
    clients.into_iter().for_each(|client| client.answer().unwrap());
    let after = sandbox.settled(3);
    assert_eq!(after.iter().map(|(_, worker)| worker.sockets()).collect::<Vec<_>>(), before);
    assert!(workers.iter().all(|old| !after.contains(old)));
    sandbox.ok(&["stop"]);
}

/// What waits in the queue of a slot that goes is answered before its worker leaves.
#[test]
fn a_slot_that_goes_empties_its_queue() {
    let address = own_address();
    let sandbox = sandbox("down", address, 4);
    sandbox.ok(&["start"]);
    let workers = sandbox.settled(4);
    let clients = queued(address, &workers, 80);
    sandbox.ok(&["scale", "2"]);
    go_on(&workers);
    clients.into_iter().for_each(|client| client.answer().unwrap());
    let workers = sandbox.settled(2);
    holds(&sandbox, 4);
    // Nobody is sent to who is not there any more; the same when it is not the last slot that goes.
    let clients = queued(address, &workers, 40);
    sandbox.ok(&["worker", "stop", "0"]);
    go_on(&workers);
    clients.into_iter().for_each(|client| client.answer().unwrap());
    sandbox.settled(1);
    sandbox.ok(&["scale", "3"]);
    sandbox.settled(3);
    let clients: Vec<Client> = (0..60).map(|_| Client::new(address).unwrap()).collect();
    clients.into_iter().for_each(|client| client.answer().unwrap());
    sandbox.ok(&["stop"]);
}

/// Has each listener wait with a handshake's end for the first bytes (`TCP_DEFER_ACCEPT`, tcp(7)), as if that had a long
/// way to come; before a worker is made, since then they are all there.
const FAR_AWAY: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

pid_t fork(void)
{
    pid_t (*real)(void) = dlsym(RTLD_NEXT, "fork");
    int seconds = 60;
    for (int fd = 3; fd < 200; fd++)
        setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds);
    return real();
}
"#;

/// A client that was given to a slot before that went, and connects after: it is on its way, and in no queue to be seen.
#[test]
fn a_slot_that_goes_waits_for_those_on_their_way() {
    for class in ["sync", "thread", "async"] {
        let address = own_address();
        let section = format!(
            "bind = {address}\naccept = reuseport\nnumber_workers = 4\nworker_class = {class}\n"
        );
        let sandbox = Sandbox::for_program("examples/echo", "far", &section);
        let library = sandbox.library("far", FAR_AWAY);
        let start = sandbox.command(&["start"]).env("LD_PRELOAD", library).status().unwrap();
        assert!(start.success());
        let workers = sandbox.settled(4);
        let mut control = sandbox.client();
        let mut clients: Vec<_> = (0..40).map(|_| TcpStream::connect(address).unwrap()).collect();
        let waiting: u64 = queues(address).iter().sum();
        assert_eq!(waiting, 0, "they have connected already");
        control.call("scale", vec![1.into()]).unwrap().unwrap();
        // By the time that they have heard of it, they would have gone.
        let asked = |(_, worker): &(u64, Process)| !worker.is_pending(Signal::SIGTERM);
        until("the others were asked to leave", || workers.iter().all(asked));
        for client in &mut clients {
            client.write_all(b"hello\n").unwrap();
            client.shutdown(Shutdown::Write).unwrap();
        }
        for client in clients {
            client.set_read_timeout(Some(DEADLINE)).unwrap();
            Client(client).answer().unwrap_or_else(|error| panic!("{class}: {error}"));
        }
        drop(control);
        sandbox.settled(1);
        holds(&sandbox, 2);
        sandbox.ok(&["stop"]);
    }
}

/// Ends the clients, should the test have failed as well.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Under load: reloads and changes of the number, and not one connection lost.
#[test]
fn s16_changes_under_load_lose_no_connection() {
    let address = own_address();
    let sandbox = sandbox("load", address, 3);
    sandbox.ok(&["start"]);
    sandbox.settled(3);
    let over = AtomicBool::new(false);
    let served: [AtomicU32; 4] = Default::default();
    let hammer = |served: &AtomicU32| {
        while !over.load(Ordering::Relaxed) {
            Client::new(address).and_then(Client::answer).unwrap();
            served.fetch_add(1, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        for client in &served {
            scope.spawn(|| hammer(client));
        }
        let _end = End(&over);
        let all = |least: u32| served.iter().all(|count| count.load(Ordering::Relaxed) >= least);
        // However slow the machine: some are served between any two changes.
        for (number, least) in ["2", "5", "1", "4", "3"].into_iter().zip(1..) {
            sandbox.ok(&["reload"]);
            sandbox.ok(&["scale", number]);
            until("each client was served", || all(least * 3));
        }
    });
    sandbox.settled(3);
    sandbox.ok(&["stop"]);
}

/// A slot whose worker is not there yet is given nothing: the others answer.
#[test]
fn nobody_waits_for_a_worker_that_boots() {
    let address = own_address();
    let section = format!("bind = {address}\naccept = reuseport\nnumber_workers = 2\n");
    // It never accepts, so what its slots are given can be counted by its rest.
    let sandbox = Sandbox::new("boots", &format!("{section}app.boot = hang\napp.slot = 2\n"));
    sandbox.ok(&["start"]);
    let mut scale = sandbox.begin("scale", &["scale", "3"]);
    until("the third boots", || !sandbox.workers("booting").is_empty());
    // The third slot's listener is there.
    until("it is watched by one client", || sandbox.master().sockets().len() == 5);
    let _clients = (0..60).map(|_| TcpStream::connect(address).unwrap()).collect::<Vec<_>>();
    assert!(scale.is_running());
    // The last of them may be on its way from the handshake to the queue.
    until("all are queued", || queues(address).iter().sum::<u64>() == 60);
    let queues = queues(address);
    assert_eq!(queues.len(), 3, "{queues:?}");
    assert_eq!(queues.iter().filter(|queue| **queue == 0).count(), 1, "{queues:?}");
    sandbox.ok(&["stop", "--quick"]);
    sandbox.end(scale);
}

/// The accept queues of an address, by `/proc/net/tcp`: of a listening socket, the second half of the fifth field.
fn queues(address: SocketAddr) -> Vec<u64> {
    let SocketAddr::V4(v4) = address else { panic!("{address}") };
    let ip = u32::from_ne_bytes(v4.ip().octets());
    let local = format!("{ip:08X}:{:04X}", v4.port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let rows = table.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let own = rows.filter(|row| row.len() > 4 && row[1] == local && row[3] == "0A");
    own.map(|row| u64::from_str_radix(row[4].split_once(':').unwrap().1, 16).unwrap()).collect()
}

#[test]
fn an_address_in_use_is_refused_as_with_one_listener_for_all() {
    let (held, address) = taken_address();
    let other = sandbox("other", address, 1);
    assert_eq!(other.run(&["start"]).code, Some(1));
    drop(held);
    other.ok(&["start"]);
    // Both have the option set, which the kernel would take for agreement.
    let second = sandbox("second", address, 1);
    let output = second.run(&["start"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.err.contains(&format!("bind = {address}: address in use")), "{output:?}");
    other.ok(&["stop"]);
}

/// Addresses come and go at a reload as those for all do.
#[test]
fn a_reload_changes_the_addresses() {
    let (one, two) = (own_address(), own_address());
    let section = |bind: &str| format!("bind = {bind}\naccept = reuseport\nnumber_workers = 2\n");
    let first = section(&format!("{one}, 127.0.0.1:0"));
    let sandbox = Sandbox::for_program("examples/echo", "addresses", &first);
    sandbox.ok(&["start"]);
    let before = sandbox.listeners();
    holds(&sandbox, 5);
    for _ in 0..5 {
        sandbox.configure(&section(&format!("127.0.0.1:0, {two}")));
        sandbox.ok(&["reload"]);
        assert!(sandbox.listeners().contains(&before[1]), "a chosen port is kept");
        Client::new(two).unwrap().answer().unwrap();
        assert!(TcpStream::connect_timeout(&one, Duration::from_secs(1)).is_err());
        sandbox.configure(&first);
        sandbox.ok(&["reload"]);
        Client::new(one).unwrap().answer().unwrap();
    }
    sandbox.settled(2);
    holds(&sandbox, 5);
    let (_held, taken) = taken_address();
    sandbox.configure(&section(&format!("{one}, {taken}")));
    assert_eq!(sandbox.run(&["reload"]).code, Some(5));
    Client::new(one).unwrap().answer().unwrap();
    sandbox.ok(&["stop"]);
}
