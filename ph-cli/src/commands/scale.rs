//! `scale`: another number of workers.

use ph_config::LoadRequest;

use crate::args::Scale;
use crate::exit::Outcome;

pub(super) fn scale(request: &LoadRequest, by: Scale) -> Outcome {
    let number = match by {
        Scale::To(number) => number.into(),
        Scale::By(number) => format!("{number:+}").into(),
    };
    super::change(request, "scale", vec![number])
}
