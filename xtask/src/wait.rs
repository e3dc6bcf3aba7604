//! Waiting, with an end, and with an ear for an interrupt.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::error::{Context, Error, Result};
use crate::interrupt;

/// Until `fd` can be read: true, or the deadline has passed: false.
pub(crate) fn readable(fd: impl AsFd, deadline: Instant) -> Result<bool> {
    loop {
        interrupt::check()?;
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).context(|| "a deadline too far away")?;
        match poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&timeout)) {
            Ok(0) if left.is_zero() => return Ok(false),
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(Error::new(format!("cannot poll: {error}"))),
        }
    }
}

/// Until the condition holds. For conditions of another process that no descriptor tells of.
pub(crate) fn until(what: &str, patience: Duration, mut condition: impl FnMut() -> bool) -> Result {
    let deadline = Instant::now() + patience;
    while !condition() {
        interrupt::check()?;
        if Instant::now() >= deadline {
            return Err(Error::new(format!("{what}: not within {} s", patience.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Lets time pass, where its passing is what is measured.
pub(crate) fn pass(until: Instant) -> Result {
    loop {
        interrupt::check()?;
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
}
