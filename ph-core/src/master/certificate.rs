//! A death certificate: how a process ended, why, and what was seen of it before.

use std::borrow::Cow;
use std::time::Duration;

use ph_rpc::Value;
use serde::{Deserialize, Serialize};

use super::Master;
use super::autopsy::{self, Request, Stall};
use super::children::History;
use super::curve::tenths;
use super::narrate;
use crate::arbiter::{Cause, Death, ExitStatus};
use crate::sys::cgroup::Scope;
use crate::sys::pidfd::Used;

/// What is known of one process's end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Certificate {
    pub(super) slot: u32,
    pub(super) pid: i32,
    pub(super) generation: u32,
    /// When it ended, as lines of the log have it.
    pub(super) time: String,
    pub(super) status: ExitStatus,
    /// In a word or two.
    pub(super) cause: Cow<'static, str>,
    /// In a sentence.
    pub(super) reason: Option<String>,
    pub(super) lived: Duration,
    pub(super) requests: u64,
    pub(super) request: Request,
    pub(super) stall: Option<Stall>,
    pub(super) used: Used,
    pub(super) oom: Option<Scope>,
    /// What takes room, until that is needed for others.
    details: Option<Box<Details>>,
}

/// The event of an end.
#[derive(Serialize)]
struct Ended<'a> {
    id: u32,
    pid: i32,
    generation: u32,
    status: String,
    cause: &'a str,
    reason: Option<&'a str>,
    lived_s: f64,
    requests: u64,
    active: u64,
    request_age_s: Option<f64>,
    tag: Option<&'a str>,
    stall: Option<&'static str>,
    peak_rss_bytes: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Details {
    history: Box<History>,
    /// When it ended, in the time of the curve.
    died: u32,
}

impl Master<'_> {
    /// Makes out the certificate of a worker that has ended, while that is there to be looked at.
    pub(super) fn certify(&mut self, death: &Death) -> Option<Certificate> {
        let Death { worker, generation, status, cause, lived } = death;
        let (pid, watched, history, cell) = match self.children.get_mut(worker.serial) {
            Some(child) => {
                let history = child.history.take().unwrap_or_default();
                (child.process.pid().as_raw(), child.is_watched(), history, child.cell)
            }
            // One that was never there has its zygote's.
            None => match self.zygotes.take_lost(worker.serial) {
                Some((lost, cell)) => (lost.pid, false, lost.history, cell),
                None => return None,
            },
        };
        let slot = &self.slots.items()[cell];
        // One that was killed is told of as it was then: it may have taken its time to end.
        let examined = history.examined.as_ref();
        let request = examined.map_or_else(|| Request::of(slot), |it| it.request.clone());
        Some(Certificate {
            slot: worker.slot,
            pid,
            generation: *generation,
            time: crate::log::time(),
            status: *status,
            cause: cause.word().into(),
            reason: reason(cause, &history, watched),
            lived: *lived,
            requests: slot.requests(),
            request,
            stall: examined.and_then(|it| it.stall),
            used: history.used,
            oom: history.oom,
            details: Some(Box::new(Details { history, died: tenths() })),
        })
    }

    /// Tells of a worker that has ended.
    pub(super) fn tell_death(&mut self, certificate: Certificate, cause: &Cause) {
        narrate::died(&certificate, cause);
        self.happen("worker_ended", &certificate.event());
        self.certificates.issue(certificate);
    }
}

/// `watched`: it has a watchdog, which it feeds.
fn reason(cause: &Cause, history: &History, watched: bool) -> Option<String> {
    Some(match cause {
        Cause::Asked(why) => format!("asked to leave: {why}"),
        Cause::Boot(reason) => reason.clone(),
        Cause::BootTimeout(limit) => format!("not ready within boot_timeout ({limit:?})"),
        Cause::Timeout(age) if watched => {
            format!("its watchdog was not fed for {age:.1?}, longer than timeout")
        }
        Cause::Timeout(age) => format!("a request took {age:.1?}, longer than timeout"),
        Cause::DrainTimeout => "did not leave within graceful_timeout".to_owned(),
        Cause::OutOfMemory => {
            let count = history.oom.map_or("count", of_whom);
            format!("the kernel killed it for want of memory, by the {count}")
        }
        Cause::Itself => history.said.clone()?,
        Cause::Leadership => "the master leads no more, and its time was over".to_owned(),
        Cause::Hurry => return None,
    })
}

fn of_whom(scope: Scope) -> &'static str {
    match scope {
        Scope::Group => "count of its control group",
        Scope::Machine => "count of this machine",
    }
}

impl Certificate {
    /// Bytes that are kept of the sentence when the details go.
    const BRIEF: usize = 256;

    /// Keeps what takes little room.
    pub(super) fn abridge(&mut self) {
        self.details = None;
        if let Some(reason) = &mut self.reason {
            reason.truncate(reason.floor_char_boundary(Self::BRIEF));
            reason.shrink_to_fit();
        }
    }

    /// What the log says beside the rest: what it was at, and why it got no further.
    pub(super) fn remark(&self) -> String {
        let Request { active, age, tag } = &self.request;
        let mut remark = String::new();
        if let Some(age) = age {
            remark = match active {
                0 | 1 => format!("; a request under way for {age:.1?}"),
                active => format!("; {active} requests under way, the oldest for {age:.1?}"),
            };
            if let Some(tag) = tag {
                remark += &format!(" ({tag})");
            }
        }
        if let Some(stall) = self.stall {
            remark += &format!("; {}", stall.text());
        }
        remark
    }

    /// As an event: without what takes room.
    fn event(&self) -> Ended<'_> {
        Ended {
            id: self.slot,
            pid: self.pid,
            generation: self.generation,
            status: self.status.to_string(),
            cause: &self.cause,
            reason: self.reason.as_deref(),
            lived_s: self.lived.as_secs_f64(),
            requests: self.requests,
            active: self.request.active,
            request_age_s: self.request.age.map(|age| age.as_secs_f64()),
            tag: self.request.tag.as_deref(),
            stall: self.stall.map(Stall::text),
            peak_rss_bytes: self.used.peak,
        }
    }

    /// As the control socket tells it.
    pub(super) fn fields(&self) -> Vec<(Value, Value)> {
        let text = |text: Option<&str>| text.map_or(Value::Nil, Value::from);
        let seconds = |time: Duration| Value::from(time.as_secs_f64());
        let (exit_code, signal, core) = end(self.status);
        let oom = self.oom.map(|scope| match scope {
            Scope::Group => "control group",
            Scope::Machine => "machine",
        });
        let details = self.details.as_deref();
        let history = details.map(|details| &details.history);
        let threads = history.and_then(|history| history.examined.as_ref());
        let threads = threads.iter().flat_map(|examined| &examined.threads).map(autopsy::value);
        let output = history.iter().flat_map(|history| history.output.lines()).map(Value::from);
        let curve = details.map_or(Value::Array(Vec::new()), |it| it.history.curve.value(it.died));
        let fields = [
            ("id", self.slot.into()),
            ("pid", self.pid.into()),
            ("generation", self.generation.into()),
            ("time", self.time.as_str().into()),
            ("cause", (&*self.cause).into()),
            ("reason", text(self.reason.as_deref())),
            ("exit_code", exit_code),
            ("signal", signal),
            ("core", core.into()),
            ("out_of_memory", text(oom)),
            ("lived_s", seconds(self.lived)),
            ("requests", self.requests.into()),
            ("active", self.request.active.into()),
            ("request_age_s", self.request.age.map_or(Value::Nil, seconds)),
            ("tag", text(self.request.tag.as_deref())),
            ("stall", text(self.stall.map(Stall::text))),
            ("user_s", seconds(self.used.user)),
            ("system_s", seconds(self.used.system)),
            ("peak_rss_bytes", self.used.peak.into()),
            ("rss", curve),
            ("threads", Value::Array(threads.collect())),
            ("output", Value::Array(output.collect())),
        ];
        fields.map(|(name, value)| (name.into(), value)).into()
    }
}

/// Exit code, signal, and whether a core was dumped.
fn end(status: ExitStatus) -> (Value, Value, bool) {
    let name = |signal: i32| {
        let known = ph_signal::Signal::try_from(signal);
        known.map_or_else(|_| signal.to_string(), |signal| signal.to_string()).into()
    };
    match status {
        ExitStatus::Code(code) => (code.into(), Value::Nil, false),
        ExitStatus::Signal { signal, core } => (Value::Nil, name(signal), core),
        ExitStatus::OutOfMemory => (Value::Nil, name(libc::SIGKILL), false),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    impl Certificate {
        pub(in crate::master) fn is_detailed(&self) -> bool {
            self.details.is_some()
        }
    }

    pub(in crate::master) fn certificate(slot: u32, pid: i32) -> Certificate {
        Certificate {
            slot,
            pid,
            generation: 1,
            time: String::new(),
            status: ExitStatus::Code(1),
            cause: "crash".into(),
            reason: Some("é".repeat(1000)),
            lived: Duration::from_secs(3),
            requests: 7,
            request: Request::default(),
            stall: None,
            used: Used::default(),
            oom: None,
            details: Some(Box::new(Details { history: Box::default(), died: 0 })),
        }
    }

    #[test]
    fn a_remark_is_what_is_known() {
        let mut it = certificate(0, 1);
        assert_eq!(it.remark(), "");
        let age = Some(Duration::from_millis(1500));
        it.request = Request { active: 2, age, tag: Some("GET /".to_owned()) };
        it.stall = Some(Stall::Blocked);
        assert_eq!(it.remark(), "; 2 requests under way, the oldest for 1.5s (GET /); blocked");
        it.abridge();
        assert_eq!(it.reason.as_ref().map(String::len), Some(Certificate::BRIEF));
        assert!(!it.is_detailed());
    }

    #[test]
    fn a_certificate_survives_being_carried() {
        let it = certificate(0, 1);
        let text = serde_json::to_string(&it).unwrap();
        let again: Certificate = serde_json::from_str(&text).unwrap();
        assert_eq!(again.fields(), it.fields());
    }
}
