//! A message: the three arrays of the protocol, and nothing in between.

use rmpv::encode::{write_value, write_value_ref};
use rmpv::{Value, ValueRef};

use crate::codec::CodecError;
use crate::error::RpcError;

const REQUEST: u64 = 0;
const RESPONSE: u64 = 1;
const NOTIFICATION: u64 = 2;

/// One message of msgpack-RPC.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// A call that wants a response: `[0, msgid, method, params]`.
    Request {
        /// Chosen by the caller, repeated in the response; unique among the calls under way.
        msgid: u32,
        /// The method. Read from str or bin, written as str.
        method: String,
        /// The arguments.
        params: Vec<Value>,
    },
    /// The answer to the request with this id, in any order: `[1, msgid, error, result]`.
    Response {
        /// The id of the request.
        msgid: u32,
        /// The result, or an error in whatever form the peer gave it ([`RpcError`] reads all of them).
        /// An error is told by not being nil.
        result: Result<Value, Value>,
    },
    /// A call that wants none: `[2, method, params]`.
    Notification {
        /// The method, as in a request.
        method: String,
        /// The arguments.
        params: Vec<Value>,
    },
}

impl Message {
    /// A request.
    #[must_use]
    pub fn request(msgid: u32, method: impl Into<String>, params: Vec<Value>) -> Self {
        Self::Request { msgid, method: method.into(), params }
    }

    /// A notification.
    #[must_use]
    pub fn notification(method: impl Into<String>, params: Vec<Value>) -> Self {
        Self::Notification { method: method.into(), params }
    }

    /// The response to a call that succeeded.
    #[must_use]
    pub fn success(msgid: u32, result: impl Into<Value>) -> Self {
        Self::Response { msgid, result: Ok(result.into()) }
    }

    /// The response to a call that failed.
    #[must_use]
    pub fn failure(msgid: u32, error: RpcError) -> Self {
        Self::Response { msgid, result: Err(error.into()) }
    }

    /// The response to a call, either way.
    #[must_use]
    pub fn response(msgid: u32, outcome: Result<Value, RpcError>) -> Self {
        Self::Response { msgid, result: outcome.map_err(Value::from) }
    }

    /// The bytes of this message, as [`encode`] appends them.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(self, &mut bytes);
        bytes
    }
}

impl TryFrom<Value> for Message {
    type Error = CodecError;

    /// Reads a message from a value.
    ///
    /// # Errors
    ///
    /// [`CodecError::NotRpc`], with the id where the value can be told to be a request.
    fn try_from(value: Value) -> Result<Self, CodecError> {
        let Value::Array(fields) = value else {
            return Err(not_rpc("not an array"));
        };
        match fields.first().and_then(Value::as_u64) {
            Some(REQUEST) => {
                // The id first: whatever else is wrong, the caller can be told.
                let msgid = fields.get(1).and_then(msgid);
                let refuse = |what| CodecError::NotRpc { what, msgid };
                let [_, _, method, params] =
                    arity(fields).ok_or(refuse("a request of other than 4 fields"))?;
                let msgid = msgid.ok_or(refuse("a request whose id is no 32-bit number"))?;
                let (method, params) = call(method, params).map_err(refuse)?;
                Ok(Self::Request { msgid, method, params })
            }
            Some(RESPONSE) => {
                let [_, id, error, result] =
                    arity(fields).ok_or(not_rpc("a response of other than 4 fields"))?;
                let msgid = msgid(&id).ok_or(not_rpc("a response whose id is no 32-bit number"))?;
                let result = if error.is_nil() { Ok(result) } else { Err(error) };
                Ok(Self::Response { msgid, result })
            }
            Some(NOTIFICATION) => {
                let [_, method, params] =
                    arity(fields).ok_or(not_rpc("a notification of other than 3 fields"))?;
                let (method, params) = call(method, params).map_err(not_rpc)?;
                Ok(Self::Notification { method, params })
            }
            _ => Err(not_rpc("an array that begins with none of the types 0, 1 and 2")),
        }
    }
}

fn not_rpc(what: &'static str) -> CodecError {
    CodecError::NotRpc { what, msgid: None }
}

fn arity<const N: usize>(fields: Vec<Value>) -> Option<[Value; N]> {
    fields.try_into().ok()
}

fn msgid(value: &Value) -> Option<u32> {
    value.as_u64()?.try_into().ok()
}

/// The method and the parameters of a call.
fn call(method: Value, params: Value) -> Result<(String, Vec<Value>), &'static str> {
    let method = match method {
        Value::String(text) => text.into_str(),
        Value::Binary(bytes) => String::from_utf8(bytes).ok(),
        _ => return Err("a method that is neither str nor bin"),
    };
    let method = method.ok_or("a method that is not UTF-8")?;
    match params {
        Value::Array(params) => Ok((method, params)),
        _ => Err("parameters that are not an array"),
    }
}

/// Appends the bytes of `message` to `out`.
///
/// A response whose error is nil would read as a success: it is sent as a [`RpcError::failed`] without a
/// message. Lengths are those of the protocol, 32 bits each.
pub fn encode(message: &Message, out: &mut Vec<u8>) {
    match message {
        Message::Request { msgid, method, params } => {
            array_header(out, 4);
            scalar(out, REQUEST);
            scalar(out, *msgid);
            scalar(out, method.as_str());
            array(out, params);
        }
        Message::Response { msgid, result } => {
            array_header(out, 4);
            scalar(out, RESPONSE);
            scalar(out, *msgid);
            match result {
                Ok(result) => {
                    scalar(out, ValueRef::Nil);
                    value(out, result);
                }
                Err(error) => {
                    if error.is_nil() {
                        value(out, &RpcError::failed("").into());
                    } else {
                        value(out, error);
                    }
                    scalar(out, ValueRef::Nil);
                }
            }
        }
        Message::Notification { method, params } => {
            array_header(out, 3);
            scalar(out, NOTIFICATION);
            scalar(out, method.as_str());
            array(out, params);
        }
    }
}

const TAKES_ALL: &str = "a Vec takes every write";

fn scalar<'a>(out: &mut Vec<u8>, value: impl Into<ValueRef<'a>>) {
    write_value_ref(out, &value.into()).expect(TAKES_ALL);
}

fn value(out: &mut Vec<u8>, value: &Value) {
    write_value(out, value).expect(TAKES_ALL);
}

fn array(out: &mut Vec<u8>, items: &[Value]) {
    array_header(out, items.len());
    for item in items {
        value(out, item);
    }
}

/// The shortest header of an array (the msgpack format: fixarray, array 16, array 32).
fn array_header(out: &mut Vec<u8>, len: usize) {
    match len {
        0..=15 => out.push(0x90 | len as u8),
        16..=0xffff => {
            out.push(0xdc);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(0xdd);
            out.extend_from_slice(&(len as u32).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(fields: Vec<Value>) -> Result<Message, CodecError> {
        Value::Array(fields).try_into()
    }

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let bytes = Message::request(1, "add", vec![2.into(), 3.into()]).to_bytes();
        assert_eq!(bytes, b"\x94\x00\x01\xa3add\x92\x02\x03");
        assert_eq!(Message::success(1, 5).to_bytes(), b"\x94\x01\x01\xc0\x05");
        let bytes = Message::failure(300, RpcError::invalid_call("no")).to_bytes();
        assert_eq!(bytes, b"\x94\x01\xcd\x01\x2c\x92\x01\xa2no\xc0");
        assert_eq!(Message::notification("hi", vec![]).to_bytes(), b"\x93\x02\xa2hi\x90");
    }

    #[test]
    fn long_arrays_have_the_headers_of_any_other_encoder() {
        for len in [0, 15, 16, 0xffff, 0x10000] {
            let params = vec![Value::Nil; len];
            let message = Message::notification("m", params.clone());
            let mut expected = Vec::new();
            write_value(&mut expected, &Value::Array(vec![2.into(), "m".into(), params.into()]))
                .unwrap();
            assert!(message.to_bytes() == expected, "{len} elements");
        }
    }

    #[test]
    fn a_method_may_be_bin_as_old_clients_send_it() {
        let fields =
            vec![0.into(), 9.into(), Value::Binary(b"status".to_vec()), Value::Array(vec![])];
        assert_eq!(parse(fields), Ok(Message::request(9, "status", vec![])));
    }

    #[test]
    fn what_is_no_message_is_told_with_the_id_of_a_request() {
        let cases: [(Vec<Value>, &str, Option<u32>); 8] = [
            (vec![], "an array that begins", None),
            (vec![3.into(), 1.into()], "an array that begins", None),
            (vec![0.into(), 8.into(), "m".into()], "a request of other than 4", Some(8)),
            (
                vec![0.into(), 8.into(), 1.into(), Value::Array(vec![])],
                "a method that is neither",
                Some(8),
            ),
            (
                vec![0.into(), 8.into(), vec![0xffu8].as_slice().into(), Value::Nil],
                "a method that is not UTF-8",
                Some(8),
            ),
            (vec![0.into(), 8.into(), "m".into(), Value::Nil], "parameters that are not", Some(8)),
            (
                vec![0.into(), u64::MAX.into(), "m".into(), Value::Array(vec![])],
                "a request whose id",
                None,
            ),
            (vec![1.into(), 8.into(), Value::Nil], "a response of other than 4", None),
        ];
        for (fields, start, id) in cases {
            let Err(CodecError::NotRpc { what, msgid }) = parse(fields.clone()) else {
                panic!("{fields:?} was taken");
            };
            assert!(what.starts_with(start), "{fields:?}: {what}");
            assert_eq!(msgid, id, "{fields:?}");
        }
        assert!(Message::try_from(Value::from(71)).is_err());
    }

    #[test]
    fn a_failure_without_an_error_is_still_a_failure() {
        let message = Message::Response { msgid: 4, result: Err(Value::Nil) };
        let value = rmpv::decode::read_value(&mut message.to_bytes().as_slice()).unwrap();
        assert_eq!(Message::try_from(value), Ok(Message::failure(4, RpcError::failed(""))));
    }
}
