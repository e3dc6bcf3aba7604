//! Scenario 38, and who accepts when somebody can't: a connection is never left to a worker that will not take it.

use std::io::{self, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ph_tests::echo::{Client, Echo};
use ph_tests::{Process, Sandbox, each_class, load, until};

each_class![
    s38_workers_take_turns_at_a_lock,
    s38_workers_killed_at_random_leave_no_lock_behind,
    s38_workers_stopped_at_random_do_not_stop_the_others,
    a_stopped_worker_leaves_its_share_to_the_others,
    a_connection_that_woke_a_leaving_worker_is_served,
    a_connection_that_was_handed_to_a_leaving_worker_goes_on,
];

const LOCK: &str = "number_workers = 3\naccept = lock\n";

fn s38_workers_take_turns_at_a_lock(class: &str) {
    let settings = format!("{LOCK}bind = 127.0.0.1:0\nunix_socket = a.sock\n");
    let echo = Echo::start("turns", class, &settings);
    let workers = echo.settled(3);
    for listener in echo.listeners() {
        for number in 0..60 {
            let mut client = Client::connect(&listener).unwrap();
            assert_eq!(client.ask(&number.to_string()), number.to_string());
            let holder = &echo.status()["accept_lock_holder"];
            assert!(holder.is_null() || holder.as_u64().is_some_and(|id| id < 3), "{holder}");
        }
    }
    assert_eq!(echo.settled(3), workers);
    echo.ok(&["stop"]);
}

fn s38_workers_killed_at_random_leave_no_lock_behind(class: &str) {
    let settings = format!("{LOCK}restart_backoff = 1ms\nrestart_backoff_max = 1ms\n");
    let echo = Echo::start("killed", class, &settings);
    echo.settled(3);
    // A connection in the hands of a worker that is killed is lost; one that nobody takes is not.
    let lost = |error: &io::Error| error.kind() != io::ErrorKind::WouldBlock;
    load::short(&echo, lost, || {
        for turn in 0..50 {
            let workers = echo.workers("ready");
            let Some((_, victim)) = workers.get(turn % workers.len().max(1)) else { continue };
            victim.signal(Signal::SIGKILL);
        }
    });
    echo.settled(3);
    for _ in 0..30 {
        let began = Instant::now();
        assert_eq!(echo.client().ask("hello"), "hello");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
    echo.ok(&["stop"]);
}

fn s38_workers_stopped_at_random_do_not_stop_the_others(class: &str) {
    let echo = Echo::start("stopped", class, LOCK);
    let workers = echo.settled(3);
    load::short(&echo, load::nothing, || {
        for turn in 0..30 {
            let (_, stopped) = workers[turn % 3];
            stopped.signal(Signal::SIGSTOP);
            until("it is stopped", || stopped.is_stopped());
            // Whatever it holds, the lock or a connection: others are served all the same.
            for _ in 0..5 {
                let began = Instant::now();
                served_by_another(&echo, stopped);
                assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
            }
            stopped.signal(Signal::SIGCONT);
        }
    });
    assert_eq!(echo.settled(3), workers);
    echo.ok(&["stop"]);
}

/// Waits for an answer; a connection that the stopped worker has taken is given up for another.
#[track_caller]
fn served_by_another(echo: &Echo, stopped: Process) {
    until("another worker answers", || {
        let mut client = echo.client();
        client.stream().set_read_timeout(Some(Duration::from_millis(400))).unwrap();
        client.try_ask("!pid").is_ok_and(|pid| pid != stopped.pid().to_string())
    });
}

/// Connections that stay make the only worker that takes any hold more than the average.
fn a_stopped_worker_leaves_its_share_to_the_others(class: &str) {
    // Room for all of them in one worker; one of class sync has room for one, so there they don't stay.
    let echo = Echo::start("share", class, "number_workers = 2\nthreads = 30\n");
    let workers = echo.settled(2);
    let (stopped, other) = (workers[0].1, workers[1].1);
    stopped.signal(Signal::SIGSTOP);
    until("it is stopped", || stopped.is_stopped());
    let began = Instant::now();
    let mut kept = Vec::new();
    for _ in 0..20 {
        let mut client = echo.client();
        assert_eq!(client.worker(), other.pid());
        if class != "sync" {
            kept.push(client);
        }
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    drop(kept);
    echo.ok(&["stop"]);
}

/// Something that wants a whole CPU.
struct Hog(Child);

impl Hog {
    /// Runs already when this returns.
    fn on(cpu: &str) -> Self {
        let mut command = Command::new("taskset");
        command.args(["-c", cpu, "sh", "-c", "echo; while :; do :; done"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
        Self(child)
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[track_caller]
fn schedule(worker: Process, arguments: &[&str]) {
    let output = Command::new(arguments[0])
        .args(&arguments[1..])
        .arg(worker.pid().to_string())
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

/// Stops a worker between the moment when `event` makes the kernel wake it and its own first look: it waits for a
/// processor in between, as on a busy machine. Where it was quicker after all, it has taken what there was.
#[track_caller]
fn stopped_on_its_way(worker: Process, event: impl FnOnce()) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let cpu = worker.cpus().last().unwrap().to_string();
    let hog = Hog::on(&cpu);
    schedule(worker, &["taskset", "-a", "-c", "-p", &cpu]);
    schedule(worker, &["chrt", "-a", "-i", "-p", "0"]);
    event();
    worker.signal(Signal::SIGSTOP);
    schedule(worker, &["chrt", "-a", "-o", "-p", "0"]);
    drop(hog);
    until("it is stopped", || worker.is_stopped());
}

/// The kernel wakes one worker for a connection. If that is asked to leave before it has looked, nobody else knows.
fn a_connection_that_woke_a_leaving_worker_is_served(class: &str) {
    for round in 0..8 {
        let echo = Echo::start("woken", class, "number_workers = 2\n");
        let workers = echo.settled(2);
        // Whoever took the last one is the last to be woken for the next.
        let last = echo.client().worker();
        let (slot, victim) = *workers.iter().find(|(_, it)| it.pid() != last).unwrap();
        let mut client = None;
        stopped_on_its_way(victim, || client.insert(echo.client()).say("hello"));
        // Which continues it.
        echo.ok(&["worker", "stop", &slot.to_string()]);
        assert_eq!(client.unwrap().answer(), "hello", "round {round}");
    }
}

/// The same for a connection that another worker has handed on: it is handed on once more.
fn a_connection_that_was_handed_to_a_leaving_worker_goes_on(class: &str) {
    for round in 0..8 {
        let echo = Echo::start("handed", class, "number_workers = 3\n");
        let mut workers = echo.settled(3);
        let mut client = echo.client();
        let holder = client.worker();
        let at = workers.iter().position(|(_, worker)| worker.pid() == holder).unwrap();
        let (from, _) = workers.remove(at);
        let (slot, victim) = workers[round % 2];
        let mut control = Sandbox::client(&echo);
        stopped_on_its_way(victim, || {
            control.call("stop_worker", vec![from.into()]).unwrap().unwrap();
        });
        echo.ok(&["worker", "stop", &slot.to_string()]);
        assert_eq!(client.ask("hello"), "hello", "round {round}");
    }
}
