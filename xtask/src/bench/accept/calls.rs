//! System calls: how many a request takes, and which.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::load::Connections;
use super::{Bench, Findings};
use crate::bench::server::Server;
use crate::bench::table::{Figures, Row, Unit};
use crate::error::{Context, Error, Result};
use crate::process::Process;
use crate::wait;

const REQUESTS: usize = 2_000;

/// One client, one worker: with several, how many events a wait brings would depend on how slow
/// `strace` makes it all.
pub(super) fn measure(bench: &Bench, findings: &mut Findings) -> Result {
    let kinds = [
        ("on a kept connection, async", Connections::Kept, "async", "epoll", Some(1.0)),
        ("a connection each, sync", Connections::New, "sync", "rearm", None),
    ];
    for (what, connections, class, strategy, target) in kinds {
        let ours = bench.servers.ours(class, "exclusive", 2, None)?;
        let bare = bench.servers.rival(strategy, 2, None)?;
        let ours = calls(bench, &ours, connections)?;
        let bare = calls(bench, &bare, connections)?;
        let (Some(ours), Some(bare)) = (ours, bare) else {
            findings.notes.push("strace is not installed: no system calls were counted".to_owned());
            return Ok(());
        };
        let figures = Figures { ours: Some(sum(&ours)), bare: sum(&bare) };
        let what = format!("system calls of a request {what}");
        findings.rows.push(match target {
            Some(most) => Row::ratio(what, Unit::Mean, figures, most),
            None => Row::plain(what, Unit::Mean, figures),
        });
        findings.notes.push(format!("{class}: {}", say(&ours)));
        findings.notes.push(format!("  C {strategy}: {}", say(&bare)));
    }
    Ok(())
}

/// How often a request makes which call, all workers together; `None` without `strace`.
fn calls(
    bench: &Bench,
    server: &Server,
    connections: Connections,
) -> Result<Option<BTreeMap<String, f64>>> {
    // Not the first connection: what happens once is no part of a request.
    bench.load.ask(server, connections, 10)?;
    let file = bench.scratch.join(format!("strace-{}", server.port));
    let Some(tracer) = Tracer::attach(&server.workers()?, &file)? else { return Ok(None) };
    bench.load.ask(server, connections, REQUESTS)?;
    tracer.detach()?;
    let text = std::fs::read_to_string(&file).context(|| file.display())?;
    Ok(Some(parse(&text)))
}

/// `strace -c`, as long as it is attached.
struct Tracer(Child);

impl Tracer {
    fn attach(workers: &[Process], file: &Path) -> Result<Option<Self>> {
        let mut command = Command::new("strace");
        command.args(["-q", "-f", "-c", "-U", "calls,name", "-o"]).arg(file);
        for worker in workers {
            command.args(["-p", &worker.0.to_string()]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(child) = command.spawn() else { return Ok(None) };
        let tracer = Self(child);
        wait::until("strace attaches", Duration::from_secs(10), || {
            workers.iter().all(|worker| worker.is_traced())
        })?;
        Ok(Some(tracer))
    }

    /// Lets go of the workers; then the table is in the file.
    fn detach(mut self) -> Result {
        let handle = Process(self.0.id()).open()?;
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::INT).context(|| "cannot end strace")?;
        }
        if !wait::readable(&handle, Instant::now() + Duration::from_secs(10))? {
            return Err(Error::new("strace does not end"));
        }
        let _ = self.0.wait();
        Ok(())
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // It has ended already, but for an error on the way.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A table with lines `COUNT NAME`, a head and a sum.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let count: f64 = words.next()?.parse().ok()?;
        let name = words.next().filter(|name| *name != "total")?;
        // What happens now and then is no part of a request.
        let each = (count / REQUESTS as f64 * 10.0).round() / 10.0;
        (each > 0.0).then(|| (name.to_owned(), each))
    };
    text.lines().filter_map(line).collect()
}

fn sum(calls: &BTreeMap<String, f64>) -> f64 {
    calls.values().sum()
}

fn say(calls: &BTreeMap<String, f64>) -> String {
    let each = calls.iter().map(|(name, count)| match count {
        1.0 => name.clone(),
        count => format!("{count} {name}"),
    });
    each.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{parse, say, sum};

    #[test]
    fn a_table_becomes_calls_of_a_request() {
        let table = "    calls syscall\n--------- ----------------\n     2003 recvfrom\n     \
                     4000 epoll_ctl\n        3 futex\n--------- ----------------\n     6006 total\n";
        let calls = parse(table);
        assert_eq!(say(&calls), "2 epoll_ctl, recvfrom");
        assert_eq!(sum(&calls), 3.0);
    }
}
