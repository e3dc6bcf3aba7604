//! `metrics`: the master's figures for a monitoring system. The master serves no HTTP: this process does, and asks it.

mod exposition;
mod server;

use std::net::SocketAddr;

use ph_config::LoadRequest;

use crate::exit::{Exit, Outcome};
use crate::output;

pub(super) fn print(request: &LoadRequest) -> Outcome {
    let status = super::master(request)?.call("status", Vec::new())?;
    output::print(&exposition::of(&status))
}

/// Answers until interrupted. A master that is not there is a figure too: `ph_up 0`.
pub(super) fn serve(request: &LoadRequest, address: SocketAddr) -> Outcome {
    let text = || {
        let status = super::master(request).and_then(|mut it| it.call("status", Vec::new()));
        status.map_or_else(|_| exposition::of_nobody(), |status| exposition::of(&status))
    };
    server::serve(address, &text)?;
    Ok(Exit::Done)
}
