//! `config check`, `show` and `get`: about the file, not about a master.

use ph_config::{LoadRequest, Origin};
use serde_json::{Map, Value, json};

use crate::args::ConfigCommand;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{self, Table};
use crate::place;

pub(super) fn dispatch(request: &LoadRequest, command: &ConfigCommand) -> Outcome {
    match command {
        ConfigCommand::Check => check(request),
        ConfigCommand::Show { json } => show(request, *json),
        ConfigCommand::Get { key } => get(request, key),
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
            table.row([entry.key.clone(), entry.text.clone(), origin]);
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
        None => {
            let nearest = ph_config::key::nearest_key(key);
            let hint =
                nearest.map_or(String::new(), |nearest| format!("; did you mean {nearest}?"));
            Err(Failure::new(Exit::Config, format!("unknown key {key}{hint}")))
        }
    }
}
