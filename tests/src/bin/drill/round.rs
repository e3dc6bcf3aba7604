//! A round: one thing goes wrong, somebody works again, all is mended.

use std::io::Write as _;
use std::time::{Duration, Instant};

use ph_tests::background::Background;
use ph_tests::election::candidate::TTL;
use ph_tests::election::{Field, Sitting, now};
use processhandler::signal::{Signal, SignalSet, Source};

use crate::dice::Dice;
use crate::fault::{Expected, Fault};
use crate::table::Outcome;

const LEASE: Duration = Duration::from_secs(TTL);
/// How long anything may take that has no limit of its own; a successor that comes before is late, and counted.
const PATIENCE: Duration = Duration::from_secs(60);
/// A lease that is over by more than this was not given up in time.
const BEYOND: Duration = Duration::from_millis(300);

/// The reason for an end that says nothing about the masters.
pub(crate) const INTERRUPTED: &str = "interrupted";

/// What the rounds have in common.
pub(crate) struct Ground {
    pub(crate) field: Field,
    /// Whether the member that decides for etcd is left alone when one is stopped.
    pub(crate) spares_decider: bool,
    /// A command under way, and the number of the master that it is for.
    asked: Option<(usize, Background)>,
    interrupts: Source,
}

impl Ground {
    pub(crate) fn open(warm: bool, spares_decider: bool) -> Result<Self, String> {
        if !nix::unistd::geteuid().is_root() {
            return Err("a network of its own needs root".to_owned());
        }
        let signals = SignalSet::of(&[Signal::INT, Signal::TERM, Signal::HUP]);
        let interrupts = Source::pipe(signals).map_err(|error| error.to_string())?;
        Ok(Self {
            field: if warm { Field::warm() } else { Field::open() },
            spares_decider,
            asked: None,
            interrupts,
        })
    }

    /// Has a command of a master's run in the background.
    pub(crate) fn ask(&mut self, master: usize, words: &[&str]) {
        let command = self.field.candidates[master].sandbox.begin("asked", words);
        self.asked = Some((master, command));
    }

    /// Everybody is well.
    pub(crate) fn settled(&mut self) -> Result<Sitting, String> {
        self.until("one leads, two stand by, and all of etcd is well", Field::sitting)
    }

    pub(crate) fn round(&mut self, fault: Fault, dice: &mut Dice) -> Result<Outcome, String> {
        let sitting = self.settled()?;
        let name = self.field.candidates[sitting.leader].name().to_owned();
        let term = self.field.cluster.term();
        self.field.observer.was_away();
        self.field.observer.overrun();
        let mut since = now();
        say(&format!("{:<26}", fault.happen(self, sitting, dice)));
        // Nobody can have sent a renewal later than now.
        let over = now() + LEASE;
        match fault.expected() {
            Expected::Loss => self.field.observer.silence(Some(&name), over),
            Expected::Dark => {
                self.field.observer.silence(None, over);
                let passed = |_: &Field| (now() >= over + BEYOND).then_some(());
                self.until("the lease is over", passed)?;
                self.field.observer.speak();
                self.field.cluster.mend();
                let whole = |field: &Field| field.cluster.is_whole().then_some(());
                self.until("etcd is whole", whole)?;
                since = now();
            }
            Expected::Return => {
                let others = self.field.candidates.iter().filter(|it| it.name() != name);
                others.for_each(|other| self.field.observer.silence(Some(other.name()), over));
            }
            Expected::Handover | Expected::Either | Expected::Nothing => {}
        }
        let outcome = self.until("somebody works", |field| {
            let successor = match fault.expected() {
                Expected::Return => field
                    .observer
                    .reign()
                    .filter(|(token, reign)| *token > sitting.token && reign.master == name),
                _ => field.observer.successor(sitting.token),
            };
            if let Some((token, reign)) = successor {
                let (took, master) = (reign.first.saturating_sub(since), reign.master);
                let who = master.rsplit('-').next().unwrap_or_default();
                say(&format!("{who} after {:.3} s, token {token}", took.as_secs_f64()));
                return Some(Outcome::Succeeded(took));
            }
            let reign = field.observer.reign_of(sitting.token)?;
            (reign.last >= over).then_some(Outcome::Kept)
        })?;
        if outcome == Outcome::Kept {
            say("kept");
        }
        if fault.spares_etcd() && self.field.cluster.term() != term {
            // It gives every lease its whole time once more.
            say(", etcd has elected anew");
        }
        let overrun = self.field.observer.overrun();
        if !overrun.is_zero() {
            say(&format!(", {:.3} s past a deadline", overrun.as_secs_f64()));
        }
        let outcome = if overrun.is_zero() { outcome } else { Outcome::Overrun(overrun) };
        let outcome = outcome.or_void(fault, self.field.observer.was_away());
        if let Outcome::Void(away) = outcome {
            say(&format!(", void: the machine stood still for {:.3} s", away.as_secs_f64()));
        }
        self.finish()?;
        self.field.mend();
        Ok(outcome)
    }

    /// The command has done what it was to do.
    fn finish(&mut self) -> Result<(), String> {
        let Some((master, mut command)) = self.asked.take() else { return Ok(()) };
        self.until("the command ends", |_| (!command.is_running()).then_some(()))?;
        let (output, _) = self.field.candidates[master].sandbox.end(command);
        match output.code {
            Some(0) => Ok(()),
            _ => Err(format!("m{} refused: {}", master + 1, output.err.trim_end())),
        }
    }

    /// Waits for something; says what, if it does not come.
    fn until<T>(
        &mut self,
        what: &str,
        mut look: impl FnMut(&Field) -> Option<T>,
    ) -> Result<T, String> {
        let end = Instant::now() + PATIENCE;
        loop {
            if !self.field.observer.violations().is_empty() {
                return Err("what must never happen has happened".to_owned());
            }
            if let Some(found) = look(&self.field) {
                return Ok(found);
            }
            if Instant::now() >= end {
                return Err(format!("not within {} s: {what}", PATIENCE.as_secs()));
            }
            let pause = Some(Duration::from_millis(10));
            let asked = self.interrupts.wait(pause).map_err(|error| error.to_string())?;
            if !asked.is_empty() {
                return Err(INTERRUPTED.to_owned());
            }
        }
    }
}

fn say(words: &str) {
    print!("{words}");
    let _ = std::io::stdout().flush();
}
