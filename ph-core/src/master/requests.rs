//! What clients of the control socket ask, and what each request means.

use ph_rpc::{RpcError, Value};

use super::Master;
use super::control::Request;
use crate::arbiter::Event;

/// Bites of 16 KiB that are taken from a client that has hung up: more than a socket's buffer holds.
const LAST_BITES: usize = 64;
/// Requests of one client that are handled before others have their turn.
const TURN: usize = 64;

impl Master<'_> {
    /// A client can be read or written, or has hung up.
    pub(super) fn serve(&mut self, id: u64, hung_up: bool) {
        // It may ask for just that.
        self.tell_untold();
        if hung_up {
            self.hear_out(id);
        } else {
            self.control.read(id);
            for _ in 0..TURN {
                let Some((call, request)) = self.control.next(id, &self.poll) else { break };
                self.handle(id, call, request);
            }
            self.control.flush(id, &self.poll);
        }
        for ticket in self.control.abandoned() {
            self.feed(Event::Forget(ticket));
        }
    }

    /// What a client said before it went still counts; it can't say more than the socket held.
    fn hear_out(&mut self, id: u64) {
        for _ in 0..LAST_BITES {
            self.control.read(id);
            while let Some((call, request)) = self.control.next(id, &self.poll) {
                match request {
                    // Nobody is there to read it.
                    Request::Status
                    | Request::LeaderStatus
                    | Request::Why(_)
                    | Request::ConfigGet(_)
                    | Request::ConfigAll => {
                        self.control.answer(id, call, &Ok(Value::Nil));
                    }
                    request => self.handle(id, call, request),
                }
                self.control.discard(id);
            }
            self.control.discard(id);
        }
        self.control.close(id, &self.poll);
    }

    fn handle(&mut self, client: u64, call: ph_rpc::Ticket, request: Request) {
        let outcome = match request {
            Request::Status => Ok(self.status()),
            Request::LeaderStatus => Ok(match self.leadership() {
                Value::Nil => Value::Map(vec![("role".into(), self.arbiter.role().into())]),
                leadership => leadership,
            }),
            Request::Why(slot) => self.why(slot),
            Request::ConfigGet(key) => self.config_get(&key),
            Request::ConfigAll => Ok(self.config_all()),
            Request::Events { follow } => Ok(self.events(client, follow)),
            Request::ReopenLogs => match self.reopen_logs() {
                Ok(()) => Ok("ok".into()),
                Err(error) => Err(RpcError::failed(format!("the old log stays in use: {error}"))),
            },
            Request::Change(change) => {
                let ticket = self.control.ticket(client, call);
                return self.feed(change.event(ticket));
            }
        };
        self.control.answer(client, call, &outcome);
    }

    fn why(&self, slot: u32) -> Result<Value, RpcError> {
        let certificate = self.certificates.of(slot);
        certificate
            .ok_or_else(|| RpcError::failed(format!("no process of worker {slot} has ended yet")))
    }

    fn config_get(&self, key: &str) -> Result<Value, RpcError> {
        let settings = &self.current().settings;
        settings
            .text(key)
            .map(Value::from)
            .ok_or_else(|| RpcError::failed(format!("no key {key} is set or known")))
    }

    fn config_all(&self) -> Value {
        let settings = &self.current().settings;
        let own = settings.app.keys().map(|key| format!("app.{key}"));
        let keys = ph_config::KEYS.iter().map(|key| key.name.to_owned()).chain(own);
        let value = |key: String| Some((key.as_str().into(), settings.text(&key)?.into()));
        let start_dir = settings.start_dir.to_string_lossy();
        Value::Map(vec![
            ("start_dir".into(), start_dir.into()),
            ("values".into(), Value::Map(keys.filter_map(value).collect())),
        ])
    }
}
