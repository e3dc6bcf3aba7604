//! `why`: the death certificates of a slot.

use ph_config::LoadRequest;
use ph_rpc::Value;

use crate::exit::Outcome;
use crate::output::{self, json, value};

pub(super) fn explain(request: &LoadRequest, id: u32, all: bool, as_json: bool) -> Outcome {
    let certificate = super::master(request)?.call("why", vec![id.into()])?;
    if as_json {
        return output::print(&json::pretty(&certificate));
    }
    let mut page = text(&certificate);
    let previous = list(&certificate, "previous");
    if all {
        for certificate in previous {
            page.push_str(&format!("\n{}", text(certificate)));
        }
    } else if !previous.is_empty() {
        page.push_str(&format!("{} earlier: --all shows them\n", previous.len()));
    }
    output::print(&page)
}

fn list<'a>(certificate: &'a Value, name: &str) -> &'a [Value] {
    value::get(certificate, name).as_array().map_or(&[], Vec::as_slice)
}

/// One certificate, from the end backwards: how, why, at what, and what was seen before.
fn text(certificate: &Value) -> String {
    let field = |name: &str| value::text(certificate, name);
    let known = |name: &str| Some(field(name)).filter(|text| text != "-");
    let age = |name: &str| value::age(value::get(certificate, name));
    let core = if value::get(certificate, "core").as_bool() == Some(true) { ", core" } else { "" };
    let end = known("signal").unwrap_or_else(|| format!("exit code {}", field("exit_code")));
    let mut text = format!(
        "{}  worker {}, pid {}, generation {}: {} ({end}{core}) after {} and {} requests\n",
        field("time"),
        field("id"),
        field("pid"),
        field("generation"),
        output::bold(&field("cause")),
        age("lived_s"),
        field("requests"),
    );
    let mut line = |name: &str, said: String| text.push_str(&format!("  {name:<9}{said}\n"));
    if let Some(reason) = known("reason") {
        line("reason", reason);
    }
    let tag = known("tag");
    match (value::get(certificate, "active").as_u64(), tag) {
        (Some(active @ 1..), tag) => {
            let tag = tag.map_or(String::new(), |tag| format!(": {tag}"));
            let others =
                if active > 1 { format!(", the oldest of {active}") } else { String::new() };
            line("request", format!("for {}{others}{tag}", age("request_age_s")));
        }
        (_, Some(tag)) => line("request", format!("none; the last was {tag}")),
        (_, None) => {}
    }
    if let Some(stall) = known("stall") {
        line("stalled", stall);
    }
    line("memory", memory(certificate));
    line(
        "cpu",
        format!("{} s in user mode, {} s in the kernel", field("user_s"), field("system_s")),
    );
    for thread in list(certificate, "threads") {
        let field = |name: &str| value::text(thread, name);
        let within = match field("wchan").as_str() {
            "-" => String::new(),
            wchan => format!(" in {wchan}"),
        };
        line("thread", format!("{} {}  {}{within}", field("tid"), field("name"), field("state")));
        let stack: Vec<&str> = list(thread, "stack").iter().filter_map(Value::as_str).collect();
        if !stack.is_empty() {
            line("", stack.join(" < "));
        }
    }
    let reason = known("reason");
    let output = list(certificate, "output").iter().filter_map(Value::as_str);
    for said in output.filter(|said| reason.as_deref() != Some(*said)) {
        line("output", said.to_owned());
    }
    text
}

/// `8.0M at most; 2.3M 9.0s ago, 8.0M 0.1s ago`
fn memory(certificate: &Value) -> String {
    let peak = value::size(value::get(certificate, "peak_rss_bytes"));
    let sample = |sample: &Value| {
        let size = value::size(value::get(sample, "bytes"));
        format!("{size} {} ago", value::age(value::get(sample, "ago_s")))
    };
    let samples: Vec<String> = list(certificate, "rss").iter().map(sample).collect();
    match &samples[..] {
        [] => format!("{peak} at most"),
        samples => format!("{peak} at most; {}", samples.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&str, Value)]) -> Value {
        Value::Map(fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
    }

    #[test]
    fn a_certificate_reads_from_the_end_backwards() {
        let thread = map(&[
            ("tid", 7.into()),
            ("name", "web".into()),
            ("state", "S".into()),
            ("wchan", "do_poll".into()),
            ("stack", Value::Array(vec!["do_poll".into(), "do_syscall_64".into()])),
        ]);
        let sample = |ago: f64, bytes: u64| map(&[("ago_s", ago.into()), ("bytes", bytes.into())]);
        let certificate = map(&[
            ("id", 3.into()),
            ("pid", 7.into()),
            ("generation", 1.into()),
            ("time", "now".into()),
            ("cause", "timeout".into()),
            ("reason", "a request took 2.0s, longer than timeout".into()),
            ("signal", "SIGKILL".into()),
            ("core", false.into()),
            ("lived_s", 12.5.into()),
            ("requests", 37.into()),
            ("active", 2.into()),
            ("request_age_s", 2.0.into()),
            ("tag", "GET /".into()),
            ("stall", "blocked".into()),
            ("user_s", 0.25.into()),
            ("system_s", 0.0.into()),
            ("peak_rss_bytes", 4096.into()),
            ("rss", Value::Array(vec![sample(9.0, 1024), sample(0.1, 4096)])),
            ("threads", Value::Array(vec![thread])),
            ("output", Value::Array(vec!["one".into(), "two".into()])),
        ]);
        let expected = "\
now  worker 3, pid 7, generation 1: timeout (SIGKILL) after 12s and 37 requests
  reason   a request took 2.0s, longer than timeout
  request  for 2.0s, the oldest of 2: GET /
  stalled  blocked
  memory   4.0K at most; 1.0K 9.0s ago, 4.0K 0.1s ago
  cpu      0.25 s in user mode, 0.00 s in the kernel
  thread   7 web  S in do_poll
           do_poll < do_syscall_64
  output   one
  output   two
";
        assert_eq!(text(&certificate), expected);
    }
}
