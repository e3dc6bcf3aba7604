//! `call`: one call of any msgpack-RPC server, for people and scripts.

use std::time::Duration;

use ph_rpc::Value;
use ph_rpc::client::{CallError, Client, Options};

use crate::args::CallArgs;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{self, json};

pub(super) fn call(args: CallArgs) -> Outcome {
    let CallArgs { unix, timeout, notify, words } = args;
    let mut words = words.into_iter();
    let address = if unix.is_some() { None } else { words.next() };
    let Some(method) = words.next() else {
        let reason = "the method is missing: call ADDR METHOD [JSON]..., or call --unix PATH METHOD [JSON]...";
        return Err(Failure::new(Exit::Usage, reason));
    };
    let params: Vec<Value> = words.map(|word| value(&word)).collect();
    let options = Options { timeout, ..Options::default() };
    let (client, place) = match (unix, address) {
        (Some(path), _) => (Client::unix(&path, options), path.display().to_string()),
        (None, address) => {
            let address = address.unwrap_or_default();
            (Client::tcp(address.as_str(), options), address)
        }
    };
    let failed = |error| failure(&place, timeout, error);
    let client = client.map_err(failed)?;
    if notify {
        client.notify(&method, &params).map_err(failed)?;
        return Ok(Exit::Done);
    }
    let result = client.call_values(&method, &params).map_err(failed)?;
    output::print(&json::pretty(&result))
}

/// A parameter: JSON, or a word that is none and stands for itself.
fn value(word: &str) -> Value {
    serde_json::from_str(word).unwrap_or_else(|_| word.into())
}

fn failure(place: &str, timeout: Duration, error: CallError) -> Failure {
    let reason = match error {
        CallError::Refused(error) if error.message.is_empty() => {
            format!("error {}, without a message", error.code)
        }
        CallError::Refused(error) => error.message,
        CallError::Connect(error) => {
            format!("cannot connect to {place}: {error}; is there a server?")
        }
        CallError::TimedOut => {
            format!("no answer from {place} within {timeout:?}; --timeout SECONDS waits longer")
        }
        other => format!("{place}: {other}"),
    };
    Failure::new(Exit::Failed, reason)
}

#[cfg(test)]
mod tests {
    use super::value;
    use ph_rpc::Value;

    #[test]
    fn json_is_read_and_a_bare_word_is_text() {
        assert_eq!(value("-1"), Value::from(-1));
        assert_eq!(value("\"1\""), Value::from("1"));
        assert_eq!(value("[true, null]"), Value::Array(vec![true.into(), Value::Nil]));
        assert_eq!(value(r#"{"a": 1.5}"#), Value::Map(vec![("a".into(), 1.5.into())]));
        assert_eq!(value("no more coffee"), Value::from("no more coffee"));
        assert_eq!(value("{a"), Value::from("{a"));
    }
}
