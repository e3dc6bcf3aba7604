//! The contract of a worker that is a program, as its process shows it: descriptors, environment, signals, identity, stop.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::signal::Signal;
use ph_tests::programs::journey;
use ph_tests::{Sandbox, until};

const SLEEP: &str = "command = sleep 1000\nready_after = 20ms\n";

#[test]
fn a_program_has_what_the_contract_gives_it_and_no_more() {
    let section = "number_workers = 2\nbind = 127.0.0.1:0,[::1]:0\nunix_socket = a.sock\ntimeout = 30\n\
        environment = GREETING=\"good morning\" HOME=/nowhere PH_APP=mine\n";
    let sandbox = Sandbox::exec("contract", &format!("{SLEEP}{section}"));
    let mut start = sandbox.command(&["start"]);
    let managers = [("LISTEN_FDNAMES", "x"), ("WATCHDOG_PID", "1"), ("WATCHDOG_USEC", "7")];
    start.env("KEPT", "as it is").envs(managers);
    assert!(start.status().unwrap().success());
    let (workers, master) = (sandbox.settled(2), sandbox.master());
    for (slot, worker) in workers {
        worker.becomes("sleep 1000");
        let files = worker.open_files();
        assert_eq!(files.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6], "{files:?}");
        assert_eq!(files[&0], "/dev/null");
        assert!(files[&1].starts_with("pipe:") && files[&1] == files[&2], "{files:?}");
        assert!((3..6).all(|number| files[&number].starts_with("socket:")), "{files:?}");
        assert!(files[&6].starts_with("/memfd:"), "{files:?}");
        for number in 0..6 {
            assert_eq!(worker.flags(number) & 0o4000, 0, "descriptor {number} does not block");
        }
        let memory = fs::File::open(format!("/proc/{}/fd/6", worker.pid())).unwrap();
        let seals = fcntl(memory.as_fd(), FcntlArg::F_GET_SEALS).unwrap();
        let seals = SealFlag::from_bits_truncate(seals);
        let resizing = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW;
        assert!(seals.contains(resizing), "{seals:?}");

        let own = worker.environment();
        let expected = [
            ("LISTEN_FDS", "3".to_owned()),
            ("LISTEN_PID", worker.pid().to_string()),
            ("LISTEN_FDNAMES", "bind:bind:unix_socket".to_owned()),
            ("WATCHDOG_USEC", "30000000".to_owned()),
            ("WATCHDOG_PID", worker.pid().to_string()),
            ("PH_APP", "mine".to_owned()),
            ("PH_WORKER_ID", slot.to_string()),
            ("PH_GENERATION", "1".to_owned()),
            ("PH_MASTER_PID", master.pid().to_string()),
            ("PH_CONFIG", sandbox.path("config.ini").display().to_string()),
            ("PH_SECTION", "fixture".to_owned()),
            ("PH_SLOT_FD", "6".to_owned()),
            ("GREETING", "good morning".to_owned()),
            ("HOME", "/nowhere".to_owned()),
            ("KEPT", "as it is".to_owned()),
            ("PATH", std::env::var("PATH").unwrap()),
        ];
        for (name, value) in expected {
            assert_eq!(own.get(name), Some(&value), "{name}: {own:?}");
        }
        assert!(own["NOTIFY_SOCKET"].starts_with('@'), "{own:?}");
        assert!(!own.contains_key("PH_ORDERS"), "{own:?}");

        for set in ["SigBlk", "SigIgn", "SigCgt"] {
            assert_eq!(worker.status_line(set), "0000000000000000", "{set}");
        }
        let (group, ..) = worker.places().unwrap();
        assert_eq!(group, worker.pid(), "it leads a group");
        assert!(worker.runs_in(sandbox.folder()));
    }
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

#[test]
fn without_sockets_and_limits_nothing_is_said_of_any() {
    let sandbox = Sandbox::exec("bare", SLEEP);
    let mut start = sandbox.command(&["start"]);
    start.env("WATCHDOG_USEC", "7");
    assert!(start.status().unwrap().success());
    let worker = sandbox.settled(1)[0].1;
    worker.becomes("sleep 1000");
    let own = worker.environment();
    for name in ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_USEC", "WATCHDOG_PID"] {
        assert!(!own.contains_key(name), "{name}: {own:?}");
    }
    sandbox.ok(&["stop"]);
}

#[test]
fn signals_that_the_launcher_ignores_or_blocks_are_a_programs_own_again() {
    let sandbox = Sandbox::exec("ignored", SLEEP);
    let program = sandbox.command(&[]).get_program().to_owned();
    let mut python = std::process::Command::new("python3");
    let code = "import os, signal, sys\n\
        for s in signal.valid_signals() - {9, 19, 17}: signal.signal(s, signal.SIG_IGN)\n\
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n\
        os.execv(sys.argv[1], sys.argv[1:])";
    python.args(["-c", code]).arg(program).arg("start").current_dir(sandbox.folder());
    assert!(python.status().unwrap().success());
    let (_, worker) = sandbox.settled(1)[0];
    worker.becomes("sleep 1000");
    for set in ["SigBlk", "SigIgn", "SigCgt"] {
        assert_eq!(worker.status_line(set), "0000000000000000", "{set}");
    }
    sandbox.ok(&["stop"]);
}

#[test]
fn the_sockets_serve_and_every_generation_has_them() {
    let section = "notify = ready\nnumber_workers = 2\nbind = 127.0.0.1:0\n";
    let sandbox = Sandbox::exec("serve", &format!("{}{section}", journey("accept")));
    sandbox.ok(&["start"]);
    for generation in 1..=3 {
        until(&format!("generation {generation} serves"), || sandbox.asked().0 == generation);
        sandbox.ok(&["reload"]);
        sandbox.settled(2);
    }
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

#[test]
fn a_queue_for_each_slot_is_served() {
    let section = "notify = ready\nnumber_workers = 2\nbind = 127.0.0.1:0\naccept = reuseport\n";
    let sandbox = Sandbox::exec("queues", &format!("{}{section}", journey("accept")));
    sandbox.ok(&["start"]);
    let workers = sandbox.settled(2);
    for _ in 0..2 {
        let own = sandbox.settled(2).iter().map(|(_, it)| it.pid()).collect();
        let served = (0..100).map(|_| sandbox.asked().1).collect::<BTreeSet<_>>();
        assert_eq!(served, own);
        sandbox.ok(&["reload"]);
    }
    assert!(sandbox.settled(2).iter().all(|it| !workers.contains(it)));
    sandbox.ok(&["stop"]);
}

/// The open file is one for all who have the socket: what a program makes of it stays so while that program runs, or the
/// others of it would wait in an accept that they think does not wait.
#[test]
fn a_new_worker_does_not_change_what_another_made_of_the_socket() {
    let code = "import os, socket, time; s = socket.socket(fileno=3); s.setblocking(int(os.environ['B'])); \
                open(str(os.getpid()), 'w'); time.sleep(1000)";
    let section = |blocking: u8, command: &str| {
        format!(
            "command = python3 -c \"{code}\" {command}\nenvironment = B={blocking}\nready_after = 300ms\n\
             number_workers = 2\nbind = 127.0.0.1:0\n"
        )
    };
    let sandbox = Sandbox::exec("shared", &section(0, "one"));
    sandbox.ok(&["start"]);
    let workers = sandbox.settled(2);
    let stays = workers[1].1;
    until("it does not block", || stays.flags(3) & 0o4000 != 0);
    // One that leaves it as it is shows how it was handed over.
    sandbox.configure(
        &section(0, "one")
            .replace("int(os.environ['B'])", "False")
            .replace("time.sleep(1000)", "time.sleep(999)"),
    );
    workers[0].1.signal(Signal::SIGKILL);
    let seen = std::cell::Cell::new(false);
    until("another is there", || {
        seen.set(seen.get() || stays.flags(3) & 0o4000 == 0);
        sandbox.try_status().is_some_and(|status| status["totals"]["spawned"] == 3)
            && sandbox.workers("ready").len() == 2
    });
    assert!(!seen.get(), "the socket was made to block under a worker that uses it");
    // It has made of it what it makes, and will not do so when it is another program's.
    let another = sandbox.workers("ready")[0].1;
    until("it has begun", || sandbox.path(&another.pid().to_string()).exists());
    // Another program gets it as the contract says.
    sandbox.configure(
        "command = sleep 1000\nready_after = 20ms\nnumber_workers = 2\nbind = 127.0.0.1:0\n",
    );
    sandbox.ok(&["reload"]);
    let workers = sandbox.settled(2);
    workers[0].1.becomes("sleep 1000");
    assert_eq!(workers[0].1.flags(3) & 0o4000, 0);
    sandbox.ok(&["stop"]);
}

#[test]
fn it_stops_by_its_own_signal() {
    for (signal, told) in [("TERM", "SIGTERM"), ("RTMIN+3", "37")] {
        let section = format!("{}notify = ready\nstop_signal = {signal}\n", journey("ready"));
        let sandbox = Sandbox::exec("signal", &section);
        sandbox.started();
        sandbox.ok(&["stop"]);
        assert!(
            sandbox.texts().contains(&format!("left by {told}")),
            "{}",
            sandbox.read("app.log")
        );
        sandbox.nothing_runs();
    }
}

#[test]
fn a_quick_stop_is_the_same_signal_and_a_second() {
    let section = "command = sh -c \"trap '' TERM; echo deaf; while :; do sleep 0.1; done\"\n\
        ready_after = 50ms\ngraceful_timeout = 20\n";
    let sandbox = Sandbox::exec("quick", section);
    let worker = sandbox.started();
    until("it is deaf", || sandbox.texts() == ["deaf"]);
    sandbox.ok(&["stop", "--quick"]);
    assert!(!worker.is_alive());
    let took = sandbox.between(&["stopping speed=Quick"], &["killing it"]);
    assert!(took >= Duration::from_millis(500) && took < Duration::from_secs(10), "{took:?}");
    sandbox.nothing_runs();
}

/// Scenario 39, and what is left of the group.
#[test]
fn s39_a_programs_children_and_daemons_end_with_it() {
    let sandbox = Sandbox::exec("family", "command = sh family.sh\nready_after = 200ms\n");
    let text = "trap '' TERM; (trap '' TERM; exec sleep 1001) & \
        setsid sh -c \"trap '' TERM; sleep 1002 & sleep 1003\" & sleep 0.1\n trap - TERM; exec sleep 1000\n";
    sandbox.script("family.sh", text);
    let worker = sandbox.started();
    until("all are there", || sandbox.processes().len() >= 6);
    sandbox.adopt_all();
    worker.signal(Signal::SIGKILL);
    until("it is replaced", || sandbox.settled(1)[0].1 != worker);
    let master = sandbox.master();
    until("of the first family nobody is left", || {
        sandbox.titled("sleep 1003") == 1
            && sandbox.titled("sleep 1001") == 1
            && !master.children().iter().any(|child| child.is_zombie())
    });
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

/// Scenario 32.
#[test]
fn s32_nobody_outlives_a_killed_master() {
    let section =
        "number_workers = 2\nready_after = 200ms\nuser = nobody\ncommand = sh family.sh\n";
    let sandbox = Sandbox::exec("orphans", section);
    fs::set_permissions(sandbox.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.script("family.sh", "sleep 1001 &\nexec sleep 1000\n");
    sandbox.ok(&["start"]);
    sandbox.settled(2);
    until("all are there", || sandbox.titled("sleep 1000") + sandbox.titled("sleep 1001") == 4);
    sandbox.adopt_all();
    let family: Vec<_> = sandbox.processes();
    let killed = std::time::Instant::now();
    sandbox.master().signal(Signal::SIGKILL);
    until("the workers and their groups are gone", || !family.iter().any(|it| it.is_alive()));
    // Within a second, where a processor is free.
    assert!(killed.elapsed() < Duration::from_secs(3), "{:?}", killed.elapsed());
    sandbox.ok(&["start"]);
    sandbox.ok(&["stop"]);
}

#[test]
fn it_becomes_who_it_is_to_be() {
    let section = "user = nobody:nogroup\numask = 027\nnice = 5\ncpu_affinity = 0\nrlimit_nofile = 123\n\
        rlimit_core = 0\nno_new_privs = true\nworking_directory = /usr\n";
    let sandbox = Sandbox::exec("identity", &format!("{SLEEP}{section}"));
    let worker = sandbox.started();
    sandbox.adopt(worker);
    worker.becomes("sleep 1000");
    assert_eq!(worker.status("Uid"), Some(65534));
    assert_eq!(worker.status("Gid"), Some(65534));
    assert_eq!(worker.status_line("Umask"), "0027");
    assert_eq!(worker.status_line("NoNewPrivs"), "1");
    assert_eq!(worker.capabilities()[1], 0);
    assert_eq!((worker.nice(), worker.cpus()), (5, vec![0]));
    assert_eq!(worker.limits("Max open files"), ["123", "123"]);
    assert!(worker.runs_in(std::path::Path::new("/usr")));
    sandbox.ok(&["stop"]);
    until("it is gone", || !worker.is_alive());
}

#[test]
fn a_root_of_its_own_has_its_own_directories() {
    let sandbox = Sandbox::exec("root", "");
    let root = sandbox.path("root");
    fs::create_dir_all(root.join("srv")).unwrap();
    let mut needs = std::process::Command::new("ldd");
    let needs: ph_tests::Output = needs.arg("/bin/sleep").output().unwrap().into();
    let words = needs.out.split_ascii_whitespace().filter(|word| word.starts_with('/'));
    for file in words.chain(["/bin/sleep"]) {
        let place = root.join(&file[1..]);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(file, place).unwrap();
    }
    let section = "command = /bin/sleep 1000\nready_after = 100ms\nchroot = root\n";
    for (directory, seen) in [("", "root"), ("working_directory = /srv\n", "root/srv")] {
        sandbox.configure(&format!("{section}{directory}"));
        let worker = sandbox.started();
        sandbox.adopt(worker);
        worker.becomes("/bin/sleep 1000");
        assert_eq!(worker.root(), root);
        assert!(worker.runs_in(&sandbox.path(seen)), "{directory}");
        sandbox.ok(&["stop"]);
    }
}

/// As `/dev/stdout`, which many a program opens to log to.
#[test]
fn another_user_can_open_its_own_output() {
    let section = "command = sh -c \"echo opened > /dev/stdout; exec sleep 1000\"\n\
        ready_after = 300ms\nuser = nobody\nworking_directory = /\n";
    let sandbox = Sandbox::exec("output", section);
    sandbox.adopt(sandbox.started());
    until("it has printed", || !sandbox.texts().is_empty());
    assert_eq!(sandbox.texts(), ["opened"]);
    sandbox.ok(&["stop"]);
}

#[test]
fn two_hundred_restarts_leave_the_master_as_it_was() {
    let section = format!("{SLEEP}bind = 127.0.0.1:0\nnumber_workers = 10\nmax_surge = 10\n");
    let sandbox = Sandbox::exec("restarts", &section);
    sandbox.ok(&["start"]);
    sandbox.settled(10);
    sandbox.ok(&["worker", "restart", "--all"]);
    sandbox.settled(10);
    let master = sandbox.master();
    let before = master.open_files().len();
    let copied = master.faults();
    for _ in 0..20 {
        sandbox.ok(&["worker", "restart", "--all"]);
    }
    sandbox.settled(10);
    // The command that was asked last may not be gone yet.
    until("it has as many open as before", || master.open_files().len() <= before);
    assert_eq!(sandbox.status()["totals"]["crashed"], 0);
    // A fork would have it copy a dozen pages or more for each.
    let copied = master.faults() - copied;
    assert!(copied < 5 * 200, "{copied} pages for 200 programs: is the master copied?");
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

/// What the shim is told is not much longer than what it is told of.
#[test]
fn a_large_environment_reaches_the_program() {
    let value = "x".repeat(40_000);
    let section = format!("command = sleep 1000\nenvironment = LARGE={value}\n");
    let sandbox = Sandbox::exec("large", &section);
    let worker = sandbox.started();
    worker.becomes("sleep 1000");
    assert_eq!(worker.environment()["LARGE"], value);
    sandbox.ok(&["stop"]);
}
