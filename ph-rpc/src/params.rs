//! The parameters of a call, as they lie in the buffer.

use rmpv::Value;
use rmpv::decode::read_value_with_max_depth;

use crate::codec::{CodecError, Limits};
use crate::cursor::Cursor;

/// The arguments of a call, not decoded yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params<'a> {
    elements: &'a [u8],
    /// None if `elements` is the packed form.
    count: Option<usize>,
}

impl<'a> Params<'a> {
    /// The elements of an array whose header said how many there are.
    pub(crate) fn inside(elements: &'a [u8], count: Option<usize>) -> Self {
        Self { elements, count }
    }

    /// An array in msgpack, whole and by itself.
    #[cfg(any(feature = "zlib", test))]
    pub(crate) fn of_array(bytes: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let count = cursor.array()?;
        Some(Self { elements: &bytes[cursor.at()..], count: Some(count) })
    }

    /// What has to be unpacked before it can be used.
    pub(crate) fn packed(&self) -> Option<&'a [u8]> {
        self.count.is_none().then_some(self.elements)
    }

    /// How many are left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.unwrap_or(0)
    }

    /// True if none is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All that are left, as msgpack, one after the other.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.elements
    }

    /// Takes the first that is left, as msgpack.
    #[inline]
    pub fn take(&mut self) -> Option<&'a [u8]> {
        let left = self.count?.checked_sub(1)?;
        let first = Cursor::new(self.elements).skip(1, usize::MAX)?;
        let rest = &self.elements[first.len()..];
        *self = Self { elements: rest, count: Some(left) };
        Some(first)
    }

    /// All that are left, as values.
    #[must_use]
    pub fn values(self) -> Vec<Value> {
        self.into_iter().filter_map(|mut element| read_value(&mut element).ok()).collect()
    }

    /// The same, where a codec's error is wanted for what can't be had.
    pub(crate) fn try_values(
        self,
        refuse: impl Fn(&'static str) -> CodecError,
    ) -> Result<Vec<Value>, CodecError> {
        if self.packed().is_some() {
            return Err(refuse("parameters that are not an array"));
        }
        let mut rest = self.elements;
        (0..self.len()).map(|_| read_value(&mut rest)).collect()
    }
}

impl<'a> IntoIterator for Params<'a> {
    type Item = &'a [u8];
    type IntoIter = Elements<'a>;

    fn into_iter(self) -> Elements<'a> {
        Elements(self)
    }
}

/// The arguments that are left, one by one, as msgpack.
#[derive(Debug, Clone)]
pub struct Elements<'a>(Params<'a>);

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.0.take()
    }
}

/// Reads a value of a frame, which its scan has seen whole and within the limits: it cannot fail, but for a
/// bug. The reader counts two levels for each of ours, and up to three for an element's content.
pub(crate) fn read_value(bytes: &mut &[u8]) -> Result<Value, CodecError> {
    const DEPTH: usize = Limits::MAX_DEPTH as usize * 2 + 4;
    read_value_with_max_depth(bytes, DEPTH)
        .map_err(|_| CodecError::Malformed { what: "a frame that its own scan took for whole" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_taken_one_by_one() {
        let mut params = Params::of_array(b"\x93\x01\xa2ab\x91\xc0").unwrap();
        assert_eq!(params.len(), 3);
        assert_eq!(params.values(), [1.into(), "ab".into(), Value::Array(vec![Value::Nil])]);
        assert_eq!(params.take(), Some(&b"\x01"[..]));
        assert_eq!(params.take(), Some(&b"\xa2ab"[..]));
        assert_eq!(params.as_bytes(), b"\x91\xc0");
        assert_eq!(params.take(), Some(&b"\x91\xc0"[..]));
        assert_eq!((params.take(), params.is_empty()), (None, true));
    }
}
