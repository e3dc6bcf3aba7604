//! The clients: `bench/echo_load.c`.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::server::Server;
use crate::error::{Context, Error, Result};
use crate::process::Process;
use crate::wait;

#[derive(Debug)]
pub(super) struct Load {
    program: PathBuf,
}

/// Whether a connection carries one request or all of them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Connections {
    Kept,
    New,
}

/// What some clients did in one slice of time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) per_second: f64,
    /// Seconds of the workers' processor time for each request.
    pub(super) cpu: f64,
}

/// Answers by worker, and how long the slowest of them took.
#[derive(Debug)]
pub(super) struct Pids {
    pub(super) answers: Vec<u64>,
    pub(super) slowest: Option<Duration>,
}

/// A process of clients. Killed when dropped.
struct Clients(Child);

const PATIENCE: Duration = Duration::from_secs(60);

impl Load {
    pub(super) fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// As many answers as there are in `slice`, by `clients` clients in `processes` processes.
    pub(super) fn rate(
        &self,
        server: &Server,
        connections: Connections,
        clients: usize,
        slice: Duration,
        (processes, core): (usize, Option<usize>),
    ) -> Result<Rate> {
        let kind = match connections {
            Connections::Kept => "keep",
            Connections::New => "new",
        };
        let mut arguments = vec![
            kind.to_owned(),
            server.port.to_string(),
            clients.div_ceil(processes).to_string(),
            slice.as_millis().to_string(),
        ];
        arguments.extend(server.words.map(str::to_owned));
        let before = server.cpu_nanoseconds()?;
        let all: Vec<Clients> =
            (0..processes).map(|_| self.spawn(core, &arguments)).collect::<Result<_>>()?;
        let mut per_second = 0.0;
        let mut requests = 0;
        for clients in all {
            let text = clients.finish()?;
            let [answers, nanoseconds, total] = numbers(&text, "rate")?;
            per_second += answers as f64 / nanoseconds as f64 * 1e9;
            requests += total;
        }
        let spent = server.cpu_nanoseconds()?.saturating_sub(before);
        Ok(Rate { per_second, cpu: spent as f64 / requests as f64 / 1e9 })
    }

    /// So many requests, one after the other.
    pub(super) fn ask(&self, server: &Server, connections: Connections, requests: usize) -> Result {
        let kind = match connections {
            Connections::Kept => "ask",
            Connections::New => "visit",
        };
        let arguments = [kind, &server.port.to_string(), "1", &requests.to_string()];
        self.spawn(None, &arguments.map(str::to_owned))?.finish().map(|_| ())
    }

    /// Which of the server's workers answer so many connections, `clients` at a time.
    pub(super) fn pids(&self, server: &Server, clients: usize, count: usize) -> Result<Pids> {
        let arguments =
            ["pids", &server.port.to_string(), &clients.to_string(), &count.to_string()];
        self.answers(server, &arguments.map(str::to_owned))
    }

    /// Which of the server's workers hold so many connections that come at once and stay.
    pub(super) fn hold(&self, server: &Server, count: usize) -> Result<Pids> {
        let arguments = ["hold", &server.port.to_string(), &count.to_string()];
        self.answers(server, &arguments.map(str::to_owned))
    }

    fn answers(&self, server: &Server, arguments: &[String]) -> Result<Pids> {
        let text = self.spawn(None, arguments)?.finish()?;
        let workers = server.workers()?;
        let mut answers = Vec::new();
        for line in text.lines().filter(|line| line.starts_with("pid")) {
            let [_, count] = numbers(line, "pid")?;
            answers.push(count);
        }
        if answers.len() > workers.len() {
            return Err(Error::new(format!("{} workers became {}", workers.len(), answers.len())));
        }
        // Those that nobody heard of.
        answers.resize(workers.len(), 0);
        let slowest = text.lines().find(|line| line.starts_with("slowest"));
        let slowest = slowest.map(|line| numbers::<1>(line, "slowest")).transpose()?;
        Ok(Pids { answers, slowest: slowest.map(|[nanos]| Duration::from_nanos(nanos)) })
    }

    fn spawn(&self, core: Option<usize>, arguments: &[String]) -> Result<Clients> {
        let mut command = super::server::bound(&self.program, core);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        spawn(command).map(Clients)
    }
}

fn spawn(mut command: Command) -> Result<Child> {
    command.spawn().context(|| command.get_program().to_string_lossy().into_owned())
}

impl Pids {
    /// The busiest worker's share over the idlest's; infinite where one had nothing to do.
    pub(super) fn spread(&self) -> f64 {
        let busiest = self.answers.iter().max().copied().unwrap_or_default();
        let idlest = self.answers.iter().min().copied().unwrap_or_default();
        busiest as f64 / idlest as f64
    }
}

impl Clients {
    /// What it said at its end.
    fn finish(mut self) -> Result<String> {
        let handle = Process(self.0.id()).open()?;
        if !wait::readable(&handle, Instant::now() + PATIENCE)? {
            return Err(Error::new("the clients had no answer within a minute"));
        }
        let status = self.0.wait().context(|| "wait")?;
        let (mut said, mut complained) = (String::new(), String::new());
        self.0.stdout.take().map(|mut pipe| pipe.read_to_string(&mut said));
        self.0.stderr.take().map(|mut pipe| pipe.read_to_string(&mut complained));
        if status.success() { Ok(said) } else { Err(Error::new(complained.trim_end())) }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        // It has ended already, but for an error on the way.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The numbers of a line `KIND NUMBER…`.
fn numbers<const N: usize>(line: &str, kind: &str) -> Result<[u64; N]> {
    let words = line.trim().strip_prefix(kind).unwrap_or_default().split_whitespace();
    let numbers: Option<Vec<u64>> = words.map(|word| word.parse().ok()).collect();
    numbers
        .and_then(|numbers| numbers.try_into().ok())
        .context(|| format!("echo_load said {line:?} where {kind:?} was due"))
}

#[cfg(test)]
mod tests {
    use super::{Pids, numbers};

    #[test]
    fn a_line_is_its_kind_and_its_numbers() {
        assert_eq!(numbers("rate 7 800\n", "rate").unwrap(), [7, 800]);
        assert!(numbers::<2>("rate 7", "rate").is_err());
        assert!(numbers::<1>("pid 7", "rate").is_err());
    }

    #[test]
    fn a_worker_without_work_is_infinitely_unfair() {
        let spread = |answers: &[u64]| Pids { answers: answers.to_vec(), slowest: None }.spread();
        assert_eq!(spread(&[30, 20, 25]), 1.5);
        assert_eq!(spread(&[30, 0]), f64::INFINITY);
    }
}
