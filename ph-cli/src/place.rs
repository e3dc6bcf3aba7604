//! Which configuration a command is about.

use std::path::{Path, PathBuf};

use ph_config::{Layers, LoadRequest, Settings};

use crate::args::PlaceArgs;
use crate::exit::{Exit, Failure};

/// The variable that names the configuration file.
const VARIABLE: &str = "PH_CONFIG";

/// What to load: the file that the arguments, the environment or custom name, and what overrides it.
pub(crate) fn request(args: &PlaceArgs, fallback: Option<&Path>) -> Result<LoadRequest, Failure> {
    let start_dir = std::env::current_dir()
        .map_err(|error| Failure::new(Exit::Failed, format!("no working directory: {error}")))?;
    let mut request =
        LoadRequest::new(file(args, fallback)?, start_dir).environment(std::env::vars_os());
    if let Some(section) = &args.section {
        request = request.section(section);
    }
    for (key, value) in &args.set {
        request = request.set(key, value);
    }
    Ok(request)
}

fn file(args: &PlaceArgs, fallback: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(file) = &args.config {
        return Ok(file.clone());
    }
    if let Some(file) = std::env::var_os(VARIABLE).filter(|file| !file.is_empty()) {
        return Ok(file.into());
    }
    let custom = ["config.ini", "conf/config.ini"].map(Path::new);
    let candidates = custom.into_iter().chain(fallback);
    let found = candidates.clone().find(|path| path.exists()).map(Path::to_owned);
    found.ok_or_else(|| {
        let tried: Vec<String> = candidates.map(|path| path.display().to_string()).collect();
        let tried = tried.join(", ");
        Failure::new(Exit::Config, format!("no configuration at {tried}; name one with -c FILE"))
    })
}

/// The typed settings of the place.
pub(crate) fn settings(request: &LoadRequest) -> Result<Settings, Failure> {
    Ok(Settings::load(request)?)
}

/// Every key's text and origin, even where values are wrong.
pub(crate) fn layers(request: &LoadRequest) -> Result<Layers, Failure> {
    Ok(Layers::load(request)?)
}

/// The files that a master makes need directories that are there: told with the line that names the file.
pub(crate) fn check_directories(layers: &Layers, settings: &Settings) -> Result<(), Failure> {
    let files = [
        ("pidfile", settings.pidfile.as_deref()),
        ("log_file", settings.log_file.as_deref()),
        ("unix_socket", settings.unix_socket.as_deref()),
        ("control_socket", Some(settings.control_socket.as_path())),
    ];
    let mut problems = Vec::new();
    for (key, file) in files {
        // It lies beside the pidfile unless it is placed: one fault, one sentence.
        if key == "control_socket" && !problems.is_empty() && !layers.is_set(key) {
            continue;
        }
        let folder = file.and_then(Path::parent);
        if let Some(folder) = folder.filter(|folder| !folder.is_dir())
            && let Some(entry) = layers.get(key)
        {
            let (text, folder) = (&entry.text, folder.display());
            let what = format!("{key} = {text}: expected a file in a directory that exists");
            problems.push(format!("{}: {what}; {folder} does not", entry.origin));
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Exit::Config, problems.join("\n")))
}
