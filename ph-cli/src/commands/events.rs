//! `events`: what has happened, and what happens.

use ph_config::LoadRequest;
use ph_rpc::Value;

use crate::exit::{Exit, Outcome};
use crate::output::{self, json, value};

/// What a line begins with, each in its own place.
const LEADING: [&str; 3] = ["seq", "time", "event"];
/// What is told before the rest: of whom it is.
const WHO: [&str; 2] = ["id", "pid"];

pub(super) fn print(request: &LoadRequest, follow: bool, as_json: bool) -> Outcome {
    let mut master = super::master(request)?;
    let kept = master.call("events", vec![follow.into()])?;
    let line = |event: &Value| if as_json { json::line(event) } else { text(event) };
    let kept: String = kept.as_array().into_iter().flatten().map(line).collect();
    if !output::write(&kept)? || !follow {
        return Ok(Exit::Done);
    }
    while let Some(event) = master.listen()? {
        // A reader that has gone wants no more of it.
        if !output::write(&line(&event))? {
            break;
        }
    }
    Ok(Exit::Done)
}

/// `TIME EVENT key=value …`
fn text(event: &Value) -> String {
    let mut line = format!("{}  {}", value::text(event, "time"), value::text(event, "event"));
    let fields = event.as_map().into_iter().flatten();
    let names = fields.clone().filter_map(|(name, _)| name.as_str());
    let rest = names.filter(|name| !LEADING.contains(name) && !WHO.contains(name));
    let who = WHO.into_iter().filter(|name| *value::get(event, name) != Value::Nil);
    for name in who.chain(rest) {
        let field = value::get(event, name);
        let field = match field {
            Value::Map(_) | Value::Array(_) => json::line(field).trim_end().to_owned(),
            Value::String(text) if text.as_str().is_none_or(|text| text.contains([' ', '\n'])) => {
                json::line(field).trim_end().to_owned()
            }
            _ => value::text(event, name),
        };
        line.push_str(&format!("  {name}={field}"));
    }
    line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_what_belongs_to_the_event() {
        let event = Value::Map(vec![
            ("seq".into(), 7.into()),
            ("time".into(), "2026-01-01T00:00:00Z".into()),
            ("event".into(), "change_ended".into()),
            ("reason".into(), "no such\nthing".into()),
            ("took_s".into(), 0.25.into()),
            ("id".into(), 3.into()),
        ]);
        let expected =
            "2026-01-01T00:00:00Z  change_ended  id=3  reason=\"no such\\nthing\"  took_s=0.25\n";
        assert_eq!(text(&event), expected);
    }
}
