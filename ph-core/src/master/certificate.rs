//! Death certificates: how the last process of each slot ended, and why.

use std::collections::BTreeMap;
use std::time::Duration;

use ph_rpc::Value;
use serde::{Deserialize, Serialize};

use crate::arbiter::{Cause, ExitStatus};

/// What is known of one process's end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Certificate {
    pub(super) slot: u32,
    pub(super) pid: i32,
    pub(super) generation: u32,
    pub(super) status: ExitStatus,
    pub(super) cause: Cause,
    pub(super) lived: Duration,
    pub(super) requests: u64,
    /// What a program has printed last.
    pub(super) output: Vec<String>,
}

/// The last certificate of each slot.
#[derive(Debug, Default)]
pub(super) struct Certificates(BTreeMap<u32, Certificate>);

impl Certificates {
    pub(super) fn issue(&mut self, certificate: Certificate) {
        self.0.insert(certificate.slot, certificate);
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Certificate> {
        self.0.values()
    }

    pub(super) fn of(&self, slot: u32) -> Option<&Certificate> {
        self.0.get(&slot)
    }
}

impl Certificate {
    /// As the control socket tells it.
    pub(super) fn value(&self) -> Value {
        let (exit_code, signal, core) = match self.status {
            ExitStatus::Code(code) => (Value::from(code), Value::Nil, false),
            ExitStatus::Signal { signal, core } => {
                let name = ph_signal::Signal::try_from(signal)
                    .map_or_else(|_| signal.to_string(), |signal| signal.to_string());
                (Value::Nil, Value::from(name), core)
            }
        };
        let reason = match &self.cause {
            Cause::Boot(reason) => Value::from(reason.as_str()),
            Cause::BootTimeout(limit) => {
                format!("not ready within boot_timeout ({limit:?})").into()
            }
            Cause::Timeout(age) => format!("a request took {age:.1?}, longer than timeout").into(),
            Cause::DrainTimeout => Value::from("did not leave within graceful_timeout"),
            Cause::Asked | Cause::Hurry | Cause::Itself => Value::Nil,
        };
        Value::Map(vec![
            ("id".into(), self.slot.into()),
            ("pid".into(), self.pid.into()),
            ("generation".into(), self.generation.into()),
            ("cause".into(), self.cause.word().into()),
            ("reason".into(), reason),
            ("exit_code".into(), exit_code),
            ("signal".into(), signal),
            ("core".into(), core.into()),
            ("lived_s".into(), self.lived.as_secs_f64().into()),
            ("requests".into(), self.requests.into()),
            (
                "output".into(),
                Value::Array(self.output.iter().map(|line| line.as_str().into()).collect()),
            ),
        ])
    }
}
