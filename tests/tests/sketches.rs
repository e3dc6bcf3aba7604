//! The programs of `docs/languages/`, as they stand there.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ph_tests::{Sandbox, until};

/// The first program of a language's page.
fn sketch(language: &str) -> String {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/languages");
    let page = fs::read_to_string(pages.join(format!("{language}.md"))).unwrap();
    let (_, code) = page.split_once("\n```").unwrap();
    let (_, code) = code.split_once('\n').unwrap();
    code.split_once("\n```").unwrap().0.to_owned() + "\n"
}

/// What a server answers to a request, to its end.
fn ask(listener: &str, request: &[u8]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(listener.strip_prefix("tcp://").unwrap())?;
    let mut answer = String::new();
    stream.write_all(request)?;
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Two workers serve, over reloads and a stop, and lose nothing.
#[track_caller]
fn serves(sandbox: &Sandbox, request: &[u8]) {
    sandbox.ok(&["start"]);
    sandbox.settled(2);
    let listener = sandbox.listeners()[0].clone();
    assert!(ask(&listener, request).unwrap().ends_with("hello\n"));
    let (over, served) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                assert!(ask(&listener, request).unwrap().ends_with("hello\n"));
                served.fetch_add(1, Ordering::Relaxed);
            }
        });
        for generation in 2..=3 {
            let before = served.load(Ordering::Relaxed);
            sandbox.ok(&["reload"]);
            sandbox.settled(2);
            assert_eq!(sandbox.status()["generation"], generation);
            until("it serves", || served.load(Ordering::Relaxed) > before + 5);
        }
        over.store(true, Ordering::Relaxed);
        load.join().unwrap();
    });
    let totals = sandbox.status()["totals"].clone();
    assert_eq!((&totals["crashed"], &totals["killed"]), (&0.into(), &0.into()), "{totals}");
    sandbox.ok(&["stop"]);
    assert!(!sandbox.read("app.log").contains("SIGKILL"), "{}", sandbox.read("app.log"));
    sandbox.nothing_runs();
}

#[test]
fn the_one_in_python_serves() {
    let section =
        "command = python3 server.py\nnotify = ready\nbind = 127.0.0.1:0\nnumber_workers = 2\n";
    let sandbox = Sandbox::exec("python", section);
    sandbox.script("server.py", &sketch("python"));
    serves(&sandbox, b"");
}

/// Where there is a node to run it; nothing else needs one.
#[test]
fn the_one_in_node_serves() {
    if Command::new("node").arg("--version").output().is_err() {
        return;
    }
    let section =
        "command = node server.js\nnotify = ready\nbind = 127.0.0.1:0\nnumber_workers = 2\n";
    let sandbox = Sandbox::exec("node", section);
    sandbox.script("server.js", &sketch("node"));
    serves(&sandbox, b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
}

#[test]
fn the_one_in_shell_does_its_jobs_and_leaves_between_two() {
    let section = "command = sh jobs.sh\nnotify = ready\nenvironment = PATH=.:/usr/bin:/bin\n";
    let sandbox = Sandbox::exec("shell", section);
    sandbox.script("jobs.sh", &sketch("shell"));
    let job = "#!/bin/sh\necho begun\nsleep 0.1\necho done\n";
    sandbox.script("do-one-job", job);
    assert!(
        Command::new("chmod").arg("+x").arg(sandbox.path("do-one-job")).status().unwrap().success()
    );
    sandbox.started();
    until("jobs are done", || sandbox.texts().len() > 5);
    sandbox.ok(&["stop"]);
    let texts = sandbox.texts();
    assert_eq!(texts.last().unwrap(), "done", "not within one: {texts:?}");
    assert!(!sandbox.read("app.log").contains("SIGKILL"), "{}", sandbox.read("app.log"));
    sandbox.nothing_runs();
}
