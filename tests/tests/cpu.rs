//! `cpu_affinity`: every worker on its own CPUs, whoever holds its slot, and the master on none.
//!
//! What the machine has decides how much is seen: with one CPU, all of these hold trivially.

use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;
use ph_tests::{Process, Sandbox, until, until_some};

/// The CPUs that this test, and so a master that it starts, may use.
fn allowed() -> Vec<u64> {
    Process::find(std::process::id() as i32).unwrap().cpus()
}

/// As the configuration writes them.
fn list(cpus: &[u64]) -> String {
    cpus.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Each of these workers is bound so, and `status` tells the same.
#[track_caller]
fn bound_to(sandbox: &Sandbox, expected: &[Vec<u64>]) {
    let workers = sandbox.settled(expected.len());
    let status = sandbox.status();
    for ((slot, worker), cpus) in workers.iter().zip(expected) {
        assert_eq!(worker.cpus(), *cpus, "worker {slot}");
        let row = &status["workers"][*slot as usize];
        assert_eq!(row["cpus"], serde_json::json!(cpus), "{row}");
    }
    assert_eq!(sandbox.master().cpus(), allowed(), "the master is bound");
}

/// Worker i on the i-th of them.
fn in_turn(lists: &[Vec<u64>], workers: usize) -> Vec<Vec<u64>> {
    lists.iter().cycle().take(workers).cloned().collect()
}

fn each_alone(cpus: &[u64]) -> Vec<Vec<u64>> {
    cpus.iter().map(|cpu| vec![*cpu]).collect()
}

#[test]
fn auto_gives_each_worker_the_next_allowed_cpu() {
    let workers = allowed().len() + 2;
    let section = format!("number_workers = {workers}\ncpu_affinity = auto\n");
    let sandbox = Sandbox::new("auto", &section);
    sandbox.ok(&["start"]);
    bound_to(&sandbox, &in_turn(&each_alone(&allowed()), workers));
    let table = sandbox.ok(&["worker", "list"]);
    let column = table.lines().next().unwrap().find("CPUS").expect("a column of that name");
    let cell = table.lines().nth(1).unwrap()[column..].split_whitespace().next().unwrap();
    assert_eq!(cell, allowed()[0].to_string(), "{table}");
    sandbox.ok(&["stop"]);
}

/// A master whose own CPUs were narrowed hands out those, and refuses the others.
#[test]
fn a_narrowed_master_hands_out_what_it_has() {
    let sandbox = Sandbox::new("narrowed", "number_workers = 3\ncpu_affinity = auto\n");
    let last = *allowed().last().unwrap();
    let narrowed = |arguments: &[&str]| {
        let command = sandbox.command(arguments);
        let mut taskset = Command::new("taskset");
        taskset.args(["--cpu-list", &last.to_string()]).arg(command.get_program()).args(arguments);
        taskset.current_dir(sandbox.folder()).output().unwrap()
    };
    let output = narrowed(&["start"]);
    assert!(output.status.success(), "{output:?}");
    let workers = sandbox.settled(3);
    assert!(workers.iter().all(|(_, worker)| worker.cpus() == [last]), "{}", sandbox.status());
    assert_eq!(sandbox.master().cpus(), [last]);
    let other = allowed()[0] + u64::from(allowed()[0] == last);
    sandbox.configure(&format!("number_workers = 3\ncpu_affinity = {other}\n"));
    let output = sandbox.run(&["reload"]);
    assert_eq!(output.code, Some(78), "the machine has it, this master has not: {output:?}");
    sandbox.ok(&["stop"]);
}

#[test]
fn whoever_follows_in_a_slot_has_the_same_cpus() {
    let cpus = allowed();
    let (first, last) = (vec![cpus[0]], vec![*cpus.last().unwrap()]);
    let text = format!("{};{};{}", list(&last), list(&cpus), list(&first));
    let section = format!("number_workers = 4\ncpu_affinity = {text}\n");
    let sandbox = Sandbox::new("lists", &section);
    sandbox.ok(&["start"]);
    let lists = [last.clone(), cpus.clone(), first.clone()];
    bound_to(&sandbox, &in_turn(&lists, 4));
    let before = sandbox.settled(4);
    before.iter().for_each(|(_, worker)| worker.signal(Signal::SIGKILL));
    until("each has a successor", || {
        let ready = sandbox.workers("ready");
        ready.len() == 4 && before.iter().all(|old| !ready.contains(old))
    });
    bound_to(&sandbox, &in_turn(&lists, 4));
    sandbox.ok(&["scale", "6"]);
    bound_to(&sandbox, &in_turn(&lists, 6));

    sandbox.configure(&format!("number_workers = 4\ncpu_affinity = {}\n", list(&first)));
    sandbox.ok(&["reload"]);
    bound_to(&sandbox, &in_turn(&[first], 6));
    sandbox.configure("number_workers = 4\n");
    sandbox.ok(&["reload"]);
    let workers = sandbox.settled(6);
    assert!(workers.iter().all(|(_, worker)| worker.cpus() == cpus), "{}", sandbox.status());
    let rows = &sandbox.status()["workers"];
    assert!(rows.as_array().unwrap().iter().all(|row| row["cpus"] == serde_json::json!([])));
    sandbox.ok(&["stop"]);
}

/// A CPU that the master may not use: told before anything is started, and at a reload before anything is changed.
#[test]
fn a_cpu_that_is_not_there_is_refused() {
    let cpus = allowed();
    let wrong = format!("number_workers = 2\ncpu_affinity = {};1022-1023\n", list(&cpus));
    let told = |err: &str| {
        assert_eq!(err.lines().count(), 1, "{err}");
        let ranges = format!("only use {}", cpus[0]);
        for word in ["cpu_affinity", "CPU 1022", &ranges] {
            assert!(err.contains(word), "no {word:?} in {err}");
        }
    };
    for (command, daemonize) in [("start", "true"), ("start", "false"), ("run", "true")] {
        let sandbox = Sandbox::new("nowhere", &format!("daemonize = {daemonize}\n{wrong}"));
        let output = sandbox.run(&[command]);
        assert_eq!(output.code, Some(78), "{output:?}");
        told(&output.err);
        sandbox.nothing_runs();
    }
    let sandbox = Sandbox::new("reload", "number_workers = 2\ncpu_affinity = auto\n");
    sandbox.ok(&["start"]);
    let before = sandbox.settled(2);
    sandbox.configure(&wrong);
    let output = sandbox.run(&["reload"]);
    assert_eq!(output.code, Some(78), "{output:?}");
    told(&output.err);
    assert_eq!(sandbox.settled(2), before, "a worker was touched");
    let status = sandbox.status();
    assert_eq!((&status["generation"], &status["totals"]["spawned"]), (&1.into(), &2.into()));
    sandbox.ok(&["stop"]);
}

/// The kernel's refusal, as after a cpuset was narrowed under a running master, while a file is there.
const REFUSAL: &str = r#"
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set) {
    if (access(getenv("REFUSE"), F_OK)) return syscall(SYS_sched_setaffinity, pid, size, set);
    errno = EINVAL;
    return -1;
}
"#;

#[test]
fn a_worker_that_cannot_be_bound_does_not_boot() {
    let section = "cpu_affinity = auto\nrestart_backoff = 50ms\nrestart_backoff_max = 200ms\n";
    let sandbox = Sandbox::new("unbound", section);
    let (library, refuse) = (sandbox.library("refusal", REFUSAL), sandbox.path("refuse"));
    let start = || {
        let mut command = sandbox.command(&["start"]);
        command.env("LD_PRELOAD", &library).env("REFUSE", &refuse).output().unwrap()
    };
    fs::write(&refuse, "").unwrap();
    let output = start();
    assert_eq!(output.status.code(), Some(70), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("cpu_affinity"), "{output:?}");
    assert_eq!(sandbox.told("new"), [], "user code ran, bound to nothing");

    fs::remove_file(&refuse).unwrap();
    let output = start();
    assert!(output.status.success(), "{output:?}");
    bound_to(&sandbox, &in_turn(&each_alone(&allowed()), 1));
    fs::write(&refuse, "").unwrap();
    let output = sandbox.run(&["reload"]);
    assert_eq!(output.code, Some(5), "{output:?}");
    assert!(output.err.contains("cpu_affinity"), "{output:?}");
    // The reload's own failed in that slot as well.
    let canary = sandbox.why(0)["pid"].clone();
    sandbox.settled(1)[0].1.signal(Signal::SIGKILL);
    let certificate = until_some("a successor fails", || {
        let certificate = sandbox.try_why(0)?;
        let told = certificate["reason"].as_str()?.contains("cpu_affinity");
        (told && certificate["pid"] != canary).then_some(certificate)
    });
    assert_eq!(certificate["cause"], "boot", "{certificate}");
    assert_eq!(sandbox.told("new").len(), 1, "user code ran, bound to nothing");
    fs::remove_file(&refuse).unwrap();
    bound_to(&sandbox, &in_turn(&each_alone(&allowed()), 1));
    sandbox.ok(&["stop"]);
}
