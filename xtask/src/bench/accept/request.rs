//! What it costs to count a request: its begin and its end in shared memory.

use std::time::Duration;

use super::{Bench, Findings};
use crate::bench::application::Application;
use crate::bench::boot::FIXTURE;
use crate::bench::stamps::Stamps;
use crate::bench::table::{Figures, Row, Unit};
use crate::error::Result;

/// A slice of 40 ms: short enough for some to be undisturbed, long enough not to see the clock.
const REQUESTS: usize = 1_000_000;
const SLICES: usize = 10;
const TARGET: f64 = 60e-9;

/// A worker of the suite's fixture begins and ends so many requests, and writes down when it began
/// and when it was done, over and over. No connection and no bytes, so the bookkeeping is all there
/// is. The least counts: nothing can make it faster than it is.
pub(super) fn measure(bench: &Bench, findings: &mut Findings) -> Result {
    let scratch = &bench.scratch;
    let fixture = Application::new(&bench.workspace, None, FIXTURE, scratch)?;
    let mut stamps = Stamps::create(scratch.join("requests.stamps"))?;
    let settings = format!(
        "app.job = count\napp.requests = {REQUESTS}\napp.journal = {}\n",
        stamps.path().display()
    );
    let daemon = fixture.start("requests", &settings)?;
    // That it was made, and is ready.
    stamps.skip(2)?;
    let mut each = Vec::new();
    for _ in 0..bench.rounds * SLICES {
        let begin = stamps.next(Duration::from_secs(60))?;
        let end = stamps.next(Duration::from_secs(60))?;
        each.push(end.saturating_sub(begin) as f64 / REQUESTS as f64 / 1e9);
    }
    drop(daemon);
    findings.rows.push(Row::at_most(
        "a request's begin and end in shared memory".to_owned(),
        Unit::Seconds,
        Figures { ours: each.into_iter().reduce(f64::min), bare: f64::NAN },
        TARGET,
    ));
    Ok(())
}
