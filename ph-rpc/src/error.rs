//! The error of a call, as it travels.

use rmpv::Value;

/// What the codes of an [`RpcError`] mean.
pub mod code {
    /// The call was understood and tried, and failed.
    pub const FAILED: i64 = 0;
    /// No such method, or not with such parameters: the same call will never succeed.
    pub const INVALID_CALL: i64 = 1;
    /// Too much to do at present: the same call may succeed later.
    pub const OVERLOADED: i64 = 2;
    /// The server is ending and takes no more calls.
    pub const SHUTTING_DOWN: i64 = 3;
}

/// Why a call failed: `[code, message]` on the wire.
///
/// The protocol leaves the form of an error open. This one is what the services of this crate send;
/// reading takes any value (a text alone becomes the message of a [`code::FAILED`]).
///
/// ```
/// use ph_rpc::{RpcError, Value};
///
/// let error = RpcError::invalid_call("no method \"fly\"");
/// assert_eq!(Value::from(error.clone()), Value::Array(vec![1.into(), "no method \"fly\"".into()]));
/// assert_eq!(RpcError::from(Value::from(error.clone())), error);
/// assert_eq!(error.to_string(), "no method \"fly\"");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RpcError {
    /// One of [`code`], or a service's own.
    pub code: i64,
    /// A sentence for a person.
    pub message: String,
}

impl RpcError {
    /// An error with a code of [`code`] or of the service's own.
    #[must_use]
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// [`code::FAILED`].
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(code::FAILED, message)
    }

    /// [`code::INVALID_CALL`].
    #[must_use]
    pub fn invalid_call(message: impl Into<String>) -> Self {
        Self::new(code::INVALID_CALL, message)
    }

    /// [`code::OVERLOADED`].
    #[must_use]
    pub fn overloaded(message: impl Into<String>) -> Self {
        Self::new(code::OVERLOADED, message)
    }

    /// [`code::SHUTTING_DOWN`].
    #[must_use]
    pub fn shutting_down(message: impl Into<String>) -> Self {
        Self::new(code::SHUTTING_DOWN, message)
    }
}

/// A failure with the error's text, so that handlers may use `?`.
impl From<std::io::Error> for RpcError {
    fn from(error: std::io::Error) -> Self {
        Self::failed(error.to_string())
    }
}

/// A failure with the error's text.
impl From<Box<dyn std::error::Error + Send + Sync>> for RpcError {
    fn from(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Self::failed(error.to_string())
    }
}

/// A failure with this message.
impl From<String> for RpcError {
    fn from(message: String) -> Self {
        Self::failed(message)
    }
}

/// A failure with this message.
impl From<&str> for RpcError {
    fn from(message: &str) -> Self {
        Self::failed(message)
    }
}

impl From<RpcError> for Value {
    fn from(error: RpcError) -> Self {
        Self::Array(vec![error.code.into(), error.message.into()])
    }
}

impl From<Value> for RpcError {
    /// Total: a pair of a number and a text is read as such, a text as the message of a failure, and
    /// anything else is shown as the message.
    fn from(value: Value) -> Self {
        if let Value::Array(items) = &value
            && let [code, message] = items.as_slice()
            && let (Some(code), Some(message)) = (code.as_i64(), text(message))
        {
            return Self { code, message };
        }
        Self::failed(text(&value).unwrap_or_else(|| value.to_string()))
    }
}

/// A str or bin as text; older peers have bin only.
fn text(value: &Value) -> Option<String> {
    value.as_slice().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_servers_errors_are_read_as_well_as_they_can_be() {
        let read = |value: Value| RpcError::from(value);
        let pair = |code: Value, message: &str| Value::Array(vec![code, message.into()]);
        assert_eq!(read("no such file".into()), RpcError::failed("no such file"));
        assert_eq!(read(Value::Binary(b"bytes".to_vec())), RpcError::failed("bytes"));
        assert_eq!(
            read(Value::Array(vec![2.into(), Value::Binary(b"busy".to_vec())])),
            RpcError::overloaded("busy")
        );
        assert_eq!(read(17.into()), RpcError::failed("17"));
        // Neither a pair with a code, nor anything to guess at.
        assert_eq!(read(pair("a".into(), "b")), RpcError::failed("[\"a\", \"b\"]"));
        assert_eq!(read(pair(u64::MAX.into(), "b")).code, code::FAILED);
    }
}
