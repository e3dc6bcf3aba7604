//! `config set`, `unset` and `undo`: the file, with one value changed.

use ph_config::write_back::{self, Difference, Written};
use ph_config::{Effect, LoadRequest, Origin, Target, WriteBack, key};

use super::line;
use crate::exit::Outcome;
use crate::{Host, output, place};

/// A value as it is given.
#[derive(Clone, Copy)]
pub(super) enum Text<'a> {
    /// As it is.
    Literal(&'a str),
    /// With references to other keys.
    Template(&'a str),
}

pub(super) fn set(
    host: &dyn Host,
    request: &LoadRequest,
    key: &str,
    text: Text<'_>,
    target: Target,
) -> Outcome {
    let mut edit = WriteBack::begin(request)?;
    match text {
        Text::Literal(text) => edit.set(key, text, target)?,
        Text::Template(text) => edit.set_template(key, text, target)?,
    }
    let written = edit.commit()?;
    if matches!(text, Text::Literal(text) if text.contains("%(")) {
        host.complain("a % is a % here; with --interpolate, %(KEY)s stands for another key");
    }
    note_what_counts_more(host, &written, key, target);
    output::print(&told(request, &written, key, target))
}

pub(super) fn unset(host: &dyn Host, request: &LoadRequest, key: &str, target: Target) -> Outcome {
    let mut edit = WriteBack::begin(request)?;
    edit.unset(key, target)?;
    let written = edit.commit()?;
    note_what_counts_more(host, &written, key, target);
    output::print(&told(request, &written, key, target))
}

/// `number_workers`, after a master has done it.
pub(in crate::commands) fn save_number(
    host: &dyn Host,
    request: &LoadRequest,
    number: u32,
) -> Outcome {
    let text = number.to_string();
    set(host, request, "number_workers", Text::Literal(&text), Target::Section)
}

pub(super) fn undo(host: &dyn Host, request: &LoadRequest) -> Outcome {
    let undone = write_back::undo(request)?;
    let file = shown(request);
    let mut text = String::new();
    for Difference { section, key, old, new } in undone.differences() {
        let said = match (new, old) {
            (Some(new), Some(old)) => format!("{key} = {} again, was {}", line(&new), line(&old)),
            (Some(new), None) => format!("{key} = {} again", line(&new)),
            (None, _) => format!("{key} is unset again"),
        };
        text.push_str(&format!("{file} [{section}]: {said}\n"));
    }
    let more = match undone.left {
        0 => "nothing more to undo".to_owned(),
        1 => "one more step can be undone".to_owned(),
        left => format!("{left} more steps can be undone"),
    };
    text.push_str(&format!("{file}: undone; {more}\n"));
    // It is what was there, whatever that was worth.
    if let Ok(layers) = place::layers(request)
        && let Err(error) = layers.settings()
    {
        host.complain(&format!("what is there again is not valid:\n{error}"));
    }
    output::print(&text)
}

/// What is different now, in one line.
fn told(request: &LoadRequest, written: &Written, key: &str, target: Target) -> String {
    let file = shown(request);
    let (old, new) = written.entry(key, target);
    let known = key::find(key).map(|known| known.effect);
    let takes = match known {
        Some(Effect::Restart) => "a restart",
        _ => "a reload",
    };
    match (old, new) {
        (_, Some(new)) if !written.changed() => {
            format!("{file}:{}: {} = {} already\n", new.line, new.key, line(&new.value))
        }
        (old, Some(new)) => {
            let was = old.map_or("new".to_owned(), |old| format!("was {}", line(&old.value)));
            let (at, key, value) = (new.line, &new.key, line(&new.value));
            format!("{file}:{at}: {key} = {value}, {was}; {takes} applies it\n")
        }
        (Some(old), None) => {
            let (key, value) = (&old.key, line(&old.value));
            format!("{file}: {key} is unset, was {value}; {takes} applies it\n")
        }
        (None, None) => String::new(),
    }
}

/// A change that changes nothing would be a surprise at the next reload.
fn note_what_counts_more(host: &dyn Host, written: &Written, key: &str, target: Target) {
    let Some(entry) = written.layers.get(key) else { return };
    let above = match (&entry.origin, target) {
        (Origin::Environment { .. } | Origin::CommandLine, _) => true,
        (Origin::File { in_default, .. }, Target::Default) => !in_default,
        _ => false,
    };
    if above {
        let (origin, text) = (&entry.origin, line(&entry.text));
        host.complain(&format!("{key} = {text} counts more: it is set by {origin}"));
    }
}

fn shown(request: &LoadRequest) -> String {
    request.file.as_deref().map_or_else(String::new, |file| file.display().to_string())
}
