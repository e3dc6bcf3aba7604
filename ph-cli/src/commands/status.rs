//! `status` and `worker list`: a master and its workers, for people and for programs.

use ph_config::LoadRequest;
use ph_rpc::Value;

use crate::exit::Outcome;
use crate::output::{self, Table, json, value};

pub(super) fn show(request: &LoadRequest, as_json: bool) -> Outcome {
    let status = super::master(request)?.call("status", Vec::new())?;
    let text = if as_json { json::pretty(&status) } else { page(&status) };
    output::print(&text)
}

pub(super) fn list(request: &LoadRequest, as_json: bool) -> Outcome {
    let status = super::master(request)?.call("status", Vec::new())?;
    let workers = value::get(&status, "workers");
    let text = if as_json { json::pretty(workers) } else { table(workers).render() };
    output::print(&text)
}

fn page(status: &Value) -> String {
    let field = |name: &str| value::text(status, name);
    let workers = value::get(status, "workers");
    let rows = workers.as_array().map_or(&[][..], Vec::as_slice);
    let ready = rows.iter().filter(|row| value::text(row, "state") == "ready").count();
    let totals = value::get(status, "totals");
    let total = |name: &str| value::text(totals, name);
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
    page.push_str(&format!(
        "{ready} of {} ready; {} spawned, {} exited, {} crashed, {} killed; {} requests\n",
        field("wanted"),
        total("spawned"),
        total("exited"),
        total("crashed"),
        total("killed"),
        total("requests"),
    ));
    let change = value::get(status, "last_change");
    if !change.is_nil() {
        let reason = value::text(change, "reason");
        page.push_str(&format!(
            "last change: {} {} in {}{}\n",
            value::text(change, "kind"),
            value::text(change, "result"),
            value::age(value::get(change, "took_s")),
            if reason == "-" { String::new() } else { format!(": {reason}") },
        ));
    }
    page.push('\n');
    page.push_str(&table(workers).render());
    page
}

fn table(workers: &Value) -> Table {
    let mut table = Table::new([
        "ID", "PID", "STATE", "GEN", "AGE", "REQUESTS", "ACTIVE", "BUSY", "RSS", "CPUS",
    ])
    .right(&[0, 1, 3, 4, 5, 6, 7, 8]);
    for row in workers.as_array().into_iter().flatten() {
        let field = |name: &str| value::text(row, name);
        table.row([
            field("id"),
            field("pid"),
            output::state(&field("state")),
            field("generation"),
            value::age(value::get(row, "age_s")),
            field("requests"),
            field("active"),
            value::age(value::get(row, "busy_s")),
            value::size(value::get(row, "rss_bytes")),
            value::list(value::get(row, "cpus")),
        ]);
    }
    table
}
