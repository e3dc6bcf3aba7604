//! What commands print: text in one piece, tables, JSON; colour only on a terminal.

pub(crate) mod json;
mod table;
pub(crate) mod value;

use std::io::{self, IsTerminal as _, Write as _};

pub(crate) use table::Table;

use crate::exit::{Exit, Failure, Outcome};

/// Prints a command's result. A reader that has gone (`ph status | head -1`) is no error; a full disk is.
pub(crate) fn print(text: &str) -> Outcome {
    write(text).map(|_| Exit::Done)
}

/// The same for a part of it; whether there is a reader still.
pub(crate) fn write(text: &str) -> Result<bool, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(Exit::Failed, format!("cannot print the result: {error}"))),
    }
}

/// Text that takes the place of what is on the terminal; elsewhere it follows what came before, after an empty line.
pub(crate) fn in_place(text: &str) -> String {
    if io::stdout().is_terminal() { format!("\x1b[H\x1b[2J{text}") } else { format!("{text}\n") }
}

fn colours() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}

fn paint(code: &str, text: &str) -> String {
    if colours() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

pub(crate) fn bold(text: &str) -> String {
    paint("1", text)
}

/// How a test went, in the colour of that, so many columns wide.
pub(crate) fn verdict(word: &str, width: usize) -> String {
    let code = match word {
        "pass" => "32",
        "fail" => "31",
        _ => "33",
    };
    paint(code, &format!("{word:width$}"))
}

/// A state, in the colour of its meaning.
pub(crate) fn state(word: &str) -> String {
    match word {
        "running" | "ready" => paint("32", word),
        "starting" | "booting" | "reloading" | "draining" | "stopping" => paint("33", word),
        "degraded" | "backoff" | "killed" => paint("31", word),
        _ => word.to_owned(),
    }
}
