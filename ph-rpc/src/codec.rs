//! From bytes to messages, in whatever pieces they come.

use std::io::{self, Read};

use rmpv::decode::read_value_with_max_depth;

use crate::extent::Extent;
use crate::message::Message;

/// How much is read from a stream at a time, in bytes.
const READ: usize = 8 * 1024;
/// A buffer that grew beyond this, in bytes, is given back as soon as it is empty: a peer that sent one
/// large message and fell silent should not hold on to its size.
const KEEP: usize = 64 * 1024;

/// Why no message could be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The frame is, or claims to be, larger than allowed. Close the connection.
    #[error("a message of more than {limit} bytes")]
    TooLarge {
        /// [`Limits::frame`].
        limit: usize,
    },
    /// Arrays and maps are nested deeper than allowed. Close the connection.
    #[error("a message nested deeper than {limit}")]
    TooDeep {
        /// [`Limits::depth`].
        limit: u16,
    },
    /// The bytes are not msgpack. Close the connection.
    #[error("not msgpack: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// The frame is msgpack, but none of the protocol's messages. The next one can be read.
    #[error("not a msgpack-RPC message: {what}")]
    NotRpc {
        /// What is wrong.
        what: &'static str,
        /// The id, if it was meant as a request and its id could be read: the caller can be answered.
        msgid: Option<u32>,
    },
}

impl CodecError {
    /// True if the end of the frame is unknown, so that nothing more can be read from this stream.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        !matches!(self, Self::NotRpc { .. })
    }
}

/// What a frame may be at most.
///
/// A decoded value takes more memory than its bytes: each element is some 40 bytes, however short it was
/// on the wire. The frame limit bounds that, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in all, content and headers.
    pub frame: usize,
    /// Arrays and maps inside each other; the message's own array is the first. No more than
    /// [`Limits::MAX_DEPTH`] is ever allowed.
    pub depth: u16,
}

impl Limits {
    /// The deepest nesting that any limit allows: values are built, and dropped, by recursion.
    pub const MAX_DEPTH: u16 = 500;

    /// For calls that carry little: 1 MiB, 64 deep. The default.
    pub const CONTROL: Self = Self { frame: 1 << 20, depth: 64 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::CONTROL
    }
}

/// Reads messages from a stream of bytes, cut anywhere.
///
/// Take every message out ([`Decoder::next_message`] until it returns none) before feeding more: then no
/// more than one frame and one feed is ever held. Time is linear in the bytes fed.
#[derive(Debug)]
pub struct Decoder {
    /// Bytes from `start` on are not decoded yet.
    buffer: Vec<u8>,
    /// Where the current frame begins.
    start: usize,
    /// How far the current frame was scanned.
    scanned: usize,
    extent: Extent,
    depth: u16,
    failed: Option<CodecError>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Decoder {
    /// A decoder with these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let depth = limits.depth.min(Limits::MAX_DEPTH);
        let extent = Extent::new(Limits { depth, ..limits });
        Self { buffer: Vec::new(), start: 0, scanned: 0, extent, depth, failed: None }
    }

    /// Takes bytes in. After an error that ended the stream they are thrown away.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        self.make_room();
        self.buffer.extend_from_slice(bytes);
    }

    /// Reads once from `stream` and takes in what came: how many bytes, 0 at its end.
    ///
    /// # Errors
    ///
    /// The stream's; nothing was taken in then.
    pub fn read_from(&mut self, stream: &mut impl Read) -> io::Result<usize> {
        let mut bytes = [0; READ];
        let length = stream.read(&mut bytes)?;
        self.feed(&bytes[..length]);
        Ok(length)
    }

    /// The next message, or none until more bytes are fed.
    ///
    /// # Errors
    ///
    /// [`CodecError::NotRpc`] skips the frame and leaves the stream in step: call again. A peer that keeps
    /// sending such is better closed. Any other error is final and returned again ever after.
    pub fn next_message(&mut self) -> Result<Option<Message>, CodecError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        match self.take_frame() {
            Err(error) if error.is_fatal() => {
                self.buffer = Vec::new();
                (self.start, self.scanned) = (0, 0);
                self.failed = Some(error.clone());
                Err(error)
            }
            outcome => outcome,
        }
    }

    /// What was fed and belongs to no message yet: what another decoder needs to go on.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Bytes that were fed and belong to no message yet.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// True if the stream would be cut inside a message if it ended here.
    #[must_use]
    pub fn is_mid_message(&self) -> bool {
        !self.extent.is_at_start() || self.buffered() > 0
    }

    fn take_frame(&mut self) -> Result<Option<Message>, CodecError> {
        let fresh = &self.buffer[self.scanned..];
        let Some(length) = self.extent.advance(fresh)? else {
            self.scanned = self.buffer.len();
            return Ok(None);
        };
        let end = self.scanned + length;
        let mut frame = &self.buffer[self.start..end];
        // The reader counts two levels for each of ours, and up to three for an element's content. The
        // scan has seen the frame whole and within the limits, so that this cannot fail: but for a bug.
        let value = read_value_with_max_depth(&mut frame, usize::from(self.depth) * 2 + 4)
            .map_err(|_| CodecError::Malformed {
                what: "a frame that its own scan took for whole",
            })?;
        if !frame.is_empty() {
            return Err(CodecError::Malformed {
                what: "a frame that ends before its scan says so",
            });
        }
        (self.start, self.scanned) = (end, end);
        if self.start == self.buffer.len() {
            self.make_room();
        }
        Message::try_from(value).map(Some)
    }

    /// Drops what was decoded, when that is worth the move of what was not: at least as many bytes go as
    /// are moved, so that each is moved once on average, however the stream is cut.
    fn make_room(&mut self) {
        if self.start >= self.buffer.len() - self.start {
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        if self.buffer.is_empty() && self.buffer.capacity() > KEEP {
            self.buffer = Vec::new();
        }
    }
}
