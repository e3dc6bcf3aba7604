//! msgpack-RPC: messages, a sans-IO codec with limits, and a small blocking client.
//!
//! # Theory of operation
//!
//! msgpack-RPC is three arrays on a byte stream (its [specification] is a page long):
//!
//! | message | array |
//! | --- | --- |
//! | request | `[0, msgid, method, params]` |
//! | response | `[1, msgid, error, result]` |
//! | notification | `[2, method, params]` |
//!
//! Nothing says how long a message is: its end is where its last element ends. [`Decoder`] therefore walks
//! over the bytes as they come, counting what is still owed, and builds values only once a frame is whole.
//! It does no I/O: bytes go in with [`Decoder::feed`], messages come out of [`Decoder::next_message`], and
//! the event loop in between is yours.
//!
//! ```
//! use ph_rpc::{Decoder, Message, Value, encode};
//!
//! let mut wire = Vec::new();
//! encode(&Message::request(7, "add", vec![Value::from(1), Value::from(2)]), &mut wire);
//!
//! let mut decoder = Decoder::default();
//! let (head, tail) = wire.split_at(3);
//! decoder.feed(head);
//! assert_eq!(decoder.next_message()?, None);
//! decoder.feed(tail);
//! assert_eq!(
//!     decoder.next_message()?,
//!     Some(Message::request(7, "add", vec![Value::from(1), Value::from(2)])),
//! );
//! # Ok::<(), ph_rpc::CodecError>(())
//! ```
//!
//! **A peer is not trusted.** Three [`Limits`] hold for every frame, and each is checked on the header that
//! breaks it, before a byte of the claimed content is waited for or stored: its size, its depth, and the
//! size that its claimed lengths would come to. The walk keeps its state between reads, so that a peer that
//! sends one byte at a time costs as much as one that sends them all at once.
//!
//! **Two kinds of error.** After [`CodecError::NotRpc`] the stream is still in step: the frame was good
//! msgpack, only no message, and where it was a call with an id it can be answered. After any other the
//! end of the frame is unknown: close the connection.
//!
//! **Errors are `[code, message]`** on the wire, as [`RpcError`]; what other servers send instead is read
//! as well as it can be.
//!
//! [`client::Connection`] is the codec on any `Read + Write`, which is all that a command-line tool needs.
//!
//! [specification]: https://github.com/msgpack-rpc/msgpack-rpc/blob/master/spec.md
#![forbid(unsafe_code)]

pub mod client;
mod codec;
mod cursor;
mod error;
mod extent;
mod frame;
mod message;
mod params;
mod serve;
pub mod service;
mod session;
pub mod unix;
mod wire;
#[cfg(feature = "zlib")]
mod zlib;

pub use codec::{CodecError, Decoder, Limits};
pub use error::{RpcError, code};
pub use frame::Frame;
pub use message::{Message, encode};
pub use params::{Elements, Params};
pub use rmpv::Value;
pub use serve::serve;
#[cfg(feature = "async")]
pub use serve::serve_async;
pub use service::{
    Answer, Argument, Arity, BadArgument, Bytes, Driver, Handler, MethodInfo, Optional, Outcome,
    OwnedCall, Pending, Progress, Ran, Raw, Rest, Service, Str, Ticket,
};
pub use session::{Bounds, Session};
pub use wire::ParamsError;
