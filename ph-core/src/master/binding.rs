//! Which CPUs a worker is bound to.

use ph_config::CpuAffinity;

use crate::sys::SysError;
use crate::sys::cpu::{self, CpuSet};

/// The workers can't be bound as the configuration says.
#[derive(Debug, thiserror::Error)]
pub(super) enum BindingError {
    /// A list names a CPU that the master may not use, so that a worker may not either.
    #[error("cpu_affinity names CPU {cpu}, and this master may only use {allowed}")]
    NotAllowed {
        /// The first of them.
        cpu: u32,
        /// What is left to it.
        allowed: CpuAffinity,
    },
    /// The kernel does not tell.
    #[error(transparent)]
    System(#[from] SysError),
}

/// Whether every CPU that is named may be used by this process.
pub(super) fn check(affinity: &CpuAffinity) -> Result<(), BindingError> {
    let CpuAffinity::Lists(lists) = affinity else { return Ok(()) };
    let allowed = numbers(&cpu::allowed()?);
    match lists.iter().flatten().find(|cpu| !allowed.contains(cpu)) {
        None => Ok(()),
        // As the key itself would say it.
        Some(&cpu) => {
            Err(BindingError::NotAllowed { cpu, allowed: CpuAffinity::Lists(vec![allowed]) })
        }
    }
}

/// The set for the worker in this slot; `None` where workers run wherever their master may. Takes no memory.
pub(super) fn of(affinity: &CpuAffinity, slot: u32) -> Result<Option<CpuSet>, SysError> {
    let turn = |length: usize| slot as usize % length.max(1);
    match affinity {
        CpuAffinity::None => Ok(None),
        CpuAffinity::Auto => {
            let allowed = cpu::allowed()?;
            let count = cpu::members(&allowed).count();
            Ok(Some(cpu::set(cpu::members(&allowed).nth(turn(count)))))
        }
        CpuAffinity::Lists(lists) => {
            let list = lists.get(turn(lists.len())).into_iter().flatten();
            Ok(Some(cpu::set(list.map(|cpu| *cpu as usize))))
        }
    }
}

/// A set as the configuration writes it.
pub(super) fn numbers(set: &CpuSet) -> Vec<u32> {
    cpu::members(set).map(|cpu| cpu as u32).collect()
}
