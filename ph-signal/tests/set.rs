//! The algebra of sets, against the standard library's.

use std::collections::BTreeSet;

use ph_signal::{Signal, SignalSet};
use proptest::prelude::*;

/// The numbers of every system: beyond 31 there may be none.
fn signals() -> impl Strategy<Value = Vec<Signal>> {
    let last = i32::try_from(SignalSet::ALL.len()).unwrap();
    prop::collection::vec((1..=last).prop_map(|number| Signal::from_number(number).unwrap()), 0..40)
}

proptest! {
    #[test]
    fn a_set_behaves_as_a_set(a in signals(), b in signals(), probe in signals()) {
        let (set_a, set_b): (SignalSet, SignalSet) = (a.iter().copied().collect(), SignalSet::of(&b));
        let (model_a, model_b): (BTreeSet<_>, BTreeSet<_>) = (a.into_iter().collect(), b.into_iter().collect());
        let same = |set: SignalSet, model: BTreeSet<Signal>| set.iter().eq(model);

        prop_assert_eq!(set_a.len(), model_a.len());
        prop_assert_eq!(set_a.iter().len(), model_a.len());
        prop_assert_eq!(set_a.is_empty(), model_a.is_empty());
        prop_assert!(same(set_a | set_b, &model_a | &model_b));
        prop_assert!(same(set_a & set_b, &model_a & &model_b));
        prop_assert!(same(set_a - set_b, &model_a - &model_b));
        prop_assert_eq!(set_a == set_b, model_a == model_b);
        prop_assert_eq!(SignalSet::from_bits(set_a.bits()), set_a);

        let (mut set, mut model) = (set_a, model_a);
        for signal in probe {
            prop_assert_eq!(set.contains(signal), model.contains(&signal));
            prop_assert_eq!(set.insert(signal), model.insert(signal));
            prop_assert!(set.contains(signal));
            prop_assert!(same(set.with(signal), model.clone()));
            prop_assert_eq!(set.remove(signal), model.remove(&signal));
            prop_assert_eq!(set.remove(signal), false);
            prop_assert!(same(set.without(signal), model.clone()));
        }
    }
}

#[test]
fn sets_are_constants_and_read_well() {
    const STOP: SignalSet = SignalSet::of(&[Signal::TERM, Signal::INT, Signal::QUIT]);
    assert_eq!(format!("{STOP:?}"), "{SIGINT, SIGQUIT, SIGTERM}");
    assert_eq!(format!("{:?}", SignalSet::EMPTY), "{}");
    assert_eq!(SignalSet::ALL.iter().last().map(i32::from), Some(SignalSet::ALL.len() as i32));
    assert_eq!(SignalSet::from_bits(u64::MAX), SignalSet::ALL);
}

#[test]
fn bits_are_those_of_the_kernel() {
    assert_eq!(SignalSet::from(Signal::HUP).bits(), 1);
    assert_eq!(SignalSet::from(Signal::KILL).bits(), 1 << 8);
}
