//! Death certificates: what is known of a worker's end, and what it was doing when it had to be killed.

use std::fs;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use ph_tests::echo::Echo;
use ph_tests::groups::Group;
use ph_tests::{Process, Sandbox, until, until_some};
use serde_json::Value;

/// A worker that does this job for longer than its timeout, one second; what its certificate says.
#[track_caller]
fn late(job: &str, section: &str) -> (Sandbox, Value) {
    let section = format!(
        "number_workers = 2\ntimeout = 1\nrestart_backoff = 30\napp.job = {job}\napp.slot = 0\n\
         app.flag = %(here)s/flag\n{section}"
    );
    let sandbox = Sandbox::new(job, &section);
    sandbox.ok(&["start"]);
    let certificate = killed_late(&sandbox, job);
    (sandbox, certificate)
}

#[track_caller]
fn killed_late(sandbox: &Sandbox, job: &str) -> Value {
    let before = sandbox.settled(2);
    until("it ticks", || !sandbox.times("job", 0).is_empty());
    fs::write(sandbox.path("flag"), "").unwrap();
    until("it is killed", || !before[0].1.is_alive());
    fs::remove_file(sandbox.path("flag")).unwrap();
    let certificate = sandbox.certificate(0, before[0].1);
    assert_eq!(certificate["cause"], "timeout", "{certificate}");
    assert_eq!(certificate["signal"], "SIGKILL", "{certificate}");
    assert_eq!(certificate["tag"], job, "{certificate}");
    assert_eq!(certificate["active"], 1, "{certificate}");
    let age = certificate["request_age_s"].as_f64().unwrap();
    assert!(age >= 0.99, "{certificate}");
    assert!(certificate["requests"].as_u64().unwrap() > 0, "it ticked before: {certificate}");
    assert!(certificate["peak_rss_bytes"].as_u64().unwrap() > 500_000, "{certificate}");
    let last = certificate["rss"].as_array().unwrap().last().unwrap();
    assert!(last["bytes"].as_u64().unwrap() > 500_000, "{certificate}");
    assert!(last["ago_s"].as_f64().unwrap() < 5.0, "{certificate}");
    let first = &certificate["threads"][0];
    assert_eq!(first["tid"], certificate["pid"], "{certificate}");
    assert!(sandbox.workers("ready").contains(&before[1]), "the other one was touched");
    certificate
}

fn stack(certificate: &Value) -> Vec<String> {
    let frames = certificate["threads"][0]["stack"].as_array().unwrap();
    frames.iter().map(|frame| frame.as_str().unwrap().to_owned()).collect()
}

#[test]
fn one_that_computes_is_busy() {
    let (sandbox, certificate) = late("busy", "");
    assert_eq!(certificate["stall"], "busy", "{certificate}");
    assert_eq!(certificate["threads"][0]["state"], "R", "{certificate}");
    assert!(certificate["user_s"].as_f64().unwrap() > 0.2, "{certificate}");
    // People, programs that listen, and the log are told as well.
    let text = sandbox.ok(&["why", "0"]);
    assert!(text.contains("stalled  busy") && text.contains(": busy\n"), "{text}");
    let events = sandbox.ok(&["events", "--json"]);
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    // Its successor may have found the flag as well.
    let own =
        |event: &Value| event["event"] == "worker_ended" && event["pid"] == certificate["pid"];
    let ended: Vec<Value> = events.filter(own).collect();
    assert_eq!(ended.len(), 1, "{ended:?}");
    for field in ["pid", "cause", "reason", "stall", "tag", "requests", "request_age_s"] {
        assert_eq!(ended[0][field], certificate[field], "{field}: {}", ended[0]);
    }
    let log = sandbox.read("app.log");
    let told = |line: &&str| line.contains("worker ended: SIGKILL; a request under way for ");
    let line = log.lines().find(told).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains(" (busy); busy "), "{line}");
    sandbox.ok(&["stop"]);
}

#[test]
fn one_that_waits_in_a_read_is_blocked() {
    let (sandbox, certificate) = late("read", "");
    assert_eq!(certificate["stall"], "blocked", "{certificate}");
    let thread = &certificate["threads"][0];
    assert_eq!(thread["state"], "S", "{certificate}");
    // Which root may read.
    assert!(thread["wchan"].as_str().unwrap().contains("pipe"), "{certificate}");
    assert!(stack(&certificate).iter().any(|frame| frame.contains("pipe_read")), "{certificate}");
    sandbox.ok(&["stop"]);
}

#[test]
fn one_that_was_stopped_says_so() {
    let section = "number_workers = 2\ntimeout = 3\nrestart_backoff = 30\napp.job = sleep\n\
                   app.slot = 0\napp.flag = %(here)s/flag\n";
    let sandbox = Sandbox::new("stopped", section);
    sandbox.ok(&["start"]);
    let victim = sandbox.settled(2)[0].1;
    fs::write(sandbox.path("flag"), "").unwrap();
    until("it sleeps on the job", || {
        let row = sandbox.status()["workers"][0].clone();
        row["active"] == 1 && row["oldest_s"].as_f64().is_some_and(|age| age > 0.1)
    });
    victim.signal(Signal::SIGSTOP);
    until("it is killed", || !victim.is_alive());
    let certificate = sandbox.certificate(0, victim);
    assert_eq!(certificate["cause"], "timeout", "{certificate}");
    assert_eq!(certificate["stall"], "stopped", "{certificate}");
    assert_eq!(certificate["threads"][0]["state"], "T", "{certificate}");
    sandbox.ok(&["stop"]);
}

/// Who makes a process waits, in a way that only a KILL ends, until that has become another program; and that can't while
/// somebody has a lease on the program's file (fcntl(2)).
#[test]
fn one_that_can_not_be_interrupted_says_so() {
    const LEASE: &str = "import fcntl, signal, sys\n\
        signal.signal(signal.SIGIO, signal.SIG_IGN)\n\
        file = open('program')\n\
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)\n\
        open('held', 'w').close()\n\
        sys.stdin.read()\n";
    let section = "number_workers = 2\ntimeout = 1\nrestart_backoff = 30\napp.job = spawn\n\
                   app.slot = 0\napp.flag = %(here)s/flag\napp.program = %(here)s/program\n";
    let sandbox = Sandbox::new("device", section);
    sandbox.ok(&["start"]);
    sandbox.copy_program("program");
    let mut holder = Command::new("python3");
    holder.args(["-c", LEASE]).current_dir(sandbox.folder()).stdin(Stdio::piped());
    let mut holder = holder.spawn().unwrap();
    sandbox.adopt(Process::find(holder.id() as i32).unwrap());
    until("the program is held", || sandbox.path("held").exists());
    let certificate = killed_late(&sandbox, "spawn");
    drop(holder.stdin.take());
    holder.wait().unwrap();
    assert_eq!(certificate["stall"], "uninterruptible I/O", "{certificate}");
    assert_eq!(certificate["threads"][0]["state"], "D", "{certificate}");
    assert!(!stack(&certificate).is_empty(), "{certificate}");
    sandbox.ok(&["stop"]);
}

#[test]
fn one_whose_control_group_had_no_processor_left_is_throttled() {
    let group = Group::with_cpu("throttled", 20_000);
    let section = "number_workers = 2\ntimeout = 3\nrestart_backoff = 30\napp.job = busy\n\
                   app.slot = 0\napp.tick_ms = 200\napp.flag = %(here)s/flag\n";
    let sandbox = Sandbox::new("throttled", section);
    group.start(&sandbox);
    let certificate = killed_late(&sandbox, "busy");
    assert_eq!(certificate["stall"], "throttled by the CPU controller", "{certificate}");
    let (user, lived) = (&certificate["user_s"], certificate["request_age_s"].as_f64().unwrap());
    assert!(user.as_f64().unwrap() < lived * 0.6, "{certificate}");
    sandbox.ok(&["stop"]);
}

/// The kernel tells of its victim's end no more than of any KILL; but it counts.
#[test]
fn one_that_the_kernel_killed_for_want_of_memory() {
    let group = Group::with_memory("oom", 128 << 20);
    let section = "number_workers = 2\nrestart_backoff = 30\napp.job = leak\napp.slot = 0\n\
                   app.leak_bytes = 4194304\napp.tick_ms = 1\napp.flag = %(here)s/flag\n";
    let sandbox = Sandbox::new("oom", section);
    group.start(&sandbox);
    let before = sandbox.settled(2);
    fs::write(sandbox.path("flag"), "").unwrap();
    // Seen in a way that keeps nothing of its memory, or the kernel would choose once more.
    before[0].1.ends();
    fs::remove_file(sandbox.path("flag")).unwrap();
    let starved = sandbox.certificate(0, before[0].1);
    assert_eq!(starved["cause"], "out of memory", "{starved}");
    assert_eq!(starved["signal"], "SIGKILL", "{starved}");
    assert_eq!(starved["out_of_memory"], "control group", "{starved}");
    assert!(starved["reason"].as_str().unwrap().contains("want of memory"), "{starved}");
    assert!(starved["peak_rss_bytes"].as_u64().unwrap() > 64 << 20, "{starved}");
    assert_eq!(starved["tag"], "leak", "{starved}");
    let log = sandbox.read("app.log");
    assert!(log.contains("worker crashed: SIGKILL (out of memory)"), "{log}");
    // Which was one end; the next KILL is somebody else's.
    before[1].1.signal(Signal::SIGKILL);
    let killed = sandbox.certificate(1, before[1].1);
    assert_eq!((&killed["cause"], &killed["out_of_memory"]), (&"crash".into(), &Value::Null));
    sandbox.ok(&["stop"]);
}

/// Whoever holds a victim's memory after its end, as a monitor may that reads `/proc`, has the kernel choose once more.
#[test]
fn the_kernel_chooses_a_worker_before_its_master() {
    let programs = Sandbox::exec("chosen", "number_workers = 2\ncommand = sleep 1000\n");
    let forked = Sandbox::new("chosen", "number_workers = 2\n");
    for sandbox in [forked, programs] {
        sandbox.ok(&["start"]);
        let guard = sandbox.find(sandbox.status()["guard_pid"].as_i64().unwrap()).unwrap();
        let most = sandbox.master().oom_score().max(guard.oom_score());
        for (slot, worker) in sandbox.settled(2) {
            assert!(worker.oom_score() > most, "{slot}: {} {most}", worker.oom_score());
        }
        sandbox.ok(&["stop"]);
    }
}

#[test]
fn one_that_hangs_in_its_boot() {
    let section = "number_workers = 2\nboot_timeout = 2\nrestart_backoff = 30\napp.boot = hang\n\
                   app.slot = 1\napp.flag = %(here)s/flag\n";
    let sandbox = Sandbox::new("boot", section);
    sandbox.ok(&["start"]);
    let before = sandbox.settled(2);
    fs::write(sandbox.path("flag"), "").unwrap();
    before[1].1.signal(Signal::SIGKILL);
    let certificate = until_some("its successor is killed", || {
        sandbox.try_why(1).filter(|certificate| certificate["cause"] == "boot")
    });
    assert!(certificate["reason"].as_str().unwrap().contains("boot_timeout"), "{certificate}");
    assert_eq!(certificate["stall"], "blocked", "{certificate}");
    assert!(stack(&certificate).iter().any(|frame| frame.contains("nanosleep")), "{certificate}");
    assert_eq!((&certificate["active"], &certificate["tag"]), (&0.into(), &Value::Null));
    assert_eq!(certificate["previous"][0]["pid"], before[1].1.pid(), "{certificate}");
    sandbox.ok(&["stop"]);
}

#[test]
fn one_that_left_a_core() {
    let section = "restart_backoff = 30\napp.job = segv\napp.flag = %(here)s/flag\n";
    let sandbox = Sandbox::new("core", section);
    let start = sandbox.command(&["start"]);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -c unlimited && exec \"$@\"", "sh"]).arg(start.get_program());
    command.args(start.get_args()).current_dir(sandbox.folder());
    assert!(command.status().unwrap().success());
    let worker = sandbox.settled(1)[0].1;
    fs::write(sandbox.path("flag"), "").unwrap();
    let certificate = sandbox.certificate(0, worker);
    assert_eq!((&certificate["signal"], &certificate["core"]), (&"SIGSEGV".into(), &true.into()));
    assert!(sandbox.ok(&["why", "0"]).contains("crash (SIGSEGV, core)"));
    assert_eq!(certificate["tag"], "segv", "{certificate}");
    sandbox.ok(&["stop"]);
}

/// What it said of its own end is the reason; of several requests the oldest has a name.
#[test]
fn one_that_panicked_is_told_in_its_words() {
    let (sandbox, certificate) = {
        let section = "restart_backoff = 30\napp.job = panic\napp.flag = %(here)s/flag\n";
        let sandbox = Sandbox::new("panic", section);
        sandbox.ok(&["start"]);
        let worker = sandbox.settled(1)[0].1;
        fs::write(sandbox.path("flag"), "").unwrap();
        let certificate = sandbox.certificate(0, worker);
        (sandbox, certificate)
    };
    let reason = certificate["reason"].as_str().unwrap();
    assert!(
        reason.contains("fixture.rs") && reason.ends_with("told to panic in a job"),
        "{reason}"
    );
    assert_eq!(certificate["output"], Value::Array(vec![reason.into()]), "{certificate}");
    assert_eq!((&certificate["cause"], &certificate["exit_code"]), (&"crash".into(), &101.into()));
    sandbox.ok(&["stop"]);
}

#[test]
fn among_threads_the_oldest_request_has_the_name() {
    let settings = "number_workers = 1\ntimeout = 1\ngraceful_timeout = 1\n";
    let echo = Echo::start("names", "thread", settings);
    let old = echo.settled(1)[0].1;
    let mut stuck = echo.client();
    stuck.say("!block");
    until("it is stuck", || echo.sum("active") == 1);
    let mut other = echo.client();
    assert_eq!(other.ask("hello"), "hello");
    until("it is killed", || !old.is_alive());
    let certificate = echo.certificate(0, old);
    assert_eq!((&certificate["tag"], &certificate["active"]), (&"!block".into(), &1.into()));
    assert_eq!(certificate["stall"], "blocked", "{certificate}");
    assert!(certificate["threads"].as_array().unwrap().len() > 4, "{certificate}");
    echo.ok(&["stop"]);
}

#[test]
fn the_last_ends_of_a_worker_are_kept_and_no_more() {
    let section = "number_workers = 2\nrestart_backoff = 1ms\nrestart_backoff_max = 1ms\n\
                   app.job = exit\napp.slot = 0\napp.flag = %(here)s/flag\nupgrade_mode = inplace\n";
    let sandbox = Sandbox::named("kept", section);
    sandbox.ok(&["start"]);
    sandbox.settled(2);
    assert_eq!(sandbox.run(&["why", "0"]).code, Some(1), "nobody has ended");
    fs::write(sandbox.path("flag"), "").unwrap();
    until("it has ended twelve times", || sandbox.times("new", 0).len() > 12);
    fs::remove_file(sandbox.path("flag")).unwrap();
    // One that had seen the flag has one job, its last.
    until("one stays", || {
        let last = sandbox.told("new").into_iter().rfind(|it| it.slot == 0);
        last.is_some_and(|it| {
            sandbox.told("job").iter().filter(|job| job.pid == it.pid).count() > 1
        })
    });
    sandbox.settled(2);
    let ends = |certificate: &Value| -> Vec<i64> {
        let previous = certificate["previous"].as_array().unwrap();
        assert!(previous.iter().all(|one| one["exit_code"] == 3 && one["previous"].is_null()));
        std::iter::once(certificate).chain(previous).map(|it| it["pid"].as_i64().unwrap()).collect()
    };
    let before = ends(&sandbox.why(0));
    // The journal has them in the order in which they were made; the last of it lives.
    let made: Vec<i64> =
        sandbox.told("new").iter().filter(|it| it.slot == 0).map(|it| it.pid.into()).collect();
    let last: Vec<i64> = made.iter().rev().skip(1).take(8).copied().collect();
    assert_eq!(before, last);
    let (brief, all) = (sandbox.ok(&["why", "0"]), sandbox.ok(&["why", "0", "--all"]));
    assert!(brief.ends_with("7 earlier: --all shows them\n"), "{brief}");
    assert_eq!((brief.matches("crash (").count(), all.matches("crash (").count()), (1, 8));
    // They go along when the master becomes another program.
    sandbox.ok(&["upgrade"]);
    let after = until_some("the former worker has left", || {
        let certificate = sandbox.why(0);
        (certificate["cause"] == "asked").then(|| ends(&certificate))
    });
    assert_eq!(after[1..], before[..7]);
    sandbox.ok(&["stop"]);
}
