//! Which call an answer is for.

use serde::{Deserialize, Serialize};

/// A call under way on one connection: what is needed to answer it later, by whatever program goes on with the
/// [session](crate::Session::suspend).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    pub(crate) msgid: Option<u32>,
    pub(crate) method: u32,
}

impl Ticket {
    /// The method, as its place in [`Service::methods`](super::Service::methods).
    #[must_use]
    pub fn method(self) -> usize {
        self.method as usize
    }

    /// The id of the request; none for a notification, which is not answered.
    #[must_use]
    pub fn msgid(self) -> Option<u32> {
        self.msgid
    }
}
