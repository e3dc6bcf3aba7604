//! `leader status`, `resign` and `wait`.

use std::thread;
use std::time::{Duration, Instant};

use ph_config::LoadRequest;
use ph_rpc::Value;

use crate::args::LeaderCommand;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{self, json, value};

/// Between two looks of one that waits.
const INTERVAL: Duration = Duration::from_millis(50);

pub(super) fn dispatch(request: &LoadRequest, command: &LeaderCommand) -> Outcome {
    match command {
        LeaderCommand::Status { json } => show(request, *json),
        LeaderCommand::Resign => super::change(request, "leader_resign", Vec::new()),
        LeaderCommand::Wait { timeout } => wait(request, *timeout),
    }
}

fn look(request: &LoadRequest) -> Result<Value, Failure> {
    super::master(request)?.call("leader_status", Vec::new())
}

fn show(request: &LoadRequest, as_json: bool) -> Outcome {
    let status = look(request)?;
    output::print(&if as_json { json::pretty(&status) } else { page(&status) })
}

fn page(status: &Value) -> String {
    let field = |name: &str| value::text(status, name);
    let role = field("role");
    let mut page = match role.as_str() {
        "leader" => format!("leader, token {}, {} left\n", field("token"), left(status)),
        "standby" if value::get(status, "leader").is_nil() => "standby, no leader known\n".into(),
        "standby" => format!("standby of {}\n", field("leader")),
        _ => return format!("{role}\n"),
    };
    page.push_str(&format!(
        "candidate {}, {} {}, lease of {} s\n",
        field("candidate"),
        field("kind"),
        field("key"),
        field("ttl_s"),
    ));
    if !value::get(status, "trouble").is_nil() {
        page.push_str(&format!("trouble: {}\n", field("trouble")));
    }
    page
}

fn left(status: &Value) -> String {
    let seconds = value::get(status, "lease_s").as_f64().unwrap_or_default();
    format!("{seconds:.1} s")
}

/// Until this master leads and its workers are there.
fn wait(request: &LoadRequest, timeout: Option<Duration>) -> Outcome {
    let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    loop {
        // Another connection each time: after an upgrade it is another master.
        let status = super::master(request)?.call("status", Vec::new())?;
        let role = value::text(&status, "role");
        if role == "leader" && is_served(&status) {
            return Ok(Exit::Done);
        }
        if role == "standalone" {
            let reason = "this master leads nobody and follows nobody: leader = none";
            return Err(Failure::new(Exit::Refused, reason));
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            return Err(Failure::new(Exit::Failed, "this master does not lead yet"));
        }
        thread::sleep(INTERVAL);
    }
}

/// Every wanted worker is ready, and there is one.
fn is_served(status: &Value) -> bool {
    let rows = value::get(status, "workers").as_array().map_or(&[][..], Vec::as_slice);
    let ready = rows.iter().filter(|row| value::text(row, "state") == "ready").count() as u64;
    let wanted = value::get(status, "wanted").as_u64().unwrap_or(0);
    ready >= wanted && value::text(status, "state") != "starting"
}
