//! What workers use of the processor, seen between two looks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ph_rpc::Value;

use crate::output::value;
use crate::procfs;

/// Processor time of the workers when they were looked at last.
#[derive(Default)]
pub(crate) struct Usage {
    last: BTreeMap<u32, (Instant, Duration)>,
}

impl Usage {
    /// The share of one processor that each worker has used: since the last look, or else since it began.
    pub(crate) fn shares(&mut self, rows: &[Value]) -> BTreeMap<u32, f64> {
        let now = Instant::now();
        let mut shares = BTreeMap::new();
        let last = std::mem::take(&mut self.last);
        for row in rows {
            let Some((pid, used)) = pid(row).and_then(|pid| Some((pid, procfs::cpu_time(pid)?)))
            else {
                continue;
            };
            self.last.insert(pid, (now, used));
            let (time, used) = match last.get(&pid) {
                Some((then, before)) => ((now - *then).as_secs_f64(), used.saturating_sub(*before)),
                None => (value::get(row, "age_s").as_f64().unwrap_or(0.0), used),
            };
            if time > 0.0 {
                shares.insert(pid, used.as_secs_f64() / time);
            }
        }
        shares
    }
}

/// The process of a row of a status.
pub(crate) fn pid(row: &Value) -> Option<u32> {
    value::get(row, "pid").as_u64().and_then(|pid| pid.try_into().ok())
}
