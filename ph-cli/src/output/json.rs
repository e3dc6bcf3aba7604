//! msgpack values as JSON.

use ph_rpc::Value;

/// Indented JSON with a final line feed.
pub(crate) fn pretty(value: &Value) -> String {
    // A value with a map key that is no text can't be said in JSON; masters send none.
    let text = serde_json::to_string_pretty(value);
    text.unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}")) + "\n"
}

/// JSON in one line.
pub(crate) fn line(value: &Value) -> String {
    let text = serde_json::to_string(value);
    text.unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}")) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_types_survive() {
        let value = Value::Map(vec![
            ("b".into(), 1.into()),
            ("a".into(), Value::Array(vec![Value::Nil, true.into(), 1.5.into(), "x".into()])),
        ]);
        let text: String = pretty(&value).split_whitespace().collect();
        assert_eq!(text, r#"{"b":1,"a":[null,true,1.5,"x"]}"#);
    }
}
