//! A reload's first step: a configuration is read, its names are resolved, and its listeners opened; all before
//! anything changes.

use ph_config::{Accept, Change, Effect, Settings};

use super::foreign::Notices;
use super::generation::Generation;
use super::poll::Token;
use super::{Master, binding, privileges};
use crate::arbiter::{Event, Policy, Refusal};
use crate::listen::Plan;
use crate::sys::accept_lock::AcceptLock;
use crate::sys::cpu;
use crate::sys::resolver::{Answers, Resolver};

/// Only a restart can do it.
const REFUSED: i64 = 4;
/// The system refuses; the old generation goes on.
const FAILED: i64 = 5;
/// The file is wrong.
const INVALID: i64 = 78;

/// A configuration whose names are being resolved.
pub(super) struct Reading {
    settings: Settings,
    pub(super) resolver: Resolver,
}

impl Master<'_> {
    #[inline(never)]
    pub(super) fn read_config(&mut self) {
        self.control.restore(&self.poll);
        let read = (self.reread)().map_err(|reason| Refusal { code: INVALID, reason });
        let resolving = read.and_then(|settings| {
            if let Some(warning) = super::exposure(&settings) {
                tracing::warn!("{warning}");
            }
            self.compare(&settings)?;
            self.resolve(settings)
        });
        if let Err(refusal) = resolving {
            self.queue.push_back(Event::ConfigRead(Err(refusal)));
        }
    }

    /// A change that only a restart can make is refused as a whole.
    fn compare(&self, settings: &Settings) -> Result<(), Refusal> {
        let current = &self.current().settings;
        let changes = settings.changes_from(current).into_iter();
        let mut refused: Vec<String> =
            changes.filter(|change| change.effect == Effect::Restart).map(|it| it.key).collect();
        // Listeners of one's own and a listener for all can't follow each other on one address.
        let own = |settings: &Settings| settings.accept == Accept::Reuseport;
        if own(settings) != own(current) {
            refused.push("accept to or from reuseport".to_owned());
        }
        if refused.is_empty() {
            return binding::check(&settings.cpu_affinity)
                .map_err(|error| Refusal { code: INVALID, reason: error.to_string() });
        }
        let reason = format!("{} can only change by a restart", refused.join(", "));
        Err(Refusal { code: REFUSED, reason })
    }

    /// Has the names resolved, if there are any; the loop goes on meanwhile.
    fn resolve(&mut self, settings: Settings) -> Result<(), Refusal> {
        let names = Generation::names(&settings);
        if names.is_empty() {
            self.consider(settings, &Answers::default());
            return Ok(());
        }
        let failed = |reason: String| Refusal { code: FAILED, reason };
        let resolver = Resolver::start(names, &mut self.title, &self.name);
        let resolver = resolver.map_err(|error| failed(error.to_string()))?;
        let watched = self.poll.add(&resolver, Token::Resolver);
        watched.map_err(|errno| failed(format!("cannot watch a look-up: {errno}")))?;
        self.reading = Some(Reading { settings, resolver });
        Ok(())
    }

    /// The look-up is over.
    pub(super) fn resolved(&mut self) {
        let Some(Reading { settings, resolver }) = self.reading.take() else { return };
        self.poll.remove(&resolver);
        let answers = resolver.finish();
        // A stop has ended the reload meanwhile, otherwise.
        if self.arbiter.is_reading() {
            self.consider(settings, &answers);
            self.work_off();
        }
    }

    /// Opens what is new, and tells the arbiter what came of it.
    #[inline(never)]
    fn consider(&mut self, settings: Settings, answers: &Answers) {
        let answer = self.prepare(settings, answers);
        if answer.is_ok() {
            self.hooks.on_reload();
        }
        self.queue.push_back(Event::ConfigRead(answer));
    }

    fn prepare(&mut self, settings: Settings, answers: &Answers) -> Result<Policy, Refusal> {
        let current = self.current();
        let failed = |reason: String| Refusal { code: FAILED, reason };
        let privileges = privileges::of(&settings, answers).map_err(|objection| {
            let reason = (self.object)(objection.key, &objection.reason);
            Refusal { code: INVALID, reason }
        })?;
        let plan = Plan::new(&settings, answers).map_err(|error| failed(error.to_string()))?;
        if plan.contradicts(&current.plan) {
            let reason = "reuse_port can only change by a restart, for an address that stays";
            return Err(Refusal { code: REFUSED, reason: reason.to_owned() });
        }
        let changes = settings.changes_from(&current.settings);
        let (candidate, bundles) = if self.arbiter.role() == "standby" {
            (Generation::closed(plan, settings, privileges), Vec::new())
        } else {
            Generation::open(plan, settings, privileges, &current.listeners, &self.bundles)
                .map_err(|error| failed(error.to_string()))?
        };
        if candidate.settings.accept == Accept::Lock && self.accept_lock.is_none() {
            self.accept_lock =
                Some(AcceptLock::create().map_err(|error| failed(error.to_string()))?);
        }
        if self.channel.is_none() {
            self.channel = candidate.channel().map_err(|error| failed(error.to_string()))?;
        }
        if self.calls.is_none() {
            self.calls = candidate.call_table().map_err(|error| failed(error.to_string()))?;
        }
        if candidate.is_foreign() && self.notices.is_none() {
            let notices = Notices::watched(&self.name, &self.poll);
            self.notices = Some(notices.map_err(|error| failed(error.to_string()))?);
        }
        let listens = candidate.listens() || !self.handed.is_empty();
        let policy = Policy::from_settings(&candidate.settings, listens, cpu::available);
        self.bundles.extend(bundles);
        self.candidate = Some(candidate);
        changes.iter().for_each(tell_change);
        if let Some(candidate) = &self.candidate {
            privileges::tell(&candidate.privileges);
        }
        Ok(policy)
    }
}

/// What is different, and what it takes.
fn tell_change(change: &Change) {
    let Change { key, old_text: from, new_text: to, effect } = change;
    let needs = match effect {
        Effect::Live => "nothing more",
        Effect::NewWorkers => "new workers",
        Effect::NewListeners => "new listeners",
        Effect::Restart => "a restart",
    };
    // What may be a secret is not for the log.
    if key.starts_with("app.") || ["environment", "leader_user"].contains(&&**key) {
        tracing::info!(needs, "{key} changes");
    } else {
        tracing::info!(from, to, needs, "{key} changes");
    }
}
