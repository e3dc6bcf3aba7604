//! What programs print: to the log by lines, whatever they do, and without anybody waiting for anybody.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ph_tests::{Sandbox, until};

#[test]
fn lines_are_marked_with_their_worker_and_arrive_whole() {
    let section = "number_workers = 3\nready_after = 10ms\ncommand = sh lines.sh\n";
    let sandbox = Sandbox::exec("lines", section);
    let text = "i=0; while [ $i -lt 300 ]; do printf '%s %s' $PH_WORKER_ID $$; echo \" $i\"; i=$((i+1)); done\n\
        echo end >&2; exec sleep 1000\n";
    sandbox.script("lines.sh", text);
    sandbox.ok(&["start"]);
    let workers = sandbox.settled(3);
    until("all is printed", || sandbox.texts().iter().filter(|it| *it == "end").count() == 3);
    for (slot, worker) in workers {
        let own = sandbox.printed().into_iter().filter(|(_, pid, _)| *pid == worker.pid());
        let own: Vec<(u32, String)> = own.map(|(slot, _, text)| (slot, text)).collect();
        let expected = (0..300).map(|number| format!("{slot} {} {number}", worker.pid()));
        let expected = expected.chain(["end".to_owned()]).map(|text| (slot as u32, text));
        assert_eq!(own, expected.collect::<Vec<_>>());
    }
    sandbox.ok(&["stop"]);
}

/// They are not the master's messages.
#[test]
fn what_is_printed_is_in_the_log_whatever_its_level() {
    let section = "ready_after = 200ms\ncommand = sh -c \"echo printed; exec sleep 1000\"\n";
    let sandbox = Sandbox::exec("level", &format!("{section}log_level = error\n"));
    sandbox.started();
    until("it has printed", || !sandbox.texts().is_empty());
    assert_eq!(sandbox.texts(), ["printed"]);
    assert!(!sandbox.read("app.log").contains("[master"), "{}", sandbox.read("app.log"));
    sandbox.ok(&["stop"]);
    fs::remove_file(sandbox.path("app.log")).unwrap();
    sandbox.configure(&format!("{section}log_format = json\n"));
    let worker = sandbox.started();
    until("it has printed", || sandbox.lines("app.log").contains("\"printed\""));
    let log = sandbox.lines("app.log");
    let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let printed = lines.filter(|line| line["message"] == "printed").collect::<Vec<_>>();
    assert_eq!((&printed[0]["slot"], &printed[0]["pid"]), (&0.into(), &worker.pid().into()));
    sandbox.ok(&["stop"]);
}

#[test]
fn odd_lines_are_lines() {
    let section = "ready_after = 10ms\ncommand = sh odd.sh\n";
    let sandbox = Sandbox::exec("odd", section);
    let text = "printf 'bad \\377 byte\\n\\nwindows\\r\\n'\nprintf 'a\\033[31mred\\n'\n\
        head -c 20000 /dev/zero | tr '\\0' x; echo\nprintf 'no end'; kill -9 $$\n";
    sandbox.script("odd.sh", &format!("sleep 0.2\n{text}"));
    let first = sandbox.started();
    sandbox.certificate(0, first);
    let lines = sandbox.printed().into_iter().filter(|(_, pid, _)| *pid == first.pid());
    let lines: Vec<String> = lines.map(|(.., text)| text).collect();
    assert_eq!(lines[..3], ["bad \u{fffd} byte", "", "windows"]);
    assert!(!lines[3].contains('\x1b') && lines[3].contains("red"), "{:?}", lines[3]);
    let long: Vec<usize> = lines[4..7].iter().map(|line| line.matches('x').count()).collect();
    assert_eq!((long.iter().sum::<usize>(), lines[7].as_str()), (20_000, "no end"), "{long:?}");
    let why = sandbox.ok(&["why", "0"]);
    assert!(why.contains("SIGKILL") && why.contains("  output   no end\n"), "{why}");
    let why: serde_json::Value =
        serde_json::from_str(&sandbox.ok(&["why", "0", "--json"])).unwrap();
    assert_eq!(why["output"].as_array().unwrap().last().unwrap(), "no end");
    sandbox.ok(&["stop"]);
}

/// The last lines say why.
#[test]
fn a_crash_is_told_with_its_last_words() {
    let sandbox = Sandbox::exec("words", "ready_after = 10ms\ncommand = sh words.sh\n");
    sandbox.script("words.sh", "sleep 0.3\nfor i in $(seq 30); do echo line $i; done\nexit 3\n");
    let first = sandbox.started();
    sandbox.certificate(0, first);
    let why: serde_json::Value =
        serde_json::from_str(&sandbox.ok(&["why", "0", "--json"])).unwrap();
    let expected: Vec<String> = (15..=30).map(|number| format!("line {number}")).collect();
    assert_eq!(why["output"], serde_json::to_value(expected).unwrap());
    assert_eq!(why["exit_code"], 3);
    sandbox.ok(&["stop"]);
}

#[test]
fn one_that_closes_its_output_goes_on() {
    let section =
        "ready_after = 100ms\ncommand = sh -c \"echo before; exec sleep 1000 >&- 2>&-\"\n";
    let sandbox = Sandbox::exec("closed", section);
    let worker = sandbox.started();
    until("it has printed", || !sandbox.texts().is_empty());
    assert_eq!(sandbox.texts(), ["before"]);
    let master = sandbox.master();
    let slept = master.sleeps();
    let began = Instant::now();
    until("some time has passed", || began.elapsed() > Duration::from_millis(300));
    assert!(master.sleeps() < slept + 20, "the master turns round a closed pipe");
    assert!(worker.is_alive());
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

#[test]
fn a_flood_of_long_lines_holds_nobody_up() {
    flood("long", "head -c 52428800 /dev/zero | tr '\\0' x | fold -w 1000");
}

#[test]
fn a_flood_of_short_lines_holds_nobody_up() {
    flood("short", "yes | head -c 8388608");
}

/// The worker gets to its end, the other one lives, and the master answers all the while.
fn flood(test: &str, command: &str) {
    let section = "number_workers = 2\nready_after = 10ms\ncommand = sh flood.sh\nlog_rotate = 4MiB\nlog_keep = 1\n";
    let sandbox = Sandbox::exec(test, section);
    let text =
        format!("[ $PH_WORKER_ID = 0 ] && {{ {command}; echo over > over; }}\nexec sleep 1000\n");
    sandbox.script("flood.sh", &text);
    sandbox.ok(&["start"]);
    let workers = sandbox.settled(2);
    let mut slowest = Duration::ZERO;
    let deadline = Instant::now() + Duration::from_secs(120);
    while !sandbox.path("over").exists() {
        assert!(Instant::now() < deadline, "the flood does not end");
        let asked = Instant::now();
        sandbox.status();
        slowest = slowest.max(asked.elapsed());
    }
    println!("slowest status: {slowest:?}");
    // A person waits so long, and the command for 5 seconds.
    assert!(slowest < Duration::from_secs(3), "status took {slowest:?}");
    assert_eq!(sandbox.settled(2), workers);
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

#[test]
fn programs_have_nothing_to_do_with_a_reopened_log() {
    let section =
        "ready_after = 10ms\ncommand = sh -c \"while :; do echo tick; sleep 0.02; done\"\n";
    let sandbox = Sandbox::exec("reopen", section);
    let worker = sandbox.started();
    until("it has printed", || !sandbox.texts().is_empty());
    fs::rename(sandbox.path("app.log"), sandbox.path("old.log")).unwrap();
    sandbox.master().takes(Signal::SIGUSR1);
    until("it prints to the new one", || sandbox.texts().len() > 2);
    sandbox.ok(&["log", "reopen"]);
    assert_eq!(sandbox.settled(1)[0].1, worker);
    sandbox.ok(&["stop"]);
}

/// What one does to its own descriptors is nobody else's matter: it puts others in the place of those that it was given, opens as
/// many as it may, and never reads what it was given to read.
#[test]
fn one_that_mistreats_its_descriptors_disturbs_nobody() {
    let code = "import os, time\n\
        null = os.open('/dev/null', os.O_RDWR)\n\
        mistreats = os.environ['PH_WORKER_ID'] == '0'\n\
        print('before', flush=True)\n\
        if mistreats:\n    \
        for number in range(9): number == null or os.dup2(null, number)\n    \
        try:\n        \
        while True: last = os.dup(null)\n    \
        except OSError: os.close(last); open('leaked', 'w').write('all\\n')\n\
        while True:\n    \
        time.sleep(0.05)\n    \
        mistreats or print('tick', flush=True)\n";
    let section = "command = python3 odd.py\nready_after = 200ms\nnumber_workers = 2\nbind = 127.0.0.1:0\n\
        rlimit_nofile = 500\n";
    let sandbox = Sandbox::exec("mistreated", section);
    sandbox.script("odd.py", code);
    sandbox.ok(&["start"]);
    let workers = sandbox.settled(2);
    sandbox.written("leaked");
    let master = sandbox.master();
    let (before, slept) = (master.open_files().len(), master.sleeps());
    let ticks = || sandbox.texts().iter().filter(|text| *text == "tick").count();
    let count = ticks();
    until("the other goes on", || ticks() > count + 5);
    assert!(master.sleeps() < slept + 200, "the master turns round a closed pipe");
    until("the master has as many open as before", || master.open_files().len() <= before);
    assert_eq!(sandbox.settled(2), workers);
    let mistreated = workers[0].1;
    sandbox.ok(&["worker", "restart", "0"]);
    assert!(!mistreated.is_alive());
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}
