//! The reference of configuration keys, from the table that they are read and checked by.

use std::fmt::Write as _;

use ph_config::key::{Effect, KEYS, Key};

const PREFACE: &str = "\
# Configuration keys

Made from the definitions by `cargo xtask docs`; changes belong there.

A section of the INI file is one application; `[DEFAULT]` holds for all. Defaults < file < environment < command line
(`--set KEY=VALUE`). Keys that the application itself reads are called `app.…`. Times take seconds (`3`, `0.5`) or a unit
(`500ms`, `2m`), sizes bytes or a unit (`64MiB`); `0` or `none` switches a limit off. Relative paths are relative to the
directory in which the master was started. `config show` tells each value and where it comes from.

";

pub(crate) fn page() -> String {
    let mut page = PREFACE.to_owned();
    for key in KEYS {
        section(&mut page, key);
    }
    page.truncate(page.trim_end().len());
    page + "\n"
}

fn section(page: &mut String, key: &Key) {
    let doc: Vec<&str> = key.doc().lines().map(str::trim).collect();
    // Writing to a string can't fail.
    let _ = writeln!(page, "## `{}`\n\n{}\n", key.name, doc.join(" "));
    let _ = writeln!(page, "- takes {}", key.expected());
    let _ = writeln!(page, "- default: {}", key.default_text());
    if !key.aliases.is_empty() {
        let _ = writeln!(page, "- also called `{}`", key.aliases.join("`, `"));
    }
    let _ = writeln!(page, "- in the environment: `{}`", key.variable());
    let _ = writeln!(page, "- a change takes effect {}\n", effect(key.effect));
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Live => "at a reload, in the master",
        Effect::NewWorkers => "at a reload, in the new workers",
        Effect::NewListeners => "at a reload, which opens listeners anew",
        Effect::Restart => "at a restart; a reload with another value is refused",
    }
}
