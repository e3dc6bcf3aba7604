//! An application that misbehaves on request: the suite writes its configuration and looks at it from outside.
//!
//! Keys, all optional, all `app.*`:
//!
//! | key | meaning |
//! | --- | --- |
//! | `boot` | `ok`, `fail` (constructor error), `panic`, `hang`, `exit` (code 9), or milliseconds to take |
//! | `job` | `tick`, `idle`, `busy` (never looks up), `deaf` (notes `asked` when asked to stop, and stays), `leave` (code 0), `orphans` (100 that outlive their parents by 5 s), `sleep` (one long sleep deaf to the stop), `error`, `panic`, `abort`, `overflow`, `exit`, `segv`, `daemon` (double-forks one that ignores TERM, then exits), `descriptors` (opens until it can't), `leak` (takes `leak_bytes` with each job), `read` (from a pipe to which nobody writes), `spawn` (runs `program`), `hoard` (`held` in the journal, has `leak_bytes` as long as there is the flag, then `freed`), `count` (counts `requests` requests, then notes `done`, and again), `talk` (says `said PID NUMBER` in the log, `lines` times in each job with 1 ms after each tenth, and at its end `last PID NUMBER`) |
//! | `slot` | `boot` and `job` apply to this slot only; the others boot and tick |
//! | `flag` | … and only while this file exists |
//! | `tick_ms` | pause between jobs; default 20 |
//! | `job_ms` | `sleep`: how long one job takes; default an hour |
//! | `leak_bytes` | how much a `leak` or `hoard` takes; default 1 MiB |
//! | `program` | `spawn`: what to run |
//! | `requests` | `count`: how many; default a million |
//! | `lines` | `talk`: how many; default 10 |
//! | `journal` | append a line `WHAT PID SLOT GENERATION NANOSECONDS` here for `new`, `ready`, `job`, `stop`, `done` (a `sleep` or `orphans`) |
//! | `ready_fifo` | write the same line here when ready |
//! | `child` | `group` or `aside` (setsid): leave a `sleep` running at boot, its pid in the journal as `child` |
//! | `ignore` | ignore these signals from `setup` on, names by commas |
//! | `uid` | become this user in `setup` |
//!
//! With `FIXTURE_BALLAST` in its environment its master holds so many bytes, and has written to each page of them.
//!
//! With `FIXTURE_CONNECTIONS` in its environment it takes connections instead of jobs, and echoes; of the keys above it
//! knows `boot`, `slot`, `flag` and `journal`.

#[path = "fixture/connections.rs"]
mod connections;
#[path = "fixture/coroutines.rs"]
mod coroutines;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use processhandler::{App, Context, Error, Hooks, JobWorker, signal, tracing};

struct Fixture {
    job: String,
    pause: Duration,
    /// Lines that it has talked.
    said: u64,
}

/// Whether the configured misbehaviour concerns this worker, now.
fn concerned(cx: &Context) -> Result<bool, Error> {
    let slot = cx.app_or("slot", cx.id())? == cx.id();
    let flag = cx.app("flag").is_none_or(|path| Path::new(path).exists());
    Ok(slot && flag)
}

/// A line for whoever watches; one write, so that lines of many workers don't mix.
fn note(cx: &Context, key: &str, what: &str, pid: u32) -> Result<(), Error> {
    let Some(path) = cx.app(key) else { return Ok(()) };
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
    let nanos = time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64;
    let line = format!("{what} {pid} {} {} {nanos}\n", cx.id(), cx.generation());
    File::options().create(true).append(true).open(path)?.write_all(line.as_bytes())?;
    Ok(())
}

fn journal(cx: &Context, what: &str) -> Result<(), Error> {
    note(cx, "journal", what, std::process::id())
}

impl Fixture {
    fn new(cx: &Context) -> Result<Self, Error> {
        journal(cx, "new")?;
        let boot = if concerned(cx)? { cx.app("boot").unwrap_or("ok") } else { "ok" };
        match boot {
            "ok" => {}
            "fail" => return Err("the fixture was told to fail".into()),
            "panic" => panic!("the fixture was told to panic"),
            "hang" => loop {
                std::thread::sleep(Duration::from_secs(3600));
            },
            "exit" => std::process::exit(9),
            millis => std::thread::sleep(Duration::from_millis(millis.parse()?)),
        }
        let pause = Duration::from_millis(cx.app_or("tick_ms", 20)?);
        Ok(Self { job: cx.app("job").unwrap_or("tick").to_owned(), pause, said: 0 })
    }
}

impl Fixture {
    fn talk(&mut self, cx: &Context) -> Result<(), Error> {
        for _ in 0..cx.app_or("lines", 10)? {
            self.said += 1;
            tracing::info!("said {} {}", std::process::id(), self.said);
            if self.said.is_multiple_of(10) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        journal(cx, "done")?;
        cx.sleep(self.pause);
        Ok(())
    }
}

impl JobWorker for Fixture {
    fn setup(&mut self, cx: &Context) -> Result<(), Error> {
        let null = || (Stdio::null(), Stdio::null(), Stdio::null());
        let program = match cx.app("child") {
            None => None,
            Some("group") => Some(vec!["sleep", "1000"]),
            // exec'd by setsid in place, since a child that leads no group needs no fork for that
            Some("aside") => Some(vec!["setsid", "sleep", "1000"]),
            Some(other) => return Err(format!("app.child = {other}: group or aside").into()),
        };
        if let Some(words) = program {
            let (input, output, errors) = null();
            let mut command = Command::new(words[0]);
            let child =
                command.args(&words[1..]).stdin(input).stdout(output).stderr(errors).spawn()?;
            note(cx, "journal", "child", child.id())?;
        }
        for name in cx.app("ignore").iter().flat_map(|names| names.split(',')) {
            signal::disposition::ignore(name.parse()?)?;
        }
        if let Some(uid) = cx.app("uid") {
            nix::unistd::setuid(nix::unistd::Uid::from_raw(uid.parse()?))?;
        }
        Ok(())
    }

    fn init_process(&mut self, cx: &Context) -> Result<(), Error> {
        note(cx, "ready_fifo", "ready", std::process::id())?;
        journal(cx, "ready")
    }

    fn handle_request(&mut self, cx: &Context) -> Result<(), Error> {
        if !concerned(cx)? {
            journal(cx, "job")?;
            cx.sleep(self.pause);
            return Ok(());
        }
        if self.job == "talk" {
            return self.talk(cx);
        }
        misbehave(&self.job, self.pause, cx)
    }

    fn stop(&mut self, cx: &Context) {
        if let Err(error) = journal(cx, "stop") {
            tracing::error!(%error, "no journal");
        }
        if self.job == "talk" {
            tracing::info!("last {} {}", std::process::id(), self.said);
        }
    }
}

fn misbehave(job: &str, pause: Duration, cx: &Context) -> Result<(), Error> {
    cx.tag(job);
    if job != "idle" {
        journal(cx, "job")?;
    }
    match job {
        "tick" => {
            cx.sleep(pause);
        }
        "idle" => {
            cx.sleep(Duration::MAX);
        }
        "busy" => loop {
            std::hint::spin_loop();
        },
        "deaf" => {
            cx.sleep(Duration::MAX);
            journal(cx, "asked")?;
            loop {
                std::thread::sleep(Duration::from_secs(3600));
            }
        }
        "sleep" => {
            std::thread::sleep(Duration::from_millis(cx.app_or("job_ms", 3_600_000)?));
            journal(cx, "done")?;
        }
        "read" => {
            let (mut reader, _writer) = std::io::pipe()?;
            reader.read_exact(&mut [0])?;
        }
        "spawn" => {
            let program = cx.app("program").ok_or("app.program is needed")?;
            Command::new(program).spawn()?.wait()?;
        }
        "leak" => {
            memory(cx)?.leak();
            cx.sleep(pause);
        }
        "hoard" => {
            let hoard = memory(cx)?;
            journal(cx, "held")?;
            while concerned(cx)? && cx.sleep(pause) {}
            drop(hoard);
            journal(cx, "freed")?;
        }
        "count" => {
            for _ in 0..cx.app_or("requests", 1_000_000)? {
                drop(cx.request());
            }
            journal(cx, "done")?;
        }
        "error" => return Err("the fixture was told to fail a job".into()),
        "panic" => panic!("the fixture was told to panic in a job"),
        "abort" => std::process::abort(),
        "overflow" => {
            let depth = recurse(1);
            tracing::info!(depth, "never said");
        }
        "exit" => std::process::exit(3),
        "leave" => std::process::exit(0),
        "orphans" => {
            let script = "for i in $(seq 100); do (sleep 5 &); done";
            let mut command = Command::new("sh");
            command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::null());
            command.stderr(Stdio::null()).spawn()?.wait()?;
            journal(cx, "done")?;
            cx.sleep(Duration::MAX);
        }
        "segv" => nix::sys::signal::raise(nix::sys::signal::Signal::SIGSEGV)?,
        "daemon" => {
            let script = "trap '' TERM; echo \"child $$ 0 0 0\" >> \"$0\"; sleep 1000";
            let journal = cx.app("journal").ok_or("app.journal is needed")?;
            let mut command = Command::new("setsid");
            command.args(["--fork", "sh", "-c", script, journal]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn()?.wait()?;
            std::process::exit(0)
        }
        "descriptors" => {
            let mut files = Vec::new();
            while let Ok(file) = File::open("/dev/null") {
                files.push(file);
            }
            cx.sleep(pause);
        }
        other => return Err(format!("app.job = {other} is not known").into()),
    }
    Ok(())
}

/// Memory that has been written to, or the kernel would not count it.
fn memory(cx: &Context) -> Result<Vec<u8>, Error> {
    Ok(vec![1; cx.app_or("leak_bytes", 1 << 20)?])
}

/// Ends by a stack overflow; the argument keeps the compiler from making a loop of it.
#[expect(unconditional_recursion, reason = "to overflow the stack is the point")]
fn recurse(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    frame[0] + recurse(depth + 1)
}

/// Writes each moment that the master calls us at into the file that `FIXTURE_HOOKS` names.
struct Moments;

fn moment(what: &str) {
    if let Some(path) = std::env::var_os("FIXTURE_HOOKS") {
        let file = File::options().create(true).append(true).open(path);
        let line = format!("{what} {}\n", std::process::id());
        // A hook has nobody to return an error to; the test misses the line.
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}

impl Hooks for Moments {
    fn on_starting(&self) {
        moment("on_starting");
        let ballast = std::env::var("FIXTURE_BALLAST").ok().and_then(|bytes| bytes.parse().ok());
        vec![1_u8; ballast.unwrap_or(0)].leak();
    }

    fn when_ready(&self) {
        moment("when_ready");
    }

    fn pre_fork(&self, slot: u32) {
        moment(&format!("pre_fork:{slot}"));
    }

    fn post_fork(&self, slot: u32) {
        moment(&format!("post_fork:{slot}"));
    }

    fn worker_exit(&self, slot: u32, pid: i32) {
        moment(&format!("worker_exit:{slot}:{pid}"));
    }

    fn on_reload(&self) {
        moment("on_reload");
    }

    fn on_exit(&self) {
        moment("on_exit");
    }
}

fn main() -> ExitCode {
    let mut app = App::new("ph-fixture");
    // Nobody else has to pass by them: this program is timed as well.
    if ["FIXTURE_HOOKS", "FIXTURE_BALLAST"].iter().any(|name| std::env::var_os(name).is_some()) {
        app = app.hooks(Moments);
    }
    if std::env::var_os("FIXTURE_CONNECTIONS").is_some() {
        return app.connection(connections::Connections::new).main();
    }
    app.job(Fixture::new).async_job(coroutines::Coroutines::new).main()
}
