//! What can be wrong with a text.

/// A line that `configparser` refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct SyntaxError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub kind: SyntaxErrorKind,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyntaxErrorKind {
    /// The text starts with U+FEFF, which `configparser` takes for the first character of a key.
    #[error("the file starts with a byte-order mark; save it as UTF-8 without one")]
    ByteOrderMark,
    /// Python's `MissingSectionHeaderError`.
    #[error("expected a [section] header before the first key, found \"{0}\"")]
    MissingHeader(String),
    /// Python's `DuplicateSectionError`.
    #[error("section [{name}] is already at line {first}; merge the two")]
    DuplicateSection {
        /// The section.
        name: String,
        /// Line of its first header.
        first: usize,
    },
    /// Python's `DuplicateOptionError`.
    #[error("key {key} is already set at line {first} in this section; remove one of them")]
    DuplicateKey {
        /// The key, in lower case.
        key: String,
        /// Line at which it stands first.
        first: usize,
    },
    /// Python's `ParsingError`: neither a header nor a key.
    #[error("expected \"key = value\" or a [section] header, found \"{0}\"")]
    NeitherKeyNorHeader(String),
    /// Python's `ParsingError`: a delimiter with nothing before it.
    #[error("expected a key before \"{0}\"")]
    EmptyKey(char),
}

/// Bytes that are no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte 0x{byte:02x} at offset {offset} is not UTF-8; save the file as UTF-8")]
pub struct EncodingError {
    /// The line of the first bad byte, from 1.
    pub line: usize,
    /// Its offset in the file, from 0.
    pub offset: usize,
    /// The byte.
    pub byte: u8,
}
