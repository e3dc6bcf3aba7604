//! Scenario 47 with `preload = true`: workers that are forked from a zygote, on CPython and on PyPy.

use std::fs;

use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpgid};
use ph_rpc::client::{Client, Options};
use ph_tests::python::Python;
use ph_tests::users::{limit_processes, nobody_else};
use ph_tests::wait::DEADLINE;
use ph_tests::{Process, each_interpreter, until, until_some};

each_interpreter![
    s47_all_kinds_of_workers_are_forked_from_one_zygote,
    s47_each_forked_worker_is_told_of_itself,
    s47_a_killed_worker_is_forked_anew,
    s47_a_zygote_dies_alone,
    s47_a_fork_that_is_refused_is_tried_again,
    s47_one_that_ends_before_it_can_tell_is_missed,
    s47_one_that_never_tells_is_ended_alone,
    s47_nobody_outlives_a_killed_master,
    s47_a_forked_worker_leaves_when_its_time_is_over,
];

const TWO: &str = "number_workers = 2\npreload = true\n";

/// Starts workers of a class of the module that takes note of being loaded.
#[track_caller]
fn start(test: &str, python: &str, class: &str, settings: &str) -> Python {
    let server = Python::new(&format!("{test}-{class}"), python, &format!("{TWO}{settings}"));
    let output = server.try_start(&format!("loaded:{class}"));
    assert_eq!(output.code, Some(0), "{output:?}\n{}", server.read("app.log"));
    server
}

/// The zygote that `status` names.
fn zygote(server: &Python) -> Option<Process> {
    server.find(server.try_status()?["zygote_pid"].as_i64()?)
}

/// How often the module was loaded.
fn imports(server: &Python) -> usize {
    server.read("imports").lines().count()
}

/// All that the master has started: its workers and their zygote, and nothing else.
#[track_caller]
fn family(server: &Python) -> Vec<Process> {
    let mut family: Vec<Process> = server.settled(2).into_iter().map(|(_, it)| it).collect();
    family.push(zygote(server).unwrap());
    family.sort_by_key(|process| process.pid());
    let mut children = server.master().children();
    children.sort_by_key(|process| process.pid());
    assert_eq!(children, family);
    family
}

fn s47_all_kinds_of_workers_are_forked_from_one_zygote(python: &str) {
    for class in ["Sync", "Thread", "Coroutine", "Rpc", "SyncJobs", "CoroutineJobs"] {
        let serves = !class.ends_with("Jobs");
        let settings = if serves { "bind = 127.0.0.1:0\n" } else { "" };
        let server = start("kinds", python, class, settings);
        let family = family(&server);
        let zygote = zygote(&server).unwrap();
        assert_eq!(server.read("imports"), format!("{}\n", zygote.pid()), "{class}");
        assert_eq!(zygote.title(), "ph: zygote [fixture]");
        assert_eq!(zygote.comm(), "ph: zygote [fix");
        let masters = server.master().oom_score();
        assert!(family.iter().all(|process| process.oom_score() > masters), "{class}");
        for (slot, worker) in server.settled(2) {
            assert_eq!(worker.title(), format!("ph: worker {slot} [fixture]"));
            assert_eq!(worker.comm(), format!("ph: worker {slot} [f"));
            let group = getpgid(Some(Pid::from_raw(worker.pid()))).unwrap();
            assert_eq!(group.as_raw(), worker.pid(), "each leads a group of its own");
        }
        match class {
            "Rpc" => {
                let options = Options { timeout: DEADLINE, ..Options::default() };
                let client = Client::tcp(server.address(), options).unwrap();
                let sum = client.call_values("add", &[1.into(), 2.into()]).unwrap();
                assert_eq!(sum.as_i64(), Some(3));
            }
            _ if serves => {
                let mut client = server.client();
                assert!(client.ask("hello").starts_with("hello "), "{class}");
                until("it is counted", || server.sum("requests") == 1);
            }
            _ => until("jobs are counted", || server.sum("requests") >= 2),
        }
        server.ok(&["stop"]);
        until("nobody is left", || !family.iter().any(|process| process.is_alive()));
        assert_eq!(server.journal("stop").len(), 2, "{class}");
        assert!(!server.read("app.log").contains("SIGKILL"), "{}", server.read("app.log"));
    }
}

fn s47_each_forked_worker_is_told_of_itself(python: &str) {
    let settings = "timeout = 60\nenvironment = OWN=mine\ncpu_affinity = auto\nbind = 127.0.0.1:0\n\
                    unix_socket = a.sock\naccept = reuseport\n";
    let server = start("told", python, "Environment", settings);
    let workers = server.settled(2);
    let status = server.status();
    for (slot, worker) in &workers {
        let pid = worker.pid().to_string();
        let of = |what: &str| {
            let lines = server.journal(what).into_iter();
            until_some("it is written", || lines.clone().find(|line| line[1] == pid))
        };
        assert_eq!(of("told")[2..], [slot.to_string().as_str(), "1", "fixture", &pid, "mine"]);
        let own = status["workers"][*slot as usize]["cpus"].as_array().unwrap().len();
        assert_eq!(own, 1, "{status}");
        // Its two listeners, and what the package opens; not the zygote's socket, nor a pipe of another worker.
        let links = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let links = links.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
        let links: Vec<String> = links.map(|to| to.to_string_lossy().into_owned()).collect();
        let null = links.iter().filter(|to| *to == "/dev/null").count();
        let sockets = links.iter().filter(|to| to.starts_with("socket:")).count();
        // Each of the two bells of a worker is a pipe with both ends here; the other one is what it prints to, twice.
        let pipes = links.iter().filter(|to| to.starts_with("pipe:")).count();
        assert_eq!((null, sockets, pipes), (1, 3, 6), "{links:?}");
    }
    let random = start("random", python, "Random", "");
    let numbers = until_some("both have drawn", || {
        Some(random.journal("random")).filter(|numbers| numbers.len() == 2)
    });
    assert_ne!(numbers[0][1], numbers[1][1]);
}

fn s47_a_killed_worker_is_forked_anew(python: &str) {
    let server = start("killed", python, "Sync", "bind = 127.0.0.1:0\n");
    for _ in 0..3 {
        let before = server.settled(2);
        before[0].1.signal(Signal::SIGKILL);
        until("it is replaced", || {
            let now = server.workers("ready");
            now.len() == 2 && now[0].1 != before[0].1 && now[1] == before[1]
        });
        family(&server);
        // A second of readiness ends a row of crashes.
        until("it is no row", || server.status()["workers"][0]["age_s"].as_f64() > Some(1.0));
    }
    assert!(server.client().ask("hello").starts_with("hello "));
    server.ok(&["worker", "restart", "--all"]);
    server.ok(&["scale", "3"]);
    server.settled(3);
    server.ok(&["scale", "2"]);
    family(&server);
    assert_eq!(imports(&server), 1);
    assert_eq!(server.status()["totals"]["crashed"], 3);
}

fn s47_a_zygote_dies_alone(python: &str) {
    let server = start("alone", python, "Sync", "bind = 127.0.0.1:0\nboot_timeout = 1\n");
    let workers = server.settled(2);
    let mut former = zygote(&server).unwrap();
    for count in 2..=3 {
        former.signal(Signal::SIGKILL);
        let next = until_some("there is another", || {
            zygote(&server).filter(|next| *next != former && imports(&server) == count)
        });
        assert_eq!(server.settled(2), workers);
        former = next;
    }
    // The process that it has ready for the next worker is a part of it.
    until("it is there", || former.children().len() == 1);
    former.children()[0].signal(Signal::SIGKILL);
    let next = until_some("there is another", || {
        zygote(&server).filter(|next| *next != former && imports(&server) == 4)
    });
    let events = server.ok(&["events", "--json"]);
    assert!(events.contains("zygote_ended") && events.contains("zygote_started"), "{events}");
    assert_eq!((server.settled(2), former.is_alive()), (workers.clone(), false));
    former = next;
    // While it is being loaded, nobody waits but who is to be forked from it; and not for ever.
    fs::write(server.path("hang"), "").unwrap();
    former.signal(Signal::SIGKILL);
    until("it is loaded once more", || imports(&server) == 5);
    let hung = zygote(&server).unwrap();
    workers[0].1.signal(Signal::SIGKILL);
    until("the wait is over, and so is the zygote", || {
        let why = server.try_why(0);
        why.is_some_and(|why| why["cause"] == "boot") && !hung.is_alive()
    });
    let why = server.why(0);
    assert!(why["reason"].as_str().unwrap().contains("boot_timeout"), "{why}");
    assert!(server.client().ask("hello").starts_with("hello "));
    // Nor is one that can't be loaded.
    fs::write(server.path("fail"), "").unwrap();
    fs::remove_file(server.path("hang")).unwrap();
    until("it is told why", || server.read("app.log").contains("RuntimeError: as asked"));
    until("so does the certificate of who waited for it", || {
        server.why(0)["reason"].as_str().is_some_and(|why| why.contains("as asked"))
    });
    let loaded = imports(&server);
    fs::remove_file(server.path("fail")).unwrap();
    let after = server.settled(2);
    assert_eq!(after[1], workers[1]);
    assert!(imports(&server) > loaded);
    family(&server);
    server.ok(&["stop"]);
}

/// The kernel refuses a process to the one that forks the next worker: a limit of that alone.
fn s47_a_fork_that_is_refused_is_tried_again(python: &str) {
    let user = nobody_else();
    let server = Python::new("refused", python, &format!("{TWO}user = {user}:{user}\n"));
    server.open_to_all();
    assert_eq!(server.try_start("classes:SyncJobs").code, Some(0));
    let (workers, zygote) = (server.settled(2), zygote(&server).unwrap());
    let between = until_some("the next is to be forked", || zygote.children().first().copied());
    limit_processes(user, between, 1);
    workers[0].1.signal(Signal::SIGKILL);
    until("it is told", || server.read("app.log").contains("cannot make a worker"));
    until("it is replaced", || server.workers("ready").iter().all(|it| *it != workers[0]));
    assert_eq!(server.settled(2)[1], workers[1]);
    assert_eq!(family(&server).len(), 3);
    assert!(zygote.is_alive());
}

/// What a file tells the next worker to do at its first instant, which is before the package's.
#[track_caller]
fn at_fork(server: &Python, what: &str) {
    fs::write(server.path("at-fork.new"), what).unwrap();
    fs::rename(server.path("at-fork.new"), server.path("at-fork")).unwrap();
}

/// A server whose first worker of two was killed, and then the next one forked for it did that. Another is there by now, and
/// nothing has happened to the second.
#[track_caller]
fn after_one_that(what: &str, test: &str, python: &str, settings: &str) -> (Python, Process) {
    let server = start(test, python, "SyncJobs", settings);
    let (workers, zygote) = (server.settled(2), zygote(&server).unwrap());
    at_fork(&server, what);
    workers[0].1.signal(Signal::SIGKILL);
    until("it is replaced", || {
        let now = server.workers("ready");
        now.len() == 2 && now[0] != workers[0] && now[1] == workers[1]
    });
    assert!(!server.path("at-fork").exists());
    (server, zygote)
}

/// The zygote has noticed nothing of it, and forks from what it has loaded once.
#[track_caller]
fn goes_on(server: &Python, zygote: &Process) {
    assert_eq!((family(server).len(), zygote.is_alive()), (3, true));
    assert_eq!(imports(server), 1);
}

fn s47_one_that_ends_before_it_can_tell_is_missed(python: &str) {
    let (server, zygote) = after_one_that("KILL", "missed", python, "");
    let why = server.why(0);
    assert_eq!((&why["cause"], &why["signal"]), (&"boot".into(), &"SIGKILL".into()), "{why}");
    goes_on(&server, &zygote);
}

fn s47_one_that_never_tells_is_ended_alone(python: &str) {
    let (server, zygote) = after_one_that("STOP", "mute", python, "boot_timeout = 1\n");
    // Its end is not waited for.
    until("its certificate is there", || {
        server.why(0)["reason"].as_str().is_some_and(|why| why.contains("boot_timeout"))
    });
    goes_on(&server, &zygote);
}

fn s47_nobody_outlives_a_killed_master(python: &str) {
    let server = start("outlive", python, "SyncJobs", "");
    let mut all = family(&server);
    // One that is about to load the module as well.
    fs::write(server.path("hang"), "").unwrap();
    zygote(&server).unwrap().signal(Signal::SIGKILL);
    until("there is another", || imports(&server) == 2);
    all.push(zygote(&server).unwrap());
    all.extend(server.find(server.status()["guard_pid"].as_i64().unwrap()));
    server.remember();
    server.master().signal(Signal::SIGKILL);
    until("they are gone", || !all.iter().any(|process| process.is_alive()));
}

fn s47_a_forked_worker_leaves_when_its_time_is_over(python: &str) {
    let settings = "bind = 127.0.0.1:0\ntimeout = 700ms\nmax_requests = 4\n";
    let server = start("time", python, "Sync", settings);
    let mut client = server.client();
    client.send("sleep 60");
    assert_eq!(client.hear(), "");
    until("it was killed for that", || {
        server.run(&["why", "0"]).out.contains("timeout")
            || server.run(&["why", "1"]).out.contains("timeout")
    });
    ph_tests::python::under_load(&server, || {
        until("some are relieved", || server.status()["totals"]["exited"].as_u64().unwrap() >= 4);
    });
    assert_eq!(imports(&server), 1);
    assert_eq!(server.status()["totals"]["crashed"], 0);
}
