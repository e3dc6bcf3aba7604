//! The environment that children inherit.

use super::{SysError, fork};

/// Removes variables that are meant for this process and for none of its children.
///
/// Refused in a process with several threads: another one might be reading the environment.
pub fn forget(variables: &[&str]) -> Result<(), SysError> {
    match fork::threads().map_err(SysError::call("count threads"))? {
        1 => {}
        threads => return Err(SysError::Threads(threads)),
    }
    for variable in variables {
        // SAFETY: this process has one thread (checked above), so nobody reads the environment meanwhile.
        unsafe { std::env::remove_var(variable) };
    }
    Ok(())
}
