//! A running master asks the program on disk whether it could go on in its place: the program's side of it.
//!
//! The program is started for that alone, reads its configuration as for a start, answers, and ends. What it says here it
//! can hardly fail at afterwards, when the process is its own and the former program gone from memory.

use std::os::fd::OwnedFd;

use ph_config::Settings;

use super::StartError;
use super::binding;
use super::estate::{self, Words};
use super::generation::Generation;
use super::privileges::Objection;
use super::{predecessor, privileges};
use crate::sys::account;
use crate::sys::resolver::Answers;

/// The first argument of a program that is asked; the others are those of the master.
pub const ARGUMENT: &str = "--check";

/// Whether a master of this program could have workers with these settings, as far as can be told without being one. `object` as
/// in [`Launch`](super::Launch).
///
/// Asks the name service, and waits for it: nothing for a master's loop.
pub fn examine(
    settings: &Settings,
    object: &dyn Fn(&str, &str) -> String,
) -> Result<(), StartError> {
    let wrong = |key: &str, reason: String| StartError::Config(object(key, &reason));
    binding::check(&settings.cpu_affinity)
        .map_err(|error| StartError::from(error).about("cpu_affinity", &wrong))?;
    let account = Generation::names(settings).account.as_ref().map(account::look_up);
    let answers = Answers { account, ..Answers::default() };
    let refused = |it: Objection| wrong(it.key, it.reason);
    privileges::of(settings, &answers).map(drop).map_err(refused)
}

/// A master that waits for an answer.
#[derive(Debug)]
pub struct Question {
    socket: OwnedFd,
    words: Words,
}

impl Question {
    /// The question that this process was started to answer.
    pub fn find() -> Result<Option<Self>, StartError> {
        let Some(socket) = predecessor::summoned()? else { return Ok(None) };
        let (words, _) = estate::inherit(&socket).map_err(|error| {
            let reason = error.to_string();
            let _ = estate::say(&socket, &format!("failed {reason}"));
            StartError::System(reason)
        })?;
        Ok(Some(Self { socket, words }))
    }

    /// Whether the master has sockets that a service manager had handed to it.
    pub fn has_inherited(&self) -> bool {
        self.words.listeners.iter().any(|listener| listener.inherited)
    }

    /// Answers: whether a master with these settings can follow, or why it was not even tried. `object` as in
    /// [`Launch`](super::Launch).
    pub fn answer(
        self,
        settings: Result<&Settings, String>,
        object: &dyn Fn(&str, &str) -> String,
    ) -> Result<(), StartError> {
        let answer = settings.map_err(StartError::Config).and_then(|settings| {
            self.words.identity.check(settings)?;
            examine(settings, object)
        });
        let word =
            answer.as_ref().map_or_else(|error| format!("failed {error}"), |()| "ready".into());
        // If it has gone, nobody needs the answer.
        let _ = estate::say(&self.socket, &word);
        answer
    }
}
