//! Programs as workers while things change: their number, their command, their master; and commands that can't be run.

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;
use ph_tests::{Process, Sandbox, until};

const QUICK: &str = "ready_after = 20ms\n";

#[test]
fn they_are_scaled_restarted_and_stopped_like_any_worker() {
    let sandbox = Sandbox::exec("scale", &format!("command = sleep 1000\n{QUICK}"));
    sandbox.ok(&["start"]);
    sandbox.ok(&["scale", "4"]);
    let before = sandbox.settled(4);
    sandbox.ok(&["worker", "restart", "1", "2"]);
    let after = sandbox.settled(4);
    let same: Vec<bool> = before.iter().zip(&after).map(|(old, new)| old == new).collect();
    assert_eq!(same, [true, false, false, true]);
    sandbox.ok(&["worker", "stop", "3"]);
    sandbox.settled(3);
    sandbox.ok(&["scale", "1"]);
    sandbox.settled(1);
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

#[test]
fn they_are_recycled_by_age_and_by_memory() {
    let sandbox =
        Sandbox::exec("age", &format!("command = sleep 1000\n{QUICK}max_lifetime = 700ms\n"));
    let first = sandbox.started();
    until("it is replaced", || !first.is_alive());
    assert_eq!(sandbox.status()["totals"]["crashed"], 0);
    sandbox.ok(&["stop"]);

    let code = "import os, time; m = os.path.exists('heavy') and bytearray(os.urandom(1)) * (64 << 20); time.sleep(1000)";
    let section =
        format!("command = python3 -c \"{code}\"\nready_after = 300ms\nmax_memory = 40MiB\n");
    let sandbox = Sandbox::exec("memory", &section);
    fs::write(sandbox.path("heavy"), "").unwrap();
    let heavy = sandbox.started();
    until("it has looked", || heavy.status("VmRSS").is_none_or(|kib| kib > 50 << 10));
    fs::remove_file(sandbox.path("heavy")).unwrap();
    until("it is replaced", || !heavy.is_alive());
    let log = sandbox.read("app.log");
    assert!(log.contains("worker takes too much memory"), "{log}");
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

/// A command, the words that say what is wrong with it.
fn impossible(sandbox: &Sandbox) -> Vec<(String, &'static str)> {
    fs::write(sandbox.path("data"), "no program").unwrap();
    fs::create_dir(sandbox.path("folder")).unwrap();
    // By another process: what this one has open for writing, or a command that another test starts just then, is busy.
    for (source, text, name) in
        [("headed", "#!/nowhere/sh\n", "nameless"), ("headless", "sleep 1000\n", "bare")]
    {
        sandbox.script(source, text);
        let mut install = std::process::Command::new("install");
        install.args(["--mode=755", source, name]).current_dir(sandbox.folder());
        assert!(install.status().unwrap().success());
    }
    let commands = [
        ("command = no-such-program\n", "cannot run no-such-program: No such file or directory"),
        ("command = ./missing\n", "cannot run ./missing: No such file or directory"),
        ("command = ./data\n", "cannot run ./data: Permission denied"),
        ("command = ./folder\n", "cannot run ./folder: Permission denied"),
        ("command = ./nameless\n", "cannot run ./nameless: No such file or directory"),
        ("command = ./bare\n", "cannot run ./bare: Exec format error"),
        (
            "command = sleep 1\nworking_directory = /nowhere\n",
            "cannot start in working_directory /nowhere",
        ),
        ("command = sh -c \"echo my last words; exit 3\"\n", "it printed last: my last words"),
        ("command = true\n", "ended in boot with "),
    ];
    commands.map(|(section, words)| (section.to_owned(), words)).to_vec()
}

#[test]
fn a_start_with_a_command_that_cannot_be_run_says_why() {
    let sandbox = Sandbox::exec("refused", "");
    for (section, words) in impossible(&sandbox) {
        sandbox.configure(&section);
        let output = sandbox.run(&["start"]);
        assert_eq!(output.code, Some(70), "{section}: {output:?}");
        assert!(output.err.contains("worker 0 could not boot"), "{section}: {output:?}");
        assert!(output.err.contains(words), "{section}: {output:?}");
        sandbox.nothing_runs();
    }
}

#[test]
fn a_reload_to_one_leaves_the_old_generation_untouched() {
    let good = format!("command = sleep 1000\n{QUICK}number_workers = 2\n");
    let sandbox = Sandbox::exec("kept", &good);
    sandbox.ok(&["start"]);
    let before = sandbox.settled(2);
    for (section, words) in impossible(&sandbox) {
        sandbox.configure(&format!("{section}number_workers = 2\n"));
        let output = sandbox.run(&["reload"]);
        assert_eq!(output.code, Some(5), "{section}: {output:?}");
        assert!(output.err.contains(words), "{section}: {output:?}");
        assert_eq!(sandbox.settled(2), before, "{section}");
    }
    sandbox.configure(&good.replace("1000", "2000"));
    sandbox.ok(&["reload"]);
    let after = sandbox.settled(2);
    after.iter().for_each(|(_, worker)| worker.becomes("sleep 2000"));
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

#[test]
fn one_that_crashes_in_a_row_waits_longer_each_time() {
    let section = "ready_after = 10ms\ncommand = sh crash.sh\nrestart_backoff = 100ms\nrestart_backoff_max = 1s\n";
    let sandbox = Sandbox::exec("row", section);
    sandbox.script("crash.sh", "sleep 0.1; [ -e stay ] && exec sleep 1000; exit 1\n");
    sandbox.ok(&["start"]);
    until("it waits", || sandbox.read("app.log").contains("row=4"));
    assert!(sandbox.status()["totals"]["spawned"].as_u64().unwrap() < 12);
    fs::write(sandbox.path("stay"), "").unwrap();
    sandbox.settled(1);
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

/// Such as bind a port of their own: the old one goes first.
#[test]
fn a_server_with_a_port_of_its_own_is_replaced() {
    let port = ph_tests::listeners::own_address();
    let command = format!("python3 -u -m http.server --bind {} 8765", port.ip());
    let section =
        format!("command = {command}\nready_after = 700ms\nmax_surge = 0\nmax_unavailable = 1\n");
    let sandbox = Sandbox::exec("http", &section);
    fs::write(sandbox.path("page"), "as it is\n").unwrap();
    let get = || {
        use std::io::{Read as _, Write as _};
        let mut answer = String::new();
        let mut stream = std::net::TcpStream::connect((port.ip(), 8765)).ok()?;
        stream.write_all(b"GET /page HTTP/1.0\r\n\r\n").ok()?;
        stream.read_to_string(&mut answer).ok()?;
        answer.ends_with("as it is\n").then_some(())
    };
    let first = sandbox.started();
    until("it serves", || get().is_some());
    sandbox.ok(&["reload"]);
    assert_ne!(sandbox.settled(1)[0].1, first);
    until("it serves", || get().is_some());
    until("it has logged that", || sandbox.texts().iter().any(|text| text.contains("GET /page")));
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

const TICKS: &str = "command = sh tick.sh\nnotify = ready\nnumber_workers = 2\ntimeout = 2\n";

fn ticking(sandbox: &Sandbox) {
    let text = "systemd-notify --ready\nwhile :; do i=$((i+1)); printf 'tick '; sleep 0.02; echo $i\n\
        systemd-notify WATCHDOG=1 STATUS=\"tick $i\"; done\n";
    sandbox.script("tick.sh", text);
}

/// What each of these prints and tells still arrives, and no number of a line is missing.
#[track_caller]
fn goes_on(sandbox: &Sandbox, workers: &[(u64, Process)]) {
    let count = || {
        let printed = sandbox.printed();
        let of = |slot: u64| printed.iter().filter(|(it, ..)| u64::from(*it) == slot).count();
        [of(0), of(1)]
    };
    let before = count();
    until("they print on", || count().iter().zip(before).all(|(now, then)| *now > then + 5));
    let said = || {
        sandbox.status()["workers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["status"].to_string())
            .collect::<Vec<_>>()
    };
    let before = said();
    until("they tell on", || said().iter().zip(&before).all(|(now, then)| now != then));
    let printed = sandbox.printed();
    for (_, worker) in workers {
        // Of one that was ended in the middle of a line, that is the last.
        let own = printed.iter().filter(|(_, pid, _)| sandbox.find((*pid).into()) == Some(*worker));
        let numbers = own.map(|(.., text)| text.strip_prefix("tick ").unwrap().parse::<usize>());
        let numbers: Vec<usize> =
            numbers.map(|it| it.unwrap_or_else(|_| panic!("{printed:?}"))).collect();
        assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>());
    }
}

#[test]
fn an_upgrade_in_place_keeps_programs_and_what_they_print_and_tell() {
    let sandbox =
        Sandbox::exec("inplace", &format!("{TICKS}upgrade_mode = inplace\nbind = 127.0.0.1:0\n"));
    ticking(&sandbox);
    sandbox.ok(&["start"]);
    let workers = sandbox.settled(2);
    goes_on(&sandbox, &workers);
    let master = sandbox.master();
    for _ in 0..3 {
        let before = sandbox.settled(2);
        assert_eq!(before[0].1.flags(3) & 0o4000, 0);
        sandbox.ok(&["upgrade"]);
        assert_eq!(sandbox.master(), master);
        let now = sandbox.settled(2);
        goes_on(&sandbox, &now);
        assert_eq!(now[0].1.flags(3) & 0o4000, 0, "the socket was changed under its users");
    }
    let last = sandbox.settled(2);
    last[0].1.signal(Signal::SIGKILL);
    sandbox.replaced(last[0].1, 2);
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

#[test]
fn an_upgrade_by_handover_loses_nothing_of_what_they_print() {
    let sandbox = Sandbox::exec("handover", &format!("{TICKS}bind = 127.0.0.1:0\n"));
    ticking(&sandbox);
    sandbox.ok(&["start"]);
    let old = sandbox.master();
    sandbox.ok(&["upgrade"]);
    sandbox.remember();
    until("the old one is gone", || !old.is_alive());
    let workers = sandbox.settled(2);
    goes_on(&sandbox, &workers);
    assert_eq!(workers[0].1.environment()["PH_MASTER_PID"], sandbox.master().pid().to_string());
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

#[test]
fn as_the_first_process_of_a_container_it_serves_and_is_upgraded() {
    let mut sandbox = Sandbox::exec("pid1", TICKS);
    ticking(&sandbox);
    sandbox.container("");
    let workers = sandbox.settled(2);
    goes_on(&sandbox, &workers);
    sandbox.ok(&["upgrade"]);
    let workers = sandbox.settled(2);
    goes_on(&sandbox, &workers);
    sandbox.ok(&["stop"]);
    assert_eq!(sandbox.wait(), Some(0));
}

#[test]
fn a_graceful_stop_has_its_limit() {
    let section = "command = sh -c \"trap '' TERM; echo deaf; while :; do sleep 0.1; done\"\nready_after = 50ms\ngraceful_timeout = 1\n";
    let sandbox = Sandbox::exec("limit", section);
    sandbox.started();
    until("it is deaf", || sandbox.texts() == ["deaf"]);
    sandbox.ok(&["stop"]);
    let took = sandbox.between(&["stopping"], &["still here at graceful_timeout"]);
    // By the master's clock; that it began to stop it says a moment later.
    assert!(took >= Duration::from_millis(500), "{took:?}");
    sandbox.nothing_runs();
}
