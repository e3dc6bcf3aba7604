//! What can be asked over the control socket: each method with its arguments, and the request that a call of it is.
//!
//! The dispatch is `ph-rpc`'s, as for any service; what a call means is the master's to say. So a method here does nothing but
//! hand its request on, and the master has the ticket to answer it by.

use std::fmt;

use ph_rpc::{Driver, Optional, Pending, Rest, RpcError, Service, Ticket};
use serde::de::{self, Deserialize, Deserializer, Visitor};

use crate::arbiter::{self, Event, ScaleBy, Slots, Speed};

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::master) enum Request {
    Status,
    LeaderStatus,
    Why(u32),
    ConfigGet(String),
    ConfigAll,
    Events {
        follow: bool,
    },
    ReopenLogs,
    /// The arbiter decides about it, and its verdict is the answer.
    Change(Change),
}

/// A change of the workers or of the master itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::master) enum Change {
    Scale(ScaleBy),
    Reload,
    Upgrade,
    Stop(Speed),
    Restart(Slots),
    StopWorker(u32),
    Resign,
}

impl Change {
    /// As the arbiter is told of it.
    pub(in crate::master) fn event(self, asked: Option<arbiter::Ticket>) -> Event {
        match self {
            Self::Scale(by) => Event::Scale { asked, by },
            Self::Reload => Event::Reload { asked },
            Self::Upgrade => Event::Upgrade { asked },
            Self::Stop(speed) => Event::Stop { asked, speed },
            Self::Restart(slots) => Event::Restart { asked, slots },
            Self::StopWorker(slot) => Event::StopWorker { asked, slot },
            Self::Resign => Event::Resign { asked },
        }
    }
}

/// The call that was dispatched last.
pub(super) type Inbox = Option<(Ticket, Request)>;

/// The methods of design and of `rpc.discover`.
pub(super) fn service() -> Service<Inbox> {
    fn ask(inbox: &mut Inbox, ticket: Ticket, request: Request) -> Result<(), RpcError> {
        *inbox = Some((ticket, request));
        Ok(())
    }
    fn change(inbox: &mut Inbox, ticket: Ticket, change: Change) -> Result<(), RpcError> {
        ask(inbox, ticket, Request::Change(change))
    }
    Service::with_context()
        .later("status", |inbox: &mut Inbox, ticket| ask(inbox, ticket, Request::Status))
        .doc("The master and its workers.")
        .later("scale", |inbox: &mut Inbox, ticket, By(by): By| {
            change(inbox, ticket, Change::Scale(by))
        })
        .doc("Another number of workers: N, \"+N\" or \"-N\"; answered when they are ready.")
        .later("reload", |inbox: &mut Inbox, ticket| change(inbox, ticket, Change::Reload))
        .doc("Reads the configuration again and replaces the workers; answered when the new ones serve.")
        .later("upgrade", |inbox: &mut Inbox, ticket| change(inbox, ticket, Change::Upgrade))
        .doc("The program on disk takes over; answered when it serves.")
        .later("stop", |inbox: &mut Inbox, ticket, quick: Optional<bool>| {
            let speed = if quick.0 == Some(true) { Speed::Quick } else { Speed::Graceful };
            change(inbox, ticket, Change::Stop(speed))
        })
        .doc("Stops gracefully, or quickly (true).")
        .later("restart_worker", |inbox: &mut Inbox, ticket, ids: Rest<Id>| {
            let ids: Vec<u32> = ids.0.into_iter().map(|Id(id)| id).collect();
            let slots = if ids.is_empty() { Slots::All } else { Slots::These(ids) };
            change(inbox, ticket, Change::Restart(slots))
        })
        .doc("Replaces these workers, or all; answered when their successors are ready.")
        .later("stop_worker", |inbox: &mut Inbox, ticket, Id(slot): Id| {
            change(inbox, ticket, Change::StopWorker(slot))
        })
        .doc("Ends a worker, and wants one less.")
        .later("leader_status", |inbox: &mut Inbox, ticket| {
            ask(inbox, ticket, Request::LeaderStatus)
        })
        .doc("Who leads, and how long for.")
        .later("leader_resign", |inbox: &mut Inbox, ticket| change(inbox, ticket, Change::Resign))
        .doc("Lets others lead; answered when no worker is left here and they may.")
        .later("reopen_logs", |inbox: &mut Inbox, ticket| ask(inbox, ticket, Request::ReopenLogs))
        .doc("Reopens the log, here and in the workers.")
        .later("why", |inbox: &mut Inbox, ticket, Id(slot): Id| {
            ask(inbox, ticket, Request::Why(slot))
        })
        .doc("How and why the last process of a worker ended.")
        .later("config_get", |inbox: &mut Inbox, ticket, key: String| {
            ask(inbox, ticket, Request::ConfigGet(key))
        })
        .doc("A key's value, as the workers have it.")
        .later("config_all", |inbox: &mut Inbox, ticket| ask(inbox, ticket, Request::ConfigAll))
        .doc("Every key's value, and the directory in which the master was started.")
        .later("events", |inbox: &mut Inbox, ticket, follow: Optional<bool>| {
            ask(inbox, ticket, Request::Events { follow: follow.0 == Some(true) })
        })
        .doc("What has happened; with true, each that follows is a notification \"event\".")
}

/// Stops after each call, so that answers come in the order of the calls, and no more is dispatched than is answered.
#[derive(Default)]
pub(super) struct OneByOne {
    begun: bool,
}

impl Driver for OneByOne {
    fn has_room(&mut self) -> bool {
        !self.begun
    }

    fn begun(&mut self, _: Ticket) {
        self.begun = true;
    }

    fn pending(&mut self, _: Pending) {
        // No method here is async.
    }
}

/// A worker's id.
struct Id(u32);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Expected;

        impl Visitor<'_> for Expected {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a worker's id")
            }

            fn visit_u64<E: de::Error>(self, id: u64) -> Result<Id, E> {
                let unexpected = de::Unexpected::Unsigned(id);
                u32::try_from(id).map(Id).map_err(|_| E::invalid_value(unexpected, &self))
            }
        }

        deserializer.deserialize_u32(Expected)
    }
}

/// A number of workers, or how many more or less.
struct By(ScaleBy);

impl<'de> Deserialize<'de> for By {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Expected;

        impl Visitor<'_> for Expected {
            type Value = By;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of workers, or \"+N\" or \"-N\"")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<By, E> {
                let unexpected = de::Unexpected::Unsigned(number);
                let number = u32::try_from(number);
                number
                    .map(|to| By(ScaleBy::To(to)))
                    .map_err(|_| E::invalid_value(unexpected, &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<By, E> {
                let by = match text.parse::<i64>() {
                    Ok(by) if text.starts_with(['+', '-']) => Some(ScaleBy::Relative(by)),
                    Ok(number) => u32::try_from(number).ok().map(ScaleBy::To),
                    Err(_) => None,
                };
                by.map(By).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Expected)
    }
}

#[cfg(test)]
mod tests {
    use ph_rpc::{Message, Session, Value, encode};

    use super::*;

    /// What a call asks, or the answer that it got at once.
    fn asked(method: &str, params: Vec<Value>) -> Result<Request, RpcError> {
        let mut session = Session::default();
        let mut bytes = Vec::new();
        encode(&Message::request(7, method, params), &mut bytes);
        session.feed(&bytes);
        let mut inbox = None;
        service().dispatch(&mut session, &mut inbox, &mut OneByOne::default()).unwrap();
        if let Some((_, request)) = inbox {
            return Ok(request);
        }
        let mut decoder = ph_rpc::Decoder::new(ph_rpc::Limits::CONTROL);
        decoder.feed(session.output());
        match decoder.next_message().unwrap() {
            Some(Message::Response { result: Err(error), .. }) => Err(RpcError::from(error)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_scale_is_absolute_or_signed() {
        let scale = |by: Value| asked("scale", vec![by]).ok();
        let to = |by| Some(Request::Change(Change::Scale(by)));
        assert_eq!(scale(3.into()), to(ScaleBy::To(3)));
        assert_eq!(scale("3".into()), to(ScaleBy::To(3)));
        assert_eq!(scale("+3".into()), to(ScaleBy::Relative(3)));
        assert_eq!(scale("-1".into()), to(ScaleBy::Relative(-1)));
        for bad in [Value::from(-3), "three".into(), Value::Nil, 1.5.into(), "".into()] {
            assert_eq!(scale(bad.clone()), None, "{bad}");
        }
    }

    #[test]
    fn workers_are_named_by_id_or_not_at_all() {
        let restart = |ids: Vec<Value>| asked("restart_worker", ids);
        let these = |slots| Ok(Request::Change(Change::Restart(slots)));
        assert_eq!(restart(vec![]), these(Slots::All));
        assert_eq!(restart(vec![2.into(), 0.into()]), these(Slots::These(vec![2, 0])));
        let error = restart(vec![0.into(), "one".into()]).unwrap_err();
        assert_eq!(error.code, 1);
        assert!(error.message.contains("a worker's id"), "{error:?}");
    }

    #[test]
    fn calls_are_dispatched_one_by_one() {
        let mut session = Session::default();
        let mut bytes = Vec::new();
        for (msgid, method) in [(1, "reload"), (2, "status")] {
            encode(&Message::request(msgid, method, Vec::new()), &mut bytes);
        }
        session.feed(&bytes);
        let mut order = Vec::new();
        for _ in 0..2 {
            let mut inbox = None;
            let mut driver = OneByOne::default();
            service().dispatch(&mut session, &mut inbox, &mut driver).unwrap();
            order.extend(inbox.map(|(ticket, request)| (ticket.msgid(), request)));
        }
        let reload = Request::Change(Change::Reload);
        assert_eq!(order, [(Some(1), reload), (Some(2), Request::Status)]);
    }
}
