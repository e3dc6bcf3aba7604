//! What a daemon and its workers keep of the world that they were started from, and of their own past.

use std::fs;
use std::io::Read as _;
use std::process::Stdio;

use nix::sys::signal::Signal;
use ph_tests::{Process, Sandbox, until, until_some};

/// A shell hands the program two descriptors that are nobody's business, and pipes as its output.
#[test]
fn s01_the_daemon_keeps_none_of_the_launchers_descriptors() {
    let sandbox = Sandbox::new("keeps", "number_workers = 2\n");
    let program = sandbox.command(&[]).get_program().to_owned();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "exec \"$0\" start 5>leak 9</etc/passwd"]).arg(program);
    shell.current_dir(sandbox.folder()).stdin(Stdio::piped());
    let mut launcher = shell.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut out, mut err) = (launcher.stdout.take().unwrap(), launcher.stderr.take().unwrap());
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).unwrap();
        err.read_to_string(&mut text).unwrap();
        text
    });
    let status = until_some("start returns", || launcher.try_wait().unwrap());
    assert!(status.success());
    let workers = sandbox.settled(2);
    until("nobody holds the pipes open", || reader.is_finished());
    assert_eq!(reader.join().unwrap(), "", "a daemon that starts well has nothing to say");

    let (master, launcher) = (sandbox.master(), launcher.id() as i32);
    let guard = Process::find(sandbox.status()["guard_pid"].as_i64().unwrap() as i32).unwrap();
    until("the guard is set up", || guard.title() == "ph: guard [fixture]");
    let everyone = || workers.iter().map(|(_, worker)| *worker).chain([master, guard]);
    for process in everyone() {
        let files = process.open_files();
        for number in 0..3 {
            assert_eq!(files[&number], "/dev/null", "{} {files:?}", process.title());
        }
        let strange = files.values().any(|file| file.ends_with("leak") || file.contains("passwd"));
        assert!(!strange, "{} {files:?}", process.title());
    }
    // A session of its own, which it does not lead: it can never get a terminal.
    let (_, session, terminal) = master.places().unwrap();
    let own = Process::find(std::process::id() as i32).unwrap().places().unwrap().1;
    assert_ne!(session, own);
    assert_ne!(session, master.pid());
    assert_ne!(master.places().unwrap().0, launcher);
    assert_eq!(terminal, 0);
    sandbox.ok(&["stop"]);
}

/// No worker sees another's pipe, the table of all, the control socket, the lock or the lifeline.
#[test]
fn s01_a_worker_holds_its_own_descriptors_alone() {
    let sandbox = Sandbox::new("holds", "number_workers = 3\napp.job = idle\n");
    sandbox.ok(&["start"]);
    sandbox.settled(3);
    // One that was forked when the master had clients and other workers' pipes.
    let mut client = sandbox.client();
    client.call("status", Vec::new()).unwrap().unwrap();
    sandbox.ok(&["worker", "restart", "1"]);
    let workers = sandbox.settled(3);
    let log = sandbox.path("app.log").display().to_string();
    let mut pipes = Vec::new();
    for (slot, worker) in &workers {
        let files = worker.open_files();
        let mut own: Vec<&str> = files.range(3..).map(|(_, file)| file.as_str()).collect();
        assert_eq!(own.iter().filter(|file| **file == log).count(), 1, "worker {slot}: {files:?}");
        own.retain(|file| *file != log);
        // One by which it hears of its own signals, one by which it finds the next log, and its end of the pipe to the
        // master.
        own.retain(|file| *file != "anon_inode:[eventfd]");
        assert_eq!(own.iter().filter(|file| file.starts_with("socket:")).count(), 1, "{files:?}");
        own.retain(|file| !file.starts_with("socket:"));
        assert!(own.iter().all(|file| file.starts_with("pipe:")), "worker {slot}: {files:?}");
        own.sort_unstable();
        own.dedup();
        assert_eq!(own.len(), 1, "worker {slot}: {files:?}");
        pipes.extend(own.into_iter().map(str::to_owned));
    }
    pipes.sort_unstable();
    pipes.dedup();
    assert_eq!(pipes.len(), 1, "workers report through one pipe");
    let guard = Process::find(sandbox.status()["guard_pid"].as_i64().unwrap() as i32).unwrap();
    until("the guard is set up", || guard.title() == "ph: guard [fixture]");
    let files = guard.open_files();
    let kept: Vec<&str> =
        files.values().map(String::as_str).filter(|file| *file != "/dev/null").collect();
    let timer = kept.iter().filter(|file| **file == "anon_inode:[timerfd]").count();
    let lifeline = kept.iter().filter(|file| file.starts_with("pipe:")).count();
    assert_eq!((kept.len(), timer, lifeline), (2, 1, 1), "a timer and the lifeline: {files:?}");
    sandbox.ok(&["stop"]);
}

#[test]
fn s01_a_launcher_that_is_killed_does_not_matter() {
    let sandbox = Sandbox::new("launcher", "number_workers = 2\napp.boot = 1500\n");
    let mut start = sandbox.begin("start", &["start"]);
    until("a worker boots", || sandbox.told("new").len() == 2);
    let launcher = Process::find(start.pid()).unwrap();
    assert!(start.is_running(), "start returned before its workers were ready");
    launcher.signal(Signal::SIGKILL);
    let (output, _) = sandbox.end(start);
    assert_eq!(output.code, None, "{output:?}");
    sandbox.settled(2);
    assert_eq!(sandbox.status()["state"], "running");
    sandbox.ok(&["stop"]);
}

/// The terminal's own signals go to the launcher and not to the daemon that it waits for.
#[test]
fn s01_an_interrupted_start_leaves_a_whole_daemon_or_none() {
    let sandbox = Sandbox::new("interrupt", "number_workers = 2\napp.boot = 1500\n");
    // Whoever runs the suite in the background may have it ignore that signal.
    let mut command = std::process::Command::new("env");
    command.arg("--default-signal=INT").arg(sandbox.command(&[]).get_program()).arg("start");
    command.current_dir(sandbox.folder());
    let start = sandbox.begin_any("start", command);
    until("a worker boots", || sandbox.told("new").len() == 2);
    Process::find(start.pid()).unwrap().signal(Signal::SIGINT);
    let (output, _) = sandbox.end(start);
    assert_ne!(output.code, Some(0), "{output:?}");
    sandbox.settled(2);
    sandbox.ok(&["stop"]);
}

const RELOADS: u64 = 200;

#[test]
fn s45_reloads_leave_the_masters_descriptors_and_memory_flat() {
    let sandbox = Sandbox::new("reloads", "number_workers = 2\n");
    sandbox.ok(&["start"]);
    let master = sandbox.master();
    let look = || {
        sandbox.settled(2);
        sandbox.unwatched(master)
    };
    // The first few fill what stays filled.
    for _ in 0..5 {
        sandbox.ok(&["reload"]);
    }
    let (files, memory) = (look(), master.resident());
    for _ in 0..RELOADS {
        sandbox.client().call("reload", vec![]).unwrap().unwrap();
    }
    let after = look();
    assert_eq!(after.len(), files.len(), "{files:?}\n{after:?}");
    assert_eq!(sandbox.status()["generation"], RELOADS + 6);
    let grown = master.resident().saturating_sub(memory);
    assert!(grown < 1 << 20, "{RELOADS} reloads cost {grown} bytes");
    assert_eq!(master.status("Threads"), Some(1));
    sandbox.ok(&["stop"]);
}

/// As many deaths as reloads: what a dead worker had is given back.
#[test]
fn s45_deaths_leave_the_masters_descriptors_flat() {
    let section = "number_workers = 4\nrestart_backoff = 1ms\nrestart_backoff_max = 5ms\n";
    let sandbox = Sandbox::new("deaths", section);
    sandbox.ok(&["start"]);
    let master = sandbox.master();
    let look = || {
        sandbox.settled(4);
        sandbox.unwatched(master).len()
    };
    let files = look();
    until("sixty have died", || {
        sandbox.workers("ready").into_iter().for_each(|(_, worker)| worker.signal(Signal::SIGKILL));
        sandbox.status()["totals"]["crashed"].as_u64().unwrap() >= 60
    });
    // Of the last ones it may not have heard yet.
    until("its descriptors are as many as before", || look() == files);
    sandbox.ok(&["stop"]);
    assert!(fs::metadata(sandbox.path("fixture.sock")).is_err());
}
