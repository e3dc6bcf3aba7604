//! The messages of etcd's gateway, as far as they are used: etcd's `rpc.proto` in JSON, where numbers of 64 bits are texts, bytes are
//! base64, and what is zero is left out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Text(String),
    Plain(u64),
}

fn number<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    match Number::deserialize(from)? {
        Number::Plain(number) => Ok(number),
        Number::Text(text) => text.parse().map_err(D::Error::custom),
    }
}

pub(super) fn text<S: Serializer>(number: &u64, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(number)
}

pub(super) fn base64<S: Serializer>(bytes: &str, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&STANDARD.encode(bytes))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Header {
    #[serde(deserialize_with = "number")]
    pub(super) revision: u64,
    #[serde(deserialize_with = "number")]
    pub(super) raft_term: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Authenticate<'a> {
    pub(super) name: &'a str,
    pub(super) password: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct Authenticated {
    pub(super) token: String,
}

#[derive(Debug, Serialize)]
pub(super) struct LeaseGrant {
    #[serde(rename = "TTL", serialize_with = "text")]
    pub(super) ttl: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Granted {
    #[serde(rename = "ID", deserialize_with = "number")]
    pub(super) id: u64,
    #[serde(rename = "TTL", deserialize_with = "number")]
    pub(super) ttl: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct LeaseRevoke {
    #[serde(rename = "ID", serialize_with = "text")]
    id: u64,
}

/// It looks the same on the wire.
pub(super) type KeepAlive = LeaseRevoke;

impl LeaseRevoke {
    pub(super) const fn of(id: u64) -> Self {
        Self { id }
    }
}

/// Nothing in it is of interest, but it must be what it should.
#[derive(Debug, Deserialize)]
pub(super) struct Revoked {
    #[serde(rename = "header")]
    _header: Header,
}

/// No time to live: no such lease.
#[derive(Debug, Deserialize)]
#[serde(from = "Streamed<KeptAliveBody>")]
pub(super) struct KeptAlive {
    pub(super) header: Header,
    pub(super) ttl: u64,
}

#[derive(Debug, Deserialize)]
struct KeptAliveBody {
    header: Header,
    #[serde(rename = "TTL", default, deserialize_with = "number")]
    ttl: u64,
}

impl From<Streamed<KeptAliveBody>> for KeptAlive {
    fn from(streamed: Streamed<KeptAliveBody>) -> Self {
        Self { header: streamed.result.header, ttl: streamed.result.ttl }
    }
}

/// A message of those calls that are streams.
#[derive(Debug, Deserialize)]
pub(super) struct Streamed<T> {
    pub(super) result: T,
}

#[derive(Debug, Serialize)]
pub(super) struct KeyRange<'a> {
    #[serde(serialize_with = "base64")]
    key: &'a str,
}

impl<'a> KeyRange<'a> {
    pub(super) const fn of(key: &'a str) -> Self {
        Self { key }
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Pair {
    #[serde(deserialize_with = "number")]
    pub(super) create_revision: u64,
    #[serde(deserialize_with = "number")]
    pub(super) mod_revision: u64,
    #[serde(default, deserialize_with = "number")]
    pub(super) lease: u64,
    #[serde(default)]
    value: String,
}

impl Pair {
    pub(super) fn value(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.value).ok()
    }
}

#[derive(Debug, Serialize)]
pub(super) struct WatchCreate<'a> {
    create_request: WatchRequest<'a>,
}

#[derive(Debug, Serialize)]
struct WatchRequest<'a> {
    #[serde(serialize_with = "base64")]
    key: &'a str,
    #[serde(serialize_with = "text")]
    start_revision: u64,
}

impl<'a> WatchCreate<'a> {
    pub(super) const fn after(key: &'a str, revision: u64) -> Self {
        let start_revision = revision.saturating_add(1);
        Self { create_request: WatchRequest { key, start_revision } }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Watched {
    #[serde(default)]
    pub(super) canceled: bool,
    #[serde(default)]
    pub(super) events: Vec<serde::de::IgnoredAny>,
}

/// What is answered when a call fails.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refusal {
    error: String,
    message: String,
    /// As gRPC numbers them.
    pub(super) code: u32,
}

impl Refusal {
    pub(super) fn sentence(self) -> String {
        if self.message.is_empty() { self.error } else { self.message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_what_the_gateway_reads() {
        let json = |value: &dyn erased::Json| value.json();
        assert_eq!(json(&LeaseGrant { ttl: 10 }), r#"{"TTL":"10"}"#);
        assert_eq!(json(&KeepAlive::of(7)), r#"{"ID":"7"}"#);
        assert_eq!(json(&KeyRange::of("k")), r#"{"key":"aw=="}"#);
        let after = WatchCreate::after("k", 4);
        assert_eq!(json(&after), r#"{"create_request":{"key":"aw==","start_revision":"5"}}"#);
    }

    mod erased {
        pub(super) trait Json {
            fn json(&self) -> String;
        }

        impl<T: serde::Serialize> Json for T {
            fn json(&self) -> String {
                serde_json::to_string(self).unwrap()
            }
        }
    }

    #[test]
    fn numbers_are_texts_or_numbers_and_zero_is_left_out() {
        let granted: Granted = serde_json::from_str(r#"{"ID":"7","TTL":5}"#).unwrap();
        assert_eq!((granted.id, granted.ttl), (7, 5));
        let kept = r#"{"result":{"header":{"raft_term":"2"},"ID":"9"}}"#;
        let kept: KeptAlive = serde_json::from_str(kept).unwrap();
        assert_eq!((kept.ttl, kept.header.raft_term), (0, 2));
        let pair = r#"{"create_revision":"3","mod_revision":4}"#;
        let pair: Pair = serde_json::from_str(pair).unwrap();
        assert_eq!((pair.create_revision, pair.mod_revision, pair.lease), (3, 4, 0));
        for bad in
            ["{}", "[]", r#"{"ID":"x","TTL":"5"}"#, r#"{"ID":"-1","TTL":"5"}"#, r#"{"ID":"7"}"#]
        {
            assert!(serde_json::from_str::<Granted>(bad).is_err(), "{bad}");
        }
    }
}
