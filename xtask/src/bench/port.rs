//! Ports.

use std::net::TcpListener;

use crate::error::{Context, Result};

/// One that nobody uses at the moment.
pub(super) fn free() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context(|| "bind")?;
    Ok(listener.local_addr().context(|| "bind")?.port())
}
