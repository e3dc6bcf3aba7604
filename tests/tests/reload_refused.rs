//! Scenario 18: a configuration that can't be used is refused at a reload, whoever asks for it, and the old generation
//! goes on as if nobody had.

use std::fs;

use nix::sys::signal::Signal;
use ph_tests::echo::{Client, Echo};
use ph_tests::listeners::taken_address;
use ph_tests::{Process, Sandbox, until};

/// A server and a client of its that both stay what they were.
struct Served {
    sandbox: Sandbox,
    good: String,
    workers: Vec<(u64, Process)>,
    client: Client,
    worker: i32,
}

impl Served {
    fn start(test: &str) -> Self {
        let sandbox = Echo::sandbox(test, "thread", "number_workers = 2\n");
        sandbox.ok(&["start"]);
        let workers = sandbox.settled(2);
        let mut client = Client::connect(&sandbox.listeners()[0]).unwrap();
        let (good, worker) = (sandbox.read("config.ini"), client.worker());
        Self { sandbox, good, workers, client, worker }
    }

    /// A file that has this line besides is refused.
    #[track_caller]
    fn refuses_line(&mut self, line: &str, code: i32, words: &[&str]) {
        let text = format!("{}{line}\n", self.good);
        self.refuses(text.as_bytes(), code, words);
    }

    /// A file of these bytes is refused.
    #[track_caller]
    fn refuses(&mut self, bytes: &[u8], code: i32, words: &[&str]) {
        fs::write(self.sandbox.path("config.ini"), bytes).unwrap();
        self.refuses_what_is_there(code, words);
    }

    /// The reload is refused with this exit code and these words, whoever asks: the command, which reads the file itself
    /// first, a client of the control socket, and a signal. Nothing has changed then.
    #[track_caller]
    fn refuses_what_is_there(&mut self, code: i32, words: &[&str]) {
        let sandbox = &self.sandbox;
        let said = |text: &str| words.iter().all(|word| text.contains(word));
        let output = sandbox.run(&["reload"]);
        assert_eq!(output.code, Some(code), "{words:?}: {output:?}");
        assert!(said(&output.err), "{words:?}: {output:?}");
        let error = sandbox.client().call("reload", vec![]).unwrap().unwrap_err();
        assert_eq!(error.code, i64::from(code), "{words:?}: {error:?}");
        assert!(said(&error.message), "{words:?}: {error:?}");
        let failures = || sandbox.read("app.log").matches("reload failed").count();
        let before = failures();
        let master = fs::read_to_string(sandbox.path("app.pid")).unwrap().trim().parse().unwrap();
        Process::find(master).unwrap().signal(Signal::SIGHUP);
        until("the signal's reload has failed", || failures() > before);
        self.goes_on(words);
    }

    /// With the good file back, for the commands that look.
    #[track_caller]
    fn goes_on(&mut self, words: &[&str]) {
        let sandbox = &self.sandbox;
        let config = sandbox.path("config.ini");
        let _ = fs::remove_dir(&config);
        fs::write(config, &self.good).unwrap();
        let status = sandbox.status();
        let change = &status["last_change"];
        assert_eq!((&change["kind"], &change["result"]), (&"reload".into(), &"failed".into()));
        let reason = change["reason"].as_str().unwrap();
        assert!(words.iter().all(|word| reason.contains(word)), "{words:?}: {change}");
        assert_eq!(status["generation"], 1, "{words:?}: {status}");
        assert_eq!(status["state"], "running");
        assert_eq!(sandbox.settled(2), self.workers, "{words:?}");
        assert_eq!(status["totals"]["spawned"], 2, "{words:?}: {status}");
        assert_eq!(self.client.worker(), self.worker, "{words:?}");
        let mut fresh = Client::connect(&sandbox.listeners()[0]).unwrap();
        assert_eq!(fresh.ask("hello"), "hello", "{words:?}");
    }

    /// It takes a good one afterwards.
    #[track_caller]
    fn takes_a_good_one(mut self) {
        self.sandbox.ok(&["reload"]);
        let after = self.sandbox.settled(2);
        assert!(after.iter().all(|it| !self.workers.contains(it)));
        assert_eq!(self.client.ask("hello"), "hello");
        self.sandbox.ok(&["stop"]);
    }
}

#[test]
fn s18_wrong_values() {
    let mut served = Served::start("values");
    for (line, words) in [
        ("graceful_timeot = 3", &["config.ini", "graceful_timeot", "graceful_timeout"][..]),
        ("max_requests = many", &["max_requests = many", "expected"]),
        ("max_requests = -1", &["max_requests", "-1"]),
        ("boot_timeout = soon", &["boot_timeout = soon", "expected"]),
        ("max_memory = 64 elephants", &["max_memory", "64 elephants"]),
        ("reuse_port = perhaps", &["reuse_port = perhaps", "expected"]),
        ("log_level = loud", &["log_level = loud", "expected"]),
        ("accept = turns", &["accept = turns", "expected"]),
        ("scaling = elastic", &["scaling = elastic", "expected"]),
        ("umask = 999", &["umask = 999", "expected"]),
        ("rlimit_nofile = lots", &["rlimit_nofile = lots", "expected"]),
        ("cpu_affinity = zero", &["cpu_affinity = zero", "expected"]),
        ("cpu_affinity = 9999", &["9999"]),
        ("stop_signal = SIGNOTHING", &["stop_signal = SIGNOTHING", "expected"]),
        ("unix_socket_mode = rw", &["unix_socket_mode = rw", "expected"]),
        ("environment = NAME", &["environment = NAME", "expected"]),
    ] {
        served.refuses_line(line, 78, words);
    }
    served.takes_a_good_one();
}

#[test]
fn s18_wrong_addresses() {
    let mut served = Served::start("addresses");
    let good = served.good.clone();
    for bind in ["nothing at all", "127.0.0.1", "127.0.0.1:99999", "[::1:80", "127.0.0.1:http"] {
        let text = good.replace("bind = 127.0.0.1:0", &format!("bind = {bind}"));
        assert_ne!(text, good);
        served.refuses(text.as_bytes(), 78, &["config.ini", "bind = ", "expected"]);
    }
    served.takes_a_good_one();
}

#[test]
fn s18_values_that_contradict_each_other() {
    let mut served = Served::start("contradict");
    for (lines, words) in [
        ("max_surge = 0", &["max_surge", "max_unavailable"][..]),
        ("max_surge = 0\nmax_unavailable = 0", &["max_surge", "max_unavailable"]),
        ("scaling = dynamic\nmin_workers = 5\nmax_workers = 3", &["min_workers", "max_workers"]),
    ] {
        served.refuses_line(lines, 78, words);
    }
    served.takes_a_good_one();
}

#[test]
fn s18_wrong_interpolation() {
    let mut served = Served::start("interpolation");
    for (line, words) in [
        ("app.greeting = %(nowhere)s", &["app.greeting", "nowhere"][..]),
        ("app.greeting = 100%", &["app.greeting", "%%"]),
        ("app.greeting = %(app.greeting)s", &["app.greeting", "itself"]),
        ("app.greeting = %(here", &["app.greeting"]),
    ] {
        served.refuses_line(line, 78, words);
    }
    served.takes_a_good_one();
}

#[test]
fn s18_syntax_errors() {
    let mut served = Served::start("syntax");
    for (line, word) in [
        ("graceful_timeout 3", "graceful_timeout 3"),
        ("[fixture]", "[fixture]"),
        ("threads = 4\nthreads = 5", "threads"),
        ("= 4", "key"),
        ("[unfinished", "[unfinished"),
    ] {
        served.refuses_line(line, 78, &["config.ini:", word]);
    }
    served.refuses(b"number_workers = 2\n", 78, &["config.ini:1", "section"]);
    served.refuses(b"[fixture]\nproc_name = \xff\xfe\n", 78, &["config.ini", "UTF-8"]);
    served.takes_a_good_one();
}

#[test]
fn s18_sections_that_are_missing() {
    let mut served = Served::start("sections");
    served.refuses(b"", 78, &["config.ini", "section"]);
    served.refuses(b"[DEFAULT]\nthreads = 4\n", 78, &["config.ini", "section"]);
    let two = format!("{}[another]\n", served.good);
    served.refuses(two.as_bytes(), 78, &["config.ini", "[fixture]", "[another]"]);
    served.takes_a_good_one();
}

#[test]
fn s18_files_that_are_none() {
    let mut served = Served::start("files");
    let config = served.sandbox.path("config.ini");
    fs::remove_file(&config).unwrap();
    // Without an argument, the command looks elsewhere too.
    let name = ["-c", "config.ini"];
    let output = served.sandbox.run(&[&name[..], &["reload"]].concat());
    assert_eq!(output.code, Some(78), "{output:?}");
    fs::create_dir(&config).unwrap();
    served.refuses_what_is_there(78, &["config.ini"]);
    served.takes_a_good_one();
}

/// A user is not looked up by this version: the key itself is refused. Whichever it is, nothing changes.
#[test]
fn s18_an_unknown_user() {
    let mut served = Served::start("user");
    served.refuses_line("user = nobody-of-this-name", 78, &["user"]);
    served.refuses_line("group = no-group-of-this-name", 78, &["group"]);
    served.takes_a_good_one();
}

/// What the system refuses is no fault of the file's.
#[test]
fn s18_what_cannot_be_had() {
    let mut served = Served::start("had");
    let (_held, taken) = taken_address();
    let good = served.good.clone();
    let in_use = good.replace("bind = 127.0.0.1:0", &format!("bind = 127.0.0.1:0, {taken}"));
    served.refuses(in_use.as_bytes(), 5, &["bind = ", "address in use"]);
    let foreign = good.replace("bind = 127.0.0.1:0", "bind = 127.0.0.1:0, 192.0.2.1:80");
    served.refuses(foreign.as_bytes(), 5, &["192.0.2.1:80"]);
    let unknown = good.replace("bind = 127.0.0.1:0", "bind = 127.0.0.1:0, nowhere.invalid:80");
    served.refuses(unknown.as_bytes(), 5, &["nowhere.invalid"]);
    fs::write(served.sandbox.path("file"), "").unwrap();
    served.refuses_line("unix_socket = file", 5, &["file"]);
    served.takes_a_good_one();
}

/// What only a restart can change is refused as such.
#[test]
fn s18_what_needs_a_restart() {
    let mut served = Served::start("restart");
    for (line, key) in [("proc_name = other", "proc_name"), ("single_instance = true", "single")] {
        let text = format!("{}{line}\ncontrol_socket = fixture.sock\n", served.good);
        served.refuses(text.as_bytes(), 4, &[key, "restart"]);
    }
    served.takes_a_good_one();
}
