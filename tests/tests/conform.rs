//! `conform`: a program that keeps the contract, and ones that break a point of it each.

use ph_tests::programs::program;
use ph_tests::{Output, Sandbox, finish};
use serde_json::Value;

/// What is told of a program: its exit code, and the result and what was seen, of each point.
struct Verdict {
    output: Output,
    points: Vec<(String, String, String)>,
}

impl Verdict {
    #[track_caller]
    fn is(&self, name: &str, result: &str, seen: &str) {
        let point = self.points.iter().find(|(point, ..)| point == name);
        let (_, got, told) = point.unwrap_or_else(|| panic!("no {name}: {:?}", self.output));
        assert_eq!(got, result, "{name}: {:?}", self.points);
        assert!(told.contains(seen), "{name}: {told}");
    }

    /// This point is broken, and no other.
    #[track_caller]
    fn breaks(&self, name: &str, seen: &str) {
        self.is(name, "fail", seen);
        let broken = self.points.iter().filter(|(_, result, _)| result == "fail").count();
        assert_eq!((broken, self.output.code), (1, Some(1)), "{:?}", self.points);
        assert!(self.output.err.contains("1 point of the contract is broken"), "{:?}", self.output);
    }
}

fn conform(test: &str, command: &[&str]) -> Verdict {
    conform_within(test, "2", command)
}

fn conform_within(test: &str, seconds: &str, command: &[&str]) -> Verdict {
    let sandbox = Sandbox::exec(test, "");
    let mut words = vec!["conform", "--json", "--timeout", seconds, "--"];
    words.extend(command);
    let mut command = sandbox.command(&words);
    // A directory of its own for the trial's, to see that nothing stays in it.
    let folder = sandbox.path("temporary");
    std::fs::create_dir(&folder).unwrap();
    // What the environment says to a master is not for that of a trial.
    command.env("TMPDIR", &folder).env("PH_NUMBER_WORKERS", "7").env("PH_BIND", "nonsense");
    let output = finish(&mut command);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "the trial left something");
    sandbox.nothing_runs();
    let told: Value = serde_json::from_str(&output.out).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(told["conforms"], output.code == Some(0));
    let text = |point: &Value, field: &str| point[field].as_str().unwrap().to_owned();
    let points = told["points"].as_array().unwrap().iter();
    let points =
        points.map(|it| (text(it, "point"), text(it, "result"), text(it, "seen"))).collect();
    Verdict { output, points }
}

fn shell(test: &str, script: &str) -> Verdict {
    conform(test, &["sh", "-c", script])
}

#[test]
fn one_that_does_all_of_it() {
    let worker = program("worker.py");
    let command = ["python3", worker.to_str().unwrap(), "all"];
    // What is done in time costs no more for having more.
    let verdict = conform_within("all", "10", &command);
    for point in ["boot", "ready", "sockets", "watchdog", "beside", "group", "drain", "output"] {
        verdict.is(point, "pass", "");
    }
    assert_eq!(verdict.output.code, Some(0), "{:?}", verdict.output);
}

#[test]
fn what_is_not_used_is_no_failure() {
    let verdict = conform("least", &["sleep", "1000"]);
    for point in ["boot", "beside", "group"] {
        verdict.is(point, "pass", "");
    }
    for point in ["ready", "sockets", "watchdog", "drain", "output"] {
        verdict.is(point, "not used", "");
    }
    assert_eq!(verdict.output.code, Some(0), "{:?}", verdict.output);
}

#[test]
fn one_that_does_not_start() {
    shell("boot", "echo no such luck; exit 3").breaks("boot", "no such luck");
    conform("missing", &["no-such-program"]).breaks("boot", "cannot run no-such-program");
}

#[test]
fn one_that_ends_the_listening() {
    let code = "import os, socket, time\nsocket.socket(fileno=3).shutdown(2)\ntime.sleep(1000)";
    conform("sockets", &["python3", "-c", code]).is("sockets", "fail", "nobody can connect");
}

#[test]
fn one_that_starves_its_watchdog() {
    let script = "systemd-notify --ready; systemd-notify WATCHDOG=1; exec sleep 1000";
    shell("watchdog", script).is("watchdog", "fail", "it fed once, and then not for 2s");
}

#[test]
fn one_that_cannot_be_beside_another() {
    let script = "exec 9> lock; flock -n 9 || { echo taken; exit 1; }; exec sleep 1000";
    shell("beside", script).is("beside", "fail", "taken");
}

#[test]
fn one_whose_children_leave_its_group() {
    let script = "setsid sleep 1001 & exec sleep 1000";
    shell("group", script)
        .breaks("group", "1 of the 1 processes that it starts leave its process group");
}

#[test]
fn one_that_does_not_leave() {
    let script = "trap '' TERM; while :; do sleep 0.1; done";
    shell("drain", script).breaks("drain", "it was not gone within 2s");
    let script = "trap 'exit 9' TERM; while :; do sleep 0.1; done";
    shell("code", script).breaks("drain", "it left with exit code 9");
}

#[test]
fn one_that_prints_what_nobody_can_read() {
    shell("binary", "printf 'a \\377 b\\n'; exec sleep 1000")
        .breaks("output", "lines are not UTF-8");
    shell("endless", "head -c 100000 /dev/zero | tr '\\0' x; exec sleep 1000")
        .breaks("output", "too long");
}

#[test]
fn without_a_command_it_says_how() {
    let sandbox = Sandbox::exec("usage", "");
    let output = sandbox.run(&["conform"]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.err.contains("conform") && output.err.contains("-- <COMMAND>"), "{output:?}");
}
