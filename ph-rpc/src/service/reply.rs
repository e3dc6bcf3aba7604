//! Where an answer is written.

use serde::Serialize;

use crate::error::{RpcError, code};
use crate::frame::NIL;
use crate::wire;

/// How a call ended: well, or with the code of an error.
pub type Outcome = Result<(), i64>;

/// The end of a connection's output, for one answer.
#[derive(Debug)]
pub struct Reply<'o> {
    pub(crate) out: &'o mut Vec<u8>,
    /// None for a notification, whose answer is dropped.
    pub(crate) msgid: Option<u32>,
    /// Results of so many bytes are packed.
    pub(crate) pack: Option<usize>,
}

impl Reply<'_> {
    /// Writes a result or an error. A result that can't be serialized is a failure of the handler's.
    #[inline]
    pub(crate) fn write<T: Serialize>(self, result: &Result<T, RpcError>) -> Outcome {
        match result {
            Ok(value) => self.value(value),
            Err(error) => self.error(error),
        }
    }

    #[inline]
    fn value<T: Serialize>(self, value: &T) -> Outcome {
        let Some(msgid) = self.msgid else { return Ok(()) };
        let start = self.out.len();
        wire::response(self.out, msgid);
        self.out.push(NIL);
        let from = self.out.len();
        match wire::value(self.out, value) {
            Ok(()) => {
                pack(self.out, from, self.pack);
                Ok(())
            }
            Err(error) => {
                self.out.truncate(start);
                self.error(&RpcError::failed(format!("the result can't be written: {error}")))
            }
        }
    }

    /// Writes an error.
    #[cold]
    pub(crate) fn error(self, error: &RpcError) -> Outcome {
        if let Some(msgid) = self.msgid {
            wire::response(self.out, msgid);
            wire::array(self.out, 2);
            // It fails for what has no form in msgpack; a number and a text have one.
            let _ = wire::value(self.out, &error.code);
            wire::text(self.out, &error.message);
            self.out.push(NIL);
        }
        Err(error.code)
    }
}

/// Packs what `out` has from `from` on, where that is agreed and worth it.
#[inline]
pub(crate) fn pack(out: &mut Vec<u8>, from: usize, threshold: Option<usize>) {
    #[cfg(feature = "zlib")]
    if let Some(threshold) = threshold {
        crate::zlib::pack(out, from, threshold);
    }
    #[cfg(not(feature = "zlib"))]
    let _ = (out, from, threshold);
}

/// The error of a call that no handler took.
pub(crate) fn invalid(message: impl Into<String>) -> RpcError {
    RpcError::new(code::INVALID_CALL, message)
}
