//! `unix_socket`: whose file it is, who may connect, and how long its path may be.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;

use nix::sys::signal::Signal;
use ph_tests::listeners::reach;
use ph_tests::{Sandbox, until};

fn mode(sandbox: &Sandbox) -> u32 {
    fs::metadata(sandbox.path("a.sock")).unwrap().permissions().mode() & 0o7777
}

/// The first part of scenario 8: nobody listens on what a killed master left, so it is replaced.
#[test]
fn s08_a_socket_that_nobody_listens_on_is_replaced() {
    let sandbox = Sandbox::named("stale", "unix_socket = a.sock\nnumber_workers = 2\n");
    sandbox.ok(&["start"]);
    let (master, workers) = (sandbox.master(), sandbox.settled(2));
    let before = fs::metadata(sandbox.path("a.sock")).unwrap().ino();
    master.signal(Signal::SIGKILL);
    until("nobody is left", || !workers.iter().any(|(_, worker)| worker.is_alive()));
    // The number of a file that is gone may be used again at once: this holds on to it.
    fs::rename(sandbox.path("a.sock"), sandbox.path("kept")).unwrap();
    fs::hard_link(sandbox.path("kept"), sandbox.path("a.sock")).unwrap();
    sandbox.ok(&["start"]);
    assert_ne!(fs::metadata(sandbox.path("a.sock")).unwrap().ino(), before);
    reach(&sandbox.listeners()[0]).unwrap();
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

/// The second: a live server's is refused as a running master is, and it goes on.
#[test]
fn s08_a_socket_with_a_live_server_is_refused() {
    for daemonize in ["true", "false"] {
        let section = format!("daemonize = {daemonize}\nunix_socket = %(here)s/a.live\n");
        let sandbox = Sandbox::named("live", &section);
        let path = sandbox.path("a.live");
        let server = UnixListener::bind(&path).unwrap();
        let output = sandbox.run(&["start"]);
        sandbox.adopt_all();
        assert_eq!(output.code, Some(4), "{output:?}");
        let said = format!("another process listens on unix_socket = {}", path.display());
        assert!(output.err.contains(&said) && output.err.lines().count() == 1, "{output:?}");
        reach(&format!("unix:{}", path.display())).unwrap();
        drop(server);
        sandbox.nothing_runs();
    }
}

/// The third: what is not a socket is not ours to replace, were it a link to one.
#[test]
fn s08_something_else_at_the_path_is_refused_and_kept() {
    let sandbox = Sandbox::named("file", "unix_socket = a.txt\n");
    let path = sandbox.path("a.txt");
    let refused = || {
        let output = sandbox.run(&["start"]);
        sandbox.adopt_all();
        assert_eq!(output.code, Some(78), "{output:?}");
        assert!(output.err.contains(&format!("unix_socket = {}", path.display())), "{output:?}");
        assert!(output.err.contains("not a socket; it was left alone"), "{output:?}");
        sandbox.nothing_runs();
    };
    fs::write(&path, "precious").unwrap();
    refused();
    assert_eq!(sandbox.read("a.txt"), "precious");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(sandbox.path("elsewhere"), &path).unwrap();
    refused();
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
}

/// Longer than an address holds: reached by way of its directory, whichever its length.
#[test]
fn a_path_longer_than_an_address_works() {
    let sandbox = Sandbox::named("long", "");
    let room = 150 - sandbox.folder().as_os_str().len() - "//a.sock".len();
    let deep = sandbox.path(&"d".repeat(room));
    fs::create_dir(&deep).unwrap();
    let path = deep.join("a.sock");
    sandbox.configure(&format!("unix_socket = {}\n", path.display()));
    sandbox.ok(&["start"]);
    assert_eq!(sandbox.listeners(), [format!("unix:{}", path.display())]);
    ph_rpc::unix::connect(&path).unwrap();
    sandbox.ok(&["stop"]);
    assert!(!path.exists());
    // A name that can't be reached that way either.
    sandbox.configure(&format!("unix_socket = {}\n", deep.join("n".repeat(120)).display()));
    let output = sandbox.run(&["start"]);
    assert_eq!(output.code, Some(78), "{output:?}");
    assert!(output.err.contains("choose a shorter one"), "{output:?}");
}

/// The line of the file is told, as for the other files that a master makes.
#[test]
fn a_missing_directory_is_told_with_its_line() {
    let sandbox = Sandbox::named("missing", "unix_socket = missing/a.sock\n");
    let text = sandbox.read("config.ini");
    let line = 1 + text.lines().position(|line| line.starts_with("unix_socket")).unwrap();
    let output = sandbox.run(&["start"]);
    assert_eq!(output.code, Some(78), "{output:?}");
    assert!(output.err.contains(&format!("config.ini:{line}")), "{output:?}");
    assert!(output.err.contains("unix_socket") && output.err.lines().count() == 1, "{output:?}");
    sandbox.nothing_runs();
}

/// Whatever the umask takes away.
#[test]
fn it_has_the_mode_that_was_asked_for() {
    for (line, expected) in [("", 0o660), ("unix_socket_mode = 0622\n", 0o622)] {
        let sandbox = Sandbox::new("mode", &format!("unix_socket = a.sock\n{line}"));
        let program = sandbox.command(&[]).get_program().to_owned();
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "umask 077; exec \"$0\" start"]).arg(program);
        assert!(shell.current_dir(sandbox.folder()).status().unwrap().success());
        sandbox.remember();
        assert_eq!(mode(&sandbox), expected);
        sandbox.ok(&["stop"]);
        assert!(!sandbox.path("a.sock").exists(), "left behind");
    }
}

/// A reload changes the mode of the file that is there.
#[test]
fn a_reload_changes_the_mode() {
    let sandbox = Sandbox::new("remode", "unix_socket = a.sock\nunix_socket_mode = 0600\n");
    sandbox.ok(&["start"]);
    let before = fs::metadata(sandbox.path("a.sock")).unwrap().ino();
    sandbox.configure("unix_socket = a.sock\nunix_socket_mode = 0666\n");
    sandbox.ok(&["reload"]);
    assert_eq!(mode(&sandbox), 0o666);
    assert_eq!(fs::metadata(sandbox.path("a.sock")).unwrap().ino(), before, "another file");
    sandbox.ok(&["stop"]);
}

/// What lies at the path at the end may be another's by then.
#[test]
fn a_file_that_took_its_place_is_kept() {
    let sandbox = Sandbox::new("replaced", "unix_socket = a.sock\n");
    sandbox.ok(&["start"]);
    fs::rename(sandbox.path("a.sock"), sandbox.path("moved")).unwrap();
    let _other = UnixListener::bind(sandbox.path("a.sock")).unwrap();
    sandbox.ok(&["stop"]);
    reach(&format!("unix:{}", sandbox.path("a.sock").display())).unwrap();
}

/// A worker that ends takes no file along, however it ends.
#[test]
fn a_workers_end_leaves_the_file() {
    let section = "unix_socket = a.sock\nnumber_workers = 2\nmax_requests = 5\n";
    let sandbox = Sandbox::new("worker", section);
    sandbox.ok(&["start"]);
    until("workers have come and gone", || sandbox.status()["totals"]["exited"].as_u64() > Some(3));
    until("one has crashed", || {
        // Whom it hits may be about to leave by itself.
        sandbox.workers("ready").first().inspect(|(_, worker)| worker.signal(Signal::SIGKILL));
        sandbox.status()["totals"]["crashed"].as_u64() > Some(0)
    });
    reach(&sandbox.listeners()[0]).unwrap();
    sandbox.ok(&["stop"]);
}
