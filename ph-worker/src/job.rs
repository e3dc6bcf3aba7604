//! Workers that take jobs: no listener, `handle_request` again and again.

use std::time::Duration;

use ph_core::master::Seat;
use ph_core::report::Report;
use ph_core::slots;

use crate::context::Context;
use crate::lifecycle::{Booted, boot, exit, sentence};
use crate::{Error, panics};

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

/// Runs a job worker in this process, from its constructor to its end; returns its exit code.
pub fn run_job<W: JobWorker>(
    seat: Seat,
    construct: impl FnOnce(&Context) -> Result<W, Error>,
) -> u8 {
    let booted = boot(seat, |cx| {
        let mut worker = construct(cx)?;
        worker.setup(cx)?;
        worker.init_process(cx)?;
        Ok(worker)
    });
    match booted {
        Ok(booted) => work(booted),
        Err(code) => code,
    }
}

fn work<W: JobWorker>(booted: Booted<W>) -> u8 {
    let Booted { mut worker, context: cx, reporter } = booted;
    let mut share = Share::of(&cx);
    let mut errors = 0;
    while !cx.is_stopping() {
        if share.is_done() {
            // The master sends a successor first, then asks us to stop.
            let _ = reporter.say(&Report::Recycle);
            let patience = cx.config().boot_timeout.unwrap_or(Duration::from_secs(30));
            if cx.sleep(patience) {
                tracing::warn!("no successor yet: going on beyond max_requests");
                share = Share::of(&cx);
            }
            continue;
        }
        cx.slot().begin(slots::now());
        let done = panics::catch(|| worker.handle_request(&cx));
        cx.slot().end(slots::now());
        share.count();
        match done {
            Ok(Ok(())) => errors = 0,
            Ok(Err(error)) => {
                tracing::error!(error = %sentence(&*error), "job failed");
                cx.sleep(pause(errors));
                errors += 1;
            }
            Err(panic) => return ended_by(&panic),
        }
    }
    let last = || {
        worker.stop(&cx);
        drop(worker);
    };
    match panics::catch(last) {
        Ok(()) => exit::DONE,
        Err(panic) => ended_by(&panic),
    }
}

fn ended_by(panic: &str) -> u8 {
    tracing::error!("worker {panic}");
    exit::PANIC
}

/// The pause after the error number `errors` in a row; none after the first.
fn pause(errors: u32) -> Duration {
    match errors {
        0 => Duration::ZERO,
        _ => Duration::from_millis(100 << (errors - 1).min(6)).min(Duration::from_secs(5)),
    }
}

/// What is left to do of `max_requests`.
struct Share(Option<u64>);

impl Share {
    fn of(cx: &Context) -> Self {
        let config = cx.config();
        let jitter = config.max_requests_jitter.unwrap_or(0);
        // Workers that started together should not leave together; any spread does.
        let salt = u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ slots::now();
        let extra = salt.rotate_left(31) % jitter.saturating_add(1);
        Self(config.max_requests.map(|most| most.saturating_add(extra)))
    }

    fn is_done(&self) -> bool {
        self.0 == Some(0)
    }

    fn count(&mut self) {
        if let Some(left) = &mut self.0 {
            *left = left.saturating_sub(1);
        }
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
