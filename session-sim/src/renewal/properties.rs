//! The properties: invariants of every state, and events that must occur in some.

use stateright::Property;

use super::{
    Mistake, Renewals,
    state::{Slot, State, find},
};

/// The browser's cookie gives access until the user signs out or in.
pub const NOBODY_SIGNED_OUT: &str = "nobody is signed out by a lost response";
/// At most two ids give access to a session: the current one, and one that forwards to it.
pub const NO_CHAINS: &str = "no chains of renewals";
/// When a new id was used and the grace is over, the old id gives no access.
pub const OLD_ID_ENDS: &str = "an old id ends after the grace";
/// No sign-in is refused, and the second of two has the entries of the first.
pub const SIGN_IN_SUCCEEDS: &str = "a sign-in succeeds";
/// No session has the entries of another principal.
pub const NO_FOREIGN_ENTRIES: &str = "no entries of another principal";
/// No read is answered from the state of an old primary.
pub const CURRENT_READS: &str = "reads are answered by a primary that could write";

impl Renewals {
    pub(super) fn all_properties() -> Vec<Property<Self>> {
        vec![
            Property::always(NOBODY_SIGNED_OUT, |_: &Self, state: &State| {
                state.find(state.cookie).is_some() || state.ended.contains(&state.cookie)
            }),
            Property::always(NO_CHAINS, |_: &Self, state: &State| {
                (0..state.slots.len()).all(|at| ways_in(state, at) <= 2)
            }),
            Property::always(OLD_ID_ENDS, |model: &Self, state: &State| {
                let mut outlived = state.outlived.iter().filter(|(_, age)| **age >= model.bounds.grace);
                outlived.all(|(id, _)| state.find(*id).is_none())
            }),
            Property::always(SIGN_IN_SUCCEEDS, |_: &Self, state: &State| !state.met.refused && !state.met.empty),
            Property::always(NO_FOREIGN_ENTRIES, |_: &Self, state: &State| !state.met.foreign),
            Property::always(CURRENT_READS, Self::current_reads),
            Property::sometimes("an old id gives access although the grace is over", outlives_the_grace),
            Property::sometimes("an unused id was replaced", |_: &Self, state: &State| {
                let old = |id| matches!(state.slots[id], Slot::Forward { to, .. } if to > id + 1);
                (0..state.slots.len()).any(|id| old(id) && state.find(id).is_some())
            }),
            Property::sometimes("two sessions of one principal have the same entries", has_copies),
            Property::sometimes("a former id has outlived its grace", |model: &Self, state: &State| {
                state.outlived.values().any(|age| *age >= model.bounds.grace)
            }),
            Property::sometimes("an isolated primary has a session that ended", |_: &Self, state: &State| {
                let isolated = state.isolated.as_deref().and_then(|slots| find(slots, state.cookie));
                isolated.is_some() && state.find(state.cookie).is_none()
            }),
        ]
    }

    /// A node that is isolated with the old primary reads there, if that answers.
    fn current_reads(&self, state: &State) -> bool {
        let answers = state.isolated.as_deref().filter(|_| self.makes(Mistake::UnguardedReads));
        answers.is_none_or(|slots| find(slots, state.cookie) == state.find(state.cookie))
    }
}

/// The number of ids that give access to the session at this id.
fn ways_in(state: &State, at: usize) -> usize {
    match state.slots[at] {
        Slot::Live(_) => (0..state.slots.len()).filter(|id| state.locate(*id) == at).count(),
        _ => 0,
    }
}

fn outlives_the_grace(_: &Renewals, state: &State) -> bool {
    let unrefused = state.find(state.cookie).is_some_and(|session| session.refused == 0);
    unrefused && state.locate(state.cookie) != state.cookie
}

fn has_copies(_: &Renewals, state: &State) -> bool {
    let sessions: Vec<_> = (0..state.slots.len()).filter(|id| state.locate(*id) == *id).collect();
    let written = sessions.iter().filter_map(|id| state.find(*id)).filter(|session| session.entries != 0);
    let mut seen: Vec<_> = written.map(|session| (session.principal, session.entries)).collect();
    seen.sort_unstable();
    seen.windows(2).any(|pair| pair[0].0.is_some() && pair[0] == pair[1])
}
