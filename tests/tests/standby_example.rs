//! The example `standby`, as its README has it: one command, two masters, and a store that knows who may write.

use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;
use ph_tests::election::Network;
use ph_tests::sandbox::programs;
use ph_tests::{Process, Sandbox, finish, until, until_some};
use serde_json::Value;

struct Example {
    sandbox: Sandbox,
    script: Process,
}

/// A master that leads.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Leader {
    name: &'static str,
    token: u64,
}

impl Example {
    fn start() -> Self {
        let mut sandbox = Sandbox::for_program("examples/fencing", "standby", "");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/standby/start.sh");
        let mut command = Command::new(script);
        command.arg(sandbox.folder()).env("FENCING", programs().join("examples/fencing"));
        let script = sandbox.launch(&mut command);
        let example = Self { sandbox, script };
        until("it says so", || {
            // Nobody else knows the pids of the etcd and of the store.
            example.sandbox.adopt_all();
            example.sandbox.read("terminal").contains("Ctrl-C ends them")
        });
        example
    }

    /// A command of a master's, as the script has made it.
    fn tell(&self, name: &str, words: &[&str]) -> String {
        let output = finish(Command::new(self.sandbox.path(name)).args(words));
        self.sandbox.adopt_all();
        assert_eq!(output.code, Some(0), "{name} {words:?}: {output:?}");
        output.out
    }

    fn status(&self, name: &str) -> Value {
        serde_json::from_str(&self.tell(name, &["status", "--json"])).unwrap()
    }

    fn wait_for(&self, name: &str, role: &str) {
        until(&format!("{name} is {role}"), || self.status(name)["role"] == role);
    }

    /// Who leads, once its worker has written with a newer token than this.
    #[track_caller]
    fn leader(&self, after: u64) -> Leader {
        let token = until_some("a leader writes", || {
            let log = self.sandbox.read("store.log");
            let taken = log.lines().filter(|line| line.ends_with(": taken"));
            let tokens = taken.filter_map(|line| line.split(' ').next()?.parse().ok());
            tokens.max().filter(|token| *token > after)
        });
        let leads = |name: &&str| self.status(name)["leadership"]["token"] == token;
        // One that is stopped answers nobody, and one that was killed neither.
        let runs = |master: Process| master.is_alive() && !master.is_stopped();
        let running = |name: &&str| self.master(name).is_some_and(runs);
        let name = ["one", "two"].into_iter().filter(running).find(leads).expect("it leads still");
        Leader { name, token }
    }

    fn master(&self, name: &str) -> Option<Process> {
        Process::find(self.sandbox.read(&format!("{name}.pid")).trim().parse().ok()?)
    }

    /// A master, its elector, its guard and its worker.
    fn everybody(&self, name: &str) -> [Process; 4] {
        let status = self.status(name);
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
    let first = example.leader(0);

    example.tell(first.name, &["leader", "resign"]);
    let second = example.leader(first.token);
    assert_ne!(second.name, first.name);
    example.wait_for(first.name, "standby");

    example.everybody(second.name)[0].signal(Signal::SIGKILL);
    let third = example.leader(second.token);
    assert_eq!(third.name, first.name);
    example.tell(second.name, &["start"]);
    example.wait_for(second.name, "standby");

    // As a machine is paused.
    let paused = example.everybody(third.name);
    let worker = paused[3];
    paused.iter().for_each(|process| process.signal(Signal::SIGSTOP));
    let fourth = example.leader(third.token);
    assert_eq!(fourth.name, second.name);
    worker.signal(Signal::SIGCONT);
    let refused = format!("refused: {} is less than {}", third.token, fourth.token);
    until("it is refused", || example.sandbox.read("store.log").contains(&refused));
    assert!(worker.is_alive(), "nobody is there to end it");
    paused.iter().for_each(|process| process.signal(Signal::SIGCONT));
    until("it is ended", || !worker.is_alive());
    example.wait_for(third.name, "standby");

    example.script.signal(Signal::SIGTERM);
    assert_eq!(example.sandbox.wait(), Some(0));
    until("nobody is left", || example.sandbox.processes().is_empty());
}
