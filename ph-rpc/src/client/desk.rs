//! What a client has asked and not heard of, on one connection.

use std::collections::{HashMap, VecDeque};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::CallError;
use super::options::{Notice, Options};
use crate::codec::{CodecError, Decoder};
use crate::error::RpcError;
use crate::frame::{Frame, NOTIFICATION, REQUEST};
use crate::message::{Message, encode};
use crate::params::read_value;
use crate::wire::{self, ParamsError};

/// The result of a call or its error, as msgpack.
pub(super) type Heard = Result<Vec<u8>, Vec<u8>>;

/// The calls that wait, each with a `W` to tell whoever waits.
#[derive(Debug)]
pub(super) struct Desk<W> {
    next_id: u32,
    pub(super) waiting: HashMap<u32, W>,
    pub(super) notices: VecDeque<Notice>,
    most_notices: usize,
    /// Why the connection has ended.
    pub(super) ended: Option<String>,
}

impl<W> Desk<W> {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            next_id: 0,
            waiting: HashMap::new(),
            notices: VecDeque::new(),
            most_notices: options.notices,
            ended: None,
        }
    }

    /// An id for the next call, which waits from now on. Ids come round; those that still wait are left out.
    pub(super) fn enter(&mut self, waiter: W) -> u32 {
        while self.waiting.contains_key(&self.next_id) {
            self.next_id = self.next_id.wrapping_add(1);
        }
        let msgid = self.next_id;
        self.next_id = msgid.wrapping_add(1);
        self.waiting.insert(msgid, waiter);
        msgid
    }

    /// Hands out all that has come; what is to be sent in return is appended to `out`.
    ///
    /// A response that nobody waits for is dropped: its caller has given up. A request is refused, since nobody
    /// here could serve it; what is no message is passed over.
    pub(super) fn deliver(
        &mut self,
        decoder: &mut Decoder,
        out: &mut Vec<u8>,
        mut tell: impl FnMut(&mut HashMap<u32, W>, u32, Heard),
    ) -> Result<(), CodecError> {
        loop {
            match decoder.next_frame() {
                Ok(Some(Frame::Response { msgid, result })) => {
                    let heard = result.map(<[u8]>::to_vec).map_err(<[u8]>::to_vec);
                    tell(&mut self.waiting, msgid, heard);
                }
                Ok(Some(Frame::Notification { method, params })) if self.most_notices > 0 => {
                    if self.notices.len() >= self.most_notices {
                        self.notices.pop_front();
                    }
                    let method = String::from_utf8_lossy(method).into_owned();
                    self.notices.push_back(Notice { method, params: params.values() });
                }
                Ok(Some(Frame::Notification { .. })) => {}
                Ok(Some(Frame::Request { msgid, .. })) => {
                    let refusal = RpcError::invalid_call("this client serves no calls");
                    encode(&Message::failure(msgid, refusal), out);
                }
                Ok(None) => return Ok(()),
                Err(error) if error.is_fatal() => return Err(error),
                Err(_) => {}
            }
        }
    }

    pub(super) fn closed(&self) -> Option<CallError> {
        self.ended.clone().map(|reason| CallError::Closed { reason })
    }
}

/// Appends a request, or without an id a notification.
pub(super) fn write_call<P: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    msgid: Option<u32>,
    method: &str,
    params: &P,
    pack: Option<u32>,
) -> Result<(), ParamsError> {
    match msgid {
        Some(msgid) => {
            out.extend_from_slice(&[0x94, REQUEST]);
            wire::uint(out, msgid);
        }
        None => out.extend_from_slice(&[0x93, NOTIFICATION]),
    }
    wire::text(out, method);
    let from = out.len();
    wire::params(out, params)?;
    crate::service::pack(out, from, pack.map(|threshold| threshold as usize));
    Ok(())
}

/// What was heard, as a type.
pub(super) fn read_heard<T: DeserializeOwned>(
    heard: &Heard,
    pack: Option<u32>,
    options: &Options,
) -> Result<T, CallError> {
    match heard {
        Ok(result) => {
            let unpacked = unpacked(result, pack, options)?;
            let result = unpacked.as_deref().unwrap_or(result);
            wire::read(result).map_err(CallError::Result)
        }
        Err(error) => {
            let error = read_value(&mut error.as_slice()).map(RpcError::from);
            Err(CallError::Refused(
                error.unwrap_or_else(|error| RpcError::failed(error.to_string())),
            ))
        }
    }
}

/// The result that was packed, if it was.
#[cfg(feature = "zlib")]
fn unpacked(
    result: &[u8],
    pack: Option<u32>,
    options: &Options,
) -> Result<Option<Vec<u8>>, CallError> {
    let stream = pack.and_then(|_| crate::zlib::packed(crate::cursor::Cursor::new(result)));
    let Some(stream) = stream else { return Ok(None) };
    let mut payload = Vec::new();
    crate::zlib::unpack(stream, options.limits, &mut payload)
        .ok_or_else(|| CallError::Result(crate::zlib::BROKEN.to_owned()))?;
    Ok(Some(payload))
}

#[cfg(not(feature = "zlib"))]
fn unpacked(_: &[u8], _: Option<u32>, _: &Options) -> Result<Option<Vec<u8>>, CallError> {
    Ok(None)
}
