//! The clients: `bench/echo_load.c`.

use std::path::PathBuf;
use std::time::Duration;

use crate::bench::clients::{Clients, numbers};
use crate::bench::cores::bound;
use crate::bench::server::Server;
use crate::bench::turns::Rate;
use crate::error::{Error, Result};

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

/// Answers by worker, and how long the slowest of them took.
#[derive(Debug)]
pub(super) struct Pids {
    pub(super) answers: Vec<u64>,
    pub(super) slowest: Option<Duration>,
}

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
        let cpu = spent as f64 / requests as f64 / 1e9;
        Ok(Rate { per_second, cpu, p50: f64::NAN, p99: f64::NAN })
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
        let mut command = bound(&self.program, core);
        command.args(arguments);
        Clients::spawn(command)
    }
}

impl Pids {
    /// The busiest worker's share over the idlest's; infinite where one had nothing to do.
    pub(super) fn spread(&self) -> f64 {
        let busiest = self.answers.iter().max().copied().unwrap_or_default();
        let idlest = self.answers.iter().min().copied().unwrap_or_default();
        busiest as f64 / idlest as f64
    }
}

#[cfg(test)]
mod tests {
    use super::Pids;

    #[test]
    fn a_worker_without_work_is_infinitely_unfair() {
        let spread = |answers: &[u64]| Pids { answers: answers.to_vec(), slowest: None }.spread();
        assert_eq!(spread(&[30, 20, 25]), 1.5);
        assert_eq!(spread(&[30, 0]), f64::INFINITY);
    }
}
