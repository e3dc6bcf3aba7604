//! Names that are plain strings once they are validated.

use std::{marker::PhantomData, path::Path};

use crate::{
    kind::Kind,
    value::{
        Term, ValueError,
        identity::{Group, ProcName},
    },
};

/// Reads a `T`, keeps the string in it: the type has done its work when the text is accepted.
pub(super) struct Inner<T>(PhantomData<fn() -> T>);

impl<T> Inner<T> {
    pub(super) const KIND: Self = Self(PhantomData);
}

impl<T: Term + Into<String>> Kind for Inner<T> {
    type Value = String;

    fn parse(&self, text: &str, _: &Path) -> Result<String, ValueError> {
        text.parse::<T>().map(Into::into)
    }

    fn show(&self, value: &String) -> String {
        value.clone()
    }

    fn expected(&self) -> String {
        T::EXPECTED.to_owned()
    }
}

impl From<ProcName> for String {
    fn from(name: ProcName) -> Self {
        name.0
    }
}

impl From<Group> for String {
    fn from(group: Group) -> Self {
        group.0
    }
}
