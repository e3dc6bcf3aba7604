//! A message: the three arrays of the protocol, and nothing in between.

use rmpv::Value;
use rmpv::encode::write_value;

use crate::codec::CodecError;
use crate::error::RpcError;
use crate::frame::{Frame, NIL, NOTIFICATION, REQUEST};
use crate::params::read_value;
use crate::wire;

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

impl TryFrom<Frame<'_>> for Message {
    type Error = CodecError;

    /// Builds the values of a message that was read.
    ///
    /// # Errors
    ///
    /// [`CodecError::NotRpc`] for a method that is not UTF-8 and for packed parameters.
    fn try_from(frame: Frame<'_>) -> Result<Self, CodecError> {
        match frame {
            Frame::Request { msgid, method, params } => {
                let refuse = |what| CodecError::NotRpc { what, msgid: Some(msgid) };
                let method = text(method).map_err(refuse)?;
                Ok(Self::Request { msgid, method, params: params.try_values(refuse)? })
            }
            Frame::Response { msgid, result } => {
                let result = match result {
                    Ok(result) => Ok(read_value(&mut &*result)?),
                    Err(error) => Err(read_value(&mut &*error)?),
                };
                Ok(Self::Response { msgid, result })
            }
            Frame::Notification { method, params } => {
                let refuse = |what| CodecError::NotRpc { what, msgid: None };
                let method = text(method).map_err(refuse)?;
                Ok(Self::Notification { method, params: params.try_values(refuse)? })
            }
        }
    }
}

fn text(method: &[u8]) -> Result<String, &'static str> {
    std::str::from_utf8(method).map(str::to_owned).map_err(|_| "a method that is not UTF-8")
}

/// Appends the bytes of `message` to `out`.
///
/// A response whose error is nil would read as a success: it is sent as a [`RpcError::failed`] without a
/// message. Lengths are those of the protocol, 32 bits each.
pub fn encode(message: &Message, out: &mut Vec<u8>) {
    match message {
        Message::Request { msgid, method, params } => {
            out.extend_from_slice(&[0x94, REQUEST]);
            wire::uint(out, *msgid);
            wire::text(out, method);
            array(out, params);
        }
        Message::Response { msgid, result } => {
            wire::response(out, *msgid);
            match result {
                Ok(result) => {
                    out.push(NIL);
                    value(out, result);
                }
                Err(error) => {
                    if error.is_nil() {
                        value(out, &RpcError::failed("").into());
                    } else {
                        value(out, error);
                    }
                    out.push(NIL);
                }
            }
        }
        Message::Notification { method, params } => {
            out.extend_from_slice(&[0x93, NOTIFICATION]);
            wire::text(out, method);
            array(out, params);
        }
    }
}

fn value(out: &mut Vec<u8>, value: &Value) {
    write_value(out, value).expect("a Vec takes every write");
}

fn array(out: &mut Vec<u8>, items: &[Value]) {
    wire::array(out, items.len());
    for item in items {
        value(out, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Decoder;

    fn parse(fields: Vec<Value>) -> Result<Message, CodecError> {
        let mut bytes = Vec::new();
        write_value(&mut bytes, &Value::Array(fields)).unwrap();
        only_message(&bytes)
    }

    fn only_message(bytes: &[u8]) -> Result<Message, CodecError> {
        let mut decoder = Decoder::default();
        decoder.feed(bytes);
        decoder.next_message().map(|message| message.expect("a whole message"))
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
                vec![0.into(), 8.into(), vec![0xffu8].as_slice().into(), Value::Array(vec![])],
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
        assert!(only_message(b"\x47").is_err());
    }

    #[test]
    fn a_failure_without_an_error_is_still_a_failure() {
        let message = Message::Response { msgid: 4, result: Err(Value::Nil) };
        let read = only_message(&message.to_bytes());
        assert_eq!(read, Ok(Message::failure(4, RpcError::failed(""))));
    }
}
