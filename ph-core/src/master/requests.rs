//! What clients of the control socket ask, and what each request means.

use ph_rpc::{RpcError, Value};

use super::Master;
use super::control::Incoming;
use crate::arbiter::{Event, ScaleBy, Slots, Speed, Ticket};

/// Bites of 16 KiB that are taken from a client that has hung up: more than a socket's buffer holds.
const LAST_BITES: usize = 64;

/// What a request leads to.
enum Handling {
    /// An answer now.
    Answer(Result<Value, RpcError>),
    /// An event, whose verdict answers.
    Ask(Box<dyn FnOnce(Option<Ticket>) -> Event>),
}

impl Master<'_> {
    /// A client can be read or written, or has hung up.
    pub(super) fn serve(&mut self, id: u64, hung_up: bool) {
        // What a client said before it went still counts; it can't say more than the socket held.
        let bites = if hung_up { LAST_BITES } else { 1 };
        let said = (0..bites).map_while(|_| self.control.read(id, &self.poll)).flatten();
        for incoming in said.collect::<Vec<_>>() {
            match self.handle(id, &incoming) {
                Handling::Answer(outcome) => {
                    if let Some(msgid) = incoming.msgid {
                        self.control.reply(id, msgid, outcome);
                    }
                }
                Handling::Ask(event) => {
                    let ticket = self.control.ticket(id, incoming.msgid);
                    self.feed(event(ticket));
                }
            }
        }
        self.control.flush(id, &self.poll);
        if hung_up {
            self.control.close(id, &self.poll);
        }
        for ticket in self.control.abandoned() {
            self.feed(Event::Forget(ticket));
        }
    }

    fn handle(&mut self, client: u64, incoming: &Incoming) -> Handling {
        let params = &incoming.params[..];
        let ask = |event: Box<dyn FnOnce(Option<Ticket>) -> Event>| Handling::Ask(event);
        let invalid = |expected: &str| {
            let method = &incoming.method;
            Handling::Answer(Err(RpcError::invalid_call(format!("{method} takes {expected}"))))
        };
        match (incoming.method.as_str(), params) {
            ("status", []) => Handling::Answer(Ok(self.status())),
            ("scale", [number]) => match scale_by(number) {
                Some(by) => ask(Box::new(move |asked| Event::Scale { asked, by })),
                None => invalid("a number of workers, or \"+N\" or \"-N\""),
            },
            ("reload", []) => ask(Box::new(|asked| Event::Reload { asked })),
            ("upgrade", []) => ask(Box::new(|asked| Event::Upgrade { asked })),
            ("stop", []) => ask(Box::new(|asked| Event::Stop { asked, speed: Speed::Graceful })),
            ("stop", [Value::Boolean(quick)]) => {
                let speed = if *quick { Speed::Quick } else { Speed::Graceful };
                ask(Box::new(move |asked| Event::Stop { asked, speed }))
            }
            ("restart_worker", []) => {
                ask(Box::new(|asked| Event::Restart { asked, slots: Slots::All }))
            }
            ("restart_worker", ids) => match ids.iter().map(slot_of).collect::<Option<Vec<_>>>() {
                Some(slots) => {
                    let slots = Slots::These(slots);
                    ask(Box::new(move |asked| Event::Restart { asked, slots }))
                }
                None => invalid("worker ids, or nothing for all"),
            },
            ("stop_worker", [id]) => match slot_of(id) {
                Some(slot) => ask(Box::new(move |asked| Event::StopWorker { asked, slot })),
                None => invalid("a worker id"),
            },
            ("reopen_logs", []) => {
                self.reopen_logs();
                Handling::Answer(Ok("ok".into()))
            }
            ("why", [id]) => match slot_of(id) {
                Some(slot) => Handling::Answer(self.why(slot)),
                None => invalid("a worker id"),
            },
            ("config_get", [key]) => match key.as_str() {
                Some(key) => Handling::Answer(self.config_get(key)),
                None => invalid("a key"),
            },
            ("events", []) => Handling::Answer(Ok(self.events(client, false))),
            ("events", [Value::Boolean(follow)]) => {
                Handling::Answer(Ok(self.events(client, *follow)))
            }
            ("events", _) => invalid("true to be told of what follows, or nothing"),
            ("status" | "reload" | "upgrade" | "reopen_logs", _) => invalid("no arguments"),
            ("stop", _) => invalid("true for a quick stop, or nothing"),
            ("scale", _) => invalid("a number of workers, or \"+N\" or \"-N\""),
            ("stop_worker" | "why", _) => invalid("a worker id"),
            ("config_get", _) => invalid("a key"),
            (unknown, _) => Handling::Answer(Err(RpcError::invalid_call(format!(
                "unknown method {unknown}; there are {}",
                METHODS.join(", ")
            )))),
        }
    }

    fn why(&self, slot: u32) -> Result<Value, RpcError> {
        let certificate = self.certificates.of(slot);
        certificate
            .map(super::certificate::Certificate::value)
            .ok_or_else(|| RpcError::failed(format!("no process of worker {slot} has ended yet")))
    }

    fn config_get(&self, key: &str) -> Result<Value, RpcError> {
        let settings = &self.current().settings;
        settings
            .text(key)
            .map(Value::from)
            .ok_or_else(|| RpcError::failed(format!("no key {key} is set or known")))
    }
}

const METHODS: [&str; 11] = [
    "status",
    "scale",
    "reload",
    "upgrade",
    "stop",
    "restart_worker",
    "stop_worker",
    "reopen_logs",
    "why",
    "config_get",
    "events",
];

fn slot_of(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|id| u32::try_from(id).ok())
}

fn scale_by(value: &Value) -> Option<ScaleBy> {
    if let Some(number) = value.as_u64() {
        return u32::try_from(number).ok().map(ScaleBy::To);
    }
    let text = value.as_str()?;
    let by: i64 = text.parse().ok()?;
    if text.starts_with(['+', '-']) {
        Some(ScaleBy::Relative(by))
    } else {
        u32::try_from(by).ok().map(ScaleBy::To)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_absolute_or_signed() {
        assert_eq!(scale_by(&3.into()), Some(ScaleBy::To(3)));
        assert_eq!(scale_by(&"3".into()), Some(ScaleBy::To(3)));
        assert_eq!(scale_by(&"+3".into()), Some(ScaleBy::Relative(3)));
        assert_eq!(scale_by(&"-1".into()), Some(ScaleBy::Relative(-1)));
        for bad in [Value::from(-3), "three".into(), Value::Nil, 1.5.into(), "".into()] {
            assert_eq!(scale_by(&bad), None, "{bad}");
        }
    }
}
