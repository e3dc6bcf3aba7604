//! Durations: `3`, `0.5`, `500ms`, `2m`, `1h`.

use std::time::Duration;

use super::ValueError;

/// What a duration looks like.
pub(crate) const EXPECTED: &str = "a duration such as 30, 0.5, 500ms, 2m or 1h";

/// Ten years: far beyond any use, and far from where adding to a clock overflows.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

const UNITS: [(&str, u128); 5] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("d", 86_400_000_000_000),
];

/// Reads seconds, or a number with one of the units `ms`, `s`, `m`, `h`, `d`; decimals down to the
/// nanosecond.
pub fn parse(text: &str) -> Result<Duration, ValueError> {
    let mismatch = || ValueError::expected(EXPECTED);
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..split], text[split..].trim_start().to_lowercase());
    let scale = match unit.as_str() {
        "" => 1_000_000_000,
        unit => UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(mismatch)?.1,
    };
    let nanos = decimal(number, scale).ok_or_else(mismatch)?;
    if nanos == 0 && !is_zero(number) {
        // Nothing, which it would become, is often no limit at all.
        return Err(mismatch().because("shorter than a nanosecond"));
    }
    let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
    let duration = Duration::new(seconds, (nanos % 1_000_000_000) as u32);
    if duration > LONGEST {
        return Err(mismatch().because("longer than ten years"));
    }
    Ok(duration)
}

/// Writes a duration in its largest unit without a remainder; [`parse`] gives it back.
pub fn format(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0".to_owned();
    }
    let whole = UNITS[..4].iter().find(|(_, scale)| nanos.is_multiple_of(*scale));
    match whole {
        Some((unit, scale)) => format!("{}{unit}", nanos / scale),
        None => {
            let decimals = format!("{:09}", duration.subsec_nanos());
            format!("{}.{}s", duration.as_secs(), decimals.trim_end_matches('0'))
        }
    }
}

/// `number` times `scale`, without a detour through floating point. What is smaller than one is cut
/// off. `None` for what is no number or does not fit.
pub(crate) fn decimal(number: &str, scale: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let only_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let has_digits = !(whole.is_empty() && fraction.is_empty());
    if !has_digits || !only_digits(whole) || !only_digits(fraction) || number.ends_with('.') {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Eighteen digits behind the point are beyond every unit's precision; the rest cannot matter.
    let fraction = &fraction[..fraction.len().min(18)];
    let weight = 10_u128.pow(fraction.len() as u32);
    let part: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    whole.checked_mul(scale)?.checked_add(part.checked_mul(scale)? / weight)
}

/// Whether a number that [`decimal`] reads is zero as it is written.
pub(crate) fn is_zero(number: &str) -> bool {
    number.bytes().all(|digit| matches!(digit, b'0' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_decimals() {
        let millis = |text: &str| parse(text).map(|d| d.as_millis()).ok();
        for (text, expected) in [
            ("3", 3000),
            ("0.5", 500),
            (".5", 500),
            ("500ms", 500),
            ("2m", 120_000),
            ("1H", 3_600_000),
            ("1.5 s", 1500),
            ("0", 0),
            ("1d", 86_400_000),
            ("0.25m", 15_000),
            ("010", 10_000),
        ] {
            assert_eq!(millis(text), Some(expected), "{text}");
        }
        for bad in [
            "",
            "-1",
            "+1",
            "1.",
            ".",
            "1..2",
            "1 2",
            "s",
            "1us",
            "1h30m",
            "1e3",
            "inf",
            "nan",
            "4000d",
            "0.0000000001",
            "0.0000001ms",
            "999999999999999999999999999999999999999999",
            "³",
        ] {
            assert_eq!(millis(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_duration_prints_in_its_largest_unit() {
        for (nanos, text) in [
            (0, "0"),
            (1, "0.000000001s"),
            (1_500_000_000, "1500ms"),
            (90_000_000_000, "90s"),
            (120_000_000_000, "2m"),
            (7_200_000_000_000, "2h"),
            (1_000_000_001, "1.000000001s"),
        ] {
            let duration = Duration::from_nanos(nanos);
            assert_eq!(format(duration), text);
            assert_eq!(parse(text), Ok(duration));
        }
    }
}
