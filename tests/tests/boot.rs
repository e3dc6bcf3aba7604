//! Scenarios 1 to 9: boot and locks. Scenario 7 is in `listeners.rs`, a part of 8 in `unix_socket.rs`, and
//! 9 in `bad_input.rs`.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use ph_tests::{Process, Sandbox, finish, until, until_some};

/// Scenario 1.
#[test]
fn s01_start_returns_when_all_are_ready_and_titled() {
    let sandbox = Sandbox::new("s01", "number_workers = 4\napp.boot = 300");
    sandbox.ok(&["start"]);
    assert_eq!(sandbox.journal("ready").len(), 4, "start returned before its workers were ready");
    let workers = sandbox.workers("ready");
    assert_eq!(workers.len(), 4, "ready, but the master does not know it");
    assert_eq!(sandbox.status()["state"], "running");
    assert_eq!(sandbox.master().title(), "ph: master [fixture]");
    assert_eq!(sandbox.master().comm(), "ph: master [fix");
    for (slot, worker) in workers {
        assert_eq!(worker.title(), format!("ph: worker {slot} [fixture]"));
        assert_eq!(worker.comm(), format!("ph: worker {slot} [f"));
    }
    let guard = Process::find(sandbox.status()["guard_pid"].as_i64().unwrap() as i32).unwrap();
    until("the guard has its title", || guard.title() == "ph: guard [fixture]");
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

/// Scenario 1: titles take `proc_name`, of any length; the master's children are its workers and nothing else.
#[test]
fn s01_a_long_name_is_whole_in_the_title_and_children_are_workers_only() {
    let name = "n".repeat(200);
    let sandbox = Sandbox::new(
        "s01-name",
        &format!("number_workers = 3\nproc_name = {name}\ncontrol_socket = short.sock"),
    );
    sandbox.ok(&["start"]);
    let master = sandbox.master();
    assert_eq!(master.title(), format!("ph: master [{name}]"));
    let mut workers: Vec<i32> = sandbox.workers("ready").iter().map(|(_, it)| it.pid()).collect();
    let mut children: Vec<i32> = master.children().iter().map(|it| it.pid()).collect();
    workers.sort_unstable();
    children.sort_unstable();
    assert_eq!(children, workers);
    assert_eq!(sandbox.status()["app"], name);
}

/// Scenario 1: the daemon keeps none of its launcher's descriptors.
#[test]
fn s01_a_daemon_keeps_no_descriptor_of_its_launcher() {
    let sandbox = Sandbox::new("s01-fds", "number_workers = 2");
    let held = sandbox.path("held");
    let start = sandbox.command(&["start"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec 9>held; exec \"$0\" start"]).arg(start.get_program());
    let output = finish(shell.current_dir(sandbox.folder()).env_remove("PH_CONFIG"));
    assert_eq!(output.code, Some(0), "{output:?}");
    sandbox.remember();
    let guard = Process::find(sandbox.status()["guard_pid"].as_i64().unwrap() as i32).unwrap();
    until("the guard is set up", || guard.title() == "ph: guard [fixture]");
    let workers = sandbox.workers("ready").into_iter().map(|(_, worker)| worker);
    for process in workers.chain([sandbox.master(), guard]) {
        let title = process.title();
        for number in 0..3 {
            assert_eq!(
                process.descriptor(number).as_deref(),
                Some(Path::new("/dev/null")),
                "{title}"
            );
        }
        assert!(!process.holds(&held), "{title} holds the launcher's file");
    }
}

/// Scenario 2.
#[test]
fn s02_a_second_start_is_refused_and_the_first_is_untouched() {
    let sandbox = Sandbox::named("s02", "number_workers = 2");
    sandbox.ok(&["start"]);
    let (master, workers) = (sandbox.master(), sandbox.settled(2));
    for arguments in [
        &["start"][..],
        &["run"],
        // Another control socket and another log make it no other instance.
        &["--set", "control_socket=other.sock", "--set", "log_file=other.log", "start"],
    ] {
        let second = sandbox.run(arguments);
        assert_eq!(second.code, Some(4), "{arguments:?}: {second:?}");
        assert!(second.err.contains("app.pid"), "names no lock: {second:?}");
        assert_eq!(second.err.lines().count(), 1, "{second:?}");
        assert_eq!(sandbox.read("app.pid"), format!("{}\n", master.pid()));
    }
    assert_eq!(sandbox.master(), master);
    assert_eq!(sandbox.settled(2), workers);
    assert!(!sandbox.path("other.sock").exists());
    until("master, guard and two workers are all", || sandbox.processes().len() == 4);
}

/// Scenario 2: the lock is the truth, the pidfile a courtesy.
#[test]
fn s02_without_its_pidfile_an_instance_is_still_the_only_one() {
    let sandbox = Sandbox::named("s02-lock", "");
    sandbox.ok(&["start"]);
    let master = sandbox.master();
    fs::remove_file(sandbox.path("app.pid")).unwrap();
    assert_eq!(sandbox.run(&["start"]).code, Some(4));
    assert!(!sandbox.path("app.pid").exists(), "the refused one wrote a pidfile");
    assert_eq!(sandbox.master(), master);
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

/// Scenario 2: `single_instance` looks beyond the pidfile.
#[test]
fn s02_single_instance_holds_across_pidfiles() {
    let section = |single: bool| {
        format!("proc_name = single-{}\nsingle_instance = {single}", std::process::id())
    };
    let first = Sandbox::new("s02-single", &section(true));
    let second = Sandbox::new("s02-single", &section(true));
    first.ok(&["start"]);
    let refused = second.run(&["start"]);
    assert_eq!(refused.code, Some(4), "{refused:?}");
    second.nothing_runs();
    second.configure(&section(false));
    second.ok(&["start"]);
    second.ok(&["stop"]);
    first.ok(&["stop"]);
    second.configure(&section(true));
    second.ok(&["start"]);
}

/// Scenario 3.
#[test]
fn s03_a_stale_pidfile_is_replaced_and_the_stranger_it_names_left_alone() {
    let sandbox = Sandbox::new("s03", "");
    let mut stranger = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap();
    let found = Process::find(stranger.id() as i32).unwrap();
    sandbox.adopt(found);
    fs::write(sandbox.path("app.pid"), format!("{}\n", found.pid())).unwrap();
    sandbox.ok(&["start"]);
    assert_eq!(sandbox.read("app.pid"), format!("{}\n", sandbox.master().pid()));
    assert!(found.is_alive(), "start ended the stranger");
    sandbox.ok(&["stop"]);
    assert!(!sandbox.path("app.pid").exists());
    assert!(found.is_alive(), "stop ended the stranger");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

/// Scenario 3: nor do other commands believe a pidfile, or trip over what is none.
#[test]
fn s03_a_pidfile_of_nonsense_stops_nobody() {
    let sandbox = Sandbox::new("s03-nonsense", "");
    fs::write(sandbox.path("app.pid"), "no number\n").unwrap();
    assert_eq!(sandbox.run(&["status"]).code, Some(3));
    assert_eq!(sandbox.run(&["stop"]).code, Some(3));
    sandbox.ok(&["start"]);
    assert_eq!(sandbox.read("app.pid"), format!("{}\n", sandbox.master().pid()));
}

/// Scenario 4.
#[test]
fn s04_of_twenty_starts_at_once_one_wins() {
    let sandbox = Sandbox::named("s04", "number_workers = 2");
    let spawn = |_| {
        let mut command = sandbox.command(&["start"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let starts: Vec<_> = (0..20).map(spawn).collect();
    let codes: Vec<_> =
        starts.into_iter().map(|mut child| child.wait().unwrap().code().unwrap()).collect();
    sandbox.adopt_all();
    assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == 4).count(), 19, "{codes:?}");
    sandbox.settled(2);
    assert_eq!(sandbox.read("app.pid"), format!("{}\n", sandbox.master().pid()));
    until("the losers are gone: master, guard and two workers stay", || {
        sandbox.processes().len() == 4
    });
}

/// Scenario 5.
#[test]
fn s05_a_constructor_that_fails_ends_the_start_with_its_reason() {
    for (boot, reason) in [("fail", "told to fail"), ("panic", "told to panic"), ("exit", "9")] {
        let section = format!("number_workers = 3\napp.boot = {boot}\napp.slot = 0");
        let sandbox = Sandbox::named("s05", &section);
        for arguments in [&["start"][..], &["run"], &["--set", "daemonize=false", "start"]] {
            let mut command = sandbox.command(arguments);
            // Whoever sets this asks for more lines.
            let output = finish(command.env_remove("RUST_BACKTRACE"));
            sandbox.adopt_all();
            assert_eq!(output.code, Some(70), "{boot} {arguments:?}: {output:?}");
            assert!(output.err.contains(reason), "{boot} {arguments:?}: {output:?}");
            assert_eq!(output.err.lines().count(), 1, "{boot} {arguments:?}: {output:?}");
            sandbox.nothing_runs();
        }
        assert!(sandbox.read("app.log").contains(reason), "{boot}: the log says nothing");
    }
}

/// Scenario 6: the first start gives up on a worker that hangs.
#[test]
fn s06_a_hang_in_the_first_boot_ends_the_start() {
    let sandbox = Sandbox::named("s06-first", "boot_timeout = 300ms\napp.boot = hang");
    let output = sandbox.run(&["start"]);
    assert_eq!(output.code, Some(70), "{output:?}");
    assert!(output.err.contains("boot_timeout"), "{output:?}");
    sandbox.nothing_runs();
}

/// Scenario 6.
#[test]
fn s06_a_hang_in_boot_is_killed_backed_off_and_certified() {
    let sandbox = Sandbox::new(
        "s06",
        "number_workers = 2\nboot_timeout = 2\nrestart_backoff = 400ms\n\
         app.boot = hang\napp.slot = 1\napp.flag = %(here)s/flag",
    );
    sandbox.ok(&["start"]);
    let workers = sandbox.settled(2);
    fs::write(sandbox.path("flag"), "").unwrap();
    workers[1].1.signal(Signal::SIGKILL);
    let certificate = until_some("a certificate of the hung boot", || {
        let output = sandbox.run(&["why", "1", "--json"]);
        let certificate: serde_json::Value = serde_json::from_str(&output.out).ok()?;
        (certificate["cause"] == "boot").then_some(certificate)
    });
    assert_eq!(certificate["id"], 1);
    assert_eq!(certificate["signal"], "SIGKILL");
    assert!(certificate["reason"].as_str().unwrap().contains("boot_timeout"), "{certificate}");
    let row = until_some("the slot backs off", || {
        let status = sandbox.try_status()?;
        let rows = status["workers"].as_array()?;
        rows.iter().find(|row| row["state"] == "backoff").cloned()
    });
    assert_eq!(row["id"], 1);
    assert!(row["pid"].is_null(), "no process in back-off: {row}");
    fs::remove_file(sandbox.path("flag")).unwrap();
    let healed = sandbox.settled(2);
    assert_eq!(healed[0], workers[0], "the other worker was not left alone");
}

/// Scenario 8, for the control socket: one that a killed master left is replaced.
#[test]
fn s08_a_socket_left_by_kill_9_is_replaced() {
    let sandbox = Sandbox::named("s08-stale", "");
    sandbox.ok(&["start"]);
    let socket = sandbox.path(&format!("{}.sock", sandbox.name()));
    assert!(socket.exists(), "not beside the pidfile: {:?}", sandbox.files());
    sandbox.master().signal(Signal::SIGKILL);
    until("the killed master's family is gone", || sandbox.processes().is_empty());
    assert!(socket.exists(), "nothing is left to replace");
    assert_eq!(sandbox.run(&["status"]).code, Some(3));
    sandbox.ok(&["start"]);
    sandbox.settled(1);
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

/// Scenario 8, for the control socket: one that a live server holds is refused.
#[test]
fn s08_a_socket_held_by_a_live_server_is_refused() {
    let sandbox = Sandbox::named("s08-held", "");
    let socket = sandbox.path(&format!("{}.sock", sandbox.name()));
    let server = UnixListener::bind(&socket).unwrap();
    for arguments in [&["start"][..], &["run"]] {
        // Not by `run`, which would ask that server for its status.
        let output = finish(&mut sandbox.command(arguments));
        assert_eq!(output.code, Some(4), "{arguments:?}: {output:?}");
        assert!(output.err.contains(&format!("{}.sock", sandbox.name())), "{output:?}");
        assert_eq!(output.err.lines().count(), 1, "{output:?}");
        until("no process is left", || sandbox.processes().is_empty());
        assert!(!sandbox.path("app.pid").exists());
    }
    std::os::unix::net::UnixStream::connect(&socket).expect("the server's socket was taken away");
    drop(server);
}

/// Scenario 8, for the control socket: what is no socket is refused and kept.
#[test]
fn s08_a_regular_file_in_the_sockets_place_is_refused_and_kept() {
    let sandbox = Sandbox::named("s08-file", "");
    let file = sandbox.path(&format!("{}.sock", sandbox.name()));
    fs::write(&file, "somebody's work").unwrap();
    for arguments in [&["start"][..], &["run"]] {
        let output = sandbox.run(arguments);
        assert!(matches!(output.code, Some(4 | 78)), "{arguments:?}: {output:?}");
        assert!(output.err.contains(&format!("{}.sock", sandbox.name())), "{output:?}");
        assert_eq!(output.err.lines().count(), 1, "{output:?}");
        until("no process is left", || sandbox.processes().is_empty());
        assert!(!sandbox.path("app.pid").exists());
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "somebody's work");
}

/// Scenario 1: a control socket's path may be longer than what a socket's address holds.
#[test]
fn s01_the_control_socket_may_lie_deep() {
    let sandbox = Sandbox::new("s01-deep", "");
    let folder = format!("{0}/{0}", "d".repeat(120));
    fs::create_dir_all(sandbox.path(&folder)).unwrap();
    sandbox.configure(&format!("control_socket = {folder}/app.sock"));
    sandbox.ok(&["start"]);
    sandbox.settled(1);
    assert!(sandbox.path(&folder).join("app.sock").exists());
    sandbox.ok(&["stop"]);
    assert!(!sandbox.path(&folder).join("app.sock").exists());
}
