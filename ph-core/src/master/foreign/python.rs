//! A worker that is a Python class: how the package `processhandler` is started, and what it is given to start with.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ph_config::Settings;
use ph_config::value::python::PythonClass;

/// What the package is called.
const PACKAGE: &str = "processhandler";

/// The interpreter, and what it is to run.
pub(super) fn command(python: &Path, class: &PythonClass) -> Vec<String> {
    let own = std::env::current_exe().ok();
    let python = own.and_then(|own| beside(&own, python)).unwrap_or_else(|| python.to_owned());
    let python = python.to_string_lossy().into_owned();
    vec![python, "-m".to_owned(), PACKAGE.to_owned(), class.to_string()]
}

/// The interpreter of this name in the virtual environment that this program was installed into, together with the package: it
/// comes before those on `PATH`, which may be those of another environment, or of none.
fn beside(own: &Path, python: &Path) -> Option<PathBuf> {
    let programs = own.parent()?;
    let is_name = python.parent() == Some(Path::new(""));
    let is_environment = is_name && programs.parent()?.join("pyvenv.cfg").is_file();
    is_environment.then(|| programs.join(python)).filter(|path| path.is_file())
}

/// All settings as texts, and the directory of the start, in a variable: a class is configured by exactly what its master goes
/// by, whatever layer that comes from, and needs to be able to read no file.
pub(super) fn settings(settings: &Settings) -> Option<(OsString, OsString)> {
    settings.python_class.as_ref()?;
    let known =
        ph_config::key::KEYS.iter().map(|key| (key.name.to_owned(), settings.text(key.name)));
    let own = settings.app.iter().map(|(name, text)| (format!("app.{name}"), Some(text.clone())));
    let texts: serde_json::Map<_, _> = known
        .chain(own)
        .filter_map(|(name, text)| Some((name, serde_json::Value::from(text?))))
        .collect();
    let all = serde_json::json!({ "start_dir": settings.start_dir, "settings": texts });
    Some(("PH_SETTINGS".into(), all.to_string().into()))
}

/// Why an interpreter ended that printed this last, if it was that it has not got the package.
pub(in crate::master) fn lacks_package(line: &str) -> Option<String> {
    let python = line.strip_suffix(": No module named processhandler")?;
    Some(format!(
        "{python} does not find the package {PACKAGE}; install it ({python} -m pip install {PACKAGE}), or set python to an \
         interpreter that has it"
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_interpreter_is_looked_for_beside_this_program_in_its_environment_alone() {
        let folder = std::env::temp_dir().join(format!("ph-beside-{}", std::process::id()));
        let programs = folder.join("bin");
        fs::create_dir_all(&programs).unwrap();
        fs::write(programs.join("python3"), "").unwrap();
        let of = |python: &str| beside(&programs.join("ph"), Path::new(python));
        assert_eq!(of("python3"), None, "no environment");
        fs::write(folder.join("pyvenv.cfg"), "").unwrap();
        assert_eq!(of("python3"), Some(programs.join("python3")));
        for other in ["pypy3", "/usr/bin/python3", "./python3", "bin/python3"] {
            assert_eq!(of(other), None, "{other}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
