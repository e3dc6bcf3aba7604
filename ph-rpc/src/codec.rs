//! From bytes to messages, in whatever pieces they come.

use std::io::{self, Read};
use std::mem;

use crate::extent::Extent;
use crate::frame::Frame;
use crate::message::Message;

/// How much is read from a stream at a time, in bytes.
const READ: usize = 16 * 1024;
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
    /// Bytes from `start` to `end` are not decoded yet; behind them is room to read into.
    buffer: Vec<u8>,
    /// Where the current frame begins.
    start: usize,
    /// How far the current frame was scanned.
    scanned: usize,
    end: usize,
    extent: Extent,
    /// How many arrays and maps a frame may have at most to be within the depth for certain; none if the
    /// depth is always to be counted.
    shallow: Option<usize>,
    /// The longest frame.
    most: usize,
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
        Self {
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            end: 0,
            extent,
            // The message's own array and that of its parameters come before those that are counted.
            shallow: usize::from(depth).checked_sub(2),
            most: limits.frame,
            failed: None,
        }
    }

    /// Takes bytes in. After an error that ended the stream they are thrown away.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.failed.is_none() && !bytes.is_empty() {
            self.room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
            self.end += bytes.len();
        }
    }

    /// Room for some 16 KiB or more, to read into; then tell [`Decoder::filled`] how much came.
    pub fn space(&mut self) -> &mut [u8] {
        self.room(READ)
    }

    /// So many bytes were read into [`Decoder::space`].
    ///
    /// # Panics
    ///
    /// If that is more than there was room for.
    pub fn filled(&mut self, length: usize) {
        assert!(length <= self.buffer.len() - self.end, "more was read than there is room for");
        if self.failed.is_none() {
            self.end += length;
        }
    }

    /// Reads once from `stream`, 16 KiB at most, and takes in what came: how many bytes, 0 at its end.
    ///
    /// # Errors
    ///
    /// The stream's; nothing was taken in then.
    pub fn read_from(&mut self, stream: &mut impl Read) -> io::Result<usize> {
        let length = stream.read(&mut self.space()[..READ])?;
        self.filled(length);
        Ok(length)
    }

    /// The next message, or none until more bytes are fed.
    ///
    /// # Errors
    ///
    /// [`CodecError::NotRpc`] skips the frame and leaves the stream in step: call again. A peer that keeps
    /// sending such is better closed. Any other error is final and returned again ever after.
    pub fn next_message(&mut self) -> Result<Option<Message>, CodecError> {
        match self.next_frame()? {
            Some(frame) => {
                let message = Message::try_from(frame);
                if let Err(error) = &message
                    && error.is_fatal()
                {
                    self.failed = Some(error.clone());
                    (self.start, self.scanned, self.end) = (0, 0, 0);
                }
                message.map(Some)
            }
            None => Ok(None),
        }
    }

    /// The next message, borrowed from the buffer, or none until more bytes are fed.
    ///
    /// # Errors
    ///
    /// As [`Decoder::next_message`].
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CodecError> {
        if let Some(error) = &self.failed {
            let error = error.clone();
            self.release();
            return Err(error);
        }
        if self.start == self.end && self.buffer.len() > KEEP {
            self.release();
        }
        let Self { buffer, start, scanned, end, extent, shallow, most, failed } = self;
        let bytes = &buffer[..*end];
        // A frame of the usual kind that is here as a whole. It is tried once for each frame, before its scan
        // begins, so the bytes of a frame that comes in pieces are looked at twice at most.
        if let Some(nested) = *shallow
            && extent.is_at_start()
            && let Ok((frame, length)) = Frame::read(&bytes[*start..], nested)
            && length <= *most
        {
            *start += length;
            *scanned = *start;
            return Ok(Some(frame));
        }
        let frame = match extent.advance(&bytes[*scanned..]) {
            Ok(None) => {
                *scanned = *end;
                return Ok(None);
            }
            Ok(Some(length)) => {
                let from = mem::replace(start, *scanned + length);
                *scanned = *start;
                whole_frame(&bytes[from..*start])
            }
            Err(error) => Err(error),
        };
        if let Err(error) = &frame
            && error.is_fatal()
        {
            *failed = Some(error.clone());
            (*start, *scanned, *end) = (0, 0, 0);
        }
        frame.map(Some)
    }

    /// Bytes that were fed and belong to no message yet.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.end - self.start
    }

    /// Those bytes, to go on with elsewhere: another decoder that is fed with them continues here.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// True if the stream would be cut inside a message if it ended here.
    #[must_use]
    pub fn is_mid_message(&self) -> bool {
        !self.extent.is_at_start() || self.buffered() > 0
    }

    /// Gives the buffer's memory back if nothing is in it, as for a peer that may long be silent.
    pub fn release(&mut self) {
        if self.buffered() == 0 {
            self.buffer = Vec::new();
            (self.start, self.scanned, self.end) = (0, 0, 0);
        }
    }

    /// Room for `length` bytes behind what is buffered.
    ///
    /// What was decoded is dropped when that is worth the move of what was not: at least as many bytes go
    /// as are moved, so that each is moved once on average, however the stream is cut.
    fn room(&mut self, length: usize) -> &mut [u8] {
        let held = self.end - self.start;
        if self.start >= held {
            self.buffer.copy_within(self.start..self.end, 0);
            self.scanned -= self.start;
            (self.start, self.end) = (0, held);
        }
        if self.buffer.len() - self.end < length {
            let enough = (self.end + length).max(self.buffer.len() * 2);
            self.buffer.resize(enough, 0);
        }
        &mut self.buffer[self.end..]
    }
}

/// The frame that `bytes` are, by the scan.
fn whole_frame(bytes: &[u8]) -> Result<Frame<'_>, CodecError> {
    match Frame::read(bytes, usize::MAX)? {
        (frame, length) if length == bytes.len() => Ok(frame),
        _ => Err(CodecError::Malformed { what: "a frame that ends before its scan says so" }),
    }
}
