//! The actions: what can happen.

use super::{
    Renewals,
    state::{Id, State},
};

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Time passes.
    Tick,
    /// A request with this id writes to the session.
    Use(Id),
    /// A request with this id renews it.
    Renew(Id),
    /// A request with this id signs a principal in.
    SignIn(Id, u8),
    /// The user signs out.
    SignOut,
    /// A slow request is sent. It arrives later as one of the above.
    Depart,
    /// A read, which is no use of the session, with the new id of one of the responses in flight.
    Look(usize),
    /// One of the responses in flight arrives.
    Arrive(usize),
    /// One of the responses in flight is lost.
    Lose(usize),
    /// A replica becomes the primary. The old one is isolated with a node.
    Failover,
}

impl Renewals {
    /// All actions that are possible next.
    pub(super) fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend([Action::Tick, Action::SignOut]);
        if state.slow.is_none() {
            actions.push(Action::Depart);
        }
        if self.bounds.failover && state.isolated.is_none() {
            actions.push(Action::Failover);
        }
        let slow = state.slow.map(|(id, _)| id).filter(|id| *id != state.cookie);
        for id in [state.cookie].into_iter().chain(slow) {
            actions.push(Action::Use(id));
            if state.slots.len() < self.bounds.ids {
                actions.push(Action::Renew(id));
                if state.sign_ins < self.bounds.sign_ins {
                    actions.extend((0..self.bounds.principals).map(|principal| Action::SignIn(id, principal)));
                }
            }
        }
        for place in 0..state.responses.len() {
            actions.extend([Action::Look(place), Action::Arrive(place), Action::Lose(place)]);
        }
    }
}
