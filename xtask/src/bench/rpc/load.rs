//! The clients: `bench/rpc_load.c`.

use std::path::PathBuf;
use std::time::Duration;

use crate::bench::clients::{Clients, numbers};
use crate::bench::cores::bound;
use crate::bench::server::Server;
use crate::bench::turns::Rate;
use crate::error::{Context, Result};

#[derive(Debug)]
pub(super) struct Load {
    program: PathBuf,
    methods: Vec<String>,
}

impl Load {
    /// What calls these methods.
    pub(super) fn new(program: PathBuf, methods: Vec<String>) -> Self {
        Self { program, methods }
    }

    /// As many answers as there are in `slice`, by `clients` clients with `depth` calls under way each.
    pub(super) fn rate(
        &self,
        server: &Server,
        clients: usize,
        depth: usize,
        slice: Duration,
        core: Option<usize>,
    ) -> Result<Rate> {
        let mut command = bound(&self.program, core);
        command.arg(server.words.unwrap_or("rpc"));
        let numbered = [usize::from(server.port), clients, depth, slice.as_millis() as usize];
        command.args(numbered.map(|number| number.to_string()));
        if server.words.is_none() {
            command.args(&self.methods);
        }
        let before = server.cpu_nanoseconds()?;
        let text = Clients::spawn(command)?.finish()?;
        let spent = server.cpu_nanoseconds()?.saturating_sub(before);
        let (rate, waits) = text.trim_end().split_once('\n').context(|| "half an account")?;
        let [answers, nanoseconds, total] = numbers(rate, "rate")?;
        let [p50, p99] = numbers(waits, "wait")?;
        Ok(Rate {
            per_second: answers as f64 / nanoseconds as f64 * 1e9,
            cpu: spent as f64 / total as f64 / 1e9,
            p50: p50 as f64 / 1e9,
            p99: p99 as f64 / 1e9,
        })
    }
}
