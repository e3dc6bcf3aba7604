//! What workers may do: `user`, `group`, `chroot`, `umask`, limits, priority and capabilities, as the kernel tells it from
//! outside, of workers that do something.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;

use nix::sys::signal::Signal;
use ph_tests::privileges::{NOBODY, all, are, open, reconfigure, start};
use ph_tests::users::nobody_else;
use ph_tests::{Sandbox, finish, until};

/// `CAP_NET_BIND_SERVICE`, as a bit.
const BIND: u64 = 1 << 10;

#[test]
fn workers_become_the_user_and_their_master_does_not() {
    for daemonize in ["true", "false"] {
        let section = format!("daemonize = {daemonize}\nnumber_workers = 2\nuser = nobody\n");
        let mut sandbox = open("user", &section);
        if daemonize == "true" {
            assert_eq!(start(&sandbox).code, Some(0));
        } else {
            sandbox.foreground();
        }
        let workers = sandbox.settled(2);
        are(&workers, NOBODY, NOBODY);
        for (slot, worker) in &workers {
            assert_eq!(worker.status_line("Groups"), NOBODY.to_string(), "worker {slot}");
            assert!(!worker.is_dumpable(), "worker {slot}: its memory is a copy of root's");
        }
        let master = sandbox.master();
        assert_eq!(master.status_line("Uid"), all(0));
        assert_ne!(master.capabilities()[1], 0);
        until("they work", || sandbox.told("job").len() > 4);
        let journal = fs::metadata(sandbox.path("journal")).unwrap();
        assert_eq!((u64::from(journal.uid()), u64::from(journal.gid())), (NOBODY, NOBODY));
        sandbox.ok(&["stop"]);
    }
}

#[test]
fn the_master_says_what_it_stays() {
    let sandbox = open("says", "user = nobody\n");
    assert_eq!(start(&sandbox).code, Some(0));
    let said = sandbox.read("app.log");
    let line = said.lines().find(|line| line.contains("workers change their user")).unwrap();
    assert!(line.contains("the master stays user 0") && line.contains("uid=65534"), "{line}");
    sandbox.ok(&["stop"]);
}

/// By number, with and without a name in the database, and with a group of either key.
#[test]
fn numbers_and_groups_are_understood() {
    let stranger = u64::from(nobody_else());
    let cases = [
        ("user = 65534\n".to_owned(), NOBODY, NOBODY),
        (format!("user = {stranger}:{stranger}\n"), stranger, stranger),
        ("user = nobody:daemon\n".to_owned(), NOBODY, 1),
        ("user = nobody\ngroup = 1\n".to_owned(), NOBODY, 1),
    ];
    for (section, uid, gid) in cases {
        let sandbox = open("numbers", &section);
        assert_eq!(start(&sandbox).code, Some(0), "{section}");
        let workers = sandbox.settled(1);
        are(&workers, uid, gid);
        assert_eq!(workers[0].1.status_line("Groups"), gid.to_string(), "{section}");
        sandbox.ok(&["stop"]);
    }
}

/// A group alone: the user stays, and so do its powers.
#[test]
fn a_group_alone_is_changed_alone() {
    let sandbox = open("group", "group = daemon\n");
    assert_eq!(start(&sandbox).code, Some(0));
    let worker = sandbox.settled(1)[0].1;
    assert_eq!((worker.status_line("Uid"), worker.status_line("Gid")), (all(0), all(1)));
    assert_eq!(worker.capabilities()[1], sandbox.master().capabilities()[1]);
    sandbox.ok(&["stop"]);
}

/// In a mount namespace with a group database of the test's own.
#[test]
fn the_users_other_groups_are_set() {
    let sandbox = open("groups", "user = nobody\n");
    let groups = fs::read_to_string("/etc/group").unwrap() + "elsewhere:x:54321:nobody,root\n";
    fs::write(sandbox.path("group"), groups).unwrap();
    let script = "mount --bind group /etc/group && exec \"$0\" start";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]);
    command.arg(sandbox.command(&[]).get_program()).current_dir(sandbox.folder());
    let output = finish(&mut command);
    sandbox.adopt_all();
    assert_eq!(output.code, Some(0), "{output:?}");
    let worker = sandbox.settled(1)[0].1;
    assert_eq!(worker.status_line("Groups"), "54321 65534");
    sandbox.ok(&["stop"]);
}

/// And so does what they execute; nobody gets more by another program.
#[test]
fn named_capabilities_are_kept() {
    let section = "user = nobody\nkeep_capabilities = net_bind_service\napp.child = group\n";
    let sandbox = open("kept", section);
    assert_eq!(start(&sandbox).code, Some(0));
    let worker = sandbox.settled(1)[0].1;
    assert_eq!(worker.status_line("Uid"), all(NOBODY));
    assert_eq!(worker.capabilities(), [BIND; 5]);
    let child = worker.children()[0];
    until("it is another program", || child.comm() == "sleep");
    assert_eq!((child.status_line("Uid"), child.capabilities()), (all(NOBODY), [BIND; 5]));
    // Root may give some up as well, and stay root; who does not own the journal has to be let.
    fs::set_permissions(sandbox.path("journal"), fs::Permissions::from_mode(0o666)).unwrap();
    reconfigure(&sandbox, "keep_capabilities = net_bind_service\n");
    sandbox.ok(&["reload"]);
    let worker = sandbox.settled(1)[0].1;
    assert_eq!(worker.status_line("Uid"), all(0));
    assert_eq!(worker.capabilities(), [BIND; 5]);
    sandbox.ok(&["stop"]);
}

#[test]
fn limits_priority_and_umask_are_set() {
    let section = "rlimit_nofile = 321\nrlimit_core = 4k\nnice = 7\numask = 027\n\
                   no_new_privs = true\nnumber_workers = 2\n";
    let sandbox = open("limits", section);
    assert_eq!(start(&sandbox).code, Some(0));
    let master = sandbox.master();
    for (slot, worker) in sandbox.settled(2) {
        assert_eq!(worker.limits("Max open files"), ["321", "321"], "worker {slot}");
        assert_eq!(worker.limits("Max core file size"), ["4096", "4096"], "worker {slot}");
        assert_eq!((worker.nice(), master.nice()), (7, 0), "worker {slot}");
        assert_eq!(worker.status_line("Umask"), "0027", "worker {slot}");
        assert_eq!(worker.status("NoNewPrivs"), Some(1), "worker {slot}");
    }
    assert_eq!(master.status("NoNewPrivs"), Some(0));
    assert_ne!(master.limits("Max open files")[1], "321");
    until("they work", || sandbox.told("job").len() > 2);
    let mode = fs::metadata(sandbox.path("journal")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640, "{mode:o}");
    // A reload changes them, in new workers; back to none is back to the master's own.
    let before = master.limits("Max core file size");
    reconfigure(&sandbox, "rlimit_nofile = 1234\nnumber_workers = 2\n");
    sandbox.ok(&["reload"]);
    for (slot, worker) in sandbox.settled(2) {
        assert_eq!(worker.limits("Max open files"), ["1234"; 2], "worker {slot}");
        assert_eq!(worker.limits("Max core file size"), before, "worker {slot}");
        assert_eq!((worker.nice(), worker.status("NoNewPrivs")), (0, Some(0)), "worker {slot}");
        assert_eq!(worker.status_line("Umask"), master.status_line("Umask"), "worker {slot}");
    }
    sandbox.ok(&["stop"]);
}

/// Whoever asks for core files of another user's worker gets them.
#[test]
fn core_files_make_a_worker_dumpable() {
    for (line, dumpable) in [("rlimit_core = unlimited\n", true), ("rlimit_core = 0\n", false)] {
        let sandbox = open("dump", &format!("user = nobody\n{line}"));
        assert_eq!(start(&sandbox).code, Some(0));
        assert_eq!(sandbox.settled(1)[0].1.is_dumpable(), dumpable, "{line}");
        sandbox.ok(&["stop"]);
    }
}

/// With a root of its own and as another user, the log's path leads a worker nowhere: it gets the new file all the same.
#[test]
fn a_worker_in_its_own_root_works_and_reopens_the_log() {
    let section = "user = nobody\nchroot = %(here)s/inside\napp.journal = /made\nnumber_workers = 2\n\
                   log_file = logs/app.log\napp.job = error\n";
    let sandbox = open("root", section);
    for (folder, mode) in [("inside", 0o777), ("logs", 0o700)] {
        fs::create_dir(sandbox.path(folder)).unwrap();
        fs::set_permissions(sandbox.path(folder), fs::Permissions::from_mode(mode)).unwrap();
    }
    let output = start(&sandbox);
    assert_eq!(output.code, Some(0), "{output:?}");
    let workers = sandbox.settled(2);
    are(&workers, NOBODY, NOBODY);
    for (slot, worker) in &workers {
        assert_eq!(worker.root(), sandbox.path("inside"), "worker {slot}");
        let cwd = fs::read_link(format!("/proc/{}/cwd", worker.pid())).unwrap();
        assert_eq!(cwd, sandbox.path("inside"), "worker {slot}");
    }
    assert_eq!(sandbox.master().root(), std::path::Path::new("/"));
    until("they work", || sandbox.read("inside/made").lines().count() > 4);
    for (round, by_command) in [(1, true), (2, false), (3, true)] {
        let old = sandbox.path(&format!("logs/old.{round}"));
        fs::rename(sandbox.path("logs/app.log"), &old).unwrap();
        if by_command {
            sandbox.ok(&["log", "reopen"]);
        } else {
            sandbox.master().takes(Signal::SIGUSR1);
        }
        for (slot, worker) in &workers {
            let own = format!("[worker {slot} {}] ", worker.pid());
            until("it writes to the new log", || sandbox.read("logs/app.log").contains(&own));
            until("it has let go of the old one", || !worker.holds(&old));
        }
    }
    let log = fs::metadata(sandbox.path("logs/app.log")).unwrap();
    assert_eq!(log.uid(), 0, "the log was given away");
    assert_eq!(sandbox.settled(2), workers, "a worker did not survive it");
    sandbox.ok(&["stop"]);
}

/// The master binds the port, and connections are served by somebody who could not have.
#[test]
fn a_port_of_roots_is_served_by_nobody() {
    let ports = 200 + std::process::id() % 700;
    let port =
        (ports..1024).find(|port| std::net::TcpListener::bind(("127.0.0.1", *port as u16)).is_ok());
    let section = format!("bind = 127.0.0.1:{}\nuser = nobody\n", port.unwrap());
    let sandbox = Sandbox::for_program("examples/echo", "port", "");
    sandbox.configure(&section);
    sandbox.open_to_all();
    assert_eq!(start(&sandbox).code, Some(0), "{}", sandbox.read("app.log"));
    are(&sandbox.settled(1), NOBODY, NOBODY);
    let mut client = std::net::TcpStream::connect(("127.0.0.1", port.unwrap() as u16)).unwrap();
    client.set_read_timeout(Some(ph_tests::wait::DEADLINE)).unwrap();
    use std::io::{BufRead as _, BufReader, Write as _};
    client.write_all(b"hello\n").unwrap();
    let mut line = String::new();
    BufReader::new(client).read_line(&mut line).unwrap();
    assert_eq!(line, "hello\n");
    sandbox.ok(&["stop"]);
}

/// Who may connect to workers of a user is for that user and its group.
#[test]
fn the_unix_socket_is_the_workers() {
    let owner = |sandbox: &Sandbox| {
        let found = fs::metadata(sandbox.path("a.sock")).unwrap();
        (found.uid(), found.gid(), found.permissions().mode() & 0o777)
    };
    let sandbox = open("socket", "unix_socket = a.sock\nuser = nobody\n");
    assert_eq!(start(&sandbox).code, Some(0));
    assert_eq!(owner(&sandbox), (65534, 65534, 0o660));
    let control = fs::metadata(sandbox.path(&format!("{}.sock", sandbox.name()))).unwrap();
    assert_eq!((control.uid(), control.permissions().mode() & 0o777), (0, 0o600));
    reconfigure(&sandbox, "unix_socket = a.sock\nuser = nobody:daemon\n");
    sandbox.ok(&["reload"]);
    assert_eq!(owner(&sandbox), (65534, 1, 0o660));
    sandbox.ok(&["stop"]);
    assert!(!sandbox.path("a.sock").exists(), "left behind");
}

/// The guard is no help here: the parent-death signal is set after the change of user, which clears it.
#[test]
fn s32_without_a_guard_the_parents_death_is_enough() {
    let sandbox = open("orphans", "number_workers = 3\nuser = nobody\n");
    assert_eq!(start(&sandbox).code, Some(0));
    let workers = sandbox.settled(3);
    let guard = sandbox.find(sandbox.status()["guard_pid"].as_i64().unwrap()).unwrap();
    guard.signal(Signal::SIGSTOP);
    until("the guard sees nothing", || guard.is_stopped());
    sandbox.master().signal(Signal::SIGKILL);
    until("no worker is left", || !workers.iter().any(|(_, worker)| worker.is_alive()));
    assert!(guard.is_stopped());
    guard.signal(Signal::SIGCONT);
    until("the guard goes as well", || !guard.is_alive());
}

/// Either way: who comes after is the user as well, gets the new log, and what was before can be ended.
#[test]
fn an_upgrade_keeps_the_user() {
    for mode in ["handover", "inplace"] {
        let section =
            format!("number_workers = 2\nuser = nobody\nupgrade_mode = {mode}\napp.job = error\n");
        let sandbox = open("upgrade", &section);
        assert_eq!(start(&sandbox).code, Some(0));
        let before = sandbox.settled(2);
        sandbox.ok(&["upgrade"]);
        sandbox.adopt_all();
        let after = sandbox.settled(2);
        assert!(before.iter().all(|old| !after.contains(old)), "{mode}");
        are(&after, NOBODY, NOBODY);
        until("the old ones are gone", || !before.iter().any(|(_, old)| old.is_alive()));
        fs::rename(sandbox.path("app.log"), sandbox.path("old.log")).unwrap();
        sandbox.ok(&["log", "reopen"]);
        for (slot, worker) in &after {
            let own = format!("[worker {slot} {}] ", worker.pid());
            until("it writes to the new log", || sandbox.read("app.log").contains(&own));
        }
        sandbox.ok(&["stop"]);
        sandbox.nothing_runs();
    }
}
