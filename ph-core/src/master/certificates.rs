//! The death certificates that are kept: the last of each slot, and of the deaths before as many as there is room for.

use std::collections::{BTreeMap, VecDeque};

use ph_rpc::Value;

use super::certificate::Certificate;

/// Certificates of one slot.
const OF_A_SLOT: usize = 8;
/// The last deaths, of all slots together: what is older is kept only if it is its slot's last.
const DEATHS: usize = 2048;
/// Those of them that are told with all details. A certificate then takes some hundred bytes; a detailed one up to some ten
/// thousand.
const DETAILED: usize = 256;

/// By slot, the newest first; each with its number, which counts deaths.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    by_slot: BTreeMap<u32, VecDeque<(u64, Certificate)>>,
    /// Slots of the last deaths, the oldest first.
    deaths: VecDeque<u32>,
    /// How many there were.
    count: u64,
}

impl Certificates {
    /// Keeps one more; what that costs does not depend on how many there are.
    pub(super) fn issue(&mut self, certificate: Certificate) {
        let slot = certificate.slot;
        self.count += 1;
        self.deaths.push_back(slot);
        let recent = self.count.saturating_sub(DEATHS as u64);
        // Most slots never have a second one.
        let of_slot = self.by_slot.entry(slot).or_insert_with(|| VecDeque::with_capacity(1));
        of_slot.push_front((self.count, certificate));
        of_slot.truncate(OF_A_SLOT);
        // Until now it was kept for being the last.
        if of_slot.back().is_some_and(|(number, _)| *number <= recent) {
            of_slot.pop_back();
        }
        if self.deaths.len() > DEATHS
            && let Some(slot) = self.deaths.pop_front()
            && let Some(of_slot) = self.by_slot.get_mut(&slot)
            && of_slot.len() > 1
            && of_slot.back().is_some_and(|(number, _)| *number <= recent)
        {
            of_slot.pop_back();
        }
        self.abridge();
    }

    /// Takes the details from the death that is no longer one of the last.
    fn abridge(&mut self) {
        let Some(place) = self.deaths.len().checked_sub(DETAILED + 1) else { return };
        let number = self.count - DETAILED as u64;
        let slot = self.deaths.get(place);
        let of_slot = slot.and_then(|slot| self.by_slot.get_mut(slot));
        let found = of_slot.into_iter().flatten().find(|(known, _)| *known == number);
        if let Some((_, certificate)) = found {
            certificate.abridge();
        }
    }

    /// All of them, in the order in which they were issued.
    pub(super) fn all(&self) -> Vec<&Certificate> {
        let mut all: Vec<_> = self.by_slot.values().flatten().collect();
        all.sort_unstable_by_key(|(number, _)| *number);
        all.into_iter().map(|(_, certificate)| certificate).collect()
    }

    /// The last of a slot, as the control socket tells it, with those before it in `previous`, the newest first.
    pub(super) fn of(&self, slot: u32) -> Option<Value> {
        let mut of_slot = self.by_slot.get(&slot)?.iter().map(|(_, one)| one.fields());
        let mut fields = of_slot.next()?;
        fields.push(("previous".into(), Value::Array(of_slot.map(Value::Map).collect())));
        Some(Value::Map(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::master::certificate::tests::certificate;

    fn pids(certificates: &Certificates, slot: u32) -> Vec<i32> {
        certificates.by_slot.get(&slot).into_iter().flatten().map(|(_, one)| one.pid).collect()
    }

    #[test]
    fn the_last_of_each_slot_is_kept_and_some_before_it() {
        let mut certificates = Certificates::default();
        for pid in 0..20 {
            certificates.issue(certificate(3, pid));
        }
        assert_eq!(pids(&certificates, 3), (12..20).rev().collect::<Vec<_>>());
        certificates.issue(certificate(9, 100));
        // So many others that all of these are old.
        for pid in 0..DEATHS as i32 {
            certificates.issue(certificate(10_000 + pid as u32, pid));
        }
        assert_eq!((pids(&certificates, 3), pids(&certificates, 9)), (vec![19], vec![100]));
        // Its next death leaves nothing of what was kept for being the last.
        certificates.issue(certificate(3, 50));
        assert_eq!(pids(&certificates, 3), [50]);
        assert!(certificates.of(4).is_none());
    }

    #[test]
    fn however_many_die_what_is_kept_is_bounded() {
        let mut certificates = Certificates::default();
        for death in 0..50_000_i32 {
            certificates.issue(certificate((death * 7 % 3000) as u32, death));
        }
        let kept: usize = certificates.by_slot.values().map(VecDeque::len).sum();
        assert!(kept <= 3000 + DEATHS, "{kept}");
        assert_eq!(certificates.deaths.len(), DEATHS);
        let detailed = certificates.all().iter().filter(|one| one.is_detailed()).count();
        assert_eq!(detailed, DETAILED);
    }

    #[test]
    fn what_is_carried_is_the_same_again() {
        let mut certificates = Certificates::default();
        for death in 0..5000_i32 {
            certificates.issue(certificate((death % 600) as u32, death));
        }
        let mut resumed = Certificates::default();
        certificates.all().into_iter().cloned().for_each(|one| resumed.issue(one));
        for slot in 0..600 {
            let (was, is) = (pids(&certificates, slot), pids(&resumed, slot));
            assert!(!is.is_empty() && was.starts_with(&is), "{slot}: {was:?} {is:?}");
        }
    }
}
