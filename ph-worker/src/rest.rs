//! What was read from a connection and put back, and whether more can come.

use std::cell::{Cell, RefCell};

/// The rest of a connection's input.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    bytes: RefCell<Vec<u8>>,
    /// The client has sent all that it will, or is treated as if it had.
    ended: Cell<bool>,
}

impl Rest {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes: RefCell::new(bytes), ended: Cell::new(false) }
    }

    pub(crate) fn put_back(&self, bytes: &[u8]) {
        self.bytes.borrow_mut().splice(0..0, bytes.iter().copied());
    }

    /// Moves what there is into `buffer`, as far as it goes.
    pub(crate) fn take(&self, buffer: &mut [u8]) -> usize {
        let mut bytes = self.bytes.borrow_mut();
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        bytes.drain(..count);
        count
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.borrow().len()
    }

    pub(crate) fn end(&self) {
        self.ended.set(true);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.get()
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use super::Rest;

    #[test]
    fn what_is_put_back_comes_first() {
        let rest = Rest::new(b"world".to_vec());
        rest.put_back(b"hello ");
        let mut buffer = [0; 8];
        assert_eq!((rest.take(&mut buffer), &buffer), (8, b"hello wo"));
        rest.put_back(b"o");
        assert_eq!(rest.len(), 4);
        assert_eq!((rest.take(&mut buffer), &buffer[..4]), (4, &b"orld"[..]));
        assert_eq!(rest.take(&mut buffer), 0);
    }
}
