//! Seeing that a key changes, by etcd's stream of changes.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::time::Duration;

use super::gateway::{Failure, Gateway};
use super::message::{Streamed, WatchCreate, Watched};
use crate::store::{StoreError, Watch};

/// A member that lives answers at once.
const FIRST_WORD: Duration = Duration::from_secs(2);
/// What is said about one key in one watch is far less.
const LARGEST: u64 = 256 * 1024;

#[derive(Debug)]
pub(super) struct EtcdWatch {
    gateway: Gateway,
    key: String,
}

impl EtcdWatch {
    pub(super) fn new(gateway: Gateway, key: String) -> Self {
        Self { gateway, key }
    }

    fn watch(&mut self, revision: u64, within: Duration) -> Result<bool, Failure> {
        let create = WatchCreate::after(&self.key, revision);
        let answer = self.gateway.stream("watch", &create, FIRST_WORD, within)?;
        let mut lines = BufReader::new(answer.take(LARGEST));
        loop {
            let mut line = Vec::new();
            match lines.read_until(b'\n', &mut line) {
                Ok(0) => return Err(self.gateway.nonsense("its watch ends")),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Ok(false),
                Err(error) => {
                    let what = format!("etcd's watch broke off: {error}");
                    return Err(Failure::Elsewhere(StoreError::Unreachable(what)));
                }
            }
            let Ok(Streamed::<Watched> { result }) = serde_json::from_slice(&line) else {
                return Err(self.gateway.nonsense("its watch is not what was asked for"));
            };
            if result.canceled || !result.events.is_empty() {
                // Cancelled, it may have missed something: whoever asked looks again.
                return Ok(true);
            }
        }
    }
}

impl Watch for EtcdWatch {
    fn wait(&mut self, revision: u64, within: Duration) -> Result<bool, StoreError> {
        self.watch(revision, within).map_err(|failure| {
            if matches!(failure, Failure::Elsewhere(_)) {
                self.gateway.rotate();
            }
            failure.into_store_error()
        })
    }
}
