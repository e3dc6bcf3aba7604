//! `run`, `start`, `stop`, `restart`, `reload`: a master's life from outside.

use ph_config::{LoadRequest, Settings};

use crate::exit::{Exit, Failure, Outcome};
use crate::master::Master;
use crate::{Host, place};

/// Settings that a master can be made of.
fn runnable(request: &LoadRequest) -> Result<Settings, Failure> {
    let layers = place::layers(request)?;
    let settings = layers.settings()?;
    settings.check_runnable()?;
    place::check_directories(&layers, &settings)?;
    Ok(settings)
}

pub(super) fn run(host: &dyn Host, request: &LoadRequest) -> Outcome {
    Ok(host.run(runnable(request)?, request))
}

pub(super) fn start(host: &dyn Host, request: &LoadRequest) -> Outcome {
    Ok(host.start(runnable(request)?, request))
}

pub(super) fn stop(request: &LoadRequest, quick: bool) -> Outcome {
    super::master(request)?.stop(quick)?;
    Ok(Exit::Done)
}

pub(super) fn restart(host: &dyn Host, request: &LoadRequest) -> Outcome {
    // What can't be started again is not stopped.
    let settings = runnable(request)?;
    if host.succeeds() {
        return Ok(host.start(settings, request));
    }
    match Master::connect(&settings.control_socket) {
        Ok(mut master) => {
            if master.is_init()? {
                let reason = "the master is PID 1: stop it, and have its container started again";
                return Err(Failure::new(Exit::Refused, reason));
            }
            let examined = host.examine(&settings, request);
            examined.map_err(|(exit, reason)| Failure::new(exit, reason))?;
            master.stop(false)?;
        }
        Err(Failure { exit: Exit::NotRunning, .. }) => {}
        Err(failure) => return Err(failure),
    }
    Ok(host.start(settings, request))
}

pub(super) fn reload(request: &LoadRequest) -> Outcome {
    // A file that can't be read here, where its author waits, is not worth asking the master about.
    let settings = runnable(request)?;
    Master::of(&settings)?.call("reload", Vec::new())?;
    Ok(Exit::Done)
}
