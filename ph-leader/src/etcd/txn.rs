//! What is asked about the two keys of an election at once, so that nothing comes between.

use serde::{Deserialize, Serialize, Serializer};

use super::message::{Header, KeyRange, Pair, base64, text};
use crate::store::Lease;

/// Changes both keys if they are as they were seen; shows them otherwise.
#[derive(Debug, Serialize)]
pub(super) struct Txn<'a> {
    compare: Vec<Compare<'a>>,
    success: Vec<Op<'a>>,
    failure: Vec<Op<'a>>,
}

#[derive(Debug, Serialize)]
struct Compare<'a> {
    #[serde(serialize_with = "base64")]
    key: &'a str,
    result: &'static str,
    #[serde(flatten)]
    is: Is,
}

/// A key that is not there has 0 for each.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "target")]
enum Is {
    #[serde(rename = "CREATE")]
    Made {
        #[serde(rename = "create_revision", serialize_with = "text")]
        at: u64,
    },
    #[serde(rename = "MOD")]
    Changed {
        #[serde(rename = "mod_revision", serialize_with = "text")]
        at: u64,
    },
    #[serde(rename = "LEASE")]
    Held {
        #[serde(rename = "lease", serialize_with = "text")]
        by: Lease,
    },
}

#[derive(Debug, Serialize)]
enum Op<'a> {
    #[serde(rename = "request_put")]
    Put(Put<'a>),
    #[serde(rename = "request_range")]
    Show(KeyRange<'a>),
    #[serde(rename = "request_delete_range")]
    Delete(KeyRange<'a>),
}

#[derive(Debug, Serialize)]
struct Put<'a> {
    #[serde(serialize_with = "base64")]
    key: &'a str,
    /// What is there, without one.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_base64")]
    value: Option<&'a str>,
    #[serde(serialize_with = "text")]
    lease: Lease,
    ignore_value: bool,
}

fn some_base64<S: Serializer>(bytes: &Option<&str>, to: S) -> Result<S::Ok, S::Error> {
    base64(bytes.unwrap_or_default(), to)
}

/// The names of the two keys.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    /// There while somebody's lease holds it.
    pub(super) seat: String,
    /// The record of the latest claim, renewal or release; without a lease.
    pub(super) record: String,
}

impl Keys {
    fn both(&self) -> Vec<Op<'_>> {
        [&self.seat, &self.record].map(|key| Op::Show(KeyRange::of(key))).into()
    }

    pub(super) fn look(&self) -> Txn<'_> {
        Txn { compare: Vec::new(), success: self.both(), failure: Vec::new() }
    }

    /// The seat is free, and the record as it was seen.
    pub(super) fn claim<'a>(
        &'a self,
        name: &'a str,
        lease: Lease,
        seen: u64,
        record: &'a str,
    ) -> Txn<'a> {
        let is_free = Is::Made { at: 0 };
        Txn {
            compare: vec![
                equal(&self.seat, is_free),
                equal(&self.record, Is::Changed { at: seen }),
            ],
            success: vec![put(&self.seat, Some(name), lease), put(&self.record, Some(record), 0)],
            failure: self.both(),
        }
    }

    /// The name stays. Written all the same, for those who watch the key.
    pub(super) fn renew<'a>(&'a self, lease: Lease, token: u64, record: &'a str) -> Txn<'a> {
        let (is_ours, is_held) = (Is::Made { at: token }, Is::Held { by: lease });
        Txn {
            compare: vec![equal(&self.seat, is_ours), equal(&self.seat, is_held)],
            success: vec![put(&self.seat, None, lease), put(&self.record, Some(record), 0)],
            failure: self.both(),
        }
    }

    /// The record is as it was seen; so is a seat that is held by the lease.
    pub(super) fn release<'a>(
        &'a self,
        held_by: Option<Lease>,
        seen: u64,
        record: &'a str,
    ) -> Txn<'a> {
        let mut txn = Txn {
            compare: vec![equal(&self.record, Is::Changed { at: seen })],
            success: vec![put(&self.record, Some(record), 0)],
            failure: Vec::new(),
        };
        if let Some(by) = held_by {
            txn.compare.push(equal(&self.seat, Is::Held { by }));
            txn.success.push(Op::Delete(KeyRange::of(&self.seat)));
        }
        txn
    }
}

const fn equal(key: &str, is: Is) -> Compare<'_> {
    Compare { key, result: "EQUAL", is }
}

const fn put<'a>(key: &'a str, value: Option<&'a str>, lease: Lease) -> Op<'a> {
    Op::Put(Put { key, value, lease, ignore_value: value.is_none() })
}

#[derive(Debug, Deserialize)]
pub(super) struct Done {
    pub(super) header: Header,
    #[serde(default)]
    pub(super) succeeded: bool,
    #[serde(default)]
    responses: Vec<Response>,
}

#[derive(Debug, Deserialize)]
struct Response {
    response_range: Option<Shown>,
}

#[derive(Debug, Deserialize)]
struct Shown {
    #[serde(default)]
    kvs: Vec<Pair>,
}

impl Done {
    /// The seat and the record, if both are shown.
    pub(super) fn shown(&self) -> Option<(Option<&Pair>, Option<&Pair>)> {
        let [seat, record] = self.responses.as_slice() else { return None };
        let (seat, record) = (seat.response_range.as_ref()?, record.response_range.as_ref()?);
        Some((seat.kvs.first(), record.kvs.first()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &impl Serialize) -> String {
        serde_json::to_string(value).unwrap()
    }

    #[test]
    fn requests_are_what_the_gateway_reads() {
        let keys = Keys { seat: "k".to_owned(), record: "l".to_owned() };
        let both = r#"[{"request_range":{"key":"aw=="}},{"request_range":{"key":"bA=="}}]"#;
        assert_eq!(
            json(&keys.look()),
            format!(r#"{{"compare":[],"success":{both},"failure":[]}}"#)
        );
        let claim = concat!(
            r#"{"compare":[{"key":"aw==","result":"EQUAL","target":"CREATE","create_revision":"0"},"#,
            r#"{"key":"bA==","result":"EQUAL","target":"MOD","mod_revision":"5"}],"#,
            r#""success":[{"request_put":{"key":"aw==","value":"YQ==","lease":"7","ignore_value":false}},"#,
            r#"{"request_put":{"key":"bA==","value":"cg==","lease":"0","ignore_value":false}}],"failure":"#,
        );
        assert_eq!(json(&keys.claim("a", 7, 5, "r")), format!("{claim}{both}}}"));
        let renew = concat!(
            r#"{"compare":[{"key":"aw==","result":"EQUAL","target":"CREATE","create_revision":"6"},"#,
            r#"{"key":"aw==","result":"EQUAL","target":"LEASE","lease":"7"}],"#,
            r#""success":[{"request_put":{"key":"aw==","lease":"7","ignore_value":true}},"#,
            r#"{"request_put":{"key":"bA==","value":"cg==","lease":"0","ignore_value":false}}],"failure":"#,
        );
        assert_eq!(json(&keys.renew(7, 6, "r")), format!("{renew}{both}}}"));
        let release = concat!(
            r#"{"compare":[{"key":"bA==","result":"EQUAL","target":"MOD","mod_revision":"5"},"#,
            r#"{"key":"aw==","result":"EQUAL","target":"LEASE","lease":"7"}],"#,
            r#""success":[{"request_put":{"key":"bA==","value":"cg==","lease":"0","ignore_value":false}},"#,
            r#"{"request_delete_range":{"key":"aw=="}}],"failure":[]}"#,
        );
        assert_eq!(json(&keys.release(Some(7), 5, "r")), release);
        assert!(!json(&keys.release(None, 5, "r")).contains("aw=="));
    }

    #[test]
    fn what_is_not_shown_is_not_taken_for_nothing() {
        let shown = |responses: &str| {
            let json = format!(r#"{{"header":{{}},"responses":[{responses}]}}"#);
            let done: Done = serde_json::from_str(&json).unwrap();
            done.shown().map(|(seat, record)| (seat.is_some(), record.is_some()))
        };
        let none = r#"{"response_range":{"header":{}}}"#;
        let one = r#"{"response_range":{"kvs":[{"create_revision":"3","mod_revision":"4"}]}}"#;
        assert_eq!(shown(&format!("{none},{one}")), Some((false, true)));
        assert_eq!(shown(&format!("{one},{none}")), Some((true, false)));
        for bad in ["", none, r#"{"response_put":{}},{"response_put":{}}"#] {
            assert_eq!(shown(bad), None, "{bad}");
        }
    }
}
