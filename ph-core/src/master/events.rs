//! What has happened, in order: the last of it kept for those who ask, all of it told to those who follow.

use std::collections::VecDeque;
use std::time::Duration;

use ph_rpc::Value;
use serde::Serialize;
use serde_json::json;

use super::Master;
use crate::arbiter::{Note, Speed, WorkerKey};

/// Events that are kept.
const KEPT: usize = 1024;

/// The last events, each an object of JSON with `seq`, `time`, `event` and what belongs to it. As text, which takes one
/// piece of memory each: workers are forked from it.
#[derive(Debug, Default)]
pub(super) struct Events {
    kept: VecDeque<Box<str>>,
    count: u64,
    /// What is being written: only its end takes a piece of memory of its own.
    draft: Vec<u8>,
}

/// One event, as it is written.
#[derive(Serialize)]
struct Event<'a, F> {
    seq: u64,
    time: &'a str,
    event: &'a str,
    #[serde(flatten)]
    fields: &'a F,
}

/// What concerns a worker's process.
#[derive(Serialize)]
pub(super) struct About<F> {
    id: u32,
    pub(super) pid: Option<i32>,
    #[serde(flatten)]
    fields: F,
}

impl Events {
    /// Those of the program that this process was before.
    pub(super) fn of(kept: Vec<Box<str>>) -> Self {
        let kept = VecDeque::from(kept);
        let last = kept.back().and_then(|last| parse(last)["seq"].as_u64());
        Self { kept, count: last.unwrap_or(0), draft: Vec::new() }
    }

    /// The oldest first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Box<str>> {
        self.kept.iter()
    }

    fn record(&mut self, event: &str, fields: &impl Serialize) -> &str {
        self.count += 1;
        self.draft.clear();
        let whole = Event { seq: self.count, time: &crate::log::time(), event, fields };
        let written = serde_json::to_writer(&mut self.draft, &whole);
        let text = written.ok().and_then(|()| str::from_utf8(&self.draft).ok());
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(text.unwrap_or("{}").into());
        &self.kept[self.kept.len() - 1]
    }
}

/// An event's text, which is our own.
fn parse(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_default()
}

impl Master<'_> {
    /// The kept events, for a client; which is told of each that follows, if it wants.
    pub(super) fn events(&mut self, client: u64, follow: bool) -> Value {
        if follow {
            self.control.follow(client);
        }
        Value::Array(self.events.all().map(|event| value(&parse(event))).collect())
    }

    /// Something has happened.
    pub(super) fn happen(&mut self, event: &str, fields: &impl Serialize) {
        let recorded = self.events.record(event, fields);
        if self.control.has_followers() {
            let recorded = value(&parse(recorded));
            self.control.tell_followers(&self.poll, &recorded);
        }
    }

    /// A worker is asked to leave.
    pub(super) fn happen_asked(&mut self, worker: &WorkerKey, speed: Speed) {
        let speed = if speed == Speed::Graceful { "graceful" } else { "quick" };
        #[derive(Serialize)]
        struct Asked {
            speed: &'static str,
        }
        let fields = self.about(worker, Asked { speed });
        self.happen("worker_draining", &fields);
    }

    /// A note as an event.
    pub(super) fn happen_noted(&mut self, note: &Note) {
        let seconds = |time: &Duration| time.as_secs_f64();
        let (event, fields) = match note {
            Note::Ready { slot, generation, took, .. } => {
                #[derive(Serialize)]
                struct Ready {
                    id: u32,
                    generation: u32,
                    took_s: f64,
                }
                let (id, generation, took_s) = (*slot, *generation, seconds(took));
                return self.happen("worker_ready", &Ready { id, generation, took_s });
            }
            // Told with its certificate.
            Note::Died(_) => return,
            Note::Retiring { slot, why } => {
                ("worker_retiring", json!({ "id": slot, "why": why.word() }))
            }
            Note::Heavy { slot, bytes, limit, last } => {
                let fields =
                    json!({ "id": slot, "bytes": bytes, "max_memory": limit, "replaced": last });
                ("worker_heavy", fields)
            }
            Note::Lighter { slot, bytes } => {
                ("worker_lighter", json!({ "id": slot, "bytes": bytes }))
            }
            Note::Killing { worker, cause } => {
                let fields = self.about(worker, json!({ "cause": cause.word() }));
                return self.happen("worker_killed", &fields);
            }
            Note::BackingOff { slot, delay, row } => {
                let fields = json!({ "id": slot, "delay_s": seconds(delay), "row": row });
                ("worker_backoff", fields)
            }
            Note::CannotSpawn { reason, delay } => {
                ("spawn_failed", json!({ "reason": reason, "delay_s": seconds(delay) }))
            }
            Note::Scaled { from, to } => ("scaled", json!({ "from": from, "to": to })),
            Note::Adapted { from, to, busy, idle, queue } => {
                let fields = json!({
                    "from": from, "to": to, "busy": busy, "idle": idle, "queue": queue,
                });
                ("adapted", fields)
            }
            Note::Refused { reason } => ("refused", json!({ "reason": reason })),
            Note::ChangeBegan { kind, generation } => {
                ("change_began", json!({ "kind": kind, "generation": generation }))
            }
            Note::ChangeStep { kind, step } => {
                ("change_step", json!({ "kind": kind, "step": step.word() }))
            }
            Note::ChangeEnded(change) => {
                let result = if change.ok { "ok" } else { "failed" };
                let fields = json!({
                    "kind": change.kind,
                    "result": result,
                    "reason": change.reason,
                    "took_s": seconds(&change.took),
                });
                ("change_ended", fields)
            }
            Note::Started { workers, took } => {
                ("started", json!({ "workers": workers, "took_s": seconds(took) }))
            }
            Note::Stopping { speed, workers } => {
                let speed = match speed {
                    Speed::Graceful => "graceful",
                    Speed::Quick => "quick",
                    Speed::Now => "now",
                };
                ("stopping", json!({ "speed": speed, "workers": workers }))
            }
            Note::NotNow { what } => ("not_now", json!({ "what": what })),
            Note::Leads { token } => ("leader", json!({ "token": token })),
            Note::StandsBy { leader, reason } => {
                ("standby", json!({ "leader": leader, "reason": reason }))
            }
            Note::Yielding { reason, workers } => {
                ("yielding", json!({ "reason": reason, "workers": workers }))
            }
            Note::CannotListen { reason, delay } => {
                ("cannot_listen", json!({ "reason": reason, "delay_s": seconds(delay) }))
            }
            Note::ElectorEnded { reason, delay } => {
                ("elector_ended", json!({ "reason": reason, "delay_s": seconds(delay) }))
            }
            Note::Gap(gap) => ("gap", json!({ "gap_s": seconds(gap) })),
        };
        self.happen(event, &fields);
    }

    /// The fields with the worker's id and process before them.
    pub(super) fn about<F>(&self, worker: &WorkerKey, fields: F) -> About<F> {
        let pid = self.children.get(worker.serial).map(|child| child.process.pid().as_raw());
        About { id: worker.slot, pid, fields }
    }
}

/// The same in the terms of the protocol.
fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(truth) => (*truth).into(),
        serde_json::Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => number.into(),
            (_, Some(number)) => number.into(),
            _ => number.as_f64().unwrap_or_default().into(),
        },
        serde_json::Value::String(text) => text.as_str().into(),
        serde_json::Value::Array(items) => Value::Array(items.iter().map(value).collect()),
        serde_json::Value::Object(map) => {
            Value::Map(map.iter().map(|(name, it)| (name.as_str().into(), value(it))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_kept_and_the_count_goes_on() {
        let mut events = Events::default();
        for at in 0..KEPT + 10 {
            events.record("it", &json!({ "at": at }));
        }
        assert_eq!(events.all().count(), KEPT);
        let first = parse(events.all().next().unwrap());
        assert_eq!(
            (&first["seq"], &first["at"], &first["event"]),
            (&11.into(), &10.into(), &"it".into())
        );
        let kept: Vec<_> = events.all().cloned().collect();
        let mut resumed = Events::of(kept);
        assert_eq!(parse(resumed.record("next", &json!({})))["seq"], KEPT + 11);
    }

    #[test]
    fn what_is_said_in_json_is_said_in_msgpack() {
        let said = value(&json!({ "a": [1, -1, 1.5, null, true, "x"] }));
        let items = [1.into(), (-1).into(), 1.5.into(), Value::Nil, true.into(), "x".into()];
        assert_eq!(said, Value::Map(vec![("a".into(), Value::Array(items.into()))]));
    }
}
