//! A program that is asked whether it could go on in place of a running master: it reads and looks, and does nothing.

use std::path::Path;

use ph_cli::{Exit, Host, LoadRequest, Settings};
use ph_core::master::Question;

use crate::app::{App, object};

/// The application, as it answers.
pub(crate) struct Check<'a>(pub(crate) &'a App);

impl Check<'_> {
    fn answer(&self, settings: &Settings, request: &LoadRequest) -> Exit {
        let answered = match Question::find() {
            Ok(Some(question)) => {
                let examined = self.0.examine(settings, question.has_inherited());
                let object = |key: &str, reason: &str| object(Some(request), key, reason);
                question.answer(examined.map(|_| settings), &object)
            }
            Ok(None) => return Exit::Usage,
            Err(error) => Err(error),
        };
        match answered {
            Ok(()) => Exit::Done,
            Err(error) => {
                self.complain(&error.to_string());
                Exit::of(error.exit_code())
            }
        }
    }
}

impl Host for Check<'_> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn default_config(&self) -> Option<&Path> {
        self.0.default_config()
    }

    fn run(&self, settings: Settings, request: &LoadRequest) -> Exit {
        self.answer(&settings, request)
    }

    fn start(&self, settings: Settings, request: &LoadRequest) -> Exit {
        self.answer(&settings, request)
    }

    fn succeeds(&self) -> bool {
        self.0.succeeds()
    }

    fn complain(&self, reason: &str) {
        self.0.complain(reason);
    }
}
