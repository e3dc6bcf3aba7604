//! The figures of one method, as the master has read them, and their sums.

use std::time::Duration;

use ph_rpc::Value;
use serde::{Deserialize, Serialize};

use super::histogram::{self, BUCKETS};
use crate::slots::Text;

/// Where the numbers of a record begin, in words: after its name.
const NUMBERS: usize = Text::<8>::MOST / 8;
/// Those before the buckets.
const SINGLE: usize = 5;

/// What one method's calls came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    calls: u64,
    errors: u64,
    timeouts: u64,
    nanos: u64,
    longest: u64,
    buckets: Vec<u64>,
}

impl Figures {
    /// A record's name and figures, from its words; `None` for one without a name.
    pub(super) fn of(words: &[u64]) -> Option<(String, Self)> {
        let (name, numbers) = words.split_at_checked(NUMBERS)?;
        let name = Text::<8>::read(name)?;
        let &[calls, errors, timeouts, nanos, longest, ref buckets @ ..] = numbers else {
            return None;
        };
        let buckets = buckets.to_vec();
        Some((name, Self { calls, errors, timeouts, nanos, longest, buckets }))
    }

    /// Those of another worker as well.
    pub fn add(&mut self, other: &Self) {
        let Self { calls, errors, timeouts, nanos, longest, buckets } = self;
        let sums = [calls, errors, timeouts, nanos];
        let more = [other.calls, other.errors, other.timeouts, other.nanos];
        buckets.resize(BUCKETS, 0);
        let pairs = sums.into_iter().zip(&more).chain(buckets.iter_mut().zip(&other.buckets));
        pairs.for_each(|(sum, more)| *sum = sum.saturating_add(*more));
        *longest = (*longest).max(other.longest);
    }

    /// Calls that were answered.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// As `status` tells them, after the name: times in seconds.
    pub fn fields(&self) -> Vec<(Value, Value)> {
        let seconds = |nanos: u64| Value::from(Duration::from_nanos(nanos).as_secs_f64());
        let quantile = |share| {
            histogram::quantile(&self.buckets, share, self.longest).map_or(Value::Nil, seconds)
        };
        let latency = [
            ("sum_s", seconds(self.nanos)),
            ("p50_s", quantile(0.5)),
            ("p90_s", quantile(0.9)),
            ("p99_s", quantile(0.99)),
            ("max_s", if self.longest == 0 { Value::Nil } else { seconds(self.longest) }),
        ];
        let map = |fields: &[(&str, Value)]| {
            fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect()
        };
        map(&[
            ("calls", self.calls.into()),
            ("errors", self.errors.into()),
            ("timeouts", self.timeouts.into()),
            ("latency", Value::Map(map(&latency))),
        ])
    }
}

const _: () = assert!(NUMBERS + SINGLE + BUCKETS == super::SIZE / 8);
