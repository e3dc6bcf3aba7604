//! Who has calls dispatched, and wants to know of each.

use super::dispatch::OwnedCall;
use super::pending::Pending;
use super::reply::Outcome;
use super::ticket::Ticket;

/// What the loop around a service does besides: count, measure, limit, and see to handlers that wait.
pub trait Driver {
    /// False if no further call can be taken at present, on whatever connection: then
    /// [`dispatch`](super::Service::dispatch) leaves it where it is.
    #[inline]
    fn has_room(&mut self) -> bool {
        true
    }

    /// A call begins. Should its handler panic, and the driver go on, then this is the one to
    /// [answer](crate::Session::answer).
    #[inline]
    fn begun(&mut self, ticket: Ticket) {
        let _ = ticket;
    }

    /// A call that had begun is answered. One that is [pending](Driver::pending), was left for
    /// [later](super::Service::later) or was [taken](super::Service::take_call) ends elsewhere, and is not heard of
    /// here.
    #[inline]
    fn ended(&mut self, ticket: Ticket, outcome: Outcome) {
        let _ = (ticket, outcome);
    }

    /// A message was refused before it came to a handler: it is none, there is no such method, or the session
    /// [refuses](crate::Session::refuse) calls. The code is the error's.
    fn refused(&mut self, code: i64) {
        let _ = code;
    }

    /// A method that may [block](super::Service::blocking) is called. A driver that has threads for that takes the call,
    /// returns true, and has one of them [run](super::Service::run) it; then what becomes of it goes to the
    /// [session](crate::Session::push). Otherwise it is run on the spot.
    #[inline]
    fn offload(&mut self, call: impl FnOnce() -> OwnedCall) -> bool
    where
        Self: Sized,
    {
        let _ = call;
        false
    }

    /// A handler waits. Poll it soon, and give its answer to the [session](crate::Session::push).
    fn pending(&mut self, call: Pending);
}

/// Collects what is pending, and wants to know of nothing else.
impl Driver for Vec<Pending> {
    fn pending(&mut self, call: Pending) {
        self.push(call);
    }
}
