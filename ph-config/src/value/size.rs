//! Sizes in bytes: `65536`, `64k`, `64MiB`, `10kB`.

use super::{
    ValueError,
    duration::{decimal, is_zero},
};

/// What a size looks like.
pub(crate) const EXPECTED: &str = "a size in bytes, or one such as 64MiB, 64M or 10kB";

/// A single letter means what it means to `ulimit` and systemd: powers of 1024.
const UNITS: [(&[&str], u64); 9] = [
    (&["tib", "ti", "t"], 1 << 40),
    (&["gib", "gi", "g"], 1 << 30),
    (&["mib", "mi", "m"], 1 << 20),
    (&["kib", "ki", "k"], 1 << 10),
    (&["tb"], 1_000_000_000_000),
    (&["gb"], 1_000_000_000),
    (&["mb"], 1_000_000),
    (&["kb"], 1_000),
    (&["", "b"], 1),
];

/// Reads a number of bytes, with decimals where there is a unit. `k`, `KiB` and so on are powers of
/// 1024, `kB`, `MB`, … powers of 1000; case does not matter.
pub fn parse(text: &str) -> Result<u64, ValueError> {
    let mismatch = || ValueError::expected(EXPECTED);
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let unit = text[split..].trim_start().to_lowercase();
    let (_, scale) =
        UNITS.iter().find(|(names, _)| names.contains(&unit.as_str())).ok_or_else(mismatch)?;
    if *scale == 1 && text[..split].contains('.') {
        return Err(mismatch().because("there is no part of a byte"));
    }
    let bytes = decimal(&text[..split], u128::from(*scale)).ok_or_else(mismatch)?;
    if bytes == 0 && !is_zero(&text[..split]) {
        return Err(mismatch().because("less than a byte"));
    }
    u64::try_from(bytes).map_err(|_| mismatch().because("too large"))
}

/// Writes a size in its largest binary unit without a remainder; [`parse`] gives it back.
pub fn format(bytes: u64) -> String {
    let names = ["TiB", "GiB", "MiB", "KiB"];
    let whole = names
        .iter()
        .zip(&UNITS[..4])
        .find(|(_, (_, scale))| bytes != 0 && bytes.is_multiple_of(*scale));
    match whole {
        Some((name, (_, scale))) => format!("{}{name}", bytes / scale),
        None => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_and_decimal_units() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("512B", 512),
            ("64MiB", 64 << 20),
            ("64M", 64 << 20),
            ("10kB", 10_000),
            ("10 k", 10_240),
            ("1.5g", 3 << 29),
            ("16777215TiB", 16_777_215 << 40),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
            assert_eq!(parse(&format(bytes)), Ok(bytes), "{text}");
        }
        for bad in ["", "-1", "1.5", "1.5B", "1x", "MiB", "16777216TiB", "0x10", "1_000", "0.0001k"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(format(3 << 29), "1536MiB");
        assert_eq!(format(1000), "1000");
    }
}
