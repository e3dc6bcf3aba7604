//! `config`: about the file, and not about a master, but for `diff`.

mod diff;
mod edit;

use edit::Text;
pub(super) use edit::save_number;
use ph_config::{LoadRequest, Origin, Target};
use serde_json::{Map, Value, json};

use crate::Host;
use crate::args::ConfigCommand;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{self, Table};
use crate::place;

pub(super) fn dispatch(host: &dyn Host, request: &LoadRequest, command: &ConfigCommand) -> Outcome {
    let target = |default: bool| if default { Target::Default } else { Target::Section };
    match command {
        ConfigCommand::Check => check(request),
        ConfigCommand::Show { json } => show(request, *json),
        ConfigCommand::Get { key } => get(request, key),
        ConfigCommand::Set { key, value, default, interpolate } => {
            let value = if *interpolate { Text::Template(value) } else { Text::Literal(value) };
            edit::set(host, request, key, value, target(*default))
        }
        ConfigCommand::Unset { key, default } => edit::unset(host, request, key, target(*default)),
        ConfigCommand::Diff { json } => diff::print(request, *json),
        ConfigCommand::Undo => edit::undo(host, request),
    }
}

fn check(request: &LoadRequest) -> Outcome {
    let settings = place::settings(request)?;
    let file = settings.config_file.as_deref().map(|file| file.display().to_string());
    output::print(&format!("{} [{}]: valid\n", file.unwrap_or_default(), settings.section))
}

/// Shows what there is even when some of it is wrong; the exit code says that.
fn show(request: &LoadRequest, as_json: bool) -> Outcome {
    let layers = place::layers(request)?;
    let entries = layers.entries();
    let text = if as_json {
        let keys: Map<String, Value> = entries
            .iter()
            .map(|entry| {
                let origin = entry.origin.to_string();
                (entry.key.clone(), json!({"value": entry.text, "origin": origin}))
            })
            .collect();
        format!("{:#}\n", Value::Object(keys))
    } else {
        let mut table = Table::new(["KEY", "VALUE", "FROM"]);
        for entry in entries {
            let origin = match &entry.origin {
                Origin::File { in_default: true, .. } => format!("{} [DEFAULT]", entry.origin),
                origin => origin.to_string(),
            };
            table.row([entry.key.clone(), line(&entry.text), origin]);
        }
        table.render()
    };
    output::print(&text)?;
    layers.settings()?;
    Ok(Exit::Done)
}

fn get(request: &LoadRequest, key: &str) -> Outcome {
    let layers = place::layers(request)?;
    // One value from a file that is wrong elsewhere would be trusted without reason.
    layers.settings()?;
    match layers.get(key) {
        Some(entry) => output::print(&format!("{}\n", entry.text)),
        // Nothing is wrong: the application has a default of its own, or does without.
        None if ph_config::key::is_app(&key.to_lowercase()) => {
            Err(Failure::new(Exit::Failed, format!("{key} is not set")))
        }
        None => {
            let nearest = ph_config::key::nearest_key(key);
            let hint =
                nearest.map_or(String::new(), |nearest| format!("; did you mean {nearest}?"));
            Err(Failure::new(Exit::Config, format!("unknown key {key}{hint}")))
        }
    }
}

/// A value in one line.
fn line(value: &str) -> String {
    value.replace('\n', "\\n")
}
