//! Payloads that travel compressed.
//!
//! A client asks once, before anything else: `rpc.compress("zlib", threshold)`. A server that is willing answers
//! `true`, and from there on either side may send, instead of the parameters of a call or the result of one, an ext of
//! type [`KIND`] with their zlib stream. A result that is itself such an ext is always packed, so that none is taken for
//! what it is not. To a server that is not willing the call is one of an unknown method, and all stays as it was.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::codec::Limits;
use crate::cursor::Cursor;
use crate::extent::Extent;
use crate::frame::NOTIFICATION;
use crate::service::COMPRESS;
use crate::wire;

/// The type of the ext, `z`.
const KIND: i8 = 0x7a;
/// Less is never packed: it would hardly get smaller.
const LEAST: usize = 64;
/// How much room the inflater is given at a time, in bytes.
const STEP: usize = 16 * 1024;

/// What a payload is that can't be unpacked.
pub(crate) const BROKEN: &str = "a packed payload that can't be unpacked within the limits";

/// The stream inside, if the next value is packed.
pub(crate) fn packed(mut cursor: Cursor<'_>) -> Option<&[u8]> {
    match cursor.ext()? {
        (KIND, stream) => Some(stream),
        _ => None,
    }
}

/// Packs what `out` has from `from` on, if that is so many bytes, and if it gets smaller.
pub(crate) fn pack(out: &mut Vec<u8>, from: usize, threshold: usize) {
    let Some(payload) = out.get(from..) else { return };
    // It would be unpacked although it was not packed.
    let ambiguous = packed(Cursor::new(payload)).is_some();
    if payload.len() < threshold.max(LEAST) && !ambiguous {
        return;
    }
    let Some(stream) = deflate(payload) else { return };
    if stream.len() + 6 < payload.len() || ambiguous {
        out.truncate(from);
        out.push(0xc9);
        out.extend_from_slice(&(stream.len() as u32).to_be_bytes());
        out.push(KIND.cast_unsigned());
        out.extend_from_slice(&stream);
    }
}

fn deflate(payload: &[u8]) -> Option<Vec<u8>> {
    let mut stream = Vec::with_capacity(payload.len() / 2 + STEP);
    let mut deflater = Compress::new(Compression::fast(), true);
    loop {
        let rest = payload.get(deflater.total_in() as usize..)?;
        match deflater.compress_vec(rest, &mut stream, FlushCompress::Finish).ok()? {
            Status::StreamEnd => return Some(stream),
            Status::Ok | Status::BufError => stream.reserve(STEP),
        }
    }
}

/// Unpacks a stream into `payload`. None if it is broken, is not one msgpack value, or breaks the limits: it
/// is given up as soon as it has grown beyond a frame.
pub(crate) fn unpack(stream: &[u8], limits: Limits, payload: &mut Vec<u8>) -> Option<()> {
    payload.clear();
    let mut inflater = Decompress::new(true);
    loop {
        let before = (inflater.total_in(), inflater.total_out());
        let rest = stream.get(before.0 as usize..)?;
        payload.reserve(STEP);
        let status = inflater.decompress_vec(rest, payload, FlushDecompress::None).ok()?;
        if payload.len() > limits.frame {
            return None;
        }
        match status {
            Status::StreamEnd if inflater.total_in() as usize == stream.len() => break,
            // Bytes behind the stream, or a stream that ends too early.
            Status::StreamEnd => return None,
            _ if (inflater.total_in(), inflater.total_out()) == before => return None,
            _ => {}
        }
    }
    let depth = limits.depth.min(Limits::MAX_DEPTH);
    let end = Extent::new(Limits { depth, ..limits }).advance(payload).ok()??;
    (end == payload.len()).then_some(())
}

/// Appends the notification that tells a server what was agreed on with another.
pub(crate) fn agreement(out: &mut Vec<u8>, threshold: usize) {
    out.extend_from_slice(&[0x93, NOTIFICATION]);
    wire::text(out, COMPRESS);
    wire::array(out, 2);
    wire::text(out, "zlib");
    wire::uint(out, u32::try_from(threshold).unwrap_or(u32::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array_of(zeros: usize) -> Vec<u8> {
        let mut payload = Vec::new();
        wire::array(&mut payload, zeros);
        payload.resize(payload.len() + zeros, 0);
        payload
    }

    fn round_trip(payload: &[u8], limits: Limits) -> Option<Vec<u8>> {
        let mut out = b"before".to_vec();
        out.extend_from_slice(payload);
        pack(&mut out, 6, 0);
        assert_eq!(&out[..6], b"before");
        let mut unpacked = Vec::new();
        unpack(packed(Cursor::new(&out[6..]))?, limits, &mut unpacked)?;
        Some(unpacked)
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        for length in [100, 5_000, 100_000, 1_000_000] {
            let payload = array_of(length);
            assert!(round_trip(&payload, Limits::CONTROL).as_ref() == Some(&payload), "{length}");
        }
        // Noise stays as it is.
        let noise: Vec<u8> =
            (0..200u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut bin = vec![0xc4, 200];
        bin.extend(noise);
        assert_eq!(round_trip(&bin, Limits::CONTROL), None);
        // What looks packed is packed, however short.
        assert_eq!(round_trip(b"\xd4\x7a\x00", Limits::CONTROL).unwrap(), b"\xd4\x7a\x00");
    }

    #[test]
    fn a_bomb_is_given_up() {
        let payload = array_of(60 << 20);
        let mut out = payload;
        pack(&mut out, 0, 0);
        assert!(out.len() < 1 << 20);
        let mut unpacked = Vec::new();
        assert_eq!(unpack(&out[6..], Limits::CONTROL, &mut unpacked), None);
        assert!(unpacked.capacity() < 4 << 20, "{}", unpacked.capacity());
    }

    #[test]
    fn a_broken_stream_is_none() {
        let stream = deflate(&array_of(500)).unwrap();
        let unpacks = |stream: &[u8]| unpack(stream, Limits::CONTROL, &mut Vec::new()).is_some();
        assert!(unpacks(&stream));
        assert!(!unpacks(&[stream.as_slice(), b"x"].concat()));
        assert!(!unpacks(b"") && !unpacks(b"zlib?"));
        for cut in 0..stream.len() {
            assert!(!unpacks(&stream[..cut]), "{cut}");
        }
        // Deeper than allowed, or not one value.
        assert!(!unpacks(&deflate(&[0x91; 100]).unwrap()));
        assert!(!unpacks(&deflate(&[[0x91; 99].as_slice(), &[0x90]].concat()).unwrap()));
        assert!(!unpacks(&deflate(&[0; 2]).unwrap()));
    }
}
