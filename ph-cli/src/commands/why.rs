//! `why`: the last death certificate of a slot.

use ph_config::LoadRequest;

use crate::exit::Outcome;
use crate::output::{self, json, value};

pub(super) fn explain(request: &LoadRequest, id: u32, as_json: bool) -> Outcome {
    let certificate = super::master(request)?.call("why", vec![id.into()])?;
    if as_json {
        return output::print(&json::pretty(&certificate));
    }
    let field = |name: &str| value::text(&certificate, name);
    let end = match (field("signal").as_str(), field("exit_code").as_str()) {
        ("-", code) => format!("exit code {code}"),
        (signal, _) => signal.to_owned(),
    };
    let mut text = format!(
        "worker {id}, pid {}, generation {}: {} ({end}) after {} s and {} requests\n",
        field("pid"),
        field("generation"),
        field("cause"),
        field("lived_s"),
        field("requests"),
    );
    if field("reason") != "-" {
        text.push_str(&format!("  {}\n", field("reason")));
    }
    output::print(&text)
}
