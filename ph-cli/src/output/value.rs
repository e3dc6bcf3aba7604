//! Values of a status as people read them.

use ph_rpc::Value;

static NIL: Value = Value::Nil;

/// The field of a map; nil where there is none.
pub(crate) fn get<'a>(map: &'a Value, name: &str) -> &'a Value {
    let fields = map.as_map().into_iter().flatten();
    fields
        .filter(|(key, _)| key.as_str() == Some(name))
        .map(|(_, value)| value)
        .next()
        .unwrap_or(&NIL)
}

/// The field of a map as text; `-` for nil.
pub(crate) fn text(map: &Value, name: &str) -> String {
    match get(map, name) {
        Value::Nil => "-".to_owned(),
        Value::String(text) => text.as_str().unwrap_or("?").to_owned(),
        Value::F64(number) => format!("{number:.2}"),
        other => other.to_string(),
    }
}

/// Seconds in at most two units: `12s`, `3m 20s`, `2d 4h`.
pub(crate) fn age(seconds: &Value) -> String {
    let Some(seconds) = seconds.as_f64() else { return "-".to_owned() };
    if seconds < 10.0 {
        return format!("{seconds:.1}s");
    }
    let whole = seconds as u64;
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let first = units.iter().position(|(_, size)| whole >= *size).unwrap_or(3);
    let mut left = whole;
    let mut parts = Vec::new();
    for (name, size) in &units[first..(first + 2).min(4)] {
        parts.push(format!("{}{name}", left / size));
        left %= size;
    }
    parts.join(" ")
}

/// A time that may be short, with three digits or so: `850µs`, `1.2ms`, `34ms`, `2.5s`.
pub(crate) fn latency(seconds: &Value) -> String {
    let Some(seconds) = seconds.as_f64() else { return "-".to_owned() };
    let (amount, unit) = match seconds {
        0.000_999_5.. => (seconds * 1e3, "ms"),
        _ => (seconds * 1e6, "µs"),
    };
    match amount {
        ..9.95 => format!("{amount:.1}{unit}"),
        ..999.5 => format!("{amount:.0}{unit}"),
        _ => age(&seconds.into()),
    }
}

/// Bytes in a binary unit.
pub(crate) fn size(bytes: &Value) -> String {
    let Some(bytes) = bytes.as_f64() else { return "-".to_owned() };
    let units = ["B", "K", "M", "G", "T"];
    let mut amount = bytes;
    let mut unit = 0;
    while amount >= 1024.0 && unit < 4 {
        amount /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{amount:.0}B") } else { format!("{amount:.1}{}", units[unit]) }
}

/// A list of numbers; `-` for an empty one.
pub(crate) fn list(values: &Value) -> String {
    let texts: Vec<String> =
        values.as_array().into_iter().flatten().map(ToString::to_string).collect();
    if texts.is_empty() { "-".to_owned() } else { texts.join(",") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_sizes_read_well() {
        assert_eq!(age(&0.25.into()), "0.2s");
        assert_eq!(age(&12.5.into()), "12s");
        assert_eq!(age(&200.0.into()), "3m 20s");
        assert_eq!(age(&187_200.0.into()), "2d 4h");
        assert_eq!(age(&Value::Nil), "-");
        assert_eq!(latency(&0.000_002.into()), "2.0µs");
        assert_eq!(latency(&0.000_85.into()), "850µs");
        assert_eq!(latency(&0.0012.into()), "1.2ms");
        assert_eq!(latency(&0.034.into()), "34ms");
        assert_eq!(latency(&2.5.into()), "2.5s");
        assert_eq!(latency(&Value::Nil), "-");
        assert_eq!(size(&100.into()), "100B");
        assert_eq!(size(&2_400_000.into()), "2.3M");
    }
}
