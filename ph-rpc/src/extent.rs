//! Where a msgpack value ends, found out as its bytes come in.
//!
//! A scan builds nothing and looks at each header once; strings are stepped over. Its state is a few words
//! and a stack of counters as deep as the value is nested, so it can stop after any byte and go on later.

use crate::codec::{CodecError, Limits};

/// The state of a scan.
#[derive(Debug)]
pub(crate) struct Extent {
    limits: Limits,
    /// Elements that each open array or map is still waiting for, without the one being read.
    open: Vec<u64>,
    /// The sum of `open`: elements that must come, at a byte each or more.
    owed: u64,
    /// Bytes of this value that were consumed.
    seen: u64,
    step: Step,
}

/// What the next byte is.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The first of an element.
    Marker,
    /// One of `left` bytes of a length, big-endian, behind the marker.
    Length { of: Counted, left: u8, length: u64 },
    /// One of this many bytes of content.
    Content(u64),
}

/// What has a length.
#[derive(Debug, Clone, Copy)]
enum Counted {
    /// This many bytes more than the length says: a type byte for ext.
    Bytes(u8),
    /// This many elements for each counted: two for a map.
    Elements(u8),
}

impl Extent {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, open: Vec::new(), owed: 0, seen: 0, step: Step::Marker }
    }

    /// Reads on in `bytes`: how many of them belong to the value, if it ends here; none if it took all of
    /// them and goes on. After its end the next call begins a new value.
    ///
    /// A limit is enforced on the header that breaks it.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Result<Option<usize>, CodecError> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match self.step {
                Step::Content(left) => {
                    let here = left.min((bytes.len() - at) as u64);
                    self.seen += here;
                    at += here as usize;
                    self.step = Step::Content(left - here);
                }
                Step::Marker => {
                    self.seen += 1;
                    at += 1;
                    self.marker(byte)?;
                }
                Step::Length { of, left, length } => {
                    self.seen += 1;
                    at += 1;
                    let length = length << 8 | u64::from(byte);
                    match left {
                        1 => self.counted(of, length)?,
                        _ => self.step = Step::Length { of, left: left - 1, length },
                    }
                }
            }
            if matches!(self.step, Step::Content(0)) && self.element_ended() {
                self.seen = 0;
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// True between two values.
    pub(crate) fn is_at_start(&self) -> bool {
        self.seen == 0
    }

    /// The first byte of an element: the table of the msgpack format.
    fn marker(&mut self, marker: u8) -> Result<(), CodecError> {
        let length = |of, left| Step::Length { of, left, length: 0 };
        self.step = match marker {
            // Numbers in the marker itself, nil, false, true.
            0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => Step::Content(0),
            0x80..=0x8f => return self.counted(Counted::Elements(2), u64::from(marker & 0x0f)),
            0x90..=0x9f => return self.counted(Counted::Elements(1), u64::from(marker & 0x0f)),
            0xa0..=0xbf => return self.counted(Counted::Bytes(0), u64::from(marker & 0x1f)),
            0xc1 => {
                return Err(CodecError::Malformed { what: "the byte 0xc1, which begins nothing" });
            }
            // bin and ext, of 8, 16 and 32 bits of length.
            0xc4..=0xc6 => length(Counted::Bytes(0), 1 << (marker - 0xc4)),
            0xc7..=0xc9 => length(Counted::Bytes(1), 1 << (marker - 0xc7)),
            // float 32 and 64, then unsigned and signed numbers of 8 to 64 bits.
            0xca | 0xcb => return self.counted(Counted::Bytes(0), 4 << (marker - 0xca)),
            0xcc..=0xcf => return self.counted(Counted::Bytes(0), 1 << (marker - 0xcc)),
            0xd0..=0xd3 => return self.counted(Counted::Bytes(0), 1 << (marker - 0xd0)),
            // ext of 1 to 16 bytes.
            0xd4..=0xd8 => return self.counted(Counted::Bytes(1), 1 << (marker - 0xd4)),
            0xd9..=0xdb => length(Counted::Bytes(0), 1 << (marker - 0xd9)),
            0xdc | 0xdd => length(Counted::Elements(1), 2 << (marker - 0xdc)),
            0xde | 0xdf => length(Counted::Elements(2), 2 << (marker - 0xde)),
        };
        // Known already to be too long: a length to come, and what is owed besides.
        match self.step {
            Step::Length { left, .. } => self.check_size(u64::from(left)),
            _ => self.check_size(0),
        }
    }

    /// The header of an element of known length is complete.
    fn counted(&mut self, of: Counted, length: u64) -> Result<(), CodecError> {
        match of {
            Counted::Bytes(more) => {
                let length = length + u64::from(more);
                self.step = Step::Content(length);
                self.check_size(length)
            }
            Counted::Elements(each) => {
                if self.open.len() >= usize::from(self.limits.depth) {
                    return Err(CodecError::TooDeep { limit: self.limits.depth });
                }
                let elements = length * u64::from(each);
                self.open.push(elements);
                self.owed += elements;
                self.step = Step::Content(0);
                self.check_size(0)
            }
        }
    }

    /// Checks the least size that the value can have now, `coming` bytes of which are known to come.
    fn check_size(&self, coming: u64) -> Result<(), CodecError> {
        let limit = self.limits.frame;
        if self.seen + coming + self.owed > limit as u64 {
            return Err(CodecError::TooLarge { limit });
        }
        Ok(())
    }

    /// An element, or the header of one that contains others, is complete: on to the next. True at the end
    /// of the whole value.
    fn element_ended(&mut self) -> bool {
        self.step = Step::Marker;
        while let Some(elements) = self.open.last_mut() {
            if *elements > 0 {
                *elements -= 1;
                self.owed -= 1;
                return false;
            }
            self.open.pop();
        }
        true
    }
}
