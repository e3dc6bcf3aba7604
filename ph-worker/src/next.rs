//! What becomes of a connection when its handler is done with it.

use crate::Stream;

/// What a handler leaves to be done with its connection.
#[derive(Debug)]
pub enum Next<S = Stream> {
    /// It is closed.
    Close,
    /// It is between two requests, and another worker may go on with it as this one would.
    ///
    /// That happens when this worker was asked to leave while others stay (a reload, a recycling): the client notices
    /// nothing. What was read and not used goes along if it was put back (`unread`). When the client has hung up, or the
    /// whole master stops, the connection is closed, so a handler that can be taken up between any two requests always
    /// ends with this.
    HandOff(S),
}
