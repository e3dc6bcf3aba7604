//! `status` and `worker list`: a master and its workers, for people and for programs.

use std::thread;
use std::time::Duration;

use ph_config::LoadRequest;
use ph_rpc::Value;

use crate::exit::{Exit, Outcome};
use crate::output::{self, Table, json, value};
use crate::procfs;
use crate::usage::{self, Usage};

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

pub(super) fn show(request: &LoadRequest, as_json: bool) -> Outcome {
    let status = super::master(request)?.call("status", Vec::new())?;
    let text = if as_json { json::pretty(&status) } else { page(&status, &mut Usage::default()) };
    output::print(&text)
}

/// The same again and again, until interrupted or the master is gone: on a terminal each in place of the last.
pub(super) fn watch(request: &LoadRequest, as_json: bool) -> Outcome {
    let mut usage = Usage::default();
    loop {
        // Another connection each time: after an upgrade it is another master.
        let status = super::master(request)?.call("status", Vec::new())?;
        let text = if as_json {
            json::line(&status)
        } else {
            output::in_place(&page(&status, &mut usage))
        };
        // A reader that has gone wants no more of it.
        if !output::write(&text)? {
            return Ok(Exit::Done);
        }
        thread::sleep(INTERVAL);
    }
}

pub(super) fn list(request: &LoadRequest, as_json: bool) -> Outcome {
    let status = super::master(request)?.call("status", Vec::new())?;
    let workers = value::get(&status, "workers");
    let text = if as_json {
        json::pretty(workers)
    } else {
        table(workers, &mut Usage::default()).render()
    };
    output::print(&text)
}

/// How many workers there are, and what has become of those before them.
pub(super) fn counts(status: &Value) -> String {
    let rows = value::get(status, "workers").as_array().map_or(&[][..], Vec::as_slice);
    let ready = rows.iter().filter(|row| value::text(row, "state") == "ready").count();
    let totals = value::get(status, "totals");
    let total = |name: &str| value::text(totals, name);
    format!(
        "{ready} of {} ready; {} spawned, {} exited, {} crashed, {} killed; {} requests",
        value::text(status, "wanted"),
        total("spawned"),
        total("exited"),
        total("crashed"),
        total("killed"),
        total("requests"),
    )
}

/// How the last change went, if there was one.
pub(super) fn last_change(status: &Value) -> Option<String> {
    let change = value::get(status, "last_change");
    let reason = match value::get(change, "reason") {
        Value::Nil => String::new(),
        _ => format!(": {}", value::text(change, "reason")),
    };
    (!change.is_nil()).then(|| {
        format!(
            "last change: {} {} in {}{reason}",
            value::text(change, "kind"),
            value::text(change, "result"),
            value::age(value::get(change, "took_s")),
        )
    })
}

fn page(status: &Value, usage: &mut Usage) -> String {
    let field = |name: &str| value::text(status, name);
    let workers = value::get(status, "workers");
    let mut page = format!(
        "{}  {}  {}  pid {}  generation {}  up {}\n",
        output::bold(&field("app")),
        output::state(&field("state")),
        field("role"),
        field("pid"),
        field("generation"),
        value::age(value::get(status, "uptime_s")),
    );
    page.push_str(&format!("{}  version {}\n", field("config_file"), field("version")));
    let listeners = value::get(status, "listeners").as_array().map_or(&[][..], Vec::as_slice);
    if !listeners.is_empty() {
        let listeners: Vec<&str> = listeners.iter().filter_map(Value::as_str).collect();
        page.push_str(&format!("listens on {}\n", listeners.join(", ")));
    }
    page.push_str(&format!("{}\n", counts(status)));
    if let Some(change) = last_change(status) {
        page.push_str(&format!("{change}\n"));
    }
    let lost = value::get(value::get(status, "log"), "lost").as_u64().unwrap_or(0);
    if lost > 0 {
        page.push_str(&format!("log: {lost} lines could not be written\n"));
    }
    page.push('\n');
    page.push_str(&table(workers, usage).render());
    page.push_str(&calls(value::get(status, "calls")));
    page
}

/// A line for each method that can be called.
fn calls(calls: &Value) -> String {
    let methods = value::get(calls, "methods").as_array().map_or(&[][..], Vec::as_slice);
    if methods.is_empty() {
        return String::new();
    }
    let mut table = Table::new(["METHOD", "CALLS", "ERRORS", "TIMEOUTS", "P50", "P99", "MAX"])
        .right(&[1, 2, 3, 4, 5, 6]);
    for method in methods {
        let field = |name: &str| value::text(method, name);
        let latency = value::get(method, "latency");
        let latency = |name: &str| value::latency(value::get(latency, name));
        table.row([
            field("name"),
            field("calls"),
            field("errors"),
            field("timeouts"),
            latency("p50_s"),
            latency("p99_s"),
            latency("max_s"),
        ]);
    }
    let mut page = format!("\n{}", table.render());
    let others = [
        ("refused", "messages came to no method"),
        ("broken", "connections were closed for garbage"),
    ];
    for (field, what) in others {
        if value::get(calls, field).as_u64().unwrap_or(0) > 0 {
            page.push_str(&format!("{} {what}\n", value::text(calls, field)));
        }
    }
    page
}

fn table(workers: &Value, usage: &mut Usage) -> Table {
    let mut table = Table::new([
        "ID", "PID", "STATE", "GEN", "AGE", "REQUESTS", "ACTIVE", "CPU%", "PSS", "CPUS", "DOING",
    ])
    .right(&[0, 1, 3, 4, 5, 6, 7, 8]);
    let rows = workers.as_array().map_or(&[][..], Vec::as_slice);
    let pids = rows.iter().filter_map(usage::pid).collect();
    let sizes = procfs::proportional_sizes(pids);
    let shares = usage.shares(rows);
    for row in rows {
        let field = |name: &str| value::text(row, name);
        let share = usage::pid(row).and_then(|pid| shares.get(&pid));
        let size = usage::pid(row).and_then(|pid| sizes.get(&pid));
        table.row([
            field("id"),
            field("pid"),
            output::state(&field("state")),
            field("generation"),
            value::age(value::get(row, "age_s")),
            field("requests"),
            field("active"),
            share.map_or_else(|| "-".to_owned(), |share| format!("{:.1}", share * 100.0)),
            value::size(&size.map_or(Value::Nil, |&size| size.into())),
            value::list(value::get(row, "cpus")),
            doing(row),
        ]);
    }
    table
}

/// In a word or two, from what the worker tells of its requests, or of itself.
pub(super) fn doing(row: &Value) -> String {
    let oldest = value::get(row, "oldest_s");
    let said = value::text(row, "status");
    match (value::text(row, "state").as_str(), oldest.as_f64()) {
        ("ready" | "draining", Some(_)) => format!("a request for {}", value::age(oldest)),
        ("ready" | "draining", None) if said != "-" => said,
        ("ready", None) => "waits".to_owned(),
        ("draining", None) => "finishes".to_owned(),
        ("booting", _) => "boots".to_owned(),
        ("backoff", _) => "waits for its next try".to_owned(),
        _ => "-".to_owned(),
    }
}
