//! A look at msgpack that lies whole in memory: header by header, without building anything.
//!
//! Every step returns none where the bytes end or are of another type; nothing is taken back then, since
//! whoever gets none gives up.

/// Reads headers from the front of a slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How far it has come.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    #[inline]
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    #[inline]
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let taken = self.bytes.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(*taken)
    }

    /// A big-endian length of 1, 2 or 4 bytes.
    #[inline]
    fn length(&mut self, width: u8) -> Option<usize> {
        Some(match width {
            1 => usize::from(self.byte()?),
            2 => usize::from(u16::from_be_bytes(self.take()?)),
            _ => u32::from_be_bytes(self.take()?) as usize,
        })
    }

    #[inline]
    fn step_over(&mut self, length: usize) -> Option<()> {
        let end = self.at.checked_add(length)?;
        if end > self.bytes.len() {
            return None;
        }
        self.at = end;
        Some(())
    }

    /// A number that is not negative, in whatever width.
    #[inline]
    pub(crate) fn uint(&mut self) -> Option<u64> {
        let signed = |number: i64| u64::try_from(number).ok();
        match self.byte()? {
            small @ 0..=0x7f => Some(small.into()),
            0xcc => Some(self.byte()?.into()),
            0xcd => Some(u16::from_be_bytes(self.take()?).into()),
            0xce => Some(u32::from_be_bytes(self.take()?).into()),
            0xcf => Some(u64::from_be_bytes(self.take()?)),
            0xd0 => signed(i8::from_be_bytes(self.take()?).into()),
            0xd1 => signed(i16::from_be_bytes(self.take()?).into()),
            0xd2 => signed(i32::from_be_bytes(self.take()?).into()),
            0xd3 => signed(i64::from_be_bytes(self.take()?)),
            _ => None,
        }
    }

    /// The number of elements of an array.
    #[inline]
    pub(crate) fn array(&mut self) -> Option<usize> {
        match self.byte()? {
            short @ 0x90..=0x9f => Some((short & 0x0f).into()),
            0xdc => self.length(2),
            0xdd => self.length(4),
            _ => None,
        }
    }

    /// The content of a str or bin.
    #[inline]
    pub(crate) fn text(&mut self) -> Option<&'a [u8]> {
        let length = match self.byte()? {
            short @ 0xa0..=0xbf => (short & 0x1f).into(),
            0xc4 | 0xd9 => self.length(1)?,
            0xc5 | 0xda => self.length(2)?,
            0xc6 | 0xdb => self.length(4)?,
            _ => return None,
        };
        let from = self.at;
        self.step_over(length)?;
        self.bytes.get(from..self.at)
    }

    /// The type and content of an ext.
    #[cfg(feature = "zlib")]
    pub(crate) fn ext(&mut self) -> Option<(i8, &'a [u8])> {
        let length = match self.byte()? {
            fixed @ 0xd4..=0xd8 => 1 << (fixed - 0xd4),
            0xc7 => self.length(1)?,
            0xc8 => self.length(2)?,
            0xc9 => self.length(4)?,
            _ => return None,
        };
        let kind = self.byte()?.cast_signed();
        let from = self.at;
        self.step_over(length)?;
        Some((kind, self.bytes.get(from..self.at)?))
    }

    /// Steps over this many elements, and returns their bytes. Gives up where more than `nested` arrays and maps were met, inside each
    /// other or not: they can't be deeper than they are many, and counting needs no memory.
    #[inline]
    pub(crate) fn skip(&mut self, elements: usize, nested: usize) -> Option<&'a [u8]> {
        let from = self.at;
        let mut owed = elements as u64;
        let mut met = 0;
        while owed > 0 {
            owed -= 1;
            let marker = self.byte()?;
            let content = match marker {
                0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => continue,
                0xa0..=0xbf => (marker & 0x1f).into(),
                0xcc | 0xd0 => 1,
                0xcd | 0xd1 => 2,
                0xca | 0xce | 0xd2 => 4,
                0xcb | 0xcf | 0xd3 => 8,
                0xc4 | 0xd9 => self.length(1)?,
                0xc5 | 0xda => self.length(2)?,
                0xc6 | 0xdb => self.length(4)?,
                0xd4..=0xd8 => (1 << (marker - 0xd4)) + 1,
                0xc7 => self.length(1)? + 1,
                0xc8 => self.length(2)? + 1,
                0xc9 => self.length(4)?.checked_add(1)?,
                0xc1 => return None,
                0x80..=0x9f | 0xdc..=0xdf => {
                    let count = match marker {
                        0x80..=0x9f => (marker & 0x0f).into(),
                        0xdc | 0xde => self.length(2)?,
                        _ => self.length(4)?,
                    } as u64;
                    let is_map = matches!(marker, 0x80..=0x8f | 0xde | 0xdf);
                    owed += if is_map { count * 2 } else { count };
                    met += 1;
                    if met > nested {
                        return None;
                    }
                    continue;
                }
            };
            self.step_over(content)?;
        }
        self.bytes.get(from..self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::Cursor;

    #[test]
    fn numbers_of_every_width() {
        let cases: [(&[u8], Option<u64>); 9] = [
            (b"\x7f", Some(127)),
            (b"\xcc\xff", Some(255)),
            (b"\xcd\x01\x00", Some(256)),
            (b"\xce\x00\x01\x00\x00", Some(65_536)),
            (b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", Some(u64::MAX)),
            (b"\xd1\x00\x07", Some(7)),
            (b"\xd0\xff", None),
            (b"\xa1x", None),
            (b"\xce\x00", None),
        ];
        for (bytes, number) in cases {
            assert_eq!(Cursor::new(bytes).uint(), number, "{bytes:x?}");
        }
    }

    #[test]
    fn a_skip_ends_where_the_value_does_or_not_at_all() {
        let value = b"\x92\x81\xa1k\xd9\x01v\xc7\x02\x05ab";
        let mut cursor = Cursor::new(value);
        assert_eq!(cursor.skip(1, 2), Some(&value[..]));
        assert_eq!(cursor.at(), value.len());
        assert_eq!(Cursor::new(value).skip(1, 1), None);
        for cut in 0..value.len() {
            assert_eq!(Cursor::new(&value[..cut]).skip(1, 9), None, "{cut}");
        }
    }
}
