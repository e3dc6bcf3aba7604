//! Scenario 15, `scaling = dynamic`: the number of workers follows the load, and nobody who works pays for it.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use ph_tests::echo::{Client, Echo};
use ph_tests::{Sandbox, until, until_some};

const DYNAMIC: &str = "scaling = dynamic\nmin_workers = 1\nmax_workers = 4\nidle_timeout = 300ms\n";

/// One connection at a time for each worker, so that each connection is load.
fn dynamic(test: &str) -> Echo {
    Echo::start(test, "sync", DYNAMIC)
}

/// The same with two workers at least.
fn two(test: &str) -> Echo {
    let section = DYNAMIC.replace("min_workers = 1", "min_workers = 2");
    Echo::start(test, "sync", &format!("{section}number_workers = 2\n"))
}

/// Connections that stay open, each at a worker of its own.
#[track_caller]
fn connect(echo: &Echo, count: usize) -> Vec<Client> {
    let mut clients = echo.clients(count);
    let workers: HashSet<_> = clients.iter_mut().map(Client::worker).collect();
    assert_eq!(workers.len(), count, "two at one worker");
    clients
}

fn wanted(echo: &Sandbox) -> u64 {
    echo.status()["wanted"].as_u64().unwrap()
}

#[test]
fn s15_it_grows_under_load_and_shrinks_when_that_is_gone() {
    let echo = dynamic("grows");
    echo.settled(1);
    let clients = connect(&echo, 4);
    assert_eq!(wanted(&echo), 4);
    drop(clients);
    echo.settled(1);
    assert_eq!(wanted(&echo), 1);
    // Each decision says what it was made of, and nobody had to be killed for any.
    let log = echo.read("app.log");
    let decisions: Vec<&str> =
        log.lines().filter(|line| line.contains("number of workers follows the load")).collect();
    let told = |what: &str| decisions.iter().any(|line| line.contains(what));
    assert!(told("from=1 to=2 ") && told("to=4") && told("from=2 to=1 busy=0"), "{log}");
    assert!(decisions.iter().all(|line| line.contains("queue=")), "{log}");
    let totals = &echo.status()["totals"];
    assert_eq!((totals["killed"].as_u64(), totals["crashed"].as_u64()), (Some(0), Some(0)));
    echo.ok(&["stop"]);
}

/// The highest id would be the first to go, so that is where the long request is.
#[test]
fn s15_who_works_is_never_retired() {
    let echo = dynamic("works");
    let mut clients = connect(&echo, 4);
    let ids = echo.settled(4);
    let (_, highest) = *ids.iter().max_by_key(|(id, _)| *id).unwrap();
    let busy = clients.iter_mut().position(|client| client.worker() == highest.pid()).unwrap();
    let mut client = clients.remove(busy);
    client.say("!sleep 5000");
    drop(clients);
    assert_eq!(echo.settled(1), [(3, highest)], "it is the one that stays");
    // It is enough: nobody comes back for what it does.
    assert_eq!(client.answer(), "slept 5000");
    assert_eq!((client.worker(), wanted(&echo)), (highest.pid(), 1));
    echo.ok(&["stop"]);
}

/// A worker is given up between two requests, or not at all: whoever connects just then is served.
#[test]
fn s15_requests_survive_a_number_that_goes_up_and_down() {
    let echo = Echo::start("restless", "sync", &DYNAMIC.replace("300ms", "1ms"));
    let listener = echo.listener();
    let visits = |seed: u64| {
        for visit in 0..150 {
            let mut client = Client::connect(listener).unwrap();
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
    echo.settled(1);
    let gone = echo.read("app.log").matches("why=\"idle\"").count();
    assert!(gone >= 5, "only {gone} workers were given up");
    let log = echo.ok(&["stop"]) + &echo.read("app.log");
    assert!(log.contains("aborted=0"), "{log}");
}

/// The kernel wakes one worker for a connection. When that one does not come, another is made.
#[test]
fn a_connection_that_no_worker_takes_gets_one() {
    let echo = two("stopped");
    let stopped = echo.settled(2);
    for (_, worker) in &stopped {
        worker.signal(Signal::SIGSTOP);
        until("it is stopped", || worker.is_stopped());
    }
    let server = echo.client().worker();
    assert!(stopped.iter().all(|(_, worker)| worker.pid() != server));
    echo.ok(&["stop"]);
}

/// One look in a hundred milliseconds while there is work, and none when there is not.
#[test]
fn s46_a_master_at_rest_does_not_look() {
    let echo = dynamic("rest");
    drop(connect(&echo, 3));
    echo.settled(1);
    rests(&echo);
    // The first connection after that is noticed, and so is the load that it begins.
    let clients = connect(&echo, 2);
    assert!(wanted(&echo) >= 2);
    drop(clients);
    echo.ok(&["stop"]);
}

/// The master sleeps through some seconds.
#[track_caller]
fn rests(echo: &Sandbox) {
    let master = echo.master();
    let mut before = master.sleeps();
    // The looks cease, and that takes time to see.
    until("three seconds without a look", || {
        thread::sleep(Duration::from_secs(3));
        std::mem::replace(&mut before, master.sleeps()) == before
    });
}

#[test]
fn operators_scale_within_the_bounds() {
    // Long enough idle that one more is seen.
    let section = DYNAMIC.replace("min_workers = 1", "min_workers = 2").replace("300ms", "2");
    let echo = Echo::start("bounds", "sync", &format!("{section}number_workers = 2\n"));
    echo.settled(2);
    for (number, bound) in [("5", "max_workers = 4"), ("1", "min_workers = 2"), ("-1", "min_")] {
        let output = echo.run(&["scale", number]);
        assert_eq!(output.code, Some(4), "{output:?}");
        assert!(output.err.contains(bound) && output.err.lines().count() == 1, "{output:?}");
    }
    let output = echo.run(&["worker", "stop", "0"]);
    assert_eq!((output.code, output.err.contains("min_workers = 2")), (Some(4), true));
    let master = echo.master();
    master.signal(Signal::SIGTTIN);
    until("one more", || wanted(&echo) == 3);
    // Beyond what there is to do, for the time that everybody gets.
    echo.settled(2);
    echo.ok(&["scale", "4"]);
    echo.settled(2);
    echo.ok(&["stop"]);
}

#[test]
fn a_reload_changes_who_decides() {
    let fixed = "number_workers = 2\n";
    let echo = Echo::start("modes", "sync", fixed);
    let mut clients = connect(&echo, 2);
    let mut third = echo.client();
    third.say("hello");
    assert_eq!(wanted(&echo), 2);
    echo.becomes("sync", &format!("{fixed}{DYNAMIC}"));
    echo.ok(&["reload"]);
    assert_eq!(third.answer(), "hello", "it is served now");
    assert!(clients.iter_mut().all(|client| client.ask("still") == "still"), "lost by a reload");
    drop((clients, third));
    echo.settled(1);
    // The bounds of the next generation hold at once.
    let narrow = DYNAMIC.replace("min_workers = 1", "min_workers = 3");
    echo.becomes("sync", &format!("number_workers = 3\n{narrow}"));
    echo.ok(&["reload"]);
    echo.settled(3);
    echo.becomes("sync", fixed);
    echo.ok(&["reload"]);
    echo.settled(2);
    rests(&echo);
    echo.ok(&["stop"]);
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
