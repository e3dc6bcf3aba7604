//! Whether measurements of one thing are greater than those of another by more than chance explains.

/// Where one in a hundred of normal deviates lies above.
const ONE_IN_A_HUNDRED: f64 = 2.326;

/// By the rank-sum test of Mann and Whitney in its normal approximation, which wants some ten measurements of each.
pub(super) fn greater<T: PartialOrd>(these: &[T], those: &[T]) -> bool {
    let pairs = || these.iter().flat_map(|this| those.iter().map(move |that| (this, that)));
    let above = pairs().filter(|(this, that)| this > that).count() as f64;
    let level = pairs().filter(|(this, that)| this == that).count() as f64;
    let (n, m) = (these.len() as f64, those.len() as f64);
    let deviation = (n * m * (n + m + 1.0) / 12.0).sqrt();
    above + level / 2.0 - n * m / 2.0 > ONE_IN_A_HUNDRED * deviation
}

#[cfg(test)]
mod tests {
    use super::greater;

    #[test]
    fn what_is_above_is_greater_and_what_is_mixed_is_not() {
        let low: Vec<u32> = (0..30).collect();
        let high: Vec<u32> = (30..60).collect();
        let mixed: Vec<u32> = (1..31).collect();
        assert!(greater(&high, &low) && !greater(&low, &high));
        assert!(!greater(&mixed, &low) && !greater(&low, &mixed) && !greater(&low, &low));
    }

    #[test]
    fn a_shift_is_seen_through_a_scatter_that_is_wider() {
        let scattered = |shift: u32| (0..30).map(|it| it * 37 % 30 + shift).collect::<Vec<_>>();
        assert!(greater(&scattered(8), &scattered(0)));
        assert!(!greater(&scattered(3), &scattered(0)));
    }

    #[test]
    fn nothing_is_greater_than_nothing() {
        assert!(!greater::<u32>(&[], &[]) && !greater(&[1], &[]));
    }
}
