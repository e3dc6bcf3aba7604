//! A message as it lies in the buffer: borrowed, with its parameters still undecoded.

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

impl<'a> Frame<'a> {
    /// The message that `bytes` begin with, and its length.
    ///
    /// The bytes may end too early, which looks like any other mistake: only of a whole message is an
    /// error the truth. Success is true in either case, provided that none of its parts has more than
    /// `nested` arrays and maps.
    #[inline]
    pub(crate) fn read(bytes: &'a [u8], nested: usize) -> Result<(Self, usize), CodecError> {
        let mut cursor = Cursor::new(bytes);
        let fields = cursor.array().ok_or(not_rpc("not an array"))?;
        let kind = if fields > 0 { cursor.uint() } else { None };
        match kind.and_then(|kind| u8::try_from(kind).ok()) {
            Some(REQUEST) => {
                // The id first: whatever else is wrong, the caller can be told.
                let id = if fields > 1 { msgid(&mut cursor) } else { None };
                let refuse = |what| CodecError::NotRpc { what, msgid: id };
                if fields != 4 {
                    return Err(refuse("a request of other than 4 fields"));
                }
                let msgid = id.ok_or(refuse("a request whose id is no 32-bit number"))?;
                let (method, params) = call(&mut cursor, nested).map_err(refuse)?;
                Ok((Self::Request { msgid, method, params }, cursor.at()))
            }
            Some(RESPONSE) => {
                if fields != 4 {
                    return Err(not_rpc("a response of other than 4 fields"));
                }
                let msgid =
                    msgid(&mut cursor).ok_or(not_rpc("a response whose id is no 32-bit number"))?;
                let result = outcome(bytes, &mut cursor, nested).ok_or(not_rpc(CUT))?;
                Ok((Self::Response { msgid, result }, cursor.at()))
            }
            Some(NOTIFICATION) => {
                if fields != 3 {
                    return Err(not_rpc("a notification of other than 3 fields"));
                }
                let (method, params) = call(&mut cursor, nested).map_err(not_rpc)?;
                Ok((Self::Notification { method, params }, cursor.at()))
            }
            _ => Err(not_rpc("an array that begins with none of the types 0, 1 and 2")),
        }
    }
}

/// What is said of a message that is not here as a whole, which is never seen.
const CUT: &str = "a message that ends too early";

const fn not_rpc(what: &'static str) -> CodecError {
    CodecError::NotRpc { what, msgid: None }
}

#[inline]
fn msgid(cursor: &mut Cursor<'_>) -> Option<u32> {
    cursor.uint()?.try_into().ok()
}

/// The method and the parameters of a call.
#[inline]
fn call<'a>(
    cursor: &mut Cursor<'a>,
    nested: usize,
) -> Result<(&'a [u8], Params<'a>), &'static str> {
    let method = cursor.text().ok_or("a method that is neither str nor bin")?;
    #[cfg(feature = "zlib")]
    if let Some(packed) = crate::zlib::packed(*cursor) {
        cursor.skip(1, 0).ok_or(CUT)?;
        return Ok((method, Params::inside(packed, None)));
    }
    let count = cursor.array().ok_or("parameters that are not an array")?;
    let elements = cursor.skip(count, nested).ok_or(CUT)?;
    Ok((method, Params::inside(elements, Some(count))))
}

/// The result of a response, or its error.
fn outcome<'a>(
    bytes: &'a [u8],
    cursor: &mut Cursor<'a>,
    nested: usize,
) -> Option<Result<&'a [u8], &'a [u8]>> {
    let failed = *bytes.get(cursor.at())? != NIL;
    let error = cursor.skip(1, nested)?;
    let result = cursor.skip(1, nested)?;
    Some(if failed { Err(error) } else { Ok(result) })
}
