//! The laws of deadlines.

use std::time::Duration;

use proptest::prelude::*;
use session_core::{
    Expiry,
    model::{Deadlines, Timestamp},
};

use crate::strategy::{deadlines, millis, moment};

/// A use: its time, and its idle timeout if it has its own.
fn uses() -> impl Strategy<Value = Vec<(Timestamp, Option<Duration>)>> {
    prop::collection::vec((moment(), prop::option::of(millis())), 0..6)
}

/// Durations of every magnitude, and zero.
fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![any::<Duration>(), millis(), Just(Duration::ZERO), Just(Duration::from_nanos(1))]
}

fn expiry() -> impl Strategy<Value = Expiry> {
    prop_oneof![
        duration().prop_map(Expiry::idle),
        duration().prop_map(Expiry::absolute),
        (duration(), duration()).prop_map(|(idle, absolute)| Expiry::both(idle, absolute)),
    ]
}

fn renewed(deadlines: Deadlines, uses: &[(Timestamp, Option<Duration>)]) -> Deadlines {
    uses.iter().fold(deadlines, |deadlines, (now, idle)| deadlines.renewed(*now, *idle))
}

proptest! {
    #[test]
    fn a_touch_never_shortens(d in deadlines(), now in moment(), idle in prop::option::of(millis())) {
        prop_assert!(d.renewed(now, idle).expires_at() >= d.expires_at());
    }

    #[test]
    fn a_touch_never_passes_the_absolute_deadline(d in deadlines(), uses in uses()) {
        let renewed = renewed(d, &uses);
        prop_assert_eq!(renewed.absolute(), d.absolute());
        prop_assert!(renewed.idle().is_none_or(|(_, idle)| idle <= d.absolute().unwrap_or(Timestamp::MAX)));
    }

    #[test]
    fn touches_may_arrive_in_any_order(d in deadlines(), uses in uses().prop_flat_map(|uses| {
        (Just(uses.clone()), Just(uses).prop_shuffle())
    })) {
        prop_assert_eq!(renewed(d, &uses.0), renewed(d, &uses.1));
    }

    /// idle := min(absolute, max(current, now + idle)).
    #[test]
    fn a_touch_follows_the_formula(d in deadlines(), now in moment(), once in prop::option::of(millis())) {
        let renewed = d.renewed(now, once);
        match d.idle() {
            Some((own, idle)) => {
                let timeout = u64::try_from(once.unwrap_or(own).as_millis()).unwrap();
                let sum = Timestamp::from_millis(now.as_millis().saturating_add(timeout));
                let expected = idle.max(sum).min(d.absolute().unwrap_or(Timestamp::MAX));
                prop_assert_eq!(renewed.idle(), Some((own, expected)));
            }
            None => prop_assert_eq!(renewed, d),
        }
    }

    #[test]
    fn a_session_lives_for_a_millisecond_at_least(expiry in expiry(), now in 0..1u64 << 50) {
        let now = Timestamp::from_millis(now);
        let deadlines = expiry.start(now);
        prop_assert!(now < deadlines.expires_at());
        prop_assert!(deadlines.idle().is_none_or(|(_, idle)| idle <= deadlines.absolute().unwrap_or(Timestamp::MAX)));
    }

    /// The parts that a store keeps are enough to restore the deadlines.
    #[test]
    fn parts_make_the_same_deadlines(d in deadlines()) {
        prop_assert_eq!(Deadlines::from_parts(d.idle(), d.absolute()), Some(d));
    }

    #[test]
    fn every_session_has_a_deadline(expiry in expiry(), now in moment()) {
        let deadlines = expiry.start(now);
        prop_assert!(deadlines.idle().is_some() || deadlines.absolute().is_some(), "{deadlines:?}");
    }
}
