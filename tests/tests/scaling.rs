//! Scenario 15, `scaling = dynamic`: the number of workers follows the load, and nobody who works pays for it.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use ph_tests::echo::{Client, echo};
use ph_tests::listeners::own_address;
use ph_tests::{Sandbox, until, until_some};

/// One worker at a time for each connection, so that each connection is load.
const DYNAMIC: &str = "worker_class = sync\nscaling = dynamic\nmin_workers = 1\nmax_workers = 4\n\
                       idle_timeout = 300ms\n";

fn dynamic(test: &str) -> (Sandbox, SocketAddr) {
    let address = own_address();
    let sandbox = echo(test, address, DYNAMIC);
    sandbox.ok(&["start"]);
    (sandbox, address)
}

/// Connections that stay open, each at a worker of its own.
#[track_caller]
fn connect(address: SocketAddr, count: usize) -> Vec<Client> {
    let mut clients: Vec<Client> = (0..count).map(|_| Client::connect(address)).collect();
    let workers: HashSet<_> = clients.iter_mut().map(Client::worker).collect();
    assert_eq!(workers.len(), count, "two at one worker");
    clients
}

fn wanted(sandbox: &Sandbox) -> u64 {
    sandbox.status()["wanted"].as_u64().unwrap()
}

#[test]
fn s15_it_grows_under_load_and_shrinks_when_that_is_gone() {
    let (sandbox, address) = dynamic("grows");
    sandbox.settled(1);
    let clients = connect(address, 4);
    assert_eq!(wanted(&sandbox), 4);
    drop(clients);
    sandbox.settled(1);
    assert_eq!(wanted(&sandbox), 1);
    // Each decision says what it was made of, and nobody had to be killed for any.
    let log = sandbox.read("app.log");
    let decisions: Vec<&str> =
        log.lines().filter(|line| line.contains("number of workers follows the load")).collect();
    let told = |what: &str| decisions.iter().any(|line| line.contains(what));
    assert!(told("from=1 to=2 busy=1") && told("to=4") && told("from=2 to=1 busy=0"), "{log}");
    assert!(decisions.iter().all(|line| line.contains("queue=")), "{log}");
    let totals = &sandbox.status()["totals"];
    assert_eq!((totals["killed"].as_u64(), totals["crashed"].as_u64()), (Some(0), Some(0)));
    sandbox.ok(&["stop"]);
}

/// The highest id would be the first to go, so that is where the long request is.
#[test]
fn s15_who_works_is_never_retired() {
    let (sandbox, address) = dynamic("works");
    let mut clients = connect(address, 4);
    let ids = sandbox.settled(4);
    let (_, highest) = *ids.iter().max_by_key(|(id, _)| *id).unwrap();
    let busy = clients.iter_mut().position(|client| client.worker() == highest).unwrap();
    let mut client = clients.remove(busy);
    client.say("!sleep 2500");
    drop(clients);
    assert_eq!(sandbox.settled(1), [(3, highest)], "it is the one that stays");
    // It is enough: nobody comes back for what it does.
    assert_eq!(client.hear().unwrap(), "slept 2500");
    assert_eq!((client.worker(), wanted(&sandbox)), (highest, 1));
    sandbox.ok(&["stop"]);
}

/// A worker is given up between two requests, or not at all: whoever connects just then is served.
#[test]
fn s15_requests_survive_a_number_that_goes_up_and_down() {
    let address = own_address();
    let section = DYNAMIC.replace("300ms", "1ms");
    let sandbox = echo("restless", address, &section);
    sandbox.ok(&["start"]);
    let visits = |seed: u64| {
        for visit in 0..150 {
            let mut client = Client::connect(address);
            assert_eq!(client.ask("hello"), "hello");
            // Bursts and pauses, out of step with each other.
            if visit % 10 == seed {
                drop(client);
                thread::sleep(Duration::from_millis(120 + 10 * seed));
            } else {
                client.ask(&format!("!sleep {}", 5 + seed));
            }
        }
    };
    thread::scope(|scope| {
        let visitors: Vec<_> = (0..6).map(|seed| scope.spawn(move || visits(seed))).collect();
        visitors.into_iter().for_each(|visitor| visitor.join().unwrap());
    });
    sandbox.settled(1);
    let gone = sandbox.read("app.log").matches("why=\"idle\"").count();
    assert!(gone >= 5, "only {gone} workers were given up");
    let log = sandbox.ok(&["stop"]) + &sandbox.read("app.log");
    assert!(log.contains("aborted=0"), "{log}");
}

/// The kernel wakes one worker for a connection. When that one does not come, another is made.
#[test]
fn a_connection_that_no_worker_takes_gets_one() {
    let address = own_address();
    let section = DYNAMIC.replace("min_workers = 1", "min_workers = 2");
    let sandbox = echo("stopped", address, &format!("{section}number_workers = 2\n"));
    sandbox.ok(&["start"]);
    let stopped = sandbox.settled(2);
    for (_, worker) in &stopped {
        worker.signal(Signal::SIGSTOP);
        until("it is stopped", || worker.is_stopped());
    }
    let server = Client::connect(address).worker();
    assert!(stopped.iter().all(|(_, worker)| *worker != server));
    sandbox.ok(&["stop"]);
}

/// One look in a hundred milliseconds while there is work, and none when there is not.
#[test]
fn s46_a_master_at_rest_does_not_look() {
    let (sandbox, address) = dynamic("rest");
    drop(connect(address, 3));
    sandbox.settled(1);
    rests(&sandbox);
    // The first connection after that is noticed, and so is the load that it begins.
    let clients = connect(address, 2);
    assert_eq!(wanted(&sandbox), 2);
    drop(clients);
    sandbox.ok(&["stop"]);
}

/// The master sleeps through some seconds.
#[track_caller]
fn rests(sandbox: &Sandbox) {
    let master = sandbox.master();
    sandbox.unwatched_sockets();
    let mut before = master.sleeps();
    // The looks cease, and that takes time to see.
    until("three seconds without a look", || {
        thread::sleep(Duration::from_secs(3));
        std::mem::replace(&mut before, master.sleeps()) == before
    });
}

#[test]
fn operators_scale_within_the_bounds() {
    let address = own_address();
    let section = DYNAMIC.replace("min_workers = 1", "min_workers = 2");
    let sandbox = echo("bounds", address, &format!("{section}number_workers = 2\n"));
    sandbox.ok(&["start"]);
    sandbox.settled(2);
    for (number, bound) in [("5", "max_workers = 4"), ("1", "min_workers = 2"), ("-1", "min_")] {
        let output = sandbox.run(&["scale", number]);
        assert_eq!(output.code, Some(4), "{output:?}");
        assert!(output.err.contains(bound) && output.err.lines().count() == 1, "{output:?}");
    }
    let output = sandbox.run(&["worker", "stop", "0"]);
    assert_eq!((output.code, output.err.contains("min_workers = 2")), (Some(4), true));
    let master = sandbox.master();
    master.signal(Signal::SIGTTIN);
    until("one more", || wanted(&sandbox) == 3);
    // Beyond what there is to do, for the time that everybody gets.
    sandbox.settled(2);
    sandbox.ok(&["scale", "4"]);
    sandbox.settled(2);
    sandbox.ok(&["stop"]);
}

#[test]
fn a_reload_changes_who_decides() {
    let address = own_address();
    let fixed = format!("bind = {address}\nworker_class = sync\nnumber_workers = 2\n");
    let sandbox = Sandbox::for_program("examples/echo", "modes", &fixed);
    sandbox.ok(&["start"]);
    let mut clients = connect(address, 2);
    let mut third = Client::connect(address);
    third.say("hello");
    assert_eq!(wanted(&sandbox), 2);
    sandbox.configure(&format!("bind = {address}\nnumber_workers = 2\n{DYNAMIC}"));
    sandbox.ok(&["reload"]);
    assert_eq!(third.hear().unwrap(), "hello", "it is served now");
    assert!(clients.iter_mut().all(|client| client.ask("still") == "still"), "lost by a reload");
    drop((clients, third));
    sandbox.settled(1);
    // The bounds of the next generation hold at once.
    let narrow = DYNAMIC.replace("min_workers = 1", "min_workers = 3");
    sandbox.configure(&format!("bind = {address}\nnumber_workers = 3\n{narrow}"));
    sandbox.ok(&["reload"]);
    sandbox.settled(3);
    sandbox.configure(&fixed);
    sandbox.ok(&["reload"]);
    assert_eq!(sandbox.settled(2).len(), 2);
    rests(&sandbox);
    sandbox.ok(&["stop"]);
}

/// Nobody connects for a job; workers that have one each are reason enough.
#[test]
fn workers_with_jobs_grow_too() {
    let section = "scaling = dynamic\nmax_workers = 2\nnumber_workers = 1\napp.job = sleep\n\
                   graceful_timeout = 0.1\n";
    let sandbox = Sandbox::new("jobs", section);
    sandbox.ok(&["start"]);
    let two = until_some("two workers", || {
        let workers = sandbox.workers("ready");
        (workers.len() == 2).then_some(workers)
    });
    assert_eq!((two.len(), wanted(&sandbox)), (2, 2));
    sandbox.ok(&["stop"]);
}
