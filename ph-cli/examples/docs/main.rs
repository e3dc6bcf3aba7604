//! Writes `docs/man`, `docs/completions` and `docs/configuration.md`: `cargo xtask docs` runs it. All of it is made from the
//! definitions that the program itself reads its arguments and its configuration by.

mod configuration;
mod man;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs, io};

use clap_complete::Shell;

const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: docs FOLDER");
        return ExitCode::from(2);
    };
    let write = |(name, text): (String, String)| -> io::Result<()> {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&folder))?;
        // A shell and a formatter mind no blanks at the end of a line; this repository does.
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        fs::write(path, lines.join("\n") + "\n")
    };
    match pages().into_iter().try_for_each(write) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("docs: cannot write to {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

/// Every file, by its name in the folder.
fn pages() -> BTreeMap<String, String> {
    let mut pages = man::pages();
    for shell in SHELLS {
        let mut script = Vec::new();
        let mut definitions = ph_cli::definitions("ph");
        clap_complete::generate(shell, &mut definitions, "ph", &mut script);
        let script = String::from_utf8_lossy(&script).into_owned();
        pages.insert(format!("completions/ph.{shell}"), script);
    }
    pages.insert("configuration.md".to_owned(), configuration::page());
    pages
}
