//! Starts that fail, reloads and upgrades with `preload = true`, on CPython and on PyPy.

use std::fs;

use nix::sys::signal::Signal;
use ph_tests::privileges::NOBODY;
use ph_tests::python::{Python, under_load};
use ph_tests::{Process, each_interpreter, until, until_some};

each_interpreter![
    s47_what_can_not_be_loaded_says_why,
    s47_a_reload_loads_the_module_anew,
    s47_a_reload_to_what_can_not_be_loaded_changes_nothing,
    s47_an_upgrade_has_a_zygote_of_its_own,
    s47_a_stop_does_not_wait_for_a_module,
    s47_zygotes_are_of_the_workers_user,
];

const TWO: &str = "number_workers = 2\npreload = true\nbind = 127.0.0.1:0\n";

fn zygote(server: &Python) -> Option<Process> {
    server.find(server.try_status()?["zygote_pid"].as_i64()?)
}

/// Starts workers of a module of the test's own, which answers with its version.
fn versioned(test: &str, python: &str, settings: &str) -> Python {
    let server = Python::new(test, python, &format!("{TWO}{settings}"));
    write_version(&server, 1);
    let output = server.try_start("versioned:Own");
    assert_eq!(output.code, Some(0), "{output:?}\n{}", server.read("app.log"));
    server
}

fn write_version(server: &Python, version: u32) {
    let text = format!(
        "import os\nfrom classes import SyncWorker\nwith open('imports', 'a') as imports:\n    \
         imports.write('%d\\n' % os.getpid())\n\n\
         class Own(SyncWorker):\n    def handle_request(self, sock, client, addr):\n        \
         words = client.makefile().readline().strip()\n        \
         client.sendall(('%s {version}\\n' % words).encode())\n"
    );
    fs::write(server.path("versioned.py"), text).unwrap();
}

fn s47_what_can_not_be_loaded_says_why(python: &str) {
    for (class, settings, says) in [
        ("nowhere:Job", "", "there is no module nowhere"),
        ("needs:Job", "", "a_module_that_is_not_there"),
        ("wrong:Job", "", "wrong.py:1"),
        ("classes:Missing", "", "the module classes has no class Missing"),
        ("classes:NoWorker", "", "is no worker; derive it from"),
        ("threaded:SyncJobs", "", "started threads (1)"),
        ("classes:FailsInConstructor", "", "RuntimeError: no database"),
        ("classes:FailsInInit", "", "init_process failed: RuntimeError: no table"),
        ("loaded:SyncJobs", "boot_timeout = 500ms\n", "not ready within boot_timeout"),
    ] {
        let settings = format!("number_workers = 2\npreload = true\n{settings}");
        let server = Python::new("boot", python, &settings);
        fs::write(server.path("hang"), "").unwrap();
        let output = server.try_start(class);
        assert_eq!(output.code, Some(70), "{class}: {output:?}");
        assert!(output.err.contains(says), "{class}: {}", output.err);
        until("nobody is left", || !server.path("app.pid").exists());
    }
    // Not installed.
    let server = Python::new("package", python, "preload = true\n");
    let output = server.run(&["start", "--python", "classes:SyncJobs"]);
    assert_eq!(output.code, Some(70));
    let says = format!("{python} does not find the package processhandler; install it");
    assert!(output.err.contains(&says), "{}", output.err);
    // No interpreter.
    let server = Python::new("interpreter", python, "preload = true\n");
    let output =
        server.run(&["--set", "python=./nothing", "start", "--python", "classes:SyncJobs"]);
    assert_eq!(output.code, Some(70));
    assert!(output.err.contains("cannot run"), "{}", output.err);
}

fn s47_a_reload_loads_the_module_anew(python: &str) {
    let server = versioned("anew", python, "");
    let former = zygote(&server).unwrap();
    write_version(&server, 2);
    // The module does not tell that it is another before the reload.
    assert_eq!(server.client().ask("hello"), "hello 1\n");
    let before = server.settled(2);
    before[0].1.signal(Signal::SIGKILL);
    until("one is forked", || server.workers("ready").iter().all(|it| *it != before[0]));
    server.settled(2);
    assert_eq!(server.client().ask("hello"), "hello 1\n");
    server.ok(&["reload"]);
    server.settled(2);
    assert_eq!(server.client().ask("hello"), "hello 2\n");
    until("the former zygote is gone", || !former.is_alive());
    assert_eq!(server.read("imports").lines().count(), 2);
    assert!(zygote(&server).is_some());
    // Without it, and with it again.
    for (preload, count) in [("false", 4), ("true", 5)] {
        server.configure(&format!(
            "python = {python}\nnumber_workers = 2\nbind = 127.0.0.1:0\npreload = {preload}\n"
        ));
        server.ok(&["reload"]);
        server.settled(2);
        assert_eq!(server.client().ask("hello"), "hello 2\n");
        assert_eq!(server.read("imports").lines().count(), count);
        assert_eq!(zygote(&server).is_some(), preload == "true");
    }
    server.ok(&["stop"]);
    // And nothing is lost by it.
    let server = Python::new("lossless", python, TWO);
    assert_eq!(server.try_start("classes:Sync").code, Some(0));
    let served = under_load(&server, || {
        for _ in 0..3 {
            server.ok(&["reload"]);
        }
    });
    assert!(served > 0);
    assert_eq!(server.status()["totals"]["crashed"], 0);
}

fn s47_a_reload_to_what_can_not_be_loaded_changes_nothing(python: &str) {
    let server = versioned("broken", python, "");
    let (before, former) = (server.settled(2), zygote(&server));
    fs::write(server.path("versioned.py"), "class Own(:\n").unwrap();
    let output = server.run(&["reload"]);
    assert_eq!(output.code, Some(5), "{output:?}");
    assert!(output.err.contains("versioned.py:1"), "{output:?}");
    assert_eq!((server.settled(2), zygote(&server)), (before.clone(), former));
    // What is not to be loaded any more can still be forked.
    before[1].1.signal(Signal::SIGKILL);
    until("it is replaced", || server.workers("ready").iter().all(|it| *it != before[1]));
    server.settled(2);
    assert_eq!(server.client().ask("hello"), "hello 1\n");
    assert_eq!(server.read("imports").lines().count(), 1);
    write_version(&server, 2);
    server.ok(&["reload"]);
    server.settled(2);
    assert_eq!(server.client().ask("hello"), "hello 2\n");
}

fn s47_an_upgrade_has_a_zygote_of_its_own(python: &str) {
    for mode in ["handover", "inplace"] {
        let server = versioned(mode, python, &format!("upgrade_mode = {mode}\n"));
        let former = zygote(&server).unwrap();
        for version in 2..=3 {
            let before = server.settled(2);
            write_version(&server, version);
            let mut upgrade = server.command(&["upgrade"]);
            let output = upgrade.output().unwrap();
            assert!(output.status.success(), "{mode}: {output:?}\n{}", server.read("app.log"));
            let now = server.settled(2);
            assert!(before.iter().all(|one| !now.contains(one)));
            // They may have been woken for a connection.
            until("the former ones are gone", || !before.iter().any(|it| it.1.is_alive()));
            assert_eq!(server.client().ask("hello"), format!("hello {version}\n"));
            assert!(zygote(&server).is_some_and(|next| next != former));
        }
        until("the first zygote is gone", || !former.is_alive() && !former.is_zombie());
        let (workers, zygote) = (server.settled(2), zygote(&server).unwrap());
        let children = until_some("only its own are there", || {
            Some(server.master().children()).filter(|children| children.len() == 3)
        });
        assert!(children.contains(&zygote) && workers.iter().all(|it| children.contains(&it.1)));
        assert_eq!(server.status()["totals"]["crashed"], 0, "{}", server.read("app.log"));
        server.ok(&["stop"]);
        until("nobody is left", || !children.iter().any(|process| process.is_alive()));
    }
}

/// The module of a reload hangs; whoever wants the master to go does not wait for it.
fn s47_a_stop_does_not_wait_for_a_module(python: &str) {
    let server = Python::new("hangs", python, &format!("{TWO}graceful_timeout = 60\n"));
    assert_eq!(server.try_start("loaded:Sync").code, Some(0));
    fs::write(server.path("hang"), "").unwrap();
    let reload = server.begin("reload", &["reload"]);
    until("it is being loaded", || server.read("imports").lines().count() == 2);
    server.remember();
    assert!(server.client().ask("hello").starts_with("hello "), "the others serve");
    server.ok(&["stop"]);
    assert_ne!(server.end(reload).0.code, Some(0));
}

fn s47_zygotes_are_of_the_workers_user(python: &str) {
    let server = Python::new("user", python, &format!("{TWO}user = nobody\nnice = 3\n"));
    server.open_to_all();
    assert_eq!(server.try_start("classes:Sync").code, Some(0));
    let workers = server.settled(2);
    let all: Vec<_> = workers.into_iter().chain(zygote(&server).map(|it| (2, it))).collect();
    assert_eq!(all.len(), 3);
    ph_tests::privileges::are(&all, NOBODY, NOBODY);
    let (_, worker) = all[0];
    assert!(server.client().ask("hello").starts_with("hello "));
    worker.signal(Signal::SIGKILL);
    until("it is replaced", || server.workers("ready").iter().all(|it| it.1 != worker));
    ph_tests::privileges::are(&server.settled(2), NOBODY, NOBODY);
    let master = server.master();
    master.signal(Signal::SIGKILL);
    until("they go with the master", || !all.iter().any(|it| it.1.is_alive()));
}
