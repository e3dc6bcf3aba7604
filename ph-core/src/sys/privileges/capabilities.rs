//! Capabilities: pieces of root's power, each in five sets of a process (capabilities(7)).

use rustix::thread::{self, CapabilitySet, CapabilitySets};
use serde::{Deserialize, Serialize};

use super::{SysError, failed, so};

/// Some capabilities: a bit for each, by the kernel's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Capabilities(u64);

/// Ends others' processes by signals (`CAP_KILL`).
pub const KILL: u8 = 5;
/// Changes groups (`CAP_SETGID`).
pub const SETGID: u8 = 6;
/// Changes users (`CAP_SETUID`).
pub const SETUID: u8 = 7;
/// Gives capabilities up for good (`CAP_SETPCAP`).
pub const SETPCAP: u8 = 8;
/// Changes the root (`CAP_SYS_CHROOT`).
pub const SYS_CHROOT: u8 = 18;

impl Capabilities {
    /// Those with these numbers, each below 64.
    pub fn of(numbers: impl IntoIterator<Item = u8>) -> Self {
        Self(numbers.into_iter().fold(0, |all, number| all | 1 << number))
    }

    /// What the calling process can do just now.
    pub fn effective() -> Result<Self, SysError> {
        let sets = thread::capabilities(None).map_err(failed("ask for the capabilities"))?;
        Ok(Self(sets.effective.bits()))
    }

    /// What the calling process, and what it executes, can ever have.
    pub fn bounding() -> Self {
        // The kernel knows no more from the first on that it does not know.
        let known = (0..64).map_while(|number| Some((number, is_bounding(number)?)));
        Self::of(known.filter(|(_, there)| *there).map(|(number, _)| number))
    }

    /// Whether the one with this number is among them.
    pub fn has(self, number: u8) -> bool {
        self.0 & 1 << number != 0
    }

    /// Whether all of them are among the others.
    pub fn within(self, others: Self) -> bool {
        self.0 & !others.0 == 0
    }

    /// Takes all others out of the bounding set.
    pub(super) fn bound(self) -> Result<(), SysError> {
        let what = "drop capabilities from the bounding set";
        for number in 0..64 {
            let Some(there) = is_bounding(number) else { break };
            if there && !self.has(number) {
                thread::remove_capability_from_bounding_set(flag(number)).map_err(failed(what))?;
            }
        }
        so(what, Self::bounding().within(self))
    }

    /// Has them stay permitted while `change` changes the user.
    pub(super) fn across(
        self,
        change: impl FnOnce() -> Result<(), SysError>,
    ) -> Result<(), SysError> {
        if self.0 == 0 {
            return change();
        }
        let what = "keep capabilities for another user";
        thread::set_keep_capabilities(true).map_err(failed(what))?;
        change()?;
        thread::set_keep_capabilities(false).map_err(failed(what))?;
        so(what, thread::get_keep_capabilities() == Ok(false))
    }

    /// Holds them and no others, and hands them on to what is executed.
    pub(super) fn hold(self) -> Result<(), SysError> {
        let what = "hold the capabilities of keep_capabilities alone";
        let own = CapabilitySet::from_bits_retain(self.0);
        let sets = CapabilitySets { effective: own, permitted: own, inheritable: own };
        thread::set_capabilities(None, sets).map_err(failed(what))?;
        so(what, thread::capabilities(None) == Ok(sets))?;
        let what = "hand capabilities on to programs";
        for number in (0..64).filter(|number| self.has(*number)) {
            thread::configure_capability_in_ambient_set(flag(number), true)
                .map_err(failed(what))?;
            so(what, thread::capability_is_in_ambient_set(flag(number)) == Ok(true))?;
        }
        Ok(())
    }
}

/// `None` where the kernel knows no capability of this number.
fn is_bounding(number: u8) -> Option<bool> {
    thread::capability_is_in_bounding_set(flag(number)).ok()
}

fn flag(number: u8) -> CapabilitySet {
    CapabilitySet::from_bits_retain(1 << number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_they_are_made_of() {
        let some = Capabilities::of([0, 10, 40]);
        assert!(some.has(10) && !some.has(11));
        assert!(Capabilities::of([10]).within(some) && !some.within(Capabilities::of([10])));
        assert!(Capabilities::effective().unwrap().within(Capabilities(u64::MAX)));
        assert!(!Capabilities::bounding().has(63));
    }
}
