//! Every state of renewals and sign-ins within the bounds, and a counterexample for each mistake.

use session_sim::renewal::{
    Bounds, CURRENT_READS, Mistake, NO_CHAINS, NO_FOREIGN_ENTRIES, NOBODY_SIGNED_OUT, OLD_ID_ENDS, Renewals,
    SIGN_IN_SUCCEEDS,
};
use stateright::{Checker, HasDiscoveries, Model};

const SMALL: Bounds = Bounds { ids: 4, sign_ins: 2, principals: 2, grace: 2, flight: 1, failover: false };

/// Visits every state. The invariants hold in all of them, and every expected event occurs in some.
fn exhaust(bounds: Bounds, without: &[&str]) {
    let checker = Renewals { bounds, mistake: None }.checker().spawn_dfs().join();
    println!("{bounds:?}");
    println!("{} states, {} steps, depth {}", checker.unique_state_count(), checker.state_count(), checker.max_depth());
    let found = checker.discoveries();
    for property in checker.model().properties() {
        let name = property.name;
        if property.expectation.discovery_is_failure() {
            let path = found.get(name).map(|path| path.clone().into_actions());
            assert!(path.is_none(), "{name} is violated by {path:?}");
        } else {
            assert_eq!(found.contains_key(name), !without.contains(&name), "{name}");
        }
    }
}

/// Finds and prints the shortest way in which an invariant is violated.
fn caught(mistake: Option<Mistake>, invariant: &'static str, bounds: Bounds) {
    let mut depth = usize::MAX;
    let mut shortest = None;
    // The checker's last counterexample need not be the shortest, so search again until there is no shorter one.
    loop {
        let checker = Renewals { bounds, mistake }
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

const ISOLATED: &str = "an isolated primary has a session that ended";

#[test]
fn renewals_and_sign_ins() {
    exhaust(Bounds { ids: 5, sign_ins: 3, ..SMALL }, &[ISOLATED]);
}

#[test]
fn many_renewals() {
    exhaust(
        Bounds { ids: 6, sign_ins: 0, ..SMALL },
        &[ISOLATED, "two sessions of one principal have the same entries"],
    );
}

#[test]
fn slow_messages() {
    exhaust(Bounds { ids: 5, principals: 1, grace: 4, flight: 2, ..SMALL }, &[ISOLATED]);
}

#[test]
fn an_isolated_primary() {
    exhaust(Bounds { ids: 3, failover: true, ..SMALL }, &[]);
}

/// The premise is necessary.
#[test]
fn messages_that_take_as_long_as_the_grace() {
    caught(None, NOBODY_SIGNED_OUT, Bounds { flight: 2, ..SMALL });
}

macro_rules! mistakes {
    ($($name:ident $mistake:ident $invariant:ident)*) => {$(
        #[test]
        fn $name() {
            caught(Some(Mistake::$mistake), $invariant, SMALL);
        }
    )*};
}

mistakes! {
    a_read_that_confirms ConfirmByReading NOBODY_SIGNED_OUT
    an_old_id_that_confirms ConfirmByTheOldId NOBODY_SIGNED_OUT
    a_forward_that_ends_with_the_grace ForwardEndsWithTheGrace NOBODY_SIGNED_OUT
    a_forward_that_outlives_the_grace ForwardOutlivesTheGrace OLD_ID_ENDS
    an_unused_id_that_is_kept KeepsTheUnusedId NO_CHAINS
    a_renewal_during_the_grace RenewsDuringTheGrace NOBODY_SIGNED_OUT
    a_sign_in_that_needs_its_old_id SignInNeedsItsOldId SIGN_IN_SUCCEEDS
    a_second_sign_in_that_starts_empty SecondSignInStartsEmpty SIGN_IN_SUCCEEDS
    a_copy_of_another_principal CopiesAnotherPrincipal NO_FOREIGN_ENTRIES
}

#[test]
fn reads_of_an_isolated_primary() {
    caught(Some(Mistake::UnguardedReads), CURRENT_READS, Bounds { failover: true, ..SMALL });
}
