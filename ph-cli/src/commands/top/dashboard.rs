//! What is on the screen: rows in some order, one of them selected, a question perhaps; and what has been before. Knows no
//! terminal: samples and keys come in, and what is to be done comes out.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use ph_rpc::Value;

use super::change::Change;
use crate::commands::status;
use crate::output::value;
use crate::usage;

/// Samples that a curve is made of.
pub(super) const HISTORY: usize = 120;

/// What was seen at one moment.
pub(super) struct Sample {
    pub(super) at: Instant,
    pub(super) status: Value,
    /// Shares of a processor, by pid.
    pub(super) shares: BTreeMap<u32, f64>,
    /// Proportional sizes in bytes, by pid.
    pub(super) sizes: BTreeMap<u32, u64>,
}

/// The workers of a status.
pub(super) fn rows_of(status: &Value) -> &[Value] {
    value::get(status, "workers").as_array().map_or(&[][..], Vec::as_slice)
}

/// One worker.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) id: u32,
    pub(super) pid: Option<u32>,
    pub(super) state: String,
    pub(super) generation: String,
    pub(super) age: f64,
    pub(super) requests: u64,
    /// Requests a second since the last sample, and before that.
    pub(super) rates: VecDeque<u64>,
    pub(super) active: u64,
    pub(super) share: Option<f64>,
    pub(super) size: Option<u64>,
    pub(super) doing: String,
}

impl Row {
    pub(super) fn rate(&self) -> u64 {
        self.rates.back().copied().unwrap_or(0)
    }
}

/// What rows are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Id,
    State,
    Age,
    Requests,
    Rate,
    Active,
    Cpu,
    Memory,
}

impl Column {
    const ALL: [Self; 8] = [
        Self::Id,
        Self::State,
        Self::Age,
        Self::Requests,
        Self::Rate,
        Self::Active,
        Self::Cpu,
        Self::Memory,
    ];

    fn next(self) -> Self {
        let place = Self::ALL.iter().position(|&column| column == self).unwrap_or(0);
        Self::ALL[(place + 1) % Self::ALL.len()]
    }

    /// Names and states from the first on, amounts from the largest on.
    fn is_descending(self) -> bool {
        !matches!(self, Self::Id | Self::State)
    }

    fn compare(self, one: &Row, two: &Row) -> Ordering {
        match self {
            Self::Id => one.id.cmp(&two.id),
            Self::State => one.state.cmp(&two.state),
            Self::Age => one.age.total_cmp(&two.age),
            Self::Requests => one.requests.cmp(&two.requests),
            Self::Rate => one.rate().cmp(&two.rate()),
            Self::Active => one.active.cmp(&two.active),
            Self::Cpu => one.share.unwrap_or(-1.0).total_cmp(&two.share.unwrap_or(-1.0)),
            Self::Memory => one.size.cmp(&two.size),
        }
    }
}

/// What was pressed, by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Quit,
    /// So many rows down, or up.
    Move(isize),
    Sort,
    Reverse,
    Restart,
    RestartAll,
    Stop,
    Scale(i64),
    Yes,
    No,
    Help,
}

/// What follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Stay,
    Leave,
    Do(Change),
}

pub(super) struct Dashboard {
    pub(super) status: Value,
    pub(super) rows: Vec<Row>,
    pub(super) sorted_by: Column,
    pub(super) descending: bool,
    /// By its id: it stays the same worker, wherever that is.
    selected: Option<u32>,
    /// A change that waits for a yes.
    pub(super) question: Option<Change>,
    /// What has become of the last one.
    pub(super) notice: Option<String>,
    /// Why there are no newer figures.
    pub(super) lost: Option<String>,
    pub(super) shows_help: bool,
    /// Requests a second of all workers.
    pub(super) rates: VecDeque<u64>,
    /// Proportional memory of all workers, in bytes.
    pub(super) sizes: VecDeque<u64>,
    /// When the last sample was taken, and how many requests there were in all.
    last: Option<(Instant, u64)>,
}

impl Dashboard {
    pub(super) fn new(first: Sample) -> Self {
        let mut dashboard = Self {
            status: Value::Nil,
            rows: Vec::new(),
            sorted_by: Column::Id,
            descending: false,
            selected: None,
            question: None,
            notice: None,
            lost: None,
            shows_help: false,
            rates: VecDeque::new(),
            sizes: VecDeque::new(),
            last: None,
        };
        dashboard.look(first);
        dashboard
    }

    /// Takes a new sample.
    pub(super) fn look(&mut self, sample: Sample) {
        let Sample { at, status, shares, sizes } = sample;
        let since = self.last.map_or(0.0, |(then, _)| (at - then).as_secs_f64());
        let per_second = |now: u64, before: u64| {
            let rate = now.saturating_sub(before) as f64 / since;
            if rate.is_finite() { rate.round() as u64 } else { 0 }
        };
        let mut former: BTreeMap<u32, Row> =
            self.rows.drain(..).filter_map(|row| Some((row.pid?, row))).collect();
        for seen in rows_of(&status) {
            let number = |name: &str| value::get(seen, name).as_u64().unwrap_or(0);
            let pid = usage::pid(seen);
            let before = pid.and_then(|pid| former.remove(&pid)).unwrap_or_default();
            let requests = number("requests");
            let mut rates = before.rates;
            keep(&mut rates, per_second(requests, before.requests));
            self.rows.push(Row {
                id: number("id") as u32,
                pid,
                state: value::text(seen, "state"),
                generation: value::text(seen, "generation"),
                age: value::get(seen, "age_s").as_f64().unwrap_or(0.0),
                requests,
                rates,
                active: number("active"),
                share: pid.and_then(|pid| shares.get(&pid).copied()),
                size: pid.and_then(|pid| sizes.get(&pid).copied()),
                doing: status::doing(seen),
            });
        }
        let total = value::get(value::get(&status, "totals"), "requests").as_u64().unwrap_or(0);
        let before = self.last.map_or(total, |(_, before)| before);
        keep(&mut self.rates, per_second(total, before));
        keep(&mut self.sizes, sizes.values().sum());
        self.last = Some((at, total));
        self.status = status;
        self.lost = None;
        self.sort();
    }

    /// The master does not answer; what was seen last stays.
    pub(super) fn lose(&mut self, why: String) {
        self.lost = Some(why);
    }

    /// A change has come to this.
    pub(super) fn answer(&mut self, change: Change, outcome: Result<(), String>) {
        self.notice = Some(match outcome {
            Ok(()) => format!("{}: done", change.words()),
            Err(reason) => format!("{}: {reason}", change.words()),
        });
    }

    /// Where the selected row is.
    pub(super) fn selected(&self) -> Option<usize> {
        self.rows.iter().position(|row| Some(row.id) == self.selected)
    }

    pub(super) fn press(&mut self, key: Key) -> Next {
        if self.shows_help {
            self.shows_help = false;
            return if key == Key::Quit { Next::Leave } else { Next::Stay };
        }
        // A question is answered, or the next key takes it back.
        if let Some(change) = self.question.take() {
            match key {
                Key::Yes => {
                    self.notice = Some(format!("{} …", change.words()));
                    return Next::Do(change);
                }
                Key::No => return Next::Stay,
                _ => {}
            }
        }
        self.notice = None;
        let worker = self.selected().map(|place| self.rows[place].id);
        match key {
            Key::Quit => return Next::Leave,
            Key::Move(by) => self.move_by(by),
            Key::Sort => {
                self.sorted_by = self.sorted_by.next();
                self.descending = self.sorted_by.is_descending();
                self.sort();
            }
            Key::Reverse => {
                self.descending = !self.descending;
                self.sort();
            }
            Key::Restart => self.question = worker.map(Change::Restart),
            Key::RestartAll => self.question = Some(Change::RestartAll),
            Key::Stop => self.question = worker.map(Change::Stop),
            Key::Scale(by) => self.question = Some(Change::Scale(by)),
            Key::Help => self.shows_help = true,
            Key::Yes | Key::No => {}
        }
        Next::Stay
    }

    fn move_by(&mut self, by: isize) {
        let last = self.rows.len().saturating_sub(1);
        let place = match self.selected() {
            Some(place) => place.saturating_add_signed(by).min(last),
            None => 0,
        };
        self.selected = self.rows.get(place).map(|row| row.id);
    }

    fn sort(&mut self) {
        let (column, descending) = (self.sorted_by, self.descending);
        self.rows.sort_by(|one, two| {
            let order = column.compare(one, two);
            let order = if descending { order.reverse() } else { order };
            order.then(one.id.cmp(&two.id))
        });
        if self.selected().is_none() {
            self.selected = self.rows.first().map(|row| row.id);
        }
    }
}

fn keep(history: &mut VecDeque<u64>, sample: u64) {
    if history.len() == HISTORY {
        history.pop_front();
    }
    history.push_back(sample);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn map(fields: &[(&str, Value)]) -> Value {
        Value::Map(fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
    }

    /// Workers by their requests.
    fn sample(at: Instant, requests: &[u64]) -> Sample {
        let worker = |(id, requests): (usize, &u64)| {
            map(&[
                ("id", id.into()),
                ("pid", (100 + id).into()),
                ("state", "ready".into()),
                ("requests", (*requests).into()),
            ])
        };
        let workers = requests.iter().enumerate().map(worker).collect();
        let total: u64 = requests.iter().sum();
        let status = map(&[
            ("workers", Value::Array(workers)),
            ("totals", map(&[("requests", total.into())])),
        ]);
        Sample { at, status, shares: BTreeMap::new(), sizes: BTreeMap::from([(100, 7), (101, 5)]) }
    }

    fn ids(dashboard: &Dashboard) -> Vec<u32> {
        dashboard.rows.iter().map(|row| row.id).collect()
    }

    #[test]
    fn rates_are_those_between_two_samples() {
        let begin = Instant::now();
        let mut dashboard = Dashboard::new(sample(begin, &[5, 100]));
        assert_eq!((dashboard.rates[0], dashboard.rows[1].rate()), (0, 0), "there was no other");
        dashboard.look(sample(begin + Duration::from_secs(2), &[25, 100]));
        assert_eq!(dashboard.rates.back(), Some(&10));
        assert_eq!((dashboard.rows[0].rate(), dashboard.rows[1].rate()), (10, 0));
        assert_eq!(dashboard.sizes.back(), Some(&12));
        for second in 3..=2 * HISTORY as u64 {
            dashboard.look(sample(begin + Duration::from_secs(second), &[25, 100]));
        }
        assert_eq!(dashboard.rates.len(), HISTORY);
    }

    #[test]
    fn the_selection_stays_with_its_worker() {
        let now = Instant::now();
        let mut dashboard = Dashboard::new(sample(now, &[3, 1, 2]));
        dashboard.press(Key::Move(1));
        assert_eq!(dashboard.selected(), Some(1));
        while dashboard.sorted_by != Column::Requests {
            dashboard.press(Key::Sort);
        }
        assert_eq!(ids(&dashboard), [0, 2, 1]);
        assert_eq!(dashboard.selected(), Some(2));
        dashboard.press(Key::Reverse);
        assert_eq!(ids(&dashboard), [1, 2, 0]);
        dashboard.look(sample(now, &[3]));
        assert_eq!(dashboard.selected(), Some(0), "it is gone");
        dashboard.press(Key::Move(isize::MAX));
        dashboard.press(Key::Move(isize::MIN));
        assert_eq!(dashboard.selected(), Some(0));
    }

    #[test]
    fn nothing_is_done_without_a_yes() {
        let mut dashboard = Dashboard::new(sample(Instant::now(), &[3, 1]));
        assert_eq!(dashboard.press(Key::Stop), Next::Stay);
        assert_eq!(dashboard.press(Key::No), Next::Stay);
        assert_eq!(dashboard.press(Key::Yes), Next::Stay, "to what?");
        assert_eq!(dashboard.press(Key::Restart), Next::Stay);
        assert_eq!(dashboard.press(Key::Move(1)), Next::Stay);
        assert_eq!(dashboard.press(Key::Yes), Next::Stay, "another key takes the question back");
        assert_eq!(dashboard.press(Key::Restart), Next::Stay);
        assert_eq!(dashboard.press(Key::Yes), Next::Do(Change::Restart(1)));
        dashboard.press(Key::Scale(-1));
        assert_eq!(dashboard.press(Key::Yes), Next::Do(Change::Scale(-1)));
        assert_eq!(Change::Scale(-1).call(), ("scale", vec!["-1".into()]));
        dashboard.answer(Change::Scale(-1), Err("at least 1".to_owned()));
        assert_eq!(dashboard.notice.as_deref(), Some("want 1 less: at least 1"));
    }
}
