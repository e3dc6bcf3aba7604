//! Why there is no listener.

use std::io;

use super::SocketFileError;

/// A listener can't be had. One sentence for a person, which names the key.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The system refuses a TCP address.
    #[error("{key}: {}", explain(source))]
    Tcp {
        /// The key with its value.
        key: String,
        /// The errno.
        source: io::Error,
    },
    /// Somebody answers on the Unix socket.
    #[error("{0}")]
    Live(String),
    /// What is configured, or was handed over, can't be used.
    #[error("{0}")]
    Config(String),
}

fn explain(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EADDRINUSE) => {
            "address in use; stop the program that listens there, or choose another port".into()
        }
        Some(libc::EACCES | libc::EPERM) => {
            "permission denied; a port below 1024 needs root or CAP_NET_BIND_SERVICE".into()
        }
        Some(libc::EADDRNOTAVAIL) => "this machine does not have that address".into(),
        Some(libc::EAFNOSUPPORT) => "this machine does not have that kind of address".into(),
        _ => error.to_string(),
    }
}

impl From<SocketFileError> for ListenError {
    fn from(error: SocketFileError) -> Self {
        match error {
            SocketFileError::Live { .. } => Self::Live(error.to_string()),
            _ => Self::Config(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_use_is_told_with_key_and_address() {
        let source = io::Error::from_raw_os_error(libc::EADDRINUSE);
        let error = ListenError::Tcp { key: "bind = 127.0.0.1:80".into(), source };
        assert!(error.to_string().starts_with("bind = 127.0.0.1:80: address in use; "));
    }
}
