//! What is told of an election.

use std::time::Duration;

use ph_rpc::Value;

use super::Master;
use crate::elector::Place;
use crate::slots::boot_clock;

impl Master<'_> {
    /// `leader_status`, as the control socket tells it; nothing for a master that stands alone.
    pub(in crate::master) fn leadership(&self) -> Value {
        let Some(candidacy) = &self.candidacy else { return Value::Nil };
        let now = boot_clock();
        let leads = self.arbiter.token().is_some();
        let left = candidacy.standing.filter(|_| leads).map(|standing| {
            Duration::from_nanos(standing.deadline.saturating_sub(now)).as_secs_f64()
        });
        let leader = self.arbiter.leader().or(leads.then_some(candidacy.name.as_str()));
        let (kind, at) = match &candidacy.place {
            Place::File(path) => ("file", path.to_string_lossy().into_owned()),
            Place::Etcd { key, .. } => ("etcd", key.clone()),
        };
        let text = |text: Option<&str>| text.map_or(Value::Nil, Value::from);
        let fields = [
            ("role", self.arbiter.role().into()),
            ("leader", text(leader)),
            ("candidate", candidacy.name.as_str().into()),
            ("token", self.arbiter.token().map_or(Value::Nil, Value::from)),
            ("lease_s", left.map_or(Value::Nil, Value::from)),
            ("ttl_s", candidacy.ttl.as_secs_f64().into()),
            ("kind", kind.into()),
            ("key", at.into()),
            ("elector_pid", self.elector_pid().map_or(Value::Nil, |pid| pid.as_raw().into())),
            ("trouble", text(candidacy.trouble.as_deref())),
        ];
        Value::Map(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }
}
