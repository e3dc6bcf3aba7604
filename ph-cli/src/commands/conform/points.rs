//! The points of the contract, in the order in which a program meets them.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::process::{descendants, lives, signal, waiting};
use super::trial::{Start, Trial, WATCHDOG};
use super::{Kept, Point, within};
use crate::exit::Failure;
use crate::output::value;

/// Puts the program through all of them. Those that come after one that lets nothing be seen are left out.
pub(super) fn examine(command: &[String], limit: Duration) -> Result<Vec<Point>, Failure> {
    let mut points = Vec::new();
    let Some(trial) = boot(command, limit, &mut points)? else { return Ok(points) };
    points.push(sockets(&trial));
    if let Some(point) = watchdog(&trial, limit) {
        points.push(point);
    }
    points.push(beside(&trial, limit));
    points.push(group(&trial, limit));
    points.push(drain(&trial, limit));
    points.push(output(&trial));
    Ok(points)
}

fn point(name: &'static str, expected: &'static str, kept: Kept, seen: impl Into<String>) -> Point {
    Point { name, expected, kept, seen: seen.into() }
}

/// The program starts, and says that it is ready or lives on.
fn boot(
    command: &[String],
    limit: Duration,
    points: &mut Vec<Point>,
) -> Result<Option<Trial>, Failure> {
    const BOOT: &str = "starts, and goes on until it is asked to leave";
    const READY: &str = "sends READY=1 to NOTIFY_SOCKET once it can serve";
    let began = Instant::now();
    if let Start::Serves(trial) = Trial::begin(command, "ready", limit)? {
        points.push(point("boot", BOOT, Kept::Yes, "it runs"));
        let took = began.elapsed().as_secs_f64();
        let seen = format!("it said so after {took:.1} s: use it with notify = ready");
        points.push(point("ready", READY, Kept::Yes, seen));
        return Ok(Some(trial));
    }
    match Trial::begin(command, "none", limit)? {
        Start::Serves(trial) => {
            points.push(point("boot", BOOT, Kept::Yes, "it runs"));
            let seen =
                format!("nothing came within {limit:?}: it counts as ready after ready_after");
            points.push(point("ready", READY, Kept::Unused, seen));
            Ok(Some(trial))
        }
        Start::Failed(reason) => {
            points.push(point("boot", BOOT, Kept::No, reason));
            Ok(None)
        }
    }
}

/// It accepts from descriptor 3.
fn sockets(trial: &Trial) -> Point {
    const EXPECTED: &str = "accepts connections from the socket at descriptor 3 (LISTEN_FDS)";
    let client = trial.address().and_then(|at| Some((at, TcpStream::connect(at).ok()?)));
    let Some((address, _client)) = client else {
        return point(
            "sockets",
            EXPECTED,
            Kept::No,
            "nobody can connect: it has ended the listening",
        );
    };
    let taken = within(Duration::from_secs(3), || (waiting(address)? == 0).then_some(()));
    match taken {
        Some(()) => point("sockets", EXPECTED, Kept::Yes, "a connection was accepted"),
        None => point("sockets", EXPECTED, Kept::Unused, "a connection waits for 3 s in the queue"),
    }
}

/// It feeds the watchdog in time, once it has begun to. Nothing is told if it has ended for another reason.
fn watchdog(trial: &Trial, limit: Duration) -> Option<Point> {
    const EXPECTED: &str = "having sent WATCHDOG=1 once, goes on to within each WATCHDOG_USEC";
    let told = |kept, seen: String| Some(point("watchdog", EXPECTED, kept, seen));
    let before = trial.worker()?;
    let starved = within(WATCHDOG * 3 / 2, || (trial.worker() != Some(before)).then_some(()));
    if starved.is_some() {
        within(limit, || trial.worker());
        let certificate = trial.certificate()?;
        if value::text(&certificate, "cause") == "timeout" {
            return told(Kept::No, format!("it fed once, and then not for {WATCHDOG:?}"));
        }
        return told(Kept::No, format!("it ended by itself: {}", ended(&certificate)));
    }
    // One that is stopped can't feed, and is ended if it has ever.
    signal(before, Signal::STOP);
    let ended = within(WATCHDOG * 2, || (trial.worker() != Some(before)).then_some(()));
    if ended.is_none() {
        signal(before, Signal::CONT);
        return told(Kept::Unused, "it never sent any".to_owned());
    }
    match within(limit, || trial.worker()) {
        Some(_) => {
            told(Kept::Yes, "it feeds, and was ended and replaced when it was stopped".to_owned())
        }
        None => told(Kept::No, format!("it feeds, but was not ready again within {limit:?}")),
    }
}

/// A second one of it can run before the first has gone.
fn beside(trial: &Trial, limit: Duration) -> Point {
    const EXPECTED: &str = "starts beside another of its kind, so that a reload leaves no gap";
    match trial.ask("reload", Vec::new()) {
        Ok(_) => {
            // The old one may drain still.
            within(limit + Duration::from_secs(2), || trial.worker());
            point("beside", EXPECTED, Kept::Yes, "a reload replaced it, new before old")
        }
        Err(failure) => {
            let reason = failure.reason;
            let seen = format!(
                "{reason}; if it has a port of its own, max_surge = 0 and max_unavailable = 1 stop the old one first"
            );
            point("beside", EXPECTED, Kept::No, seen)
        }
    }
}

/// What it starts stays in its group, and it comes again after a crash.
fn group(trial: &Trial, limit: Duration) -> Point {
    const EXPECTED: &str = "after a KILL nothing of it is left, and another can start at once";
    let Some(worker) = within(limit, || trial.worker()) else {
        return point("group", EXPECTED, Kept::No, format!("it is not ready within {limit:?}"));
    };
    let family = descendants(worker);
    let aside = family.iter().filter(|one| one.group != worker).count();
    signal(worker, Signal::KILL);
    let gone = within(Duration::from_secs(2), || (!family.iter().any(lives)).then_some(()));
    let again =
        within(limit + Duration::from_secs(1), || trial.worker().filter(|pid| *pid != worker));
    let (kept, seen) = match (gone, again) {
        (None, _) => (Kept::No, "processes that it has started live on after 2 s".to_owned()),
        (_, None) => {
            let why =
                trial.certificate().map_or_else(String::new, |it| format!(": {}", ended(&it)));
            (Kept::No, format!("no other was ready within {limit:?}{why}"))
        }
        _ if aside > 0 => {
            let all = family.len();
            (
                Kept::No,
                format!(
                    "{aside} of the {all} processes that it starts leave its process group, and can outlive a killed master"
                ),
            )
        }
        _ => (
            Kept::Yes,
            format!("it and {} that it had started were gone; another was ready", family.len()),
        ),
    };
    point("group", EXPECTED, kept, seen)
}

/// Asked to leave, it does.
fn drain(trial: &Trial, limit: Duration) -> Point {
    const EXPECTED: &str = "at stop_signal (TERM) finishes what it has in hand and exits with 0";
    let Some(before) = within(limit, || trial.worker()) else {
        return point("drain", EXPECTED, Kept::No, format!("it is not ready within {limit:?}"));
    };
    let asked = trial.ask("restart_worker", vec![0.into()]);
    let ended_so = within(limit * 2 + Duration::from_secs(2), || {
        let certificate = trial.certificate()?;
        (value::get(&certificate, "pid").as_u64() == Some(u64::from(before))).then_some(certificate)
    });
    let (kept, seen) = match ended_so {
        None => (Kept::No, asked.err().map_or_else(|| "it did not end".to_owned(), |it| it.reason)),
        Some(certificate) => {
            let code = value::get(&certificate, "exit_code").as_u64();
            match (value::text(&certificate, "cause").as_str(), code) {
                ("asked", Some(0)) => (Kept::Yes, "it left with exit code 0".to_owned()),
                ("asked", None) => {
                    let signal = value::text(&certificate, "signal");
                    (Kept::Unused, format!("{signal} itself ended it: what it had in hand is lost"))
                }
                ("asked", Some(code)) => (Kept::No, format!("it left with exit code {code}")),
                _ => {
                    (Kept::No, format!("it was not gone within {limit:?}: {}", ended(&certificate)))
                }
            }
        }
    };
    point("drain", EXPECTED, kept, seen)
}

/// Its lines can be read in a log.
fn output(trial: &Trial) -> Point {
    const EXPECTED: &str = "prints lines of UTF-8, of at most 8 KiB, which go to the log";
    const LONGEST: usize = 8 << 10;
    let lines = trial.printed();
    let long = lines.iter().filter(|line| line.len() >= LONGEST).count();
    let odd = lines.iter().filter(|line| line.contains('\u{fffd}')).count();
    let (kept, seen) = match (lines.len(), long, odd) {
        (0, ..) => (Kept::Unused, "it printed nothing".to_owned()),
        (all, 0, 0) => (Kept::Yes, format!("{all} lines are in the log")),
        (all, long, 0) => (Kept::No, format!("{long} of {all} lines were too long, and were cut")),
        (all, _, odd) => (Kept::No, format!("{odd} of {all} lines are not UTF-8")),
    };
    point("output", EXPECTED, kept, seen)
}

/// How a certificate says that a process ended.
fn ended(certificate: &ph_rpc::Value) -> String {
    let field = |name: &str| value::text(certificate, name);
    let end = match (field("signal"), field("exit_code")) {
        (signal, code) if signal == "-" => format!("exit code {code}"),
        (signal, _) => signal,
    };
    match field("reason").as_str() {
        "-" => end,
        reason => format!("{end}, {reason}"),
    }
}
