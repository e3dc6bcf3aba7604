//! A world with several candidates, a store, and everything that may go wrong between them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use ph_leader::election::{Action, Command, Election, Event, Input};
use ph_leader::store::{Reply, Request, StoreError};
use ph_leader::{Instant, Options};

use crate::dice::Dice;
use crate::server::Server;

pub(super) const TTL: u64 = 10_000;
const MARGIN: u64 = 1_000;

/// What happens at some true time, in milliseconds.
#[derive(Debug, Clone)]
enum Happening {
    Input(usize, Input),
    /// A candidate's time to look at the clock.
    Alarm(usize),
    /// A request arrives.
    Served(usize, u64, Request),
    /// Something to go wrong, or an operator's wish.
    Chance,
}

struct Candidate {
    election: Election,
    /// What its clock is ahead by, and how many true milliseconds of a thousand it makes more.
    offset: i64,
    rate: i64,
    /// It does not run before then.
    paused: u64,
    /// Nobody answers it before then.
    unheard: u64,
    /// The latest event: its number, and which was answered.
    serial: u64,
    answered: u64,
    /// While it may work: the token, and the true time of the deadline.
    leads: Option<(u64, u64)>,
    /// Its clock's time when it last sent what begins a term.
    sent: u64,
    watches: bool,
    /// The true time of its next alarm; others have been put off.
    alarm: u64,
}

impl Candidate {
    fn clock(&self, now: u64) -> u64 {
        let now = now as i64;
        (now + now * self.rate / 1_000 + self.offset) as u64
    }

    /// How much true time that much of its own takes.
    fn truly(&self, span: u64) -> u64 {
        (span as i64 * 1_000 / (1_000 + self.rate)) as u64
    }
}

pub(super) struct World {
    dice: Dice,
    now: u64,
    order: u64,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    happenings: std::collections::HashMap<u64, Happening>,
    server: Server,
    candidates: Vec<Candidate>,
    /// Nothing goes wrong any more.
    well: bool,
    /// The store ends leases too early; then clocks go on evenly, since no candidate can do without either.
    is_early: bool,
    /// The highest token that anybody has led with, and who that was.
    highest: (u64, usize),
    pub(super) steps: u64,
    pub(super) terms: u64,
    pub(super) lapses: u64,
    /// Leases that the store ended under a leader.
    pub(super) early: u64,
}

fn instant(millis: u64) -> Instant {
    Instant::from_boot(Duration::from_millis(millis))
}

fn millis(instant: Instant) -> u64 {
    // Up, so that it is not before its own deadline.
    instant.since_boot().as_micros().div_ceil(1_000) as u64
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice::of(seed);
        let mut world = Self {
            now: 100_000_000,
            order: 0,
            queue: BinaryHeap::new(),
            happenings: std::collections::HashMap::new(),
            server: Server::default(),
            candidates: Vec::new(),
            well: false,
            is_early: seed % 2 == 1,
            highest: (0, 0),
            steps: 0,
            terms: 0,
            lapses: 0,
            early: 0,
            dice: Dice::of(seed + 1),
        };
        for at in 0..2 + dice.below(2) as usize {
            let ttl = Duration::from_millis(TTL);
            let options = Options::new(format!("candidate {at}"), ttl).unwrap();
            let mut candidate = Candidate {
                election: Election::new(options.clone(), Instant::BOOT),
                offset: dice.below(1_000_000) as i64,
                rate: dice.below(41) as i64 - 20,
                paused: 0,
                unheard: 0,
                serial: 0,
                answered: 0,
                leads: None,
                sent: 0,
                watches: false,
                alarm: world.now,
            };
            candidate.election = Election::new(options, instant(candidate.clock(world.now)));
            world.candidates.push(candidate);
            world.at(0, Happening::Alarm(at));
        }
        world.at(0, Happening::Chance);
        world
    }

    fn at(&mut self, after: u64, what: Happening) {
        self.order += 1;
        self.queue.push(Reverse((self.now + after, self.order)));
        self.happenings.insert(self.order, what);
    }

    /// Lets things happen for that long.
    pub(super) fn pass(&mut self, span: u64) {
        let end = self.now + span;
        while let Some(Reverse((at, order))) = self.queue.peek().copied()
            && at <= end
        {
            self.queue.pop();
            self.now = at;
            if self.server.pass(self.now) {
                self.notify();
            }
            match self.happenings.remove(&order).expect("each is there once") {
                Happening::Input(who, input) => self.step(who, input),
                Happening::Alarm(who) if self.candidates[who].alarm == self.now => {
                    self.step(who, Input::Tick);
                }
                Happening::Alarm(_) => {}
                Happening::Served(who, id, request) => self.serve(who, id, request),
                Happening::Chance => self.chance(),
            }
        }
        self.now = end;
    }

    /// From now on nothing goes wrong.
    pub(super) fn heal(&mut self) {
        self.well = true;
        for candidate in &mut self.candidates {
            candidate.paused = candidate.paused.min(self.now);
            candidate.unheard = 0;
        }
        // Whoever waited in vain is asked again.
        for who in 0..self.candidates.len() {
            let serial = self.candidates[who].serial;
            self.at(0, Happening::Input(who, Input::Command(Command::Answer(serial))));
        }
    }

    /// Who leads now, with the store and by its own clock.
    pub(super) fn leader(&self) -> Option<usize> {
        let leads = |candidate: &Candidate| {
            candidate.election.leading(instant(candidate.clock(self.now))).is_some()
        };
        self.candidates.iter().position(leads)
    }

    pub(super) fn stop_all(&mut self) {
        for who in 0..self.candidates.len() {
            self.at(0, Happening::Input(who, Input::Command(Command::Stop)));
        }
    }

    pub(super) fn all_over(&self) -> bool {
        self.candidates.iter().all(|candidate| candidate.election.is_over())
    }

    fn delay(&mut self) -> u64 {
        if self.well {
            return 1 + self.dice.below(5);
        }
        match self.dice.below(16) {
            0 => self.dice.below(3 * TTL),
            1..=3 => self.dice.below(TTL / 3),
            _ => 1 + self.dice.below(30),
        }
    }

    fn lost(&mut self) -> bool {
        !self.well && self.dice.one_in(8)
    }

    fn chance(&mut self) {
        let who = self.dice.below(self.candidates.len() as u64) as usize;
        let (now, length) = (self.now, self.dice.below(2 * TTL));
        if !self.well {
            match self.dice.below(12) {
                0..=2 => self.candidates[who].paused = now + length,
                3..=5 => self.candidates[who].unheard = now + length,
                6 => self.step(who, Input::Command(Command::Resign)),
                7 if !self.is_early => self.candidates[who].offset += length as i64,
                // Back, and far: what passes before it is looked at again must not make up for it. By less, nobody could know.
                8 => self.candidates[who].offset -= (20 * TTL + length) as i64,
                9 => self.step(who, Input::Changed),
                10 => {
                    // To a question that was never asked.
                    let id = u64::MAX - self.dice.below(100);
                    self.step(who, Input::Reply(id, Ok(Reply::Claimed { token: u64::MAX })));
                }
                7 | 11 if self.is_early => {
                    self.early += u64::from(self.leader().is_some());
                    self.server.revoke();
                    if self.server.pass(now) {
                        self.notify();
                    }
                }
                _ => {}
            }
        }
        let next = self.dice.below(TTL);
        self.at(next, Happening::Chance);
    }

    fn notify(&mut self) {
        for who in 0..self.candidates.len() {
            if self.candidates[who].watches && !self.lost() {
                let delay = self.delay();
                self.at(delay, Happening::Input(who, Input::Changed));
            }
        }
    }

    fn serve(&mut self, who: usize, id: u64, request: Request) {
        let release = matches!(request, Request::Release { .. });
        let renews = matches!(request, Request::Renew { .. });
        let shorten = match self.dice.below(8) {
            _ if self.well => 100,
            0 => self.dice.below(150),
            _ => 100,
        };
        let reply = self.server.serve(self.now, request, shorten);
        let is_renewed = renews && matches!(reply, Reply::Renewed { .. });
        if is_renewed || release && self.server.pass(self.now) {
            self.notify();
        }
        if self.lost() {
            return;
        }
        let reply = if !self.well && self.dice.one_in(16) {
            Err(StoreError::Unreachable("no".to_owned()))
        } else {
            Ok(reply)
        };
        for _ in 0..if !self.well && self.dice.one_in(8) { 2 } else { 1 } {
            let delay = self.delay();
            self.at(delay, Happening::Input(who, Input::Reply(id, reply.clone())));
        }
    }

    fn step(&mut self, who: usize, input: Input) {
        let candidate = &mut self.candidates[who];
        if candidate.paused > self.now {
            let after = candidate.paused - self.now;
            let what = if input == Input::Tick {
                candidate.alarm = candidate.paused;
                Happening::Alarm(who)
            } else {
                Happening::Input(who, input)
            };
            self.at(after, what);
            return;
        }
        self.steps += 1;
        if let Input::Command(Command::Answer(serial)) = input {
            candidate.answered = candidate.answered.max(serial);
        }
        let clock = candidate.clock(self.now);
        let actions = candidate.election.step(instant(clock), input);
        for action in actions {
            self.perform(who, clock, action);
        }
        let candidate = &self.candidates[who];
        if let Some((_, deadline)) = candidate.election.leading(instant(clock)) {
            let (_, until) = candidate.leads.expect("it was told");
            let truly = self.now + candidate.truly(millis(deadline) - clock);
            assert!(truly <= until + 2, "{who} leads for longer than it said");
        }
        if let Some(next) = candidate.election.next_deadline() {
            let next = millis(next);
            assert!(next > clock, "{who} has nothing to do at {clock}: {:?}", candidate.election);
            let after = candidate.truly(next - clock) + 1;
            let alarm = self.now + after;
            if std::mem::replace(&mut self.candidates[who].alarm, alarm) != alarm {
                self.at(after, Happening::Alarm(who));
            }
        }
    }

    fn perform(&mut self, who: usize, clock: u64, action: Action) {
        let candidate = &mut self.candidates[who];
        match action {
            Action::Send { id, request, .. } => {
                if matches!(request, Request::Grant { .. } | Request::Renew { .. }) {
                    assert_eq!(candidate.answered, candidate.serial, "{request:?} unanswered");
                    candidate.sent = clock;
                }
                if !self.lost() {
                    let delay = self.delay();
                    self.at(delay, Happening::Served(who, id, request));
                }
            }
            Action::Watch(_) => candidate.watches = true,
            Action::Unwatch => candidate.watches = false,
            Action::Complain(_) => {}
            Action::Tell { serial, event } => {
                assert_eq!(serial, candidate.serial + 1);
                candidate.serial = serial;
                self.told(who, clock, &event);
                let candidate = &self.candidates[who];
                if candidate.unheard <= self.now {
                    let delay = if self.well { 1 } else { 1 + self.dice.below(20) };
                    let answer = Input::Command(Command::Answer(serial));
                    self.at(delay, Happening::Input(who, answer));
                }
            }
        }
    }

    fn told(&mut self, who: usize, clock: u64, event: &Event) {
        let candidate = &mut self.candidates[who];
        let Event::Leader { token, deadline } = *event else {
            let lapsed = candidate.leads.take().is_some_and(|(_, until)| until <= self.now);
            self.lapses += u64::from(lapsed);
            return;
        };
        let deadline = millis(deadline);
        assert!(deadline > clock, "{who} leads after its deadline");
        assert!(deadline <= candidate.sent + TTL - MARGIN, "{who} trusts too long a term");
        candidate.leads = Some((token, self.now + candidate.truly(deadline - clock)));
        for (other, candidate) in self.candidates.iter().enumerate() {
            let overlaps = candidate.leads.is_some_and(|(_, until)| until > self.now);
            assert!(other == who || !overlaps, "{who} leads, and so does {other} still");
        }
        if token != self.highest.0 {
            assert!(token > self.highest.0, "{who} leads with {token}, after {:?}", self.highest);
            self.terms += 1;
            self.highest = (token, who);
        }
        assert_eq!(self.highest.1, who, "two leaders had the token {token}");
    }
}
