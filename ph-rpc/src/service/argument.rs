//! What a handler may take: anything that can be deserialized, and what lies in the buffer as it is.

use std::borrow::Cow;
use std::ops::Deref;

use rmpv::Value;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};

use crate::cursor::Cursor;
use crate::params::{Params, read_value};
use crate::wire;

/// How many arguments there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Arity {
    /// At least so many.
    pub least: u32,
    /// At most so many; none if there is no limit.
    pub most: Option<u32>,
}

impl Arity {
    pub(crate) const NONE: Self = Self { least: 0, most: Some(0) };
    const ONE: Self = Self { least: 1, most: Some(1) };
    pub(crate) const ANY: Self = Self { least: 0, most: None };

    /// Those of two arguments, one after the other.
    pub(crate) const fn and(self, other: Self) -> Self {
        let most = match (self.most, other.most) {
            (Some(one), Some(two)) => Some(one + two),
            _ => None,
        };
        Self { least: self.least + other.least, most }
    }

    pub(crate) fn allows(self, count: usize) -> bool {
        count >= self.least as usize && self.most.is_none_or(|most| count <= most as usize)
    }

    /// "2 arguments", "1 to 3 arguments", "no arguments".
    pub(crate) fn describe(self) -> String {
        let plural = |count| if count == 1 { "argument" } else { "arguments" };
        match (self.least, self.most) {
            (0, Some(0)) => "no arguments".to_owned(),
            (least, Some(most)) if least == most => format!("{least} {}", plural(least)),
            (least, Some(most)) => format!("{least} to {most} {}", plural(most)),
            (0, None) => "any arguments".to_owned(),
            (least, None) => format!("{least} {} or more", plural(least)),
        }
    }
}

/// Why an argument can't be read: what was found, and what was expected.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadArgument(pub(crate) Cow<'static, str>);

impl From<String> for BadArgument {
    fn from(says: String) -> Self {
        Self(says.into())
    }
}

/// A type that a handler may take as an argument.
///
/// That is every type that owns what it is deserialized to; and without a copy [`Str`], [`Bytes`] and
/// [`Raw`], for which [`Argument::Of`] is the type that borrows from the call.
#[diagnostic::on_unimplemented(
    message = "a method can't take `{Self}`",
    note = "arguments own what they hold, as `String` and `Vec<u8>` do, or are `Str<'_>`, `Bytes<'_>`, `Raw<'_>`",
    note = "a type of your own needs `#[derive(serde::Deserialize)]`"
)]
pub trait Argument {
    /// This type, borrowing from the call.
    type Of<'a>;

    /// How many arguments of the call it stands for.
    const ARITY: Arity = Arity::ONE;

    /// Takes it from the arguments that are left; there are enough of them.
    ///
    /// # Errors
    ///
    /// [`BadArgument`], whose text goes to the caller.
    fn take<'a>(params: &mut Params<'a>) -> Result<Self::Of<'a>, BadArgument>;
}

impl<T: DeserializeOwned> Argument for T {
    type Of<'a> = T;

    #[inline]
    fn take<'a>(params: &mut Params<'a>) -> Result<T, BadArgument> {
        Ok(wire::read(next(params)?)?)
    }
}

#[inline]
fn next<'a>(params: &mut Params<'a>) -> Result<&'a [u8], BadArgument> {
    params.take().ok_or(BadArgument("it is missing".into()))
}

/// Text that stays in the buffer: what `&str` is elsewhere. A bin is taken, too, if it is UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Str<'a>(pub &'a str);

impl Argument for Str<'_> {
    type Of<'a> = Str<'a>;

    #[inline]
    fn take<'a>(params: &mut Params<'a>) -> Result<Str<'a>, BadArgument> {
        let element = next(params)?;
        match Cursor::new(element).text().map(std::str::from_utf8) {
            Some(Ok(text)) => Ok(Str(text)),
            Some(Err(error)) => Err(BadArgument(format!("text that is {error}").into())),
            None => Err(expected(element, "a string")),
        }
    }
}

impl Deref for Str<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.0
    }
}

impl Serialize for Str<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

/// Bytes that stay in the buffer: what `&[u8]` is elsewhere, and a bin when it is written. A str is taken, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes<'a>(pub &'a [u8]);

impl Argument for Bytes<'_> {
    type Of<'a> = Bytes<'a>;

    #[inline]
    fn take<'a>(params: &mut Params<'a>) -> Result<Bytes<'a>, BadArgument> {
        let element = next(params)?;
        let bytes = Cursor::new(element).text();
        bytes.map(Bytes).ok_or_else(|| expected(element, "bytes"))
    }
}

impl Deref for Bytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0
    }
}

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// An argument as it came, in msgpack; as a result, the same value again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raw<'a>(&'a [u8]);

impl<'a> Raw<'a> {
    /// Its bytes.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// It as a value.
    #[must_use]
    pub fn value(self) -> Value {
        read_value(&mut &*self.0).unwrap_or(Value::Nil)
    }

    /// It as some type.
    ///
    /// # Errors
    ///
    /// [`BadArgument`] if it is of another type.
    pub fn get<T: Deserialize<'a>>(self) -> Result<T, BadArgument> {
        Ok(wire::read(self.0)?)
    }
}

impl Argument for Raw<'_> {
    type Of<'a> = Raw<'a>;

    #[inline]
    fn take<'a>(params: &mut Params<'a>) -> Result<Raw<'a>, BadArgument> {
        next(params).map(Raw)
    }
}

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        read_value(&mut &*self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// An argument that may be left out, or be nil.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Optional<T>(pub Option<T>);

impl<T: DeserializeOwned> Argument for Optional<T> {
    type Of<'a> = Self;

    const ARITY: Arity = Arity { least: 0, most: Some(1) };

    fn take<'a>(params: &mut Params<'a>) -> Result<Self, BadArgument> {
        params.take().map_or(Ok(Self(None)), |element| Ok(Self(wire::read(element)?)))
    }
}

/// All arguments that are left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest<T>(pub Vec<T>);

impl<T: DeserializeOwned> Argument for Rest<T> {
    type Of<'a> = Self;

    const ARITY: Arity = Arity::ANY;

    fn take<'a>(params: &mut Params<'a>) -> Result<Self, BadArgument> {
        let mut rest = Vec::new();
        while let Some(element) = params.take() {
            rest.push(wire::read(element)?);
        }
        Ok(Self(rest))
    }
}

/// The sentence that serde would say of an element that is of another type.
fn expected(element: &[u8], what: &'static str) -> BadArgument {
    struct Expected(&'static str);

    impl serde::de::Visitor<'_> for Expected {
        type Value = ();

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }

    let mut deserializer = rmp_serde::Deserializer::from_read_ref(element);
    match serde::Deserializer::deserialize_any(&mut deserializer, Expected(what)) {
        Ok(()) => BadArgument(format!("expected {what}").into()),
        Err(error) => error.to_string().into(),
    }
}
