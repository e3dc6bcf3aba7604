//! `worker list`, `restart` and `stop`.

use ph_config::LoadRequest;

use super::status;
use crate::args::WorkerCommand;
use crate::exit::Outcome;

pub(super) fn dispatch(request: &LoadRequest, command: WorkerCommand) -> Outcome {
    match command {
        WorkerCommand::List { json } => status::list(request, json),
        // No id means all of them; clap has made sure that --all was meant.
        WorkerCommand::Restart { ids, .. } => {
            let ids = ids.into_iter().map(Into::into).collect();
            super::change(request, "restart_worker", ids)
        }
        WorkerCommand::Stop { id } => super::change(request, "stop_worker", vec![id.into()]),
    }
}
