//! The clients: `bench/http_load.c`.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::server::Server;
use super::tally::Tally;
use crate::bench::clients::Clients;
use crate::error::Result;

#[derive(Debug)]
pub(super) struct Load {
    program: PathBuf,
}

/// What a client does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Manner {
    /// Eight of them, with a connection for each request.
    New,
    /// Sixteen, with a connection that stays, and so many requests under way.
    Kept { at_a_time: usize },
}

impl Load {
    pub(super) fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// Clients of the server as long as `meanwhile` lasts, which returns how long each reload took.
    pub(super) fn during(
        &self,
        server: &mut Server,
        manner: Manner,
        meanwhile: impl FnOnce(&mut Server, &mut Clients) -> Result<Vec<Duration>>,
    ) -> Result<Tally> {
        let mut command = Command::new(&self.program);
        command.args(manner.arguments(server.port));
        let mut clients = Clients::spawn(command)?;
        let took = meanwhile(server, &mut clients)?;
        Ok(Tally { took, ..Tally::parse(&clients.finish()?)? })
    }
}

impl Manner {
    /// The classes of ours that are measured. The first is the one to choose for such clients, and
    /// stands beside the rivals: one that takes a connection by one thread and serves it by another
    /// has short ones wait for a processor twice.
    pub(super) fn classes(self) -> &'static [&'static str] {
        match self {
            Self::New => &["sync", "async", "thread"],
            Self::Kept { .. } => &["async", "thread"],
        }
    }

    /// Whether a client waits for each answer. If not, it waits for itself.
    pub(super) fn is_patient(self) -> bool {
        !matches!(self, Self::Kept { at_a_time: 2.. })
    }

    fn arguments(self, port: u16) -> Vec<String> {
        let port = port.to_string();
        match self {
            Self::New => vec!["new".to_owned(), port, "8".to_owned()],
            Self::Kept { at_a_time } => {
                vec!["kept".to_owned(), port, "16".to_owned(), at_a_time.to_string()]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Manner;

    #[test]
    fn who_sends_without_waiting_has_no_claim_to_a_quick_answer() {
        assert!(Manner::New.is_patient() && Manner::Kept { at_a_time: 1 }.is_patient());
        assert!(!Manner::Kept { at_a_time: 4 }.is_patient());
    }

    #[test]
    fn a_manner_is_told_to_the_clients() {
        assert_eq!(Manner::New.arguments(80), ["new", "80", "8"]);
        assert_eq!(Manner::Kept { at_a_time: 4 }.arguments(80), ["kept", "80", "16", "4"]);
    }
}
