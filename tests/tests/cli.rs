//! Every command that concerns a master: what it prints, what it does, its exit code. Those about the configuration
//! are in `cli_config.rs`.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::signal::Signal;
use ph_tests::{Process, Sandbox, finish, sandbox, until};
use serde_json::Value;

/// Commands that ask a running master.
const ASKING: [&[&str]; 11] = [
    &["stop"],
    &["stop", "--quick"],
    &["reload"],
    &["status"],
    &["status", "--json"],
    &["scale", "2"],
    &["worker", "list"],
    &["worker", "restart", "0"],
    &["worker", "stop", "0"],
    &["log", "reopen"],
    &["why", "0"],
];

#[test]
fn without_a_master_each_command_says_so_with_code_3() {
    let sandbox = Sandbox::named("none", "");
    for arguments in ASKING {
        let output = sandbox.run(arguments);
        assert_eq!(output.code, Some(3), "{arguments:?}: {output:?}");
        assert!(output.err.contains("not running"), "{arguments:?}: {output:?}");
        assert_eq!((output.err.lines().count(), output.out.as_str()), (1, ""), "{arguments:?}");
    }
    assert_eq!(sandbox.files(), ["config.ini"], "a question left something behind");
}

#[test]
fn wrong_arguments_are_usage_errors() {
    let sandbox = Sandbox::named("usage", "");
    sandbox.ok(&["start"]);
    let before = sandbox.settled(1);
    for arguments in [
        &[][..],
        &["strat"],
        &["--no-such-option", "status"],
        &["status", "extra"],
        &["scale"],
        &["scale", "0"],
        &["scale", "many"],
        &["scale", "1.5"],
        &["scale", "65537"],
        &["scale", "99999999999999999999"],
        &["worker"],
        &["worker", "restart"],
        &["worker", "restart", "0", "--all"],
        &["worker", "stop"],
        &["worker", "stop", "-1"],
        &["worker", "stop", "zero"],
        &["config", "get"],
        &["completions", "tcsh"],
        &["--set", "number_workers", "status"],
        &["--set", "=4", "status"],
    ] {
        let output = sandbox.run(arguments);
        assert_eq!(output.code, Some(2), "{arguments:?}: {output:?}");
        assert!(!output.err.is_empty() && output.out.is_empty(), "{arguments:?}: {output:?}");
    }
    assert_eq!(sandbox.settled(1), before);
}

#[test]
fn help_and_version_are_no_errors() {
    let sandbox = Sandbox::new("help", "");
    for arguments in [&["--help"][..], &["help"], &["scale", "--help"], &["--version"]] {
        let output = sandbox.run(arguments);
        assert_eq!((output.code, output.err.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(!output.out.is_empty(), "{arguments:?}");
    }
}

/// Design, section 6: at least these fields, of these types.
#[test]
fn status_as_json_has_every_field() {
    let sandbox = Sandbox::new("json", "number_workers = 2");
    sandbox.ok(&["start"]);
    sandbox.ok(&["reload"]);
    sandbox.settled(2);
    until("a worker has done a job", || sandbox.status()["totals"]["requests"] != 0);
    let status = sandbox.status();
    let is = |value: &Value, what: &str| match what {
        "string" => value.is_string(),
        "count" => value.is_u64(),
        "number" => value.is_number(),
        "list" => value.is_array(),
        "object" => value.is_object(),
        _ => value.is_null(),
    };
    let check = |object: &Value, fields: &str| {
        for field in fields.split_whitespace() {
            let (name, what) = field.split_once(':').unwrap();
            assert!(is(&object[name], what), "{name} is no {what}: {object:#}");
        }
    };
    check(
        &status,
        "app:string state:string role:string pid:count version:string generation:count \
         uptime_s:number config_file:string wanted:count listeners:list workers:list \
         totals:object last_change:object",
    );
    check(
        &status["totals"],
        "spawned:count exited:count crashed:count killed:count requests:count",
    );
    check(&status["last_change"], "kind:string result:string reason:null took_s:number");
    let workers = status["workers"].as_array().unwrap();
    for (at, worker) in workers.iter().enumerate() {
        check(
            worker,
            "id:count pid:count state:string generation:count age_s:number requests:count \
             active:count busy_s:number rss_bytes:count cpus:list",
        );
        assert_eq!(worker["id"], at, "not sorted by id");
        assert_eq!((&worker["state"], &worker["generation"]), (&"ready".into(), &2.into()));
        assert!(worker["rss_bytes"].as_u64().unwrap() > 100_000, "{worker}");
    }
    assert_eq!(status["app"], "fixture");
    assert_eq!(status["role"], "standalone");
    assert_eq!(status["state"], "running");
    assert_eq!(status["totals"]["spawned"], 4);
    assert_eq!(status["totals"]["exited"], 2);
    assert!(status["config_file"].as_str().unwrap().ends_with("config.ini"));
}

#[test]
fn the_tables_name_every_worker_and_have_no_colour_off_a_terminal() {
    let sandbox = Sandbox::new("tables", "number_workers = 3");
    sandbox.ok(&["start"]);
    let workers = sandbox.settled(3);
    for arguments in [&["status"][..], &["worker", "list"]] {
        let mut command = sandbox.command(arguments);
        let output = finish(command.env("TERM", "xterm-256color"));
        assert_eq!(output.code, Some(0), "{output:?}");
        assert!(!output.out.contains('\x1b'), "{arguments:?}: {output:?}");
        for (slot, worker) in &workers {
            let row = |line: &str| {
                let words: Vec<&str> = line.split_whitespace().collect();
                words.starts_with(&[&*slot.to_string(), &*worker.pid().to_string(), "ready"])
            };
            assert!(output.out.lines().any(row), "no row of {slot}:\n{}", output.out);
        }
    }
    assert!(sandbox.ok(&["status"]).contains(&sandbox.master().pid().to_string()));
    let listed: Value = serde_json::from_str(&sandbox.ok(&["worker", "list", "--json"])).unwrap();
    let pids: Vec<i64> =
        listed.as_array().unwrap().iter().map(|row| row["pid"].as_i64().unwrap()).collect();
    assert_eq!(pids, workers.iter().map(|(_, it)| i64::from(it.pid())).collect::<Vec<_>>());
}

#[test]
fn a_terminal_gets_colour() {
    let sandbox = Sandbox::new("colour", "");
    sandbox.ok(&["start"]);
    let program = sandbox.command(&[]).get_program().to_string_lossy().into_owned();
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &format!("'{program}' status"), "/dev/null"]);
    script.env("TERM", "xterm-256color").env_remove("NO_COLOR").stdin(Stdio::null());
    let output = finish(script.current_dir(sandbox.folder()));
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.out.contains("\x1b["), "{output:?}");
}

#[test]
fn a_silent_master_is_a_failure_after_five_seconds() {
    let sandbox = Sandbox::new("silent", "");
    sandbox.ok(&["start"]);
    let master = sandbox.master();
    master.signal(Signal::SIGSTOP);
    until("it is stopped", || master.is_stopped());
    let begun = Instant::now();
    let output = finish(&mut sandbox.command(&["status"]));
    let took = begun.elapsed();
    master.signal(Signal::SIGCONT);
    // Far from 5 s, so that a busy machine is no failure; and still not twice as long.
    assert!((4..9).contains(&took.as_secs()), "gave up after {took:?}");
    assert_eq!(output.code, Some(1), "{output:?}");
    assert_eq!(output.err.lines().count(), 1, "{output:?}");
    sandbox.settled(1);
}

#[test]
fn scale_is_exact_and_returns_when_it_is_done() {
    let sandbox = Sandbox::new("scale", "number_workers = 2\napp.boot = 100");
    sandbox.ok(&["start"]);
    let first = sandbox.settled(2);
    for (by, count) in [("4", 4), ("+3", 7), ("-2", 5), ("5", 5), ("+0", 5), ("-4", 1), ("3", 3)] {
        sandbox.ok(&["scale", by]);
        assert_eq!(sandbox.workers("ready").len(), count, "scale {by} returned too early");
        assert_eq!(sandbox.status()["wanted"], count);
        assert_eq!(sandbox.settled(count)[0], first[0], "scale {by} replaced a worker");
    }
    for by in ["-3", "-100", "+65536"] {
        let output = sandbox.run(&["scale", by]);
        assert!(matches!(output.code, Some(1 | 4)), "scale {by}: {output:?}");
        assert_eq!(output.err.lines().count(), 1, "{output:?}");
        assert_eq!(sandbox.status()["wanted"], 3, "scale {by} did something");
    }
}

#[test]
fn scale_tells_of_workers_that_cannot_boot() {
    let section = "app.boot = fail\napp.flag = %(here)s/flag";
    let sandbox = Sandbox::new("scale-fails", section);
    sandbox.ok(&["start"]);
    let before = sandbox.settled(1);
    fs::write(sandbox.path("flag"), "").unwrap();
    let output = sandbox.run(&["scale", "3"]);
    assert!(matches!(output.code, Some(1 | 70)), "{output:?}");
    assert!(output.err.contains("told to fail"), "{output:?}");
    fs::remove_file(sandbox.path("flag")).unwrap();
    assert_eq!(sandbox.settled(3)[0], before[0], "the number stands, once workers can boot");
}

#[test]
fn worker_restart_replaces_whom_it_names() {
    let sandbox = Sandbox::new("restart", "number_workers = 3");
    sandbox.ok(&["start"]);
    let zero = sandbox.settled(3);
    sandbox.ok(&["worker", "restart", "1"]);
    let one = sandbox.settled(3);
    assert_eq!((one[0], one[2]), (zero[0], zero[2]), "others were touched");
    assert_ne!(one[1], zero[1]);
    sandbox.ok(&["worker", "restart", "0", "2"]);
    let two = sandbox.settled(3);
    assert_eq!(two[1], one[1]);
    assert!(two[0] != one[0] && two[2] != one[2]);
    sandbox.ok(&["worker", "restart", "--all"]);
    let three = sandbox.settled(3);
    assert!(two.iter().all(|old| !three.contains(old)));
    assert_eq!(sandbox.status()["generation"], 1, "a restart is no reload");
}

#[test]
fn worker_stop_takes_one_away_but_not_the_last() {
    let sandbox = Sandbox::new("stop-one", "number_workers = 3");
    sandbox.ok(&["start"]);
    let before = sandbox.settled(3);
    sandbox.ok(&["worker", "stop", "1"]);
    assert!(!before[1].1.is_alive(), "returned before the worker was gone");
    assert_eq!(sandbox.settled(2), [before[0], before[2]]);
    assert_eq!(sandbox.status()["wanted"], 2);
    for arguments in [
        &["worker", "stop", "1"][..],
        &["worker", "stop", "77"],
        &["worker", "restart", "77"],
        &["worker", "restart", "0", "77"],
        &["why", "77"],
    ] {
        let output = sandbox.run(arguments);
        assert_eq!(output.code, Some(1), "{arguments:?}: {output:?}");
        assert_eq!(output.err.lines().count(), 1, "{output:?}");
    }
    sandbox.ok(&["worker", "stop", "2"]);
    let last = sandbox.run(&["worker", "stop", "0"]);
    assert_eq!(last.code, Some(4), "{last:?}");
    assert_eq!(sandbox.settled(1), [before[0]], "a refused command did something");
}

#[test]
fn restart_is_a_stop_and_a_start() {
    let sandbox = Sandbox::named("cycle", "number_workers = 2");
    sandbox.ok(&["restart"]);
    let (master, workers) = (sandbox.master(), sandbox.settled(2));
    sandbox.ok(&["restart"]);
    assert_ne!(sandbox.master(), master);
    assert!(!master.is_alive() && !workers.iter().any(|(_, worker)| worker.is_alive()));
    sandbox.settled(2);
    sandbox.ok(&["stop"]);
    // The guard, which runs elsewhere, may go a moment later.
    assert!(!sandbox.processes().iter().any(|it| it.runs_in(sandbox.folder())));
    sandbox.nothing_runs();
}

#[test]
fn restart_stops_nothing_that_cannot_be_started_again() {
    let sandbox = Sandbox::new("cycle-bad", "number_workers = 2");
    sandbox.ok(&["start"]);
    let (master, good) = (sandbox.master(), sandbox.read("config.ini"));
    fs::write(sandbox.path("config.ini"), format!("{good}\nnumer_workers = 3\n")).unwrap();
    assert_eq!(sandbox.run(&["restart"]).code, Some(78));
    fs::write(sandbox.path("config.ini"), good).unwrap();
    assert_eq!(sandbox.master(), master);
}

#[test]
fn start_stays_in_the_foreground_unless_told_to_daemonize() {
    let mut sandbox = Sandbox::named("foreground", "number_workers = 2");
    let child = sandbox.spawn(&["--set", "daemonize=false", "start"]);
    until("it runs", || sandbox.try_status().is_some_and(|it| it["state"] == "running"));
    assert_eq!(sandbox.master(), child);
    sandbox.ok(&["stop"]);
    assert_eq!(sandbox.wait(), Some(0));
    sandbox.nothing_runs();
}

#[test]
fn run_stays_in_the_foreground_whatever_daemonize_says_and_logs_to_the_terminal() {
    let mut sandbox = Sandbox::named("run", "daemonize = true\nlog_file = ");
    let child = sandbox.foreground();
    assert_eq!(sandbox.master(), child);
    sandbox.ok(&["stop"]);
    assert_eq!(sandbox.wait(), Some(0));
    let terminal = sandbox.read("terminal");
    assert!(terminal.contains(&format!("[master {}]", child.pid())), "{terminal}");
    assert!(!terminal.contains('\x1b'), "colour off a terminal: {terminal}");
}

/// `ph` needs nothing of the application to look after its master.
#[test]
fn ph_drives_a_master_of_any_application() {
    let sandbox = Sandbox::new("ph", "number_workers = 2");
    let ph = |arguments: &[&str]| {
        let mut command = Command::new(sandbox::programs().join("ph"));
        finish(command.args(arguments).current_dir(sandbox.folder()).env_remove("PH_CONFIG"))
    };
    assert_eq!(ph(&["status"]).code, Some(3));
    sandbox.ok(&["start"]);
    let master: Process = sandbox.master();
    let status: Value = serde_json::from_str(&ph(&["status", "--json"]).out).unwrap();
    assert_eq!(status["pid"], master.pid());
    let two = sandbox.settled(2);
    for arguments in [&["scale", "3"][..], &["worker", "restart", "0"], &["reload"]] {
        let output = ph(arguments);
        assert_eq!(output.code, Some(0), "{arguments:?}: {output:?}");
    }
    let three = sandbox.settled(3);
    assert!(two.iter().all(|old| !three.contains(old)));
    assert_eq!(ph(&["worker", "stop", "7"]).code, Some(1));
    assert_eq!(ph(&["stop"]).code, Some(0));
    assert!(!master.is_alive(), "stop returned before the master was gone");
    assert_eq!(ph(&["stop"]).code, Some(3));
}
