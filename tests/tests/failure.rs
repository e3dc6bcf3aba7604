//! Scenarios 31 to 34: workers, master and guard die or hang, and the clock jumps.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ph_tests::sandbox::programs;
use ph_tests::{Process, Sandbox, until, until_some};
use serde_json::Value;

/// Who may attach to whom, where that is limited.
const YAMA: &str = "/proc/sys/kernel/yama/ptrace_scope";

/// The death certificate of a slot.
#[track_caller]
fn guard(sandbox: &Sandbox) -> Process {
    let pid = sandbox.status()["guard_pid"].as_i64().unwrap();
    Process::find(pid as i32).unwrap()
}

/// What the workers' own processes are, by the journal.
fn grandchildren(sandbox: &Sandbox) -> Vec<Process> {
    let lines = sandbox.journal("child");
    lines.iter().filter_map(|words| Process::find(words[1].parse().ok()?)).collect()
}

/// Kills the master and sees to it that within a second nobody is left; then starts anew.
#[track_caller]
fn master_killed(sandbox: &Sandbox, count: usize) {
    let master = sandbox.master();
    let mut others: Vec<Process> = sandbox.workers("ready").into_iter().map(|(_, it)| it).collect();
    others.extend(grandchildren(sandbox).into_iter().filter(|child| child.is_alive()));
    assert_eq!(others.len(), count, "{}", sandbox.status());
    others.push(guard(sandbox));
    others.iter().for_each(|process| sandbox.adopt(*process));
    let began = Instant::now();
    master.signal(Signal::SIGKILL);
    until("nobody is left", || !others.iter().any(|process| process.is_alive()));
    let took = began.elapsed();
    // Within a second, where a processor is free.
    assert!(took < Duration::from_secs(3), "they outlived their master by {took:?}");

    assert_eq!(sandbox.run(&["status"]).code, Some(3));
    sandbox.ok(&["start"]);
    assert_ne!(sandbox.master(), master);
}

#[test]
fn s31_a_killed_worker_is_replaced_and_the_others_go_on() {
    let sandbox = Sandbox::new("kill9", "number_workers = 3\n");
    sandbox.ok(&["start"]);
    let before = sandbox.settled(3);
    let victim = before[1].1;
    victim.signal(Signal::SIGKILL);
    until("worker 1 is replaced", || {
        sandbox.workers("ready").iter().any(|(slot, worker)| *slot == 1 && *worker != victim)
    });
    let after = sandbox.settled(3);
    assert_eq!((after[0], after[2]), (before[0], before[2]), "the others were touched");
    let done = |slot| sandbox.times("job", slot).len();
    let (first, third) = (done(0), done(2));
    until("the others work on", || done(0) > first + 2 && done(2) > third + 2);

    let certificate = sandbox.why(1);
    assert_eq!(certificate["signal"], "SIGKILL", "{certificate}");
    assert_eq!(certificate["pid"], victim.pid(), "{certificate}");
    assert_eq!(certificate["exit_code"], Value::Null, "{certificate}");
    assert!(sandbox.ok(&["why", "1"]).contains("SIGKILL"));
    assert_eq!(sandbox.run(&["why", "0"]).code, Some(1), "worker 0 never died");
    let totals = &sandbox.status()["totals"];
    assert_eq!((&totals["spawned"], &totals["crashed"]), (&4.into(), &1.into()), "{totals}");
    let log = sandbox.read("app.log");
    let told = |line: &str| line.contains("SIGKILL") && line.contains(&victim.pid().to_string());
    assert!(log.lines().any(told), "{log}");
    sandbox.ok(&["stop"]);
}

/// Its end is told to the debugger first. The master sleeps until that lets go, and hears of it then.
#[test]
fn s31_a_worker_that_dies_in_a_debugger_is_replaced_when_that_lets_go() {
    let sandbox = Sandbox::new("traced", "number_workers = 2\napp.job = idle\n");
    sandbox.ok(&["start"]);
    let before = sandbox.settled(2);
    let (master, traced) = (sandbox.master(), before[0].1);
    let mut tracer = Command::new(programs().join("ph-tracer"));
    tracer.arg(traced.pid().to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut tracer = tracer.spawn().unwrap();
    sandbox.adopt(Process::find(tracer.id() as i32).unwrap());
    let mut word = String::new();
    BufReader::new(tracer.stdout.take().unwrap()).read_line(&mut word).unwrap();
    if word != "attached\n" && fs::read_to_string(YAMA).is_ok_and(|scope| scope.trim() != "0") {
        eprintln!("this system lets nobody attach to a stranger (see {YAMA})");
        return tracer.wait().map(drop).unwrap();
    }
    assert_eq!(word, "attached\n");
    traced.signal(Signal::SIGKILL);
    until("it is dead", || traced.is_zombie());
    until("the master sleeps", || master.is_asleep());
    let asleep = (0..100).filter(|_| master.is_asleep()).count();
    assert!(asleep > 50, "the master slept at {asleep} looks of 100");
    assert!(traced.is_zombie(), "nobody has let go of it yet");
    drop(tracer.stdin.take());
    tracer.wait().unwrap();
    assert_eq!(sandbox.replaced(traced, 2)[1], before[1]);
    sandbox.ok(&["stop"]);
}

#[test]
fn s31_what_a_killed_worker_started_goes_with_it() {
    let sandbox = Sandbox::new("group", "app.child = group\n");
    sandbox.ok(&["start"]);
    let worker = sandbox.settled(1)[0].1;
    let child = grandchildren(&sandbox)[0];
    worker.signal(Signal::SIGKILL);
    until("its child ends", || !child.is_alive());
    let master = sandbox.master();
    until("the master has its new worker alone", || {
        let workers = sandbox.workers("ready");
        workers.len() == 1 && master.children() == [workers[0].1]
    });
    sandbox.ok(&["stop"]);
}

#[test]
fn s32_nobody_outlives_a_killed_master() {
    let sandbox = Sandbox::new("orphans", "number_workers = 3\napp.child = group\n");
    sandbox.ok(&["start"]);
    master_killed(&sandbox, 6);
    sandbox.ok(&["stop"]);
    assert!(!sandbox.path("app.pid").exists() && !sandbox.path("fixture.sock").exists());
}

/// By themselves, or by the configuration.
#[test]
fn s32_nor_do_workers_that_changed_their_user() {
    for key in ["app.uid = 65534", "user = nobody"] {
        let section = format!("number_workers = 2\napp.child = group\n{key}\n");
        let sandbox = Sandbox::new("user", &section);
        // They write the journal as somebody else.
        fs::write(sandbox.path("journal"), "").unwrap();
        fs::set_permissions(sandbox.path("journal"), fs::Permissions::from_mode(0o666)).unwrap();
        sandbox.ok(&["start"]);
        for (_, worker) in sandbox.settled(2) {
            assert_eq!(worker.status("Uid"), Some(65534));
        }
        master_killed(&sandbox, 4);
        sandbox.ok(&["stop"]);
    }
}

#[test]
fn s32_nor_do_stopped_workers() {
    let section = "number_workers = 2\napp.child = group\napp.uid = 65534\n";
    let sandbox = Sandbox::new("stopped", section);
    fs::write(sandbox.path("journal"), "").unwrap();
    fs::set_permissions(sandbox.path("journal"), fs::Permissions::from_mode(0o666)).unwrap();
    sandbox.ok(&["start"]);
    for (_, worker) in sandbox.settled(2) {
        worker.signal(Signal::SIGSTOP);
    }
    master_killed(&sandbox, 4);
    sandbox.ok(&["stop"]);
}

#[test]
fn s32_nor_do_workers_that_still_boot() {
    let section = "number_workers = 2\napp.boot = hang\napp.flag = %(here)s/flag\n";
    let sandbox = Sandbox::new("booting", section);
    sandbox.ok(&["start"]);
    let master = sandbox.master();
    fs::write(sandbox.path("flag"), "").unwrap();
    let scale = sandbox.begin("scale", &["scale", "4"]);
    let booting = until_some("two workers boot", || {
        let booting = sandbox.workers("booting");
        (booting.len() == 2).then_some(booting)
    });
    sandbox.remember();
    let began = Instant::now();
    master.signal(Signal::SIGKILL);
    until("they end", || !booting.iter().any(|(_, worker)| worker.is_alive()));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    let (output, _) = sandbox.end(scale);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert_ne!(output.err, "");
}

#[test]
fn s32_a_dead_guard_is_replaced_and_its_successor_guards() {
    let sandbox = Sandbox::new("guard", "number_workers = 2\napp.child = group\n");
    sandbox.ok(&["start"]);
    let before = sandbox.settled(2);
    for _ in 0..3 {
        let old = guard(&sandbox);
        until("it has its title", || old.title() == "ph: guard [fixture]");
        old.signal(Signal::SIGKILL);
        let replaced = || {
            sandbox.status()["guard_pid"].as_i64().is_some_and(|pid| {
                pid != i64::from(old.pid()) && Process::find(pid as i32).is_some()
            })
        };
        until("another guard is there", replaced);
        sandbox.remember();
    }
    assert_eq!(sandbox.settled(2), before, "the workers were touched");
    assert!(!sandbox.master().children().contains(&guard(&sandbox)), "the guard is no child");
    master_killed(&sandbox, 4);
    sandbox.ok(&["stop"]);
}

#[test]
fn s33_a_stopped_worker_with_a_request_is_killed_at_timeout() {
    let section = "number_workers = 2\ntimeout = 1\napp.job = sleep\napp.job_ms = 100\n";
    let sandbox = Sandbox::new("hung", section);
    sandbox.ok(&["start"]);
    let before = sandbox.settled(2);
    let (victim, other) = (before[0].1, before[1].1);
    until("it is stopped inside a request", || {
        victim.signal(Signal::SIGSTOP);
        let inside = sandbox.status()["workers"][0]["active"] == 1;
        if !inside {
            victim.signal(Signal::SIGCONT);
        }
        inside
    });
    until("it is killed", || !victim.is_alive());
    // The master looks four times in a timeout, when it has a processor.
    let age = sandbox.said(&["request past timeout"]).duration("age");
    assert!(age >= Duration::from_secs(1), "killed at {age:?}, before its timeout");
    assert!(age < Duration::from_secs(3), "killed at {age:?}");
    let after = sandbox.settled(2);
    assert_ne!(after[0].1, victim);
    assert_eq!(after[1].1, other, "the other was touched");
    let certificate = sandbox.why(0);
    assert_eq!(certificate["signal"], "SIGKILL", "{certificate}");
    assert_eq!(certificate["cause"], "timeout", "{certificate}");
    assert!(certificate["reason"].as_str().unwrap().contains("timeout"), "{certificate}");
    assert_eq!(sandbox.status()["totals"]["killed"], 1);
    sandbox.ok(&["stop"]);
}

/// A worker that is late with every request is no reason to fork without a pause.
#[test]
fn s33_workers_killed_at_timeout_wait_like_those_that_crash() {
    let section = "timeout = 200ms\nrestart_backoff = 300ms\nrestart_backoff_max = 300ms\n\
                   app.job = sleep\n";
    let sandbox = Sandbox::new("late", section);
    sandbox.ok(&["start"]);
    until("five were killed", || sandbox.times("new", 0).len() >= 6);
    let times = sandbox.times("new", 0);
    // The first is replaced at once; the others live for their timeout, and then their successor waits.
    for pair in times[1..6].windows(2) {
        let wait = Duration::from_nanos(pair[1] - pair[0]);
        // Less a tick of the coarse clock, by which requests are timed.
        assert!(wait >= Duration::from_millis(490), "the next came after {wait:?}");
    }
    sandbox.ok(&["stop", "--quick"]);
}

/// A worker that has done its share and waits for its successor is inside no request, however short the timeout.
#[test]
fn s33_a_stopped_worker_without_a_request_is_left_alone() {
    let section = "timeout = 500ms\nmax_requests = 1\napp.tick_ms = 100\napp.boot = hang\n\
                   app.flag = %(here)s/flag\n";
    let sandbox = Sandbox::new("alone", section);
    sandbox.ok(&["start"]);
    fs::write(sandbox.path("flag"), "").unwrap();
    let worker = until_some("its successor hangs in boot", || {
        let status = sandbox.status();
        let rows = status["workers"].as_array().unwrap();
        let row = |state: &str| rows.iter().find(|row| row["state"] == state);
        // One that was made before there was the flag does not.
        let hangs = row("booting")?["age_s"].as_f64().is_some_and(|age| age > 0.3);
        hangs.then(|| sandbox.find(row("ready")?["pid"].as_i64()?)).flatten()
    });
    sandbox.remember();
    until("it is inside no request", || sandbox.status()["workers"][0]["active"] == 0);
    worker.signal(Signal::SIGSTOP);
    // Nothing is to happen, and that takes time to see: three times its timeout.
    std::thread::sleep(Duration::from_millis(1500));
    assert!(worker.is_alive(), "{}", sandbox.read("app.log"));
    assert_eq!(sandbox.status()["totals"]["killed"], 0);
    // Asked to stop, it is continued, and leaves by itself.
    sandbox.ok(&["stop"]);
    assert!(!worker.is_alive());
    assert!(sandbox.told("stop").iter().any(|entry| entry.pid == worker.pid()));
}

#[test]
fn s33_without_a_timeout_a_stopped_worker_is_left_alone() {
    let sandbox = Sandbox::new("notimeout", "number_workers = 2\napp.job = idle\n");
    sandbox.ok(&["start"]);
    let before = sandbox.settled(2);
    before[0].1.signal(Signal::SIGSTOP);
    // Nothing is to happen, and that takes time to see.
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(sandbox.settled(2), before);
    sandbox.ok(&["stop"]);
    assert_eq!(sandbox.told("stop").len(), 2, "the stopped one was continued, and left by itself");
}

/// The hour in the newest line of the log.
fn hour(sandbox: &Sandbox) -> Option<u32> {
    sandbox.ok(&["log", "reopen"]);
    let log = sandbox.read("app.log");
    log.lines().last()?.split_once('T')?.1.get(..2)?.parse().ok()
}

#[test]
fn s34_a_clock_that_jumps_kills_nobody() {
    let section = "number_workers = 2\ntimeout = 2\nboot_timeout = 2\ngraceful_timeout = 5\n\
                   max_lifetime = 1000\napp.job = sleep\napp.job_ms = 100\n";
    let sandbox = Sandbox::new("clock", section);
    let mut start = sandbox.command(&["start"]);
    sandbox.clock(&mut start);
    assert!(start.status().unwrap().success());
    let before = sandbox.settled(2);
    let first = hour(&sandbox).unwrap();
    for (seconds, hours) in [(3600, 1), (-3600, 23), (0, 0)] {
        sandbox.move_clock(seconds);
        // The log's clock tells that the master sees the jump; the true hour may go on meanwhile.
        let seen = |hour: u32| hour == (first + hours) % 24 || hour == (first + hours + 1) % 24;
        until("the clock jumps", || hour(&sandbox).is_some_and(seen));
        let done = sandbox.told("done").len();
        // Longer than half of any limit that the workers have, and with requests under way all the time.
        until("twenty requests later", || sandbox.told("done").len() >= done + 20);
        assert_eq!(sandbox.settled(2), before, "a worker was replaced");
    }
    let status = sandbox.status();
    assert_eq!((&status["totals"]["spawned"], &status["totals"]["killed"]), (&2.into(), &0.into()));
    assert!(status["uptime_s"].as_f64().unwrap() < 600.0, "{status}");
    sandbox.ok(&["stop"]);
}
