//! A master as the first process of a pid namespace, as in a container: nobody reaps for it, signals reach it only by
//! its own doing, and all ends with it.

use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;
use ph_tests::echo::{Client, Echo};
use ph_tests::{Process, Sandbox, finish, until, until_some};

/// Waits until these are all who live in the container besides its first process, and nobody is a zombie.
#[track_caller]
fn only(sandbox: &Sandbox, expected: &[Process]) {
    let mut left = Vec::new();
    let alone = || {
        left = sandbox.inhabitants();
        left.retain(|it| !expected.contains(it) || it.is_zombie());
        left.is_empty() && expected.iter().all(|it| it.is_alive())
    };
    until("nobody else is there, and nobody is a zombie", alone);
}

/// Runs shell code in the container, to its end; what it prints.
#[track_caller]
fn exec(sandbox: &Sandbox, script: &str) -> String {
    let output = finish(sandbox.inside("sh").args(["-c", script]));
    assert_eq!(output.code, Some(0), "{output:?}");
    output.out.trim_end().to_owned()
}

/// Runs a command of the program in the container.
fn ph(sandbox: &Sandbox, arguments: &[&str]) -> ph_tests::Output {
    let program = sandbox.command(&[]).get_program().to_str().unwrap().to_owned();
    finish(sandbox.inside(&program).args(arguments))
}

/// The workers of a sandbox that has so many and nobody else.
#[track_caller]
fn workers(sandbox: &Sandbox, count: usize) -> Vec<Process> {
    sandbox.settled(count).into_iter().map(|(_, worker)| worker).collect()
}

const TWO: &str = "number_workers = 2\napp.job = idle\n";

#[test]
fn a_containers_strangers_are_reaped_when_they_end() {
    let section = "number_workers = 2\napp.job = orphans\napp.slot = 0\n";
    let mut sandbox = Sandbox::new("pid1-orphans", section);
    sandbox.container("");
    let before = workers(&sandbox, 2);
    until("a worker has made a hundred orphans", || !sandbox.told("done").is_empty());
    assert!(sandbox.inhabitants().len() > 60, "{:?}", sandbox.inhabitants());
    // And some that come from outside, as those of a shell that an operator has opened here.
    exec(&sandbox, "for i in 1 2 3; do (sleep 0.1 &); done");
    only(&sandbox, &before);
}

/// What the first process was before it became the master is no business of the workers', and neither is a process of
/// an operator's while nobody ends.
#[test]
fn a_containers_strangers_that_live_are_left_alone() {
    let mut sandbox = Sandbox::new("pid1-strangers", &format!("{TWO}app.child = aside\n"));
    sandbox.container("sleep 1000 & echo $! > helper");
    let helper = sandbox.find(sandbox.read("helper").trim().parse().unwrap()).unwrap();
    let children = || {
        until_some("each worker has a child", || {
            let lines = sandbox.journal("child");
            let alive = lines.iter().filter_map(|line| sandbox.find(line[1].parse().unwrap()));
            let alive: Vec<Process> = alive.collect();
            (alive.len() == 2).then_some(alive)
        })
    };
    let before = [workers(&sandbox, 2), children(), vec![helper]].concat();
    let pid = exec(&sandbox, "setsid sleep 1000 > /dev/null 2>&1 & echo $!");
    let guest = sandbox.find(pid.parse().unwrap()).unwrap();
    sandbox.adopt(guest);
    until("it is the master's child", || sandbox.master().children().contains(&guest));
    exec(&sandbox, "(sleep 0.01 &)");
    only(&sandbox, &[before.as_slice(), &[guest]].concat());
    // A worker's end takes what it made, though that had set itself aside.
    before[0].signal(Signal::SIGKILL);
    until("its child ends with it", || {
        before[2..4].iter().filter(|child| child.is_alive()).count() == 1
    });
    let after = workers(&sandbox, 2);
    only(&sandbox, &[after, children(), vec![helper]].concat());
}

#[test]
fn nobody_guards_the_first_process_and_all_ends_with_it() {
    let mut sandbox = Sandbox::named("pid1-kill", &format!("{TWO}app.child = aside\n"));
    let init = sandbox.container("");
    let own = workers(&sandbox, 2);
    until("each worker has a child", || sandbox.journal("child").len() == 2);
    let status = sandbox.status();
    assert_eq!((&status["pid"], &status["guard_pid"]), (&1.into(), &serde_json::Value::Null));
    let all = sandbox.processes();
    assert!(!all.iter().any(|it| it.title().contains("guard")), "{all:?}");
    // The workers and their children.
    let inside = sandbox.inhabitants();
    assert_eq!(inside.len(), 4, "{inside:?}");
    assert!(own.iter().all(|worker| inside.contains(worker)));
    init.signal(Signal::SIGKILL);
    assert_ne!(sandbox.wait(), Some(0));
    until("nobody is left", || sandbox.namespace().members().is_empty());
    // What a killed one leaves is no obstacle to the next.
    sandbox.container("");
    sandbox.ok(&["stop"]);
    assert_eq!(sandbox.wait(), Some(0));
    sandbox.nothing_runs();
}

/// `docker stop` and its like send a signal and wait.
#[test]
fn stop_signals_from_outside_let_requests_finish() {
    for signal in [Signal::SIGTERM, Signal::SIGQUIT] {
        let mut sandbox = Echo::sandbox("pid1-stop", "thread", "graceful_timeout = 15\n");
        let init = sandbox.container("");
        let mut client = Client::connect(&sandbox.listeners()[0]).unwrap();
        client.say("!sleep 1000");
        until("it is served", || sandbox.status()["workers"][0]["active"] == 1);
        init.signal(signal);
        assert_eq!(client.answer(), "slept 1000", "{signal}");
        assert_eq!(sandbox.wait(), Some(0), "{signal}");
        sandbox.nothing_runs();
    }
    let mut sandbox = Echo::sandbox("pid1-quick", "thread", "graceful_timeout = 600\n");
    let init = sandbox.container("");
    let mut client = Client::connect(&sandbox.listeners()[0]).unwrap();
    client.say("!sleep 600000");
    until("it is served", || sandbox.status()["workers"][0]["active"] == 1);
    init.signal(Signal::SIGINT);
    assert_eq!(sandbox.wait(), Some(0));
    sandbox.nothing_runs();
}

/// The kernel drops what the first process of a namespace has no handler for, even TERM: it must not be lost before
/// there is anybody to read it.
#[test]
fn a_stop_signal_during_the_boot_is_not_lost() {
    let mut sandbox = Sandbox::new("pid1-early", &format!("{TWO}app.boot = hang\n"));
    let init = sandbox.contain("", &["run"]);
    until("the first worker boots", || !sandbox.told("new").is_empty());
    init.signal(Signal::SIGTERM);
    assert_eq!(sandbox.wait(), Some(0));
}

#[test]
fn the_exit_code_is_the_containers() {
    let mut sandbox = Sandbox::new("pid1-70", &format!("{TWO}app.boot = fail\n"));
    sandbox.contain("", &["run"]);
    assert_eq!(sandbox.wait(), Some(70));
    assert!(sandbox.read("terminal").contains("the fixture was told to fail"));
    let mut sandbox = Sandbox::new("pid1-78", &format!("{TWO}threads = many\n"));
    let output = sandbox.path("terminal");
    sandbox.contain("", &["run"]);
    assert_eq!(sandbox.wait(), Some(78));
    let said = fs::read_to_string(output).unwrap();
    assert!(said.contains("config.ini:") && said.contains("threads = many"), "{said}");
}

#[test]
fn commands_work_from_inside_and_outside() {
    let mut sandbox = Sandbox::new("pid1-ph", TWO);
    let init = sandbox.container("");
    let before = workers(&sandbox, 2);
    let status = ph(&sandbox, &["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status.out).unwrap();
    assert_eq!((&status["pid"], &status["state"]), (&1.into(), &"running".into()));
    let pids: Vec<i64> = status["workers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["pid"].as_i64().unwrap())
        .collect();
    assert!(pids.iter().all(|pid| before.contains(&sandbox.find(*pid).unwrap())), "{status}");
    assert!(status["workers"][0]["rss_bytes"].as_u64() > Some(0), "{status}");
    assert_eq!(sandbox.read("app.pid"), "1\n");
    // Inside.
    assert_eq!(ph(&sandbox, &["scale", "3"]).code, Some(0));
    let three = workers(&sandbox, 3);
    assert_eq!(ph(&sandbox, &["reload"]).code, Some(0));
    let next = workers(&sandbox, 3);
    assert!(!next.iter().any(|worker| three.contains(worker)));
    let second = ph(&sandbox, &["run"]);
    assert_eq!(second.code, Some(4), "{second:?}");
    // Outside, by the same socket.
    sandbox.ok(&["scale", "-1"]);
    let two = workers(&sandbox, 2);
    sandbox.ok(&["reload"]);
    assert!(!workers(&sandbox, 2).iter().any(|worker| two.contains(worker)));
    assert_eq!(sandbox.master(), init);
    sandbox.ok(&["stop"]);
    assert_eq!(sandbox.wait(), Some(0));
    sandbox.nothing_runs();
}

/// A command that stops the container ends with it, by the kernel's hand: what it says is lost, the stop is not.
#[test]
fn a_stop_from_inside_is_graceful() {
    let mut sandbox = Sandbox::new("pid1-inside", TWO);
    sandbox.container("");
    ph(&sandbox, &["stop"]);
    assert_eq!(sandbox.wait(), Some(0));
    assert_eq!(sandbox.told("stop").len(), 2, "each worker had time for its last words");
    sandbox.nothing_runs();
}

#[test]
fn every_signal_reaches_the_first_process() {
    let mut sandbox = Sandbox::new("pid1-signals", TWO);
    let init = sandbox.container("");
    let first = workers(&sandbox, 2);
    init.signal(Signal::SIGTTIN);
    workers(&sandbox, 3);
    init.signal(Signal::SIGTTOU);
    assert_eq!(workers(&sandbox, 2), first);
    init.signal(Signal::SIGHUP);
    until("the generation changes", || sandbox.status()["generation"] == 2);
    let second = workers(&sandbox, 2);
    assert!(!second.iter().any(|worker| first.contains(worker)));
    fs::rename(sandbox.path("app.log"), sandbox.path("old.log")).unwrap();
    init.signal(Signal::SIGUSR1);
    until("the log is reopened", || sandbox.read("app.log").contains("log reopened"));
    init.signal(Signal::SIGWINCH);
    until("everybody is retired", || sandbox.inhabitants().is_empty());
    assert_eq!(sandbox.status()["state"], "running");
    init.signal(Signal::SIGHUP);
    workers(&sandbox, 2);
    init.signal(Signal::SIGTERM);
    assert_eq!(sandbox.wait(), Some(0));
}

/// Never answers for a name before there is a file `go`.
const SLOW_NAMES: &str = r#"
#include <netdb.h>
#include <unistd.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    while (access("go", F_OK) != 0)
        usleep(1000);
    return EAI_NONAME;
}
"#;

/// The kernel drops what the first process has no handler for, even TERM: before the master reads signals as well.
#[test]
fn a_stop_signal_before_the_first_worker_is_not_lost() {
    let section = format!("{TWO}bind = slow.example:0\n");
    let mut sandbox = Sandbox::new("pid1-names", &section);
    let library = sandbox.library("names", SLOW_NAMES);
    let init = sandbox.contain(&format!("export LD_PRELOAD={}", library.display()), &["run"]);
    until("it waits for a name", || {
        sandbox.inhabitants().iter().any(|it| it.title().starts_with("ph: resolver ["))
    });
    init.signal(Signal::SIGTERM);
    assert!(init.is_pending(Signal::SIGTERM), "it is lost");
    fs::write(sandbox.path("go"), "").unwrap();
    sandbox.wait();
}

/// `unshare --pid --fork` alone leaves the former namespace's `/proc` where it is.
#[test]
fn with_a_foreign_proc_strangers_are_reaped_all_the_same() {
    let section = "number_workers = 2\napp.job = orphans\napp.slot = 0\nmax_memory = 1GiB\n";
    let mut sandbox = Sandbox::new("pid1-proc", section);
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", "--"]);
    sandbox.contain_by(command, &["run"]);
    let before = workers(&sandbox, 2);
    until("a worker has made a hundred orphans", || !sandbox.told("done").is_empty());
    assert!(sandbox.inhabitants().len() > 60, "{:?}", sandbox.inhabitants());
    only(&sandbox, &before);
    let status = sandbox.status();
    assert!(status["workers"][0]["rss_bytes"].is_null(), "somebody else's memory: {status}");
    let log = sandbox.read("app.log");
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
    assert!(log.contains("--mount-proc"), "{log}");
    before[1].signal(Signal::SIGKILL);
    sandbox.replaced(before[1], 2);
    sandbox.ok(&["stop"]);
    assert_eq!(sandbox.wait(), Some(0));
}

#[test]
fn what_would_end_the_container_is_refused() {
    let mut sandbox = Sandbox::new("pid1-start", TWO);
    sandbox.contain("", &["start"]);
    assert_eq!(sandbox.wait(), Some(4));
    assert!(sandbox.read("terminal").contains("use run"), "{}", sandbox.read("terminal"));
    let init = sandbox.container("");
    for output in [ph(&sandbox, &["restart"]), sandbox.run(&["restart"])] {
        assert_eq!(output.code, Some(4), "{output:?}");
        assert!(output.err.contains("the master is PID 1"), "{output:?}");
    }
    assert!(init.is_alive());
    workers(&sandbox, 2);
}
