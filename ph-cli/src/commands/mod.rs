//! One file per command, or per family of commands.

mod call;
mod completions;
mod config;
mod conform;
mod events;
mod leader;
mod lifecycle;
mod log;
mod metrics;
mod scale;
mod status;
#[cfg(feature = "top")]
mod top;
mod why;
mod worker;

use ph_config::LoadRequest;

use crate::Host;
use crate::args::{Args, Command};
use crate::exit::{Exit, Failure, Outcome};
use crate::master::Master;
use crate::place;

/// The key that `--python` sets.
const PYTHON: &str = "python_class";

pub(crate) fn dispatch(host: &dyn Host, args: Args) -> Outcome {
    // What needs no configuration.
    let command = match args.command {
        Command::Completions { shell } => return completions::print(host, shell),
        Command::Call(args) => return call::call(args),
        Command::Conform(args) => return conform::conform(&args),
        command => command,
    };
    let mut place = args.place;
    if let Command::Run(worker) | Command::Start(worker) | Command::Restart(worker) = &command {
        place.set.extend(worker.python.iter().map(|class| (PYTHON.to_owned(), class.clone())));
    }
    let request = place::request(&place, host.default_config());
    if let Some(exit) = host.resume(request.as_ref().ok()) {
        return Ok(exit);
    }
    let request = request?;
    match command {
        Command::Run(_) => lifecycle::run(host, &request),
        Command::Start(_) => lifecycle::start(host, &request),
        Command::Stop { quick } => lifecycle::stop(&request, quick),
        Command::Restart(_) => lifecycle::restart(host, &request),
        Command::Reload => lifecycle::reload(&request),
        Command::Upgrade => change(&request, "upgrade", Vec::new()),
        Command::Status { json, watch: true } => status::watch(&request, json),
        Command::Status { json, watch: false } => status::show(&request, json),
        #[cfg(feature = "top")]
        Command::Top => top::run(&request),
        Command::Metrics { listen: None } => metrics::print(&request),
        Command::Metrics { listen: Some(address) } => metrics::serve(&request, address),
        Command::Scale { by, save } => scale::scale(host, &request, by, save),
        Command::Worker(command) => worker::dispatch(&request, command),
        Command::Config(command) => config::dispatch(host, &request, &command),
        Command::Leader(command) => leader::dispatch(&request, &command),
        Command::Log(command) => log::dispatch(&request, &command),
        Command::Events { follow, json } => events::print(&request, follow, json),
        Command::Why { id, all, json } => why::explain(&request, id, all, json),
        Command::Completions { .. } | Command::Call(_) | Command::Conform(_) => {
            unreachable!("answered above, without a configuration")
        }
    }
}

/// The master that the configuration describes.
fn master(request: &LoadRequest) -> Result<Master, Failure> {
    Master::of(&place::settings(request)?)
}

/// A change that has nothing to show but its verdict.
fn change(request: &LoadRequest, method: &str, params: Vec<ph_rpc::Value>) -> Outcome {
    master(request)?.call(method, params)?;
    Ok(Exit::Done)
}
