//! `log reopen`.

use ph_config::LoadRequest;

use crate::args::LogCommand;
use crate::exit::Outcome;

pub(super) fn dispatch(request: &LoadRequest, command: &LogCommand) -> Outcome {
    match command {
        LogCommand::Reopen => super::change(request, "reopen_logs", Vec::new()),
    }
}
