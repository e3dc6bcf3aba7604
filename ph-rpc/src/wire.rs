//! Headers and values, as they are written.

use rmp_serde::config::BytesMode;
use serde::{Deserialize, Serialize};

use crate::frame::NIL;
use crate::params::read_value;

/// The shortest header of an array (the msgpack format: fixarray, array 16, array 32).
pub(crate) fn array(out: &mut Vec<u8>, len: usize) {
    match len {
        0..=15 => out.push(0x90 | len as u8),
        16..=0xffff => {
            out.push(0xdc);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(0xdd);
            out.extend_from_slice(&(len as u32).to_be_bytes());
        }
    }
}

/// The shortest form of a number.
#[inline]
pub(crate) fn uint(out: &mut Vec<u8>, number: u32) {
    let [a, b, c, d] = number.to_be_bytes();
    match number {
        0..=0x7f => out.push(d),
        0x80..=0xff => out.extend_from_slice(&[0xcc, d]),
        0x100..=0xffff => out.extend_from_slice(&[0xcd, c, d]),
        _ => out.extend_from_slice(&[0xce, a, b, c, d]),
    }
}

/// The header of a response up to its error: `[1, msgid,`.
#[inline]
pub(crate) fn response(out: &mut Vec<u8>, msgid: u32) {
    out.extend_from_slice(&[0x94, 0x01]);
    uint(out, msgid);
}

/// How long a response is up to its result, the nil in the error's place included.
pub(crate) fn response_length(msgid: u32) -> usize {
    let width = match msgid {
        0..=0x7f => 1,
        0x80..=0xff => 2,
        0x100..=0xffff => 3,
        _ => 5,
    };
    2 + width + 1
}

/// Why parameters can't be written.
#[derive(Debug, thiserror::Error)]
pub enum ParamsError {
    /// They are something else.
    #[error("parameters are a tuple, a Vec or the like, which msgpack has as an array")]
    NoArray,
    /// serde says no.
    #[error("the parameters can't be written: {0}")]
    Serialize(#[from] rmp_serde::encode::Error),
}

/// Appends parameters. `()` is no arguments.
pub(crate) fn params<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    params: &T,
) -> Result<(), ParamsError> {
    let start = out.len();
    value(out, params)?;
    match out.get(start) {
        Some(0x90..=0x9f | 0xdc | 0xdd) => Ok(()),
        Some(&NIL) => {
            out.truncate(start);
            array(out, 0);
            Ok(())
        }
        _ => Err(ParamsError::NoArray),
    }
}

pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
    let length = (text.len() as u32).to_be_bytes();
    let [_, _, c, d] = length;
    match text.len() {
        0..=31 => out.push(0xa0 | d),
        32..=0xff => out.extend_from_slice(&[0xd9, d]),
        0x100..=0xffff => out.extend_from_slice(&[0xda, c, d]),
        _ => {
            out.push(0xdb);
            out.extend_from_slice(&length);
        }
    }
    out.extend_from_slice(text.as_bytes());
}

/// Appends a value: structs as maps, `Vec<u8>` and its like as bin.
#[inline]
pub(crate) fn value<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    value: &T,
) -> Result<(), rmp_serde::encode::Error> {
    let mut serializer = rmp_serde::Serializer::new(out)
        .with_struct_map()
        .with_human_readable()
        .with_bytes(BytesMode::ForceIterables);
    value.serialize(&mut serializer)
}

/// Reads the value that `bytes` are.
///
/// # Errors
///
/// A sentence with what was expected.
#[inline]
pub(crate) fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, String> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable();
    T::deserialize(&mut deserializer).map_err(|error| explain::<T>(bytes, &error))
}

/// What is wrong, in serde's words: the reader from bytes has no more to say of some mistakes than a marker's
/// name, while the one from values names what was found and what was expected.
#[cold]
fn explain<'de, T: Deserialize<'de>>(bytes: &'de [u8], error: &rmp_serde::decode::Error) -> String {
    use rmp_serde::decode::Error::{LengthMismatch, OutOfRange, TypeMismatch};

    if matches!(error, TypeMismatch(_) | LengthMismatch(_) | OutOfRange)
        && let Ok(value) = read_value(&mut &*bytes)
        && let Err(rmpv::ext::Error::Syntax(better)) = rmpv::ext::deserialize_from::<T, _>(value)
    {
        return better;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_those_of_any_other_encoder() {
        for number in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, u32::MAX] {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            uint(&mut ours, number);
            rmpv::encode::write_value(&mut theirs, &number.into()).unwrap();
            assert_eq!(ours, theirs);
        }
        for length in [0, 1, 31, 32, 0xff, 0x100, 0xffff, 0x10000] {
            let string = "x".repeat(length);
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            text(&mut ours, &string);
            rmpv::encode::write_value(&mut theirs, &string.into()).unwrap();
            assert!(ours == theirs, "{length}");
        }
    }

    #[test]
    fn bytes_are_bin_and_structs_are_maps() {
        #[derive(Serialize)]
        struct Point {
            x: i32,
        }
        let encode = |value_of: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            value_of(&mut out);
            out
        };
        assert_eq!(encode(&|out| value(out, &vec![1u8, 2]).unwrap()), b"\xc4\x02\x01\x02");
        assert_eq!(encode(&|out| value(out, &Point { x: 7 }).unwrap()), b"\x81\xa1x\x07");
        assert_eq!(encode(&|out| value(out, &vec![1u16, 2]).unwrap()), b"\x92\x01\x02");
        assert_eq!(read::<Vec<u8>>(b"\xc4\x02\x01\x02").unwrap(), [1, 2]);
        assert_eq!(read::<Vec<u8>>(b"\x92\x01\x02").unwrap(), [1, 2]);
    }
}
