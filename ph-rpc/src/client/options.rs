//! How a client behaves.

use std::time::Duration;

use rmpv::Value;

use crate::codec::Limits;

/// How a client behaves. The defaults suit most:
///
/// ```
/// use std::time::Duration;
///
/// use ph_rpc::client::Options;
///
/// let patient = Options { timeout: Duration::from_secs(300), ..Options::default() };
/// # assert_eq!(patient.in_flight, 1024);
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a call may take, connecting and sending included. 30 seconds.
    pub timeout: Duration,
    /// Calls that may wait for an answer at once; one more waits for its turn. 1,024.
    pub in_flight: usize,
    /// What is taken from the server. 64 MiB, 64 deep.
    pub limits: Limits,
    /// How many notifications are kept until somebody [receives](super::Client::receive) them; beyond that the
    /// oldest goes. None.
    pub notices: usize,
    /// Parameters and results of so many bytes travel compressed, if the server agrees. Off.
    #[cfg(feature = "zlib")]
    pub zlib: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            in_flight: 1024,
            limits: Limits { frame: 64 << 20, ..Limits::CONTROL },
            notices: 0,
            #[cfg(feature = "zlib")]
            zlib: None,
        }
    }
}

/// A notification of the server's.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// The method.
    pub method: String,
    /// The arguments.
    pub params: Vec<Value>,
}
