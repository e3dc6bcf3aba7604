//! Methods by name.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The methods' places by their names, as bytes: what is looked up came from the wire.
#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<Box<[u8]>, u32, BuildHasherDefault<Fold>>);

impl Names {
    pub(crate) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        Self(names.map(|name| name.as_bytes().into()).zip(0..).collect())
    }

    #[inline]
    pub(crate) fn find(&self, name: &[u8]) -> Option<u32> {
        self.0.get(name).copied()
    }
}

/// A hash of eight bytes at a time. It need not withstand anyone: only the service's author adds keys.
#[derive(Debug, Default)]
struct Fold(u64);

impl Fold {
    #[inline]
    fn word(&mut self, word: u64) {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        self.0 = (self.0 ^ word).wrapping_mul(ODD).rotate_left(29);
    }
}

impl Hasher for Fold {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        let rest = rest.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        self.word(rest);
    }

    #[inline]
    fn write_usize(&mut self, length: usize) {
        self.word(length as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        // The table takes its bits from both ends.
        self.0 ^ self.0 >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn each_name_is_found_and_no_other() {
        let names: Vec<String> = (0..1_000).map(|n| format!("method_{n}")).collect();
        let table = Names::of(names.iter().map(String::as_str));
        for (place, name) in names.iter().enumerate() {
            assert_eq!(table.find(name.as_bytes()), Some(place as u32));
        }
        assert_eq!(table.find(b"method"), None);
        assert_eq!(table.find(b""), None);
        assert_eq!(table.find(b"\0ethod_1"), None);
    }
}
