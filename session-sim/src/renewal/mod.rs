#![doc = include_str!("README.md")]

mod action;
mod mistake;
mod properties;
mod protocol;
mod state;

use stateright::{Model, Property};

pub use self::{
    action::Action,
    mistake::Mistake,
    properties::{CURRENT_READS, NO_CHAINS, NO_FOREIGN_ENTRIES, NOBODY_SIGNED_OUT, OLD_ID_ENDS, SIGN_IN_SUCCEEDS},
    state::{First, Id, Met, Session, Slot, State, Writers, writer},
};

/// The bounds of the search. Time is unbounded.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Ids.
    pub ids: usize,
    /// Sign-ins.
    pub sign_ins: u8,
    /// Principals who may sign in.
    pub principals: u8,
    /// The grace of every rotation, in ticks.
    pub grace: u8,
    /// A message is on its way for fewer ticks than this.
    pub flight: u8,
    /// Whether there may be a failover.
    pub failover: bool,
}

/// The protocol, correct or with one mistake.
#[derive(Clone, Copy, Debug)]
pub struct Renewals {
    /// The bounds of the search.
    pub bounds: Bounds,
    /// The mistake, if any.
    pub mistake: Option<Mistake>,
}

impl Renewals {
    fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    fn step(&self, state: &mut State, action: Action) {
        match action {
            Action::Tick => self.tick(state),
            Action::Use(id) => self.used(state, id),
            Action::Renew(id) => self.renew(state, id),
            Action::SignIn(id, principal) => self.sign_in(state, id, principal),
            Action::SignOut => self.sign_out(state),
            Action::Depart => state.slow = Some((state.cookie, 0)),
            Action::Look(place) => self.look(state, state.responses[place].0),
            Action::Arrive(place) => state.cookie = state.responses.remove(place).0,
            Action::Lose(place) => drop(state.responses.remove(place)),
            Action::Failover => state.isolated = Some(state.slots.clone()),
        }
    }
}

impl Model for Renewals {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.possible(state, actions);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        self.step(&mut state, action);
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        Self::all_properties()
    }
}
