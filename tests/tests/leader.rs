//! `leader = file`: two masters on one host, one of which has workers.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ph_tests::echo::{Client, Echo};
use ph_tests::leaders::{BOUND, Pair, TTL, with_lock};
use ph_tests::{Process, Sandbox, until, until_some};

#[test]
fn one_leads_and_the_other_waits_with_nothing_open() {
    let pair = Pair::start("one", "number_workers = 2\nunix_socket = a.sock\n", 2);
    let (first, second) = (pair.first.status(), pair.second.stands_by());
    assert_eq!((&first["role"], &first["state"]), (&"leader".into(), &"running".into()));
    assert_eq!((&second["role"], &second["state"]), (&"standby".into(), &"running".into()));
    assert_eq!(second["wanted"], 0);
    assert!(pair.first.path("a.sock").exists() && !pair.second.path("a.sock").exists());
    let titles = [&pair.first, &pair.second].map(|sandbox| sandbox.master().title());
    assert_eq!(titles, ["ph: master [fixture]", "ph: standby [fixture]"]);
    assert_eq!(pair.second.elector().title(), "ph: elector [fixture]");
    // The direct children: workers and the elector.
    let children = pair.first.master().children().len();
    assert_eq!(children, 3);
    assert_eq!(pair.second.master().children(), [pair.second.elector()]);
    assert_eq!(pair.second.leadership()["leader"], pair.first.leadership()["candidate"]);
    let told = pair.second.ok(&["leader", "status"]);
    assert!(told.starts_with("standby of "), "{told}");
    assert_eq!(pair.first.run(&["leader", "wait", "--timeout", "5"]).code, Some(0));
    assert_eq!(pair.second.run(&["leader", "wait", "--timeout", "0.2"]).code, Some(1));
}

/// Alone there is nothing to resign from, and no lease.
#[test]
fn a_master_that_stands_alone_says_so() {
    let sandbox = Sandbox::new("alone", "");
    sandbox.ok(&["start"]);
    assert_eq!(sandbox.ok(&["leader", "status"]), "standalone\n");
    assert_eq!(sandbox.leadership()["role"], "standalone");
    let refused = sandbox.run(&["leader", "resign"]);
    assert_eq!(refused.code, Some(4), "{refused:?}");
    assert!(refused.err.contains("leader = none"), "{refused:?}");
    assert_eq!(sandbox.run(&["leader", "wait"]).code, Some(4));
}

#[test]
fn a_clean_stop_is_followed_at_once() {
    let pair = Pair::start("stop", "number_workers = 2\n", 2);
    let token = pair.first.token();
    let began = Instant::now();
    pair.first.ok(&["stop"]);
    pair.second.leads(2);
    // Far from the end of the lease.
    assert!(began.elapsed() < Duration::from_secs(TTL - 1), "{:?}", began.elapsed());
    assert!(pair.second.token() > token);
    assert_eq!(pair.second.master().title(), "ph: master [fixture]");
}

#[test]
fn who_resigns_stays_and_waits_until_another_has_led() {
    let pair = Pair::start("resign", "number_workers = 2\n", 2);
    let refused = pair.second.run(&["leader", "resign"]);
    assert_eq!(refused.code, Some(4), "{refused:?}");
    assert!(refused.err.contains("leads not") || refused.err.contains("does"), "{refused:?}");
    let workers = pair.first.workers("ready");
    pair.first.ok(&["leader", "resign"]);
    assert!(!workers.iter().any(|(_, worker)| worker.is_alive()), "workers go first");
    pair.second.leads(2);
    let status = pair.first.stands_by();
    assert_eq!(status["last_change"]["kind"], "resign");
    assert_eq!(pair.first.master().title(), "ph: standby [fixture]");
    // And back.
    pair.second.ok(&["leader", "resign"]);
    pair.first.leads(2);
    let events = pair.first.ok(&["events", "--json"]);
    let told: Vec<&str> =
        events.lines().filter(|line| line.contains(r#""event":"leader""#)).collect();
    assert_eq!(told.len(), 2, "{events}");
}

#[test]
fn who_resigns_from_nobody_else_takes_it_again_only_after_a_while() {
    let pair = Pair::new("alone-again", "");
    pair.first.ok(&["start"]);
    let token = pair.first.leads(1)["leadership"]["token"].as_u64().unwrap();
    let began = Instant::now();
    pair.first.ok(&["leader", "resign"]);
    pair.first.leads(1);
    assert!(began.elapsed() >= Duration::from_secs(TTL) / 2, "{:?}", began.elapsed());
    assert!(pair.first.token() > token);
}

#[test]
fn a_killed_leader_is_followed_and_none_of_its_workers_is_left() {
    let pair = Pair::start("killed", "number_workers = 2\n", 2);
    let workers = pair.first.workers("ready");
    pair.first.master().signal(Signal::SIGKILL);
    pair.second.leads(2);
    assert!(!workers.iter().any(|(_, worker)| worker.is_alive() && !worker.is_zombie()));
}

/// The guard keeps the lease of a master that is stopped, and goes on guarding.
#[test]
fn a_stopped_master_has_no_worker_past_its_lease() {
    let pair = Pair::start("stopped", "number_workers = 2\n", 2);
    let (master, workers) = (pair.first.master(), pair.first.workers("ready"));
    let guard = pair.first.find(pair.first.status()["guard_pid"].as_i64().unwrap()).unwrap();
    master.signal(Signal::SIGSTOP);
    let began = Instant::now();
    pair.second.leads(2);
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    assert!(workers.iter().all(|(_, worker)| !worker.is_alive() || worker.is_zombie()));
    assert!(guard.is_alive(), "the guard goes on");
    master.signal(Signal::SIGCONT);
    pair.first.stands_by();
    // The same guard, for the next term.
    pair.second.ok(&["leader", "resign"]);
    let workers = pair.first.leads(2);
    let pids =
        workers["workers"].as_array().unwrap().iter().map(|row| row["pid"].as_i64().unwrap());
    let workers: Vec<Process> = pids.map(|pid| pair.first.find(pid).unwrap()).collect();
    master.signal(Signal::SIGSTOP);
    until("the guard ends them once more", || {
        workers.iter().all(|worker| !worker.is_alive() || worker.is_zombie())
    });
    master.signal(Signal::SIGCONT);
}

#[test]
fn an_elector_that_dies_is_replaced_and_the_lease_stays() {
    let pair = Pair::start("elector", "number_workers = 2\n", 2);
    let (token, workers) = (pair.first.token(), pair.first.workers("ready"));
    for _ in 0..2 {
        let dead = pair.first.elector();
        dead.signal(Signal::SIGKILL);
        until("another elector renews the lease", || {
            let status = pair.first.leadership();
            let pid = status["elector_pid"].as_i64();
            pid.is_some_and(|pid| pid != i64::from(dead.pid()))
                && status["lease_s"].as_f64().is_some_and(|left| left > 2.2)
        });
    }
    assert_eq!(pair.first.token(), token);
    assert_eq!(pair.first.workers("ready"), workers, "nobody was replaced");
    assert!(pair.first.ok(&["events", "--json"]).contains("elector_ended"));
    // The standby's as well.
    pair.second.elector().signal(Signal::SIGKILL);
    until("the standby campaigns again", || pair.second.leadership()["elector_pid"].is_i64());
    pair.first.ok(&["stop"]);
    pair.second.leads(2);
}

/// It renews nothing and says nothing: the master keeps the time by itself.
#[test]
fn an_elector_that_is_stopped_ends_the_leadership_in_time() {
    let pair = Pair::start("still", "number_workers = 2\n", 2);
    let workers = pair.first.workers("ready");
    pair.first.elector().signal(Signal::SIGSTOP);
    let began = Instant::now();
    pair.second.leads(2);
    assert!(began.elapsed() < BOUND + Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(!workers.iter().any(|(_, worker)| worker.is_alive()));
    pair.first.stands_by();
    pair.second.ok(&["stop"]);
    pair.first.leads(2);
}

#[test]
fn a_standby_is_scaled_for_the_day_that_it_leads() {
    let pair = Pair::start("scaled", "number_workers = 1\n", 1);
    pair.second.ok(&["scale", "3"]);
    assert_eq!(pair.second.stands_by()["wanted"], 0);
    pair.first.ok(&["scale", "+1"]);
    pair.first.ok(&["leader", "resign"]);
    pair.second.leads(3);
}

/// What it would listen on is taken: it says so, lets others, and tries again.
#[test]
fn who_can_not_listen_does_not_lead() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let pair = Pair::start("taken", "", 1);
    let text = pair.second.read("config.ini");
    std::fs::write(pair.second.path("config.ini"), format!("{text}bind = 127.0.0.1:{port}\n"))
        .unwrap();
    pair.second.ok(&["reload"]);
    pair.first.ok(&["leader", "resign"]);
    until("the second says why not", || pair.second.read("app.log").contains("address in use"));
    pair.first.leads(1);
    assert_eq!(pair.second.stands_by()["state"], "running");
    drop(taken);
    pair.first.ok(&["stop"]);
    pair.second.leads(1);
    assert_eq!(pair.second.status()["listeners"][0], format!("tcp://127.0.0.1:{port}"));
}

/// Workers that don't leave when they are asked are gone all the same before the lease is given up.
#[test]
fn workers_that_stay_are_killed_before_another_leads() {
    let section = "app.job = deaf\ngraceful_timeout = 1\n";
    let pair = Pair::start("deaf", section, 1);
    let (_, worker) = pair.first.workers("ready")[0];
    pair.first.ok(&["leader", "resign"]);
    assert!(!worker.is_alive());
    pair.second.leads(1);
}

/// Bad settings are a sentence.
#[test]
fn a_lease_that_is_too_short_is_refused() {
    let pair = Pair::new("short", "");
    let text = pair.first.read("config.ini").replace("leader_ttl = 3", "leader_ttl = 1.5");
    std::fs::write(pair.first.path("config.ini"), text).unwrap();
    let refused = pair.first.run(&["start"]);
    assert_eq!(refused.code, Some(78), "{refused:?}");
    assert!(refused.err.contains("leader_ttl"), "{refused:?}");
}

/// The token is in the environment of a program, and larger with each leader.
#[test]
fn a_program_is_told_its_token() {
    let section = "command = sh -c 'echo token $PH_FENCING_TOKEN; exec sleep 1000'\n";
    let pair = Pair::start("program", section, 1);
    let told = |sandbox: &Sandbox| {
        until_some("the program has told its token", || {
            let log = sandbox.read("app.log");
            let told = log.lines().rev().find_map(|line| line.split("token ").nth(1)?.parse().ok());
            told.filter(|_: &u64| log.contains("token "))
        })
    };
    assert_eq!(told(&pair.first), pair.first.token());
    pair.first.ok(&["leader", "resign"]);
    pair.second.leads(1);
    until("the second's program has told", || pair.second.read("app.log").contains("] token "));
    assert!(pair.second.token() > 0);
}

/// A warm standby has workers, which have begun nothing; they are the ones that work once it leads.
#[test]
fn a_warm_standby_goes_on_with_the_workers_that_it_has() {
    let pair = Pair::start("warm", "number_workers = 2\nstandby_warm = true\n", 2);
    let waiting = pair.second.settled(2);
    let status = pair.second.status();
    assert_eq!((&status["role"], &status["wanted"]), (&"standby".into(), &2.into()));
    assert!(!pair.second.journal("ready").is_empty());
    // They are as idle as a lease's length shows.
    let ends = Instant::now() + Duration::from_secs(1);
    until("some time has passed", || Instant::now() > ends);
    assert!(pair.second.journal("job").is_empty(), "a job was begun in a standby");
    pair.first.ok(&["leader", "resign"]);
    until("the same workers work", || !pair.second.journal("job").is_empty());
    assert_eq!(pair.second.settled(2), waiting);
    // And those of the first are fresh, and wait.
    let jobs = until_some("the first has workers that wait", || {
        let status = pair.first.try_status()?;
        (status["role"] == "standby" && pair.first.workers("ready").len() == 2)
            .then(|| pair.first.journal("job").len())
    });
    pair.first.ok(&["reload"]);
    pair.first.settled(2);
    assert_eq!(pair.first.journal("job").len(), jobs);
    pair.second.master().signal(Signal::SIGKILL);
    until("they work", || pair.first.journal("job").len() > jobs);
}

/// As PID 1 there is no guard: the elector ends the workers of a master that is stopped from outside.
#[test]
fn a_stopped_pid_1_has_no_worker_past_its_lease() {
    let mut sandbox = Sandbox::new("pid1-leader", "");
    let lock = sandbox.path("lock");
    sandbox.configure(&with_lock(&lock, "number_workers = 2\n"));
    sandbox.container("");
    sandbox.leads(2);
    let workers = sandbox.workers("ready");
    let master = sandbox.master();
    master.signal(Signal::SIGSTOP);
    let began = Instant::now();
    until("they are ended", || workers.iter().all(|(_, it)| !it.is_alive() || it.is_zombie()));
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    master.signal(Signal::SIGCONT);
    sandbox.leads(2);
}

/// Connections: a standby refuses them, and the leader's workers take them; a warm standby's too, once it leads.
#[test]
fn listeners_are_open_where_the_leader_is() {
    for (class, warm) in [("sync", false), ("sync", true), ("thread", true), ("async", true)] {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        drop(taken);
        let lock = Sandbox::new("lock", "");
        let section = format!("bind = {address}\nnumber_workers = 2\nstandby_warm = {warm}\n");
        let section = with_lock(&lock.path("lock"), &section);
        let first = Echo::sandbox("where-1", class, &section);
        let second = Echo::sandbox("where-2", class, &section);
        first.ok(&["start"]);
        first.leads(2);
        second.ok(&["start"]);
        assert_eq!(second.status()["listeners"].as_array().map(Vec::len), Some(0));
        let listener = format!("tcp://{address}");
        let talk = |what: &str| {
            until(what, || {
                Client::connect(&listener).is_ok_and(|mut client| client.try_ask("hello").is_ok())
            });
        };
        talk("the first answers");
        first.ok(&["leader", "resign"]);
        assert_eq!(first.status()["listeners"].as_array().map(Vec::len), Some(0));
        second.leads(2);
        assert_eq!(second.status()["listeners"][0], listener);
        talk("the second answers");
        second.ok(&["stop"]);
        first.leads(2);
        talk("the first answers again");
        first.ok(&["stop"]);
        assert!(Client::connect(&listener).is_err(), "somebody listens still");
    }
}

/// The first of all: an operator waits for its workers, and hears that they can't boot.
#[test]
fn a_first_leader_that_can_not_boot_says_so_and_gives_the_lease_back() {
    let pair = Pair::new("boots", "app.boot = fail\n");
    let failed = pair.first.run(&["start"]);
    assert_eq!(failed.code, Some(70), "{failed:?}");
    assert!(failed.err.contains("told to fail"), "{failed:?}");
    let text = pair.second.read("config.ini").replace("app.boot = fail", "");
    std::fs::write(pair.second.path("config.ini"), text).unwrap();
    pair.second.ok(&["start"]);
    pair.second.leads(1);
}

/// It is given some seconds, and then killed.
#[test]
fn a_stop_does_not_wait_for_an_elector_that_is_stopped() {
    let pair = Pair::start("stuck", "", 1);
    pair.first.elector().signal(Signal::SIGSTOP);
    let began = Instant::now();
    pair.first.ok(&["stop"]);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    pair.second.leads(1);
}
