//! The example `standby`, as its README has it: one command, two masters, and a store that knows who may write.

use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;
use ph_tests::election::Network;
use ph_tests::sandbox::programs;
use ph_tests::{Process, Sandbox, finish, until, until_some};
use serde_json::Value;

/// What the store holds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Count {
    token: u64,
    count: u64,
    who: String,
}

struct Example {
    sandbox: Sandbox,
    script: Process,
}

impl Example {
    fn start() -> Self {
        let mut sandbox = Sandbox::for_program("examples/standby", "standby", "");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/standby/start.sh");
        let mut command = Command::new(script);
        command.arg(sandbox.folder()).env("STANDBY", programs().join("examples/standby"));
        let script = sandbox.launch(&mut command);
        let example = Self { sandbox, script };
        until("it says so", || example.sandbox.read("terminal").contains("Ctrl-C ends them"));
        // The etcd is not a master's, and nobody knows its pid.
        example.sandbox.adopt_all();
        example
    }

    /// A command of a master's, as the script has made it.
    fn tell(&self, who: &str, words: &[&str]) -> String {
        let output = finish(Command::new(self.sandbox.path(who)).args(words));
        self.sandbox.adopt_all();
        assert_eq!(output.code, Some(0), "{who} {words:?}: {output:?}");
        output.out
    }

    fn store(&self) -> Option<Count> {
        let text = self.sandbox.read("store");
        let mut words = text.trim_end().split(' ');
        let mut number = || words.next()?.parse().ok();
        let (token, count) = (number()?, number()?);
        Some(Count { token, count, who: words.next()?.to_owned() })
    }

    /// Waits until somebody counts with a newer token than this.
    #[track_caller]
    fn counts(&self, after: u64) -> Count {
        until_some("a leader counts", || self.store().filter(|count| count.token > after))
    }

    fn status(&self, who: &str) -> Value {
        serde_json::from_str(&self.tell(who, &["status", "--json"])).unwrap()
    }

    fn wait_for(&self, who: &str, role: &str) {
        until(&format!("{who} is {role}"), || self.status(who)["role"] == role);
    }

    /// The master, its elector, its guard and its worker.
    fn everybody(&self, who: &str) -> [Process; 4] {
        let status = self.status(who);
        let find = |pid: &Value| Process::find(pid.as_i64().unwrap() as i32).unwrap();
        let elector = &status["leadership"]["elector_pid"];
        let pids = [&status["pid"], elector, &status["guard_pid"], &status["workers"][0]["pid"]];
        let everybody = pids.map(find);
        everybody.into_iter().for_each(|process| self.sandbox.adopt(process));
        everybody
    }
}

#[test]
fn s50_the_example_is_handed_over_lost_and_paused() {
    let _network = Network::enter();
    let mut example = Example::start();
    let first = example.counts(0);
    example.wait_for(&first.who, "leader");

    example.tell(&first.who, &["leader", "resign"]);
    let second = example.counts(first.token);
    assert_ne!(second.who, first.who);
    assert!(second.count > first.count, "{first:?}, then {second:?}");
    example.wait_for(&first.who, "standby");

    example.everybody(&second.who)[0].signal(Signal::SIGKILL);
    let third = example.counts(second.token);
    assert_eq!(third.who, first.who);
    example.tell(&second.who, &["start"]);
    example.wait_for(&second.who, "standby");

    // As a machine is paused.
    let paused = example.everybody(&third.who);
    let worker = paused[3];
    paused.iter().for_each(|process| process.signal(Signal::SIGSTOP));
    let fourth = example.counts(third.token);
    assert_eq!(fourth.who, second.who);
    worker.signal(Signal::SIGCONT);
    let log = format!("{}.log", third.who);
    let refused = format!("refused: token {} is older than {}", third.token, fourth.token);
    until("it is refused", || example.sandbox.read(&log).contains(&refused));
    assert!(worker.is_alive(), "nobody is there to end it");
    paused.iter().for_each(|process| process.signal(Signal::SIGCONT));
    until("it is ended", || !worker.is_alive());
    example.wait_for(&third.who, "standby");
    let last = example.store().unwrap();
    assert_eq!((last.token, last.who), (fourth.token, fourth.who));

    example.script.signal(Signal::SIGTERM);
    assert_eq!(example.sandbox.wait(), Some(0));
    until("nobody is left", || example.sandbox.processes().is_empty());
}
