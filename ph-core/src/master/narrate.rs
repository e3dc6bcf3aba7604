//! The arbiter's notes as log lines.

use tracing::{debug, error, info, warn};

use super::certificate::Certificate;
use crate::arbiter::{Cause, Note};

pub(super) fn note(note: &Note) {
    match note {
        // A start says it once for all of them.
        Note::Ready { slot, generation, took, first: true } => {
            debug!(slot, generation, took = ?took, "worker ready");
        }
        Note::Ready { slot, generation, took, first: false } => {
            info!(slot, generation, took = ?took, "worker ready");
        }
        Note::Retiring { slot, why } => info!(slot, why = why.word(), "worker asked to leave"),
        Note::Heavy { slot, bytes, limit, last: true } => {
            info!(slot, bytes, max_memory = limit, "worker takes too much memory: replacing it");
        }
        Note::Heavy { slot, bytes, limit, last: false } => {
            debug!(slot, bytes, max_memory = limit, "worker above max_memory");
        }
        Note::Lighter { slot, bytes } => debug!(slot, bytes, "worker below max_memory again"),
        Note::BackingOff { slot, delay, row } => {
            warn!(slot, row, delay = ?delay, "worker waits before its next start");
        }
        Note::CannotSpawn { reason, delay } => {
            error!(%reason, retry_in = ?delay, "cannot make a worker");
        }
        Note::Scaled { from, to } => info!(from, to, "number of workers changed"),
        Note::Adapted { from, to, busy, idle, queue } => {
            info!(from, to, busy, idle, queue, "number of workers follows the load");
        }
        Note::Refused { reason } => warn!("{reason}"),
        Note::ChangeBegan { kind, generation } => info!(generation, "{kind} began"),
        Note::ChangeStep { kind, step } => debug!(step = step.word(), "{kind} goes on"),
        Note::ChangeEnded(change) => match &change.reason {
            None => info!(took = ?change.took, "{} done", change.kind),
            Some(reason) => warn!(%reason, took = ?change.took, "{} failed", change.kind),
        },
        Note::Started { workers, took } => info!(workers, took = ?took, "serving"),
        Note::Stopping { speed, workers } => info!(speed = ?speed, workers, "stopping"),
        Note::NotNow { what } => warn!("not now, in the middle of a change: {what}"),
        Note::Leads { token } => info!(token, "this master leads"),
        Note::StandsBy { leader, reason } => match (leader, reason) {
            (Some(leader), _) => info!("standing by: {leader} leads"),
            (None, Some(reason)) => warn!("standing by, no leader any more: {reason}"),
            (None, None) => info!("standing by"),
        },
        Note::Yielding { reason, workers } => warn!(workers, "every worker leaves: {reason}"),
        Note::CannotListen { reason, delay } => {
            error!(%reason, delay = ?delay, "cannot lead, others may");
        }
        Note::ElectorEnded { reason, delay } => {
            warn!(delay = ?delay, "the elector ended: {reason}; another is started");
        }
        Note::Gap(gap) => warn!(gap = ?gap, "the master was away; every limit starts anew"),
        // These name a process, and are told with its pid.
        Note::Died(_) | Note::Killing { .. } => {}
    }
}

pub(super) fn died(certificate: &Certificate, cause: &Cause) {
    let Certificate { slot, pid, status, lived, requests, .. } = certificate;
    let remark = certificate.remark();
    match cause {
        Cause::Asked(_) | Cause::Hurry => {
            info!(slot, pid, lived = ?lived, requests, "worker left: {status}{remark}");
        }
        Cause::Boot(reason) => error!(slot, pid, %reason, "worker could not boot: {status}"),
        Cause::Itself if status.success() => {
            warn!(slot, pid, lived = ?lived, requests, "worker left unasked: {status}{remark}");
        }
        Cause::Itself | Cause::OutOfMemory => {
            error!(slot, pid, lived = ?lived, requests, "worker crashed: {status}{remark}");
        }
        Cause::BootTimeout(_) | Cause::Timeout(_) | Cause::DrainTimeout | Cause::Leadership => {
            let cause = cause.word();
            warn!(slot, pid, lived = ?lived, requests, cause, "worker ended: {status}{remark}");
        }
    }
}

/// `watched`: it has a watchdog, which it feeds.
pub(super) fn killing(slot: u32, pid: i32, cause: &Cause, watched: bool) {
    match cause {
        Cause::BootTimeout(limit) => {
            error!(slot, pid, boot_timeout = ?limit, "worker not ready in time: killing it");
        }
        Cause::Timeout(age) if watched => {
            error!(slot, pid, age = ?age, "watchdog not fed within timeout: killing its worker");
        }
        Cause::Timeout(age) => {
            error!(slot, pid, age = ?age, "request past timeout: killing its worker");
        }
        Cause::DrainTimeout => {
            warn!(slot, pid, "worker still here at graceful_timeout: killing it");
        }
        Cause::Leadership => {
            warn!(slot, pid, "worker still here at the end of the lease: killing it");
        }
        _ => info!(slot, pid, "killing worker"),
    }
}
