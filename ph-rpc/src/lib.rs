//! msgpack-RPC: typed services, clients, and a sans-IO codec with limits.
//!
//! ```
//! use ph_rpc::{RpcError, Service, Session, Str};
//!
//! fn greet(name: Str<'_>) -> Result<String, RpcError> {
//!     Ok(format!("hello, {}", &*name))
//! }
//!
//! let service = Service::new()
//!     .method("add", |a: i64, b: i64| Ok(a + b))
//!     .doc("The sum of two numbers.")
//!     .method("greet", greet);
//!
//! let mut session = Session::default();
//! session.feed(b"\x94\x00\x07\xa3add\x92\x01\x02");
//! service.dispatch(&mut session, &mut (), &mut Vec::new())?;
//! assert_eq!(session.output(), b"\x94\x01\x07\xc0\x03");
//! # Ok::<(), ph_rpc::CodecError>(())
//! ```
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
//! **Nothing here does I/O that is not asked to.** A [`Decoder`] takes bytes and gives messages, and writing one is a
//! function ([`encode`]). A [`Session`] is a decoder, the answers that are to be sent, and a count of the calls under
//! way: one connection of a server, without the connection. A [`Service`] is a table of functions;
//! [`Service::dispatch`] is all that lies between them. So the loop around them can be anybody's: a thread for each
//! connection ([`serve`]), a task (`serve_async`), a pool ([`Service::take_call`], [`Service::run`]), an epoll loop with
//! other things to do ([`Service::later`]). A [`Driver`] is how such a loop hears of each call, to count it, time it, and
//! limit what is under way.
//!
//! **Where a message ends, nothing says** but its last element. A message that is here as a whole is walked over once;
//! one that comes in pieces is scanned by a state machine that can stop after any byte, so that a peer that sends a
//! byte at a time costs as much as one that sends them all at once.
//!
//! **A call is dispatched where it lies.** The method is looked up by the bytes in the buffer; arguments are read from
//! them by what the handler's own types say; the result is written to the end of the output. [`Str`] and [`Bytes`] are
//! not even copied. A handler that may wait is a future, which is polled once on the spot; if it is ready, it has cost
//! neither a task nor memory, and if not, the driver has it ([`Pending`]). `cargo bench` shows what is left: some 60 ns
//! for 32 bytes echoed.
//!
//! **A peer is not trusted.** Three [`Limits`] hold for every frame, and each is checked on the header that breaks it,
//! before a byte of the claimed content is waited for or stored: its size, its depth, and the size that its claimed
//! lengths would come to. [`Bounds`] hold for a connection: who has as many calls under way or as much unread as it
//! may is not read from, until that is less. What a call can be told, it is told; after [`CodecError::NotRpc`] the
//! stream is still in step, after any other the end of the frame is unknown: close the connection.
//!
//! **Errors are `[code, message]`** on the wire, as [`RpcError`]; what other servers send instead is read as well as it
//! can be. The [codes](code): the handler failed, the call is invalid (it says what was expected), overloaded,
//! shutting down, and the handlers' own.
//!
//! **A connection can go on elsewhere.** When nothing is [under way](Session::is_idle),
//! [`Session::take_unread`] is all there is of it besides the socket.
//!
//! Every service has `rpc.discover`, which lists its methods with their arity and what they are said to do. With the
//! feature `zlib`, and where the server's session allows it, a client's first call may be `rpc.compress("zlib",
//! threshold)`; from then on either side may send parameters and results of so many bytes as an ext of type 0x7a that
//! holds their zlib stream.
//!
//! # Features
//!
//! - `async`: `AsyncClient` and `serve_async`, for tokio. Handlers may be async without it.
//! - `zlib`: compressed payloads.
//!
//! [specification]: https://github.com/msgpack-rpc/msgpack-rpc/blob/master/spec.md
#![forbid(unsafe_code)]

pub mod client;
mod codec;
mod cursor;
mod error;
mod extent;
mod frame;
#[doc(hidden)]
pub mod fuzz;
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
pub use session::{Bounds, Session, Suspended};
pub use wire::ParamsError;
