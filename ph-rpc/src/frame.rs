//! A message as it lies in the buffer: borrowed, with its parameters still undecoded.

use std::ops::Range;

use crate::codec::CodecError;
use crate::cursor::Cursor;
use crate::params::Params;

pub(crate) const NIL: u8 = 0xc0;
pub(crate) const REQUEST: u8 = 0;
pub(crate) const RESPONSE: u8 = 1;
pub(crate) const NOTIFICATION: u8 = 2;

/// One message, borrowed from the bytes that were read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Frame<'a> {
    /// `[0, msgid, method, params]`.
    Request {
        /// Chosen by the caller.
        msgid: u32,
        /// The method, from str or bin; not necessarily UTF-8.
        method: &'a [u8],
        /// The arguments.
        params: Params<'a>,
    },
    /// `[1, msgid, error, result]`.
    Response {
        /// The id of the request.
        msgid: u32,
        /// The result, or else the error, as msgpack.
        result: Result<&'a [u8], &'a [u8]>,
    },
    /// `[2, method, params]`.
    Notification {
        /// The method, as in a request.
        method: &'a [u8],
        /// The arguments.
        params: Params<'a>,
    },
}

/// Where the parts of a message are, counted from its first byte.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The length of the message.
    pub(crate) end: usize,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    Call { msgid: Option<u32>, method: Range<usize>, params: Inside },
    Response { msgid: u32, failed: bool, value: Range<usize> },
}

/// The inside of a call's parameters.
#[derive(Debug)]
struct Inside {
    /// The number of arguments; none if they are packed.
    count: Option<usize>,
    at: Range<usize>,
}

impl Layout {
    /// Finds the parts of the message that `bytes` begin with.
    ///
    /// The bytes may end too early, which looks like any other mistake: only of a whole message is an
    /// error the truth. Success is true in either case, provided that the message has no more than
    /// `nested` arrays and maps.
    pub(crate) fn read(bytes: &[u8], nested: usize) -> Result<Self, CodecError> {
        let mut cursor = Cursor::new(bytes);
        let fields = cursor.array().ok_or(not_rpc("not an array"))?;
        let kind = if fields > 0 { cursor.uint() } else { None };
        let shape = match kind.and_then(|kind| u8::try_from(kind).ok()) {
            Some(REQUEST) => {
                // The id first: whatever else is wrong, the caller can be told.
                let msgid = if fields > 1 { msgid(&mut cursor) } else { None };
                let refuse = |what| CodecError::NotRpc { what, msgid };
                if fields != 4 {
                    return Err(refuse("a request of other than 4 fields"));
                }
                if msgid.is_none() {
                    return Err(refuse("a request whose id is no 32-bit number"));
                }
                call(cursor, msgid, nested).map_err(refuse)?
            }
            Some(RESPONSE) => {
                if fields != 4 {
                    return Err(not_rpc("a response of other than 4 fields"));
                }
                response(cursor, nested).map_err(not_rpc)?
            }
            Some(NOTIFICATION) => {
                if fields != 3 {
                    return Err(not_rpc("a notification of other than 3 fields"));
                }
                call(cursor, None, nested).map_err(not_rpc)?
            }
            _ => return Err(not_rpc("an array that begins with none of the types 0, 1 and 2")),
        };
        Ok(shape)
    }

    /// The message in the bytes that this was read from.
    pub(crate) fn frame<'a>(&self, bytes: &'a [u8]) -> Frame<'a> {
        match &self.shape {
            Shape::Call { msgid, method, params } => {
                let method = &bytes[method.clone()];
                let params = Params::inside(&bytes[params.at.clone()], params.count);
                match *msgid {
                    Some(msgid) => Frame::Request { msgid, method, params },
                    None => Frame::Notification { method, params },
                }
            }
            Shape::Response { msgid, failed, value } => {
                let value = &bytes[value.clone()];
                let result = if *failed { Err(value) } else { Ok(value) };
                Frame::Response { msgid: *msgid, result }
            }
        }
    }
}

fn not_rpc(what: &'static str) -> CodecError {
    CodecError::NotRpc { what, msgid: None }
}

fn msgid(cursor: &mut Cursor<'_>) -> Option<u32> {
    cursor.uint()?.try_into().ok()
}

/// What the parameters of a message are that are too long to be skipped, which they never are in a whole one.
const CUT: &str = "parameters that end too early";

#[inline]
fn call(mut cursor: Cursor<'_>, msgid: Option<u32>, nested: usize) -> Result<Layout, &'static str> {
    let method = cursor.text().ok_or("a method that is neither str nor bin")?;
    let method = cursor.at() - method.len()..cursor.at();
    #[cfg(feature = "zlib")]
    if let Some(packed) = crate::zlib::packed(cursor) {
        cursor.skip(1, 0).ok_or(CUT)?;
        let params = Inside { count: None, at: cursor.at() - packed.len()..cursor.at() };
        return Ok(Layout { end: cursor.at(), shape: Shape::Call { msgid, method, params } });
    }
    let count = cursor.array().ok_or("parameters that are not an array")?;
    let from = cursor.at();
    cursor.skip(count, nested).ok_or(CUT)?;
    let params = Inside { count: Some(count), at: from..cursor.at() };
    Ok(Layout { end: cursor.at(), shape: Shape::Call { msgid, method, params } })
}

fn response(mut cursor: Cursor<'_>, nested: usize) -> Result<Layout, &'static str> {
    let msgid = msgid(&mut cursor).ok_or("a response whose id is no 32-bit number")?;
    let failed = cursor.peek() != Some(NIL);
    let error = cursor.at();
    cursor.skip(1, nested).ok_or("an error that ends too early")?;
    let result = cursor.at();
    cursor.skip(1, nested).ok_or("a result that ends too early")?;
    let end = cursor.at();
    let value = if failed { error..result } else { result..end };
    Ok(Layout { end, shape: Shape::Response { msgid, failed, value } })
}
