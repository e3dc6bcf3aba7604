//! The section as a source of the `config` crate.

use std::{fs, path::PathBuf};

use config::{Config, ConfigError};
use ph_config::IniSource;

fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).expect("the target directory is writable");
    path
}

fn load(path: &PathBuf, section: &str) -> Result<Config, ConfigError> {
    Config::builder().add_source(IniSource::new(path, section)).build()
}

#[test]
fn a_section_is_inherited_interpolated_and_converted() {
    let path = file(
        "source.ini",
        "[DEFAULT]\nroot = /srv\n[web]\nlog = %(root)s/log\ntimeout = 30\napp.colour = red\n[other]\n",
    );
    let config = load(&path, "web").unwrap();
    assert_eq!(config.get_string("log").unwrap(), "/srv/log");
    assert_eq!(config.get::<u64>("timeout").unwrap(), 30);
    assert_eq!(config.get_string("app.colour").unwrap(), "red");
    assert!(load(&path, "other").unwrap().get_string("log").is_err());
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let path = file("source-bad.ini", "[web]\n\nlog = %(nowhere)s\n");
    let told = load(&path, "web").unwrap_err().to_string();
    assert!(told.contains("source-bad.ini:3: log: %(nowhere)s names no key"), "{told}");
    let told = load(&path, "wob").unwrap_err().to_string();
    assert!(told.contains("source-bad.ini: no section [wob]"), "{told}");
    let path = file("source-worse.ini", "[web]\nx\ny\n");
    let told = load(&path, "web").unwrap_err().to_string();
    assert!(
        told.contains("source-worse.ini:2: ") && told.contains("source-worse.ini:3: "),
        "{told}"
    );
    let path = path.with_file_name("source-absent.ini");
    assert!(load(&path, "web").unwrap_err().to_string().contains("no such file"));
}
