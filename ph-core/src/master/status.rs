//! `status`, as the control socket tells it.

use std::time::Duration;

use nix::unistd::Pid;
use ph_rpc::Value;

use super::accounts::Account;
use super::children::Child;
use super::{Generation, Master, binding};
use crate::arbiter::{LastChange, Totals, WorkerRow};
use crate::listen::Bundle;
use crate::log;
use crate::slots;
use crate::sys::{cpu, memory};

impl Master<'_> {
    /// Everything that an operator asks for. Reads `/proc/PID/statm` of each worker, which waits for nobody (`smaps`
    /// and `cmdline` would wait for a lock of the worker's).
    pub(super) fn status(&self) -> Value {
        let snapshot = self.arbiter.snapshot(std::time::Instant::now());
        let Generation { settings, plan, listeners, .. } = self.current();
        let listeners = listeners.iter().map(|one| one.address().clone());
        let own = self.bundles.iter().filter(|bundle| plan.wants(bundle)).map(Bundle::address);
        let listeners = own.chain(listeners).map(|address| Value::from(address.to_string()));
        let now = slots::now();
        let guard = self.guard.as_ref().and_then(crate::sys::guard::Guard::pid);
        let config_file =
            settings.config_file.as_ref().map(|path| path.to_string_lossy().into_owned());
        let mut requests = self.accounts.requests();
        let workers = snapshot.workers.iter().map(|row| {
            let child = row.key.and_then(|key| self.children.get(key.serial));
            let slot = child.map(|child| &self.slots.items()[child.cell]);
            requests = requests.saturating_add(slot.map_or(0, slots::Slot::requests));
            let pid = child.map(|child| child.process.pid());
            let cpus = child.filter(|child| child.bound).map_or(Vec::new(), cpus);
            let said = child.and_then(|child| child.foreign.as_ref()?.said.as_deref());
            worker(row, pid, slot, now, cpus, said)
        });
        let workers: Vec<Value> = workers.collect();
        let cells = self.children.iter().map(|child| child.cell);
        let calls = self.calls.as_ref().map_or(Value::Nil, |calls| calls.status(cells));
        map([
            ("app", settings.proc_name.as_str().into()),
            ("state", snapshot.state.into()),
            ("role", self.arbiter.role().into()),
            ("pid", std::process::id().into()),
            ("version", env!("CARGO_PKG_VERSION").into()),
            ("generation", snapshot.generation.into()),
            ("uptime_s", snapshot.uptime.as_secs_f64().into()),
            ("config_file", config_file.map_or(Value::Nil, Value::from)),
            ("wanted", snapshot.wanted.into()),
            ("listeners", Value::Array(listeners.collect())),
            ("workers", Value::Array(workers)),
            ("totals", totals(snapshot.totals, requests)),
            ("calls", calls),
            (
                "last_change",
                snapshot.last_change.as_ref().map_or(Value::Nil, |it| self.last_change(it)),
            ),
            (
                "accept_lock_holder",
                self.accept_lock.and_then(|lock| lock.holder()).map_or(Value::Nil, Value::from),
            ),
            ("log", map([("lost", log::lost().into()), ("rotated", log::rotated().into())])),
            ("leadership", self.leadership()),
            ("guard_pid", guard.map_or(Value::Nil, |pid| pid.as_raw().into())),
        ])
    }
}

impl Master<'_> {
    fn last_change(&self, change: &LastChange) -> Value {
        let fields = [
            ("kind", change.kind.into()),
            ("result", if change.ok { "ok" } else { "failed" }.into()),
            ("reason", change.reason.as_deref().map_or(Value::Nil, Value::from)),
            ("took_s", change.took.as_secs_f64().into()),
        ];
        let account = self.accounts.last(change.kind);
        let fields = fields.into_iter().chain(account.into_iter().flat_map(Account::fields));
        Value::Map(fields.map(|(name, value)| (name.into(), value)).collect())
    }
}

fn worker(
    row: &WorkerRow,
    pid: Option<Pid>,
    slot: Option<&slots::Slot>,
    now: u64,
    cpus: Vec<Value>,
    said: Option<&str>,
) -> Value {
    map([
        ("id", row.slot.into()),
        ("pid", pid.map_or(Value::Nil, |pid| pid.as_raw().into())),
        ("state", row.state.into()),
        ("generation", row.generation.into()),
        ("age_s", row.age.as_secs_f64().into()),
        ("requests", slot.map_or(0, slots::Slot::requests).into()),
        ("active", slot.map_or(0, slots::Slot::active).into()),
        ("oldest_s", slot.and_then(|slot| oldest(slot, now)).map_or(Value::Nil, Value::from)),
        ("busy_s", slot.map_or(0.0, |slot| slot.busy(now).as_secs_f64()).into()),
        ("rss_bytes", pid.and_then(memory::of).map_or(Value::Nil, |usage| usage.resident.into())),
        ("cpus", Value::Array(cpus)),
        ("status", said.map_or(Value::Nil, Value::from)),
    ])
}

/// How long its oldest request is under way, in seconds.
fn oldest(slot: &slots::Slot, now: u64) -> Option<f64> {
    slot.began().map(|began| Duration::from_nanos(now.saturating_sub(began)).as_secs_f64())
}

/// What it is bound to.
fn cpus(child: &Child) -> Vec<Value> {
    let set = cpu::of(child.process.pid());
    set.map_or(Vec::new(), |set| binding::numbers(&set).into_iter().map(Value::from).collect())
}

fn totals(totals: Totals, requests: u64) -> Value {
    map([
        ("spawned", totals.spawned.into()),
        ("exited", totals.exited.into()),
        ("crashed", totals.crashed.into()),
        ("killed", totals.killed.into()),
        ("requests", requests.into()),
    ])
}

fn map<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
}
