//! Every state of the protocol within the bounds, and a counterexample for each mistake.

use session_sim::model::{BOUNDED_STALENESS, Bounds, DESTROY_WINS, MONOTONIC_READS, Mistake, NO_STALE_FILL, Protocol};
use stateright::{Checker, HasDiscoveries, Model};

/// One node, with anonymous writers.
const ONE: Bounds =
    Bounds { nodes: 1, writes: 2, destroy: true, fills: 1, beats: 1, gaps: true, failover: true, max_staleness: 2 };

/// Visits every state. The invariants hold in all of them, and every expected event occurs in some.
fn exhaust(bounds: Bounds, without: &[&str]) {
    let checker = Protocol { bounds, mistake: None }.checker().symmetry().spawn_dfs().join();
    println!("{bounds:?}");
    println!("{} states, {} steps, depth {}", checker.unique_state_count(), checker.state_count(), checker.max_depth());
    let found = checker.discoveries();
    for invariant in [BOUNDED_STALENESS, MONOTONIC_READS, NO_STALE_FILL, DESTROY_WINS] {
        assert!(
            !found.contains_key(invariant),
            "{invariant} is violated by {:?}",
            found[invariant].clone().into_actions()
        );
    }
    let properties = checker.model().properties();
    let occurrences = properties.iter().filter(|property| !property.expectation.discovery_is_failure());
    for name in occurrences.map(|property| property.name) {
        assert_eq!(found.contains_key(name), !without.contains(&name), "{name}");
    }
}

/// Finds and prints the shortest way in which a mistake violates an invariant.
fn caught(mistake: Mistake, invariant: &'static str, bounds: Bounds) {
    let mut depth = usize::MAX;
    let mut shortest = None;
    // The checker's last counterexample need not be the shortest, so search again until there is no shorter one.
    loop {
        let checker = Protocol { bounds, mistake: Some(mistake) }
            .checker()
            .target_max_depth(depth)
            .finish_when(HasDiscoveries::AnyOf([invariant].into()))
            .spawn_bfs()
            .join();
        let Some(path) = checker.discovery(invariant) else { break };
        let actions = path.into_actions();
        depth = actions.len() + 1;
        shortest = Some(actions);
    }
    let Some(actions) = shortest else { panic!("{mistake:?} does not violate {invariant}") };
    println!("{mistake:?} violates {invariant} in {} steps: {actions:?}", actions.len());
}

/// The events that need lost feeds or failovers.
const NEEDS_FAULTS: [&str; 4] = [
    "a fill outlives its epoch",
    "a copy of an ended epoch is found unchanged",
    "a node serves what a failover lost",
    "an old primary has a listener while the new one moves on",
];
const NEEDS_DESTROY: &str = "a destroyed session is served within the bound";

#[test]
fn one_node_three_writes() {
    exhaust(Bounds { writes: 3, max_staleness: 1, ..ONE }, &[]);
}

#[test]
fn one_node_two_heartbeats() {
    exhaust(Bounds { beats: 2, ..ONE }, &[]);
}

#[test]
fn one_node_two_fills() {
    exhaust(Bounds { fills: 2, max_staleness: 1, ..ONE }, &[]);
}

#[test]
fn two_nodes_with_faults() {
    let bounds = Bounds { nodes: 2, writes: 1, destroy: false, max_staleness: 1, ..ONE };
    exhaust(bounds, &[NEEDS_DESTROY]);
}

#[test]
fn two_nodes_two_writes() {
    let bounds = Bounds { nodes: 2, destroy: false, gaps: false, failover: false, max_staleness: 1, ..ONE };
    exhaust(bounds, &[NEEDS_FAULTS.as_slice(), &[NEEDS_DESTROY]].concat());
}

#[test]
fn two_nodes_destroy() {
    let bounds = Bounds { nodes: 2, writes: 1, gaps: false, failover: false, max_staleness: 1, ..ONE };
    exhaust(bounds, &NEEDS_FAULTS);
}

#[test]
fn fill_without_a_floor() {
    caught(Mistake::NoFloor, NO_STALE_FILL, ONE);
}

#[test]
fn fill_without_a_floor_is_served() {
    caught(Mistake::NoFloor, BOUNDED_STALENESS, ONE);
}

#[test]
fn fill_without_a_floor_goes_back() {
    caught(Mistake::NoFloor, MONOTONIC_READS, ONE);
}

#[test]
fn fill_across_an_epoch() {
    caught(Mistake::FillAcrossEpoch, BOUNDED_STALENESS, ONE);
}

#[test]
fn lease_from_receipt() {
    caught(Mistake::LeaseFromReceipt, BOUNDED_STALENESS, ONE);
}

#[test]
fn serving_between_disconnect_and_subscription() {
    caught(Mistake::ServeDisconnected, BOUNDED_STALENESS, ONE);
}

#[test]
fn gap_that_ends_no_epoch() {
    caught(Mistake::NoEpochAfterGap, BOUNDED_STALENESS, ONE);
}

#[test]
fn subscription_that_ends_no_epoch() {
    caught(Mistake::NoEpochAtSubscription, BOUNDED_STALENESS, ONE);
}

#[test]
fn heartbeat_on_another_connection() {
    caught(Mistake::HeartbeatElsewhere, BOUNDED_STALENESS, ONE);
}

#[test]
fn patch_by_version() {
    caught(Mistake::PatchByVersion, BOUNDED_STALENESS, Bounds { writes: 3, max_staleness: 1, ..ONE });
}

#[test]
fn patch_across_an_epoch() {
    caught(Mistake::PatchAcrossEpoch, BOUNDED_STALENESS, ONE);
}

#[test]
fn forgotten_end() {
    caught(Mistake::ForgetEnded, DESTROY_WINS, ONE);
}

#[test]
fn check_then_insert() {
    caught(Mistake::CheckThenInsert, NO_STALE_FILL, ONE);
}

#[test]
fn check_then_insert_is_served() {
    caught(Mistake::CheckThenInsert, BOUNDED_STALENESS, ONE);
}

#[test]
fn load_from_an_old_primary() {
    caught(Mistake::LoadFromOldPrimary, BOUNDED_STALENESS, ONE);
}

#[test]
fn load_from_an_old_primary_goes_back() {
    caught(Mistake::LoadFromOldPrimary, MONOTONIC_READS, ONE);
}

#[test]
fn heartbeat_at_an_old_primary() {
    caught(Mistake::OldPrimaryBeats, BOUNDED_STALENESS, ONE);
}
