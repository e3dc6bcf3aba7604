//! A status as OpenMetrics text (OpenMetrics 1.0), which Prometheus reads as well.

use std::fmt::Write as _;

use ph_rpc::Value;

use crate::output::value;

/// What a master can be.
const MASTER_STATES: [&str; 6] =
    ["starting", "running", "degraded", "reloading", "upgrading", "stopping"];
/// What a worker can be, in the order of its life.
const STATES: [&str; 5] = ["booting", "ready", "draining", "killed", "backoff"];

/// The text for a running master.
pub(super) fn of(status: &Value) -> String {
    let field = |name: &str| value::text(status, name);
    let mut text = Text::default();
    text.family("ph_up", "gauge", "whether the master answers").sample(&[], 1.0);
    let labels = ["app", "version", "role"].map(|name| (name, field(name)));
    text.family("ph_master", "info", "the master").suffixed("_info", &labels, 1.0);
    text.family("ph_state", "stateset", "what the master is doing");
    for state in MASTER_STATES {
        let is = if field("state") == state { 1.0 } else { 0.0 };
        text.sample(&[("ph_state", state.to_owned())], is);
    }
    text.number("ph_uptime_seconds", "gauge", "time since the master began", status, "uptime_s");
    text.number("ph_generation", "gauge", "reloads and upgrades so far", status, "generation");
    text.number("ph_workers_wanted", "gauge", "workers that there should be", status, "wanted");

    let rows = value::get(status, "workers").as_array().map_or(&[][..], Vec::as_slice);
    text.family("ph_workers", "gauge", "workers by state");
    for state in STATES {
        let count = rows.iter().filter(|row| value::text(row, "state") == state).count();
        text.sample(&[("state", state.to_owned())], count as f64);
    }
    let totals = value::get(status, "totals");
    for (name, field, help) in TOTALS {
        text.number(name, "counter", help, totals, field);
    }
    let log = value::get(status, "log");
    let help = "lines of the log that could not be written";
    text.number("ph_log_lost_lines", "counter", help, log, "lost");
    text.number("ph_log_rotations", "counter", "how often the log was rotated", log, "rotated");
    for (name, kind, field, help) in PER_WORKER {
        text.family(name, kind, help);
        for row in rows {
            if let Some(number) = value::get(row, field).as_f64() {
                text.sample(&[("worker", value::text(row, "id"))], number);
            }
        }
    }
    text.calls(value::get(status, "calls"));
    let change = value::get(status, "last_change");
    if !change.is_nil() {
        let ok = if value::text(change, "result") == "ok" { 1.0 } else { 0.0 };
        let kind = [("kind", value::text(change, "kind"))];
        text.family("ph_last_change_ok", "gauge", "whether the last change succeeded");
        text.sample(&kind, ok);
        text.family("ph_last_change_seconds", "gauge", "time that the last change took");
        text.sample(&kind, value::get(change, "took_s").as_f64().unwrap_or(0.0));
    }
    text.end()
}

/// The text where no master answers.
pub(super) fn of_nobody() -> String {
    let mut text = Text::default();
    text.family("ph_up", "gauge", "whether the master answers").sample(&[], 0.0);
    text.end()
}

const TOTALS: [(&str, &str, &str); 5] = [
    ("ph_workers_spawned", "spawned", "workers that were started"),
    ("ph_workers_exited", "exited", "workers that ended as they should"),
    ("ph_workers_crashed", "crashed", "workers that ended by themselves"),
    ("ph_workers_killed", "killed", "workers that had to be killed"),
    ("ph_requests", "requests", "requests that have ended"),
];

const PER_METHOD: [(&str, &str, &str); 3] = [
    ("ph_calls", "calls", "calls that were answered"),
    ("ph_call_errors", "errors", "calls that were answered with an error"),
    ("ph_call_timeouts", "timeouts", "calls that took longer than timeout"),
];

const PER_WORKER: [(&str, &str, &str, &str); 5] = [
    (
        "ph_worker_requests",
        "counter",
        "requests",
        "requests of the worker's process that have ended",
    ),
    ("ph_worker_active", "gauge", "active", "requests under way"),
    (
        "ph_worker_busy_seconds",
        "counter",
        "busy_s",
        "time that the worker's process spent in requests",
    ),
    ("ph_worker_resident_bytes", "gauge", "rss_bytes", "resident memory of the worker's process"),
    ("ph_worker_age_seconds", "gauge", "age_s", "time since the worker's process began"),
];

/// Families of metrics, each with its samples.
#[derive(Default)]
struct Text {
    text: String,
    family: &'static str,
    suffix: &'static str,
}

impl Text {
    /// Begins a family; its samples follow.
    fn family(&mut self, name: &'static str, kind: &str, help: &str) -> &mut Self {
        self.family = name;
        self.suffix = if kind == "counter" { "_total" } else { "" };
        // Writing to a string can't fail.
        let _ = writeln!(self.text, "# TYPE {name} {kind}");
        if let Some(unit) = ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(unit)) {
            let _ = writeln!(self.text, "# UNIT {name} {unit}");
        }
        let _ = writeln!(self.text, "# HELP {name} {help}");
        self
    }

    /// A family of one sample, where there is such a field.
    fn number(&mut self, name: &'static str, kind: &str, help: &str, map: &Value, field: &str) {
        if let Some(number) = value::get(map, field).as_f64() {
            self.family(name, kind, help).sample(&[], number);
        }
    }

    fn sample(&mut self, labels: &[(&str, String)], number: f64) {
        self.suffixed(self.suffix, labels, number);
    }

    fn suffixed(&mut self, suffix: &str, labels: &[(&str, String)], number: f64) {
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.text, "{}{suffix}{labels} {number}", self.family);
    }

    /// How calls fare, where there are any.
    fn calls(&mut self, calls: &Value) {
        let Some(methods) = value::get(calls, "methods").as_array() else { return };
        let label = |method: &Value| ("method", value::text(method, "name"));
        for (name, field, help) in PER_METHOD {
            self.family(name, "counter", help);
            for method in methods {
                let number = value::get(method, field).as_f64().unwrap_or(0.0);
                self.sample(&[label(method)], number);
            }
        }
        self.family("ph_call_seconds", "summary", "time from reading a call to its answer");
        for method in methods {
            let latency = value::get(method, "latency");
            for (quantile, field) in [("0.5", "p50_s"), ("0.9", "p90_s"), ("0.99", "p99_s")] {
                if let Some(seconds) = value::get(latency, field).as_f64() {
                    self.sample(&[label(method), ("quantile", quantile.to_owned())], seconds);
                }
            }
            let number = |map: &Value, field: &str| value::get(map, field).as_f64().unwrap_or(0.0);
            self.suffixed("_sum", &[label(method)], number(latency, "sum_s"));
            self.suffixed("_count", &[label(method)], number(method, "calls"));
        }
        let help = "messages that came to no method";
        self.number("ph_calls_refused", "counter", help, calls, "refused");
        let help = "connections that were closed because what came was not the protocol";
        self.number("ph_connections_broken", "counter", help, calls, "broken");
    }

    fn end(self) -> String {
        self.text + "# EOF\n"
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&str, Value)]) -> Value {
        Value::Map(fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
    }

    #[test]
    fn counters_end_in_total_and_labels_are_escaped() {
        let worker = map(&[("id", 3.into()), ("state", "ready".into()), ("requests", 7.into())]);
        let status = map(&[
            ("app", "a\"b\\c\n".into()),
            ("uptime_s", 1.5.into()),
            ("workers", Value::Array(vec![worker])),
            ("totals", map(&[("requests", 9.into())])),
        ]);
        let text = of(&status);
        for line in [
            "ph_up 1",
            r#"ph_master_info{app="a\"b\\c\n",version="-",role="-"} 1"#,
            "# TYPE ph_requests counter",
            "ph_requests_total 9",
            "# UNIT ph_uptime_seconds seconds",
            "ph_uptime_seconds 1.5",
            r#"ph_workers{state="ready"} 1"#,
            r#"ph_workers{state="backoff"} 0"#,
            r#"ph_worker_requests_total{worker="3"} 7"#,
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
        assert!(!text.contains("ph_last_change"), "{text}");
    }
}
