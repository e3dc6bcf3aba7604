//! Times in buckets that grow with them: four for each doubling, so that a figure is right within a quarter.

/// How many buckets there are: one below a microsecond or so, four for each doubling up to 4.5 minutes, one for all beyond, and
/// one that is not used.
pub const BUCKETS: usize = 2 + STEPS * OCTAVES + 1;
/// Buckets for each doubling.
const STEPS: usize = 4;
/// Doublings.
const OCTAVES: usize = 28;
/// Times below 2^10 ns are all the same.
const FIRST: u32 = 10;
/// The bucket of all times beyond the last doubling.
const LAST: usize = 1 + STEPS * OCTAVES;

/// The bucket for a time in nanoseconds.
pub(super) fn index(nanos: u64) -> usize {
    let Some(octave) = nanos.checked_ilog2().and_then(|log| log.checked_sub(FIRST)) else {
        return 0;
    };
    // The two bits below the highest.
    let step = (nanos >> (octave + FIRST - 2)) as usize % STEPS;
    (1 + octave as usize * STEPS + step).min(LAST)
}

/// The time that is above all of a bucket, in nanoseconds; none for the last.
fn end(index: usize) -> Option<u64> {
    let Some(place) = index.checked_sub(1) else { return Some(1 << FIRST) };
    let (octave, step) = (place / STEPS, place % STEPS);
    (octave < OCTAVES).then(|| ((STEPS + step + 1) as u64) << (octave as u32 + FIRST - 2))
}

/// The time that this share of all counted times is below, rounded up to the end of its bucket; at most `longest`.
pub(super) fn quantile(buckets: &[u64], share: f64, longest: u64) -> Option<u64> {
    let total: u64 = buckets.iter().fold(0, |sum, count| sum.saturating_add(*count));
    let wanted = ((total as f64 * share).ceil() as u64).max(1);
    let mut sum = 0_u64;
    for (index, count) in buckets.iter().enumerate() {
        sum = sum.saturating_add(*count);
        if sum >= wanted {
            return Some(end(index).map_or(longest, |end| end.min(longest)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_in_the_bucket_that_ends_above_it() {
        let mut last = 0;
        let times = (0..40).flat_map(|log| (0..8).map(move |part| (8 + part) << log >> 3));
        for nanos in times.chain([u64::MAX]) {
            let index = index(nanos);
            assert!(index >= last, "{nanos}");
            last = index;
            match end(index) {
                Some(end) => assert!(nanos < end && (nanos < 1024 || end - nanos <= end / 4)),
                None => assert!(nanos >= 1 << 38, "{nanos}"),
            }
            if index > 0 {
                assert!(end(index - 1).unwrap() <= nanos, "{nanos}");
            }
        }
        assert_eq!(last, LAST);
        const { assert!(LAST < BUCKETS) };
    }

    #[test]
    fn quantiles_are_right_within_a_quarter() {
        let mut buckets = [0; BUCKETS];
        for micros in 1..=1000_u64 {
            buckets[index(micros * 1000)] += 1;
        }
        for (share, exact) in [(0.5, 500_000), (0.9, 900_000), (0.99, 990_000)] {
            let found = quantile(&buckets, share, 1_000_000).unwrap();
            assert!((exact..=exact * 5 / 4).contains(&found), "{share}: {found}");
        }
        assert_eq!(quantile(&buckets, 1.0, 1_000_000), Some(1_000_000));
        assert_eq!(quantile(&[0; BUCKETS], 0.5, 0), None);
    }
}
