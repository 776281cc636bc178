//! The chain of stamps.

use std::collections::HashSet;

use proptest::prelude::*;
use session_core::{
    Expiry, Floor,
    model::{OpId, Stamp},
    store::NewSession,
};
use sha1::{Digest as _, Sha1};

use crate::strategy::stamp;

/// The definition in the contract: the first 64 bits of SHA-1(previous tag ‖ op id).
fn tag(previous: u64, op: u64) -> u64 {
    let digest = Sha1::digest(format!("{previous:016x}{op:016x}"));
    u64::from_str_radix(&digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>(), 16).unwrap()
}

fn history(incarnation: u64, ops: &[u64]) -> Stamp {
    let mut ops = ops.iter().map(|op| OpId::from(*op));
    let (write, incarnation) = (ops.next().unwrap().into(), incarnation.into());
    let new = NewSession { write, incarnation, ..NewSession::generate(Expiry::default()).unwrap() };
    ops.fold(new.stamp(), Stamp::next)
}

proptest! {
    #[test]
    fn a_stamp_is_its_history(incarnation: u64, ops in prop::collection::vec(any::<u64>(), 1..20)) {
        let stamp = history(incarnation, &ops);
        prop_assert_eq!(u64::from(stamp.incarnation()), incarnation);
        prop_assert_eq!(stamp.version(), ops.len() as u64);
        prop_assert_eq!(stamp.tag(), ops.iter().fold(0, |previous, op| tag(previous, *op)));
    }

    #[test]
    fn equal_stamps_mean_equal_histories(
        a in prop::collection::vec(0..3u64, 1..6),
        b in prop::collection::vec(0..3u64, 1..6),
    ) {
        prop_assert_eq!(history(7, &a) == history(7, &b), a == b);
    }

    #[test]
    fn versions_grow_by_one_and_tags_differ(ops in prop::collection::hash_set(any::<u64>(), 1..20)) {
        let ops: Vec<u64> = ops.into_iter().collect();
        let stamps: Vec<Stamp> = (1..=ops.len()).map(|length| history(1, &ops[..length])).collect();
        prop_assert!(stamps.windows(2).all(|pair| pair[1].version() == pair[0].version() + 1));
        prop_assert_eq!(stamps.iter().map(|stamp| stamp.tag()).collect::<HashSet<_>>().len(), stamps.len());
    }

    #[test]
    fn a_floor_admits_states_that_are_not_older(seen in stamp(), other in stamp(), version: u64) {
        let same = Stamp::from_parts(seen.incarnation(), version, seen.tag());
        prop_assert_eq!(Floor::from(seen).admits(same), version >= seen.version());
        prop_assert!(other.incarnation() == seen.incarnation() || Floor::from(seen).admits(other));
    }
}
