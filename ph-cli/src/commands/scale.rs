//! `scale`: another number of workers.

use ph_config::{LoadRequest, Target, WriteBack};

use super::config;
use crate::Host;
use crate::args::Scale;
use crate::exit::{Exit, Failure, Outcome};
use crate::master::Master;
use crate::output::value;

pub(super) fn scale(host: &dyn Host, request: &LoadRequest, by: Scale, save: bool) -> Outcome {
    let mut master = super::master(request)?;
    if let (Scale::To(number), true) = (by, save) {
        // What can't be saved is not begun.
        let mut edit = WriteBack::begin(request)?;
        edit.set("number_workers", &number.to_string(), Target::Section)?;
        edit.validate()?;
    }
    let asked = match by {
        Scale::To(number) => number.into(),
        Scale::By(number) => format!("{number:+}").into(),
    };
    master.call("scale", vec![asked])?;
    if !save {
        return Ok(Exit::Done);
    }
    let number = match by {
        Scale::To(number) => number,
        Scale::By(_) => wanted(&mut master)?,
    };
    config::save_number(host, request, number).map_err(|failure| {
        let reason = format!("scaled to {number}, but not saved: {}", failure.reason);
        Failure { reason, ..failure }
    })
}

/// What a relative change came to.
fn wanted(master: &mut Master) -> Result<u32, Failure> {
    let status = master.call("status", Vec::new())?;
    let number = value::get(&status, "wanted").as_u64().and_then(|number| number.try_into().ok());
    number.ok_or_else(|| {
        let reason = "scaled, but not saved: the master does not say how many workers it wants";
        Failure::new(Exit::Failed, reason)
    })
}
