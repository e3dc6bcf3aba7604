//! Workers that take jobs: no listener, `handle_request` again and again.

use std::time::Duration;

use ph_core::master::Seat;

use crate::Error;
use crate::context::Context;
use crate::hold::Hold;
use crate::lifecycle::{self, sentence};

/// A blocking worker that finds its own work, one job at a time.
///
/// Constructed in the child. The names are the ancestor's; only [`handle_request`](Self::handle_request) is needed.
pub trait JobWorker {
    /// First thing after the constructor.
    fn setup(&mut self, cx: &Context) -> Result<(), Error> {
        let _ = cx;
        Ok(())
    }

    /// Last thing before the first job: the worker counts as ready when this returns.
    fn init_process(&mut self, cx: &Context) -> Result<(), Error> {
        let _ = cx;
        Ok(())
    }

    /// One job. Called again as soon as it returns; to wait for work, use [`Context::sleep`].
    ///
    /// An error is logged, and the next job follows. Errors in a row are spaced out, by 100 ms doubling up to 5 s:
    /// a job that fails at once should not fill the disk with saying so.
    fn handle_request(&mut self, cx: &Context) -> Result<(), Error>;

    /// Last thing of all, when the worker was asked to leave.
    fn stop(&mut self, cx: &Context) {
        let _ = cx;
    }
}

/// Between two looks of one whose master does not lead.
pub(crate) const UNLED: Duration = Duration::from_millis(100);

/// Runs a job worker in this process, from its constructor to its end; returns its exit code.
pub fn run_job<W: JobWorker>(
    seat: Seat,
    construct: impl FnOnce(&Context) -> Result<W, Error>,
) -> u8 {
    lifecycle::run(
        seat,
        |cx| build(construct, cx),
        |worker, cx| {
            take_jobs(worker, cx);
            worker.stop(cx);
            Ok(())
        },
    )
}

pub(crate) fn build<W: JobWorker>(
    construct: impl FnOnce(&Context) -> Result<W, Error>,
    cx: &Context,
) -> Result<W, Error> {
    let mut worker = construct(cx)?;
    worker.setup(cx)?;
    worker.init_process(cx)?;
    Ok(worker)
}

/// One job after the other, until the worker is asked to leave.
pub(crate) fn take_jobs<W: JobWorker>(worker: &mut W, cx: &Context) {
    let share = &cx.post().share;
    let mut errors = 0;
    while !cx.is_stopping() {
        if !cx.leading() {
            // The end is near, if the master has its way. Another may work already.
            cx.sleep(UNLED);
            continue;
        }
        if share.is_done(cx.requests()) {
            // The master was told, sends a successor first, and then asks us to stop.
            let patience = cx.config().boot_timeout.unwrap_or(Duration::from_secs(30));
            if cx.sleep(patience) {
                tracing::warn!("no successor yet: going on beyond max_requests");
                share.renew(cx.requests());
            }
            continue;
        }
        let Some(_hold) = Hold::of_job(cx.post()) else {
            // Retired, which a signal will say.
            cx.sleep(Duration::MAX);
            continue;
        };
        cx.visit().open_whole();
        let done = worker.handle_request(cx);
        cx.visit().close();
        match done {
            Ok(()) => errors = 0,
            Err(error) => {
                tracing::error!(error = %sentence(&*error), "job failed");
                cx.sleep(pause(errors));
                errors += 1;
            }
        }
    }
}

/// The pause after the error number `errors` in a row; none after the first.
pub(crate) fn pause(errors: u32) -> Duration {
    match errors {
        0 => Duration::ZERO,
        _ => Duration::from_millis(100 << (errors - 1).min(6)).min(Duration::from_secs(5)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_in_a_row_are_spaced_out() {
        let pauses: Vec<u128> = (0..9).map(|errors| pause(errors).as_millis()).collect();
        assert_eq!(pauses, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    }
}
