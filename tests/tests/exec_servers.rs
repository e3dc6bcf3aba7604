//! Servers that others have made, as they are, on sockets that they inherit.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nix::sys::signal::Signal;
use ph_tests::foreign::environment;
use ph_tests::{Sandbox, finish, until};

/// A page that says who has served it.
const WSGI: &str = "import os\n\
    def app(environ, start):\n    \
    start('200 OK', [('Content-Type', 'text/plain')])\n    \
    return [('served by %d\\n' % os.getpgid(0)).encode()]\n";
const ASGI: &str = "import os\n\
    async def app(scope, receive, send):\n    \
    if scope['type'] == 'lifespan': raise NotImplementedError\n    \
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n    \
    await send({'type': 'http.response.body', 'body': b'served by %d\\n' % os.getpgid(0)})\n";

fn gunicorn() -> String {
    let python = environment("gunicorn", &["gunicorn==23.0.0"]);
    format!("{} -m gunicorn -w 2 --graceful-timeout 5 page:app", python.display())
}

fn uvicorn() -> String {
    let python = environment("uvicorn", &["uvicorn==0.38.0"]);
    format!("{} -m uvicorn --fd 3 page:app", python.display())
}

/// The process group that has served the page.
fn ask(listener: &str) -> Result<i32, String> {
    let mut answer = String::new();
    let asked = TcpStream::connect(listener.strip_prefix("tcp://").unwrap()).and_then(|mut it| {
        it.write_all(b"GET / HTTP/1.0\r\nHost: here\r\n\r\n")?;
        it.read_to_string(&mut answer)
    });
    asked.map_err(|error| error.to_string())?;
    let group = answer.split_once("served by ").and_then(|(_, rest)| rest.trim().parse().ok());
    group.ok_or(answer)
}

#[test]
fn gunicorn_serves_and_reloads_without_a_failure() {
    let section = format!("command = {}\nnotify = ready\nbind = 127.0.0.1:0\n", gunicorn());
    let sandbox = Sandbox::exec("gunicorn", &section);
    fs::write(sandbox.path("page.py"), WSGI).unwrap();
    let first = sandbox.started();
    let listener = sandbox.listeners()[0].clone();
    assert_eq!(ask(&listener), Ok(first.pid()));
    let (over, served) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let load = || {
            while !over.load(Ordering::Relaxed) {
                ask(&listener)?;
                served.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), String>(())
        };
        let clients = [scope.spawn(load), scope.spawn(load)];
        for _ in 0..3 {
            sandbox.ok(&["reload"]);
            sandbox.settled(1);
        }
        over.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().unwrap().unwrap();
        }
    });
    assert!(served.load(Ordering::Relaxed) > 50, "{served:?}");
    // With its own workers.
    let now = sandbox.settled(1)[0].1;
    now.signal(Signal::SIGKILL);
    until("another serves", || ask(&listener).is_ok_and(|group| group != now.pid()));
    sandbox.settled(1);
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

#[test]
fn uvicorn_serves_from_the_descriptor() {
    let section = format!(
        "command = {}\nready_after = 1\nnumber_workers = 2\nbind = 127.0.0.1:0\n",
        uvicorn()
    );
    let sandbox = Sandbox::exec("uvicorn", &section);
    fs::write(sandbox.path("page.py"), ASGI).unwrap();
    sandbox.ok(&["start"]);
    let workers = sandbox.settled(2);
    let listener = sandbox.listeners()[0].clone();
    until("it serves", || ask(&listener).is_ok());
    // The one that lives on serves all the while: its socket is not changed under it.
    workers[0].1.signal(Signal::SIGKILL);
    until("another is there", || {
        if let Ok(group) = ask(&listener) {
            assert_ne!(group, workers[0].1.pid());
        }
        sandbox.workers("ready").len() == 2 && sandbox.status()["totals"]["spawned"] == 3
    });
    sandbox.ok(&["reload"]);
    let after = sandbox.settled(2);
    assert!(after.iter().all(|it| !workers.contains(it)));
    until("they serve", || {
        ask(&listener).is_ok_and(|it| after.iter().any(|one| one.1.pid() == it))
    });
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

#[test]
fn gunicorn_conforms() {
    let sandbox = Sandbox::exec("conforms", "");
    fs::write(sandbox.path("page.py"), WSGI).unwrap();
    let command = gunicorn();
    let words = ["conform", "--"].into_iter().chain(command.split(' ')).collect::<Vec<_>>();
    let output = finish(&mut sandbox.command(&words));
    assert_eq!(output.code, Some(0), "{output:?}");
    for point in ["boot", "ready", "sockets", "beside", "group", "drain", "output"] {
        assert!(output.out.contains(&format!("pass      {point}: ")), "{point}: {}", output.out);
    }
}
