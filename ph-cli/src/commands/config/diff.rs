//! `config diff`: what the file says, what the running master does, and what would be without either.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ph_config::key::DefaultValue;
use ph_config::{Effect, Effective, KEYS, Layers, LoadRequest, Origin, Settings, file, key};
use ph_rpc::Value;
use serde_json::{Map, json};

use crate::exit::{Exit, Failure, Outcome};
use crate::master::Master;
use crate::output::{self, Table, value};
use crate::place;

/// One key that is not the same everywhere.
struct Row {
    key: String,
    /// What the file says, and the layers of this command above it.
    file: Option<String>,
    origin: String,
    /// `None` where no master runs, or where it has no such key.
    running: Option<String>,
    default: Option<String>,
    /// What the master needs to do as the file says, where it does not.
    needs: Option<&'static str>,
}

/// What a master runs with.
struct Running {
    /// Where it was started: what relative paths mean.
    start_dir: PathBuf,
    values: Value,
}

pub(super) fn print(request: &LoadRequest, as_json: bool) -> Outcome {
    let layers = place::layers(request)?;
    let settings = layers.settings()?;
    let running = Running::ask(&settings)?;
    let rows = match &running {
        Some(running) if running.start_dir != request.start_dir => {
            let layers = from(request, &running.start_dir)?;
            rows(&layers, &layers.settings()?, Some(running))
        }
        running => rows(&layers, &settings, running.as_ref()),
    };
    output::print(&if as_json { as_object(&rows) } else { table(&rows) })
}

/// The same file, with its relative paths meant from elsewhere.
fn from(request: &LoadRequest, start_dir: &Path) -> Result<Layers, Failure> {
    let path = request.start_dir.join(request.file.as_deref().unwrap_or("".as_ref()));
    let unreadable =
        |error: file::ReadError| Failure::new(Exit::Config, format!("{}: {error}", path.display()));
    let document = file::read(&path).map_err(unreadable)?;
    let request = LoadRequest { start_dir: start_dir.to_owned(), ..request.clone() };
    Ok(Layers::of(document, &request)?)
}

impl Running {
    /// `None` where no master runs.
    fn ask(settings: &Settings) -> Result<Option<Self>, Failure> {
        let mut master = match Master::connect(&settings.control_socket) {
            Ok(master) => master,
            Err(Failure { exit: Exit::NotRunning, .. }) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let all = master.call("config_all", Vec::new())?;
        let start_dir = value::text(&all, "start_dir").into();
        Ok(Some(Self { start_dir, values: value::get(&all, "values").clone() }))
    }

    fn text(&self, key: &str) -> Option<String> {
        value::get(&self.values, key).as_str().map(str::to_owned)
    }

    /// The application's own keys.
    fn own(&self) -> impl Iterator<Item = &str> {
        let values = self.values.as_map().into_iter().flatten();
        values.filter_map(|(name, _)| name.as_str()).filter(|name| key::is_app(name))
    }
}

/// The keys of which not all say the same, in the order of the reference, then the application's own.
fn rows(layers: &Layers, settings: &Settings, running: Option<&Running>) -> Vec<Row> {
    let mut own: BTreeSet<String> = settings.app.keys().map(|key| format!("app.{key}")).collect();
    own.extend(running.into_iter().flat_map(Running::own).map(str::to_owned));
    let known = KEYS.iter().map(|key| key.name.to_owned());
    let row = |key: String| {
        let entry = layers.get(&key);
        let file = settings.text(&key);
        let default = entry.and_then(|entry| default(entry, layers, settings));
        let now = running.and_then(|running| running.text(&key));
        let effect = key::find(&key).map_or(Effect::NewWorkers, |key| key.effect);
        let differs = running.is_some() && now != file;
        let needs = match effect {
            Effect::Restart => "restart",
            _ => "reload",
        };
        let origin = entry.map_or(String::new(), |entry| entry.origin.to_string());
        let needs = differs.then_some(needs);
        Row { key, file, origin, running: now, default, needs }
    };
    known.chain(own).map(row).filter(|row| row.needs.is_some() || row.file != row.default).collect()
}

/// What would be if nothing set the key; in words, where that follows from others.
fn default(entry: &Effective, layers: &Layers, settings: &Settings) -> Option<String> {
    let key = entry.reference?;
    if entry.origin == Origin::Default {
        return settings.text(key.name);
    }
    match key.default {
        DefaultValue::Section => Some(layers.section().to_owned()),
        DefaultValue::Derived { .. } => Some(key.default_text().into_owned()),
        DefaultValue::Text(_) | DefaultValue::Unset => {
            key.check(&key.default_text(), layers.start_dir()).ok()
        }
    }
}

fn as_object(rows: &[Row]) -> String {
    let object: Map<String, serde_json::Value> = rows
        .iter()
        .map(|Row { key, file, origin, running, default, needs }| {
            let fields = json!({
                "file": file, "origin": origin, "running": running, "default": default, "needs": needs,
            });
            (key.clone(), fields)
        })
        .collect();
    format!("{:#}\n", serde_json::Value::Object(object))
}

fn table(rows: &[Row]) -> String {
    let mut table = Table::new(["KEY", "FILE", "RUNNING", "DEFAULT", "NEEDS", "FROM"]);
    let cell = |text: &Option<String>| text.as_deref().map_or("-".to_owned(), super::line);
    for row in rows {
        table.row([
            row.key.clone(),
            cell(&row.file),
            cell(&row.running),
            cell(&row.default),
            row.needs.unwrap_or("-").to_owned(),
            row.origin.clone(),
        ]);
    }
    table.render()
}
