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
    properties::{BOUNDED_STALENESS, DESTROY_WINS, MONOTONIC_READS, NO_STALE_FILL},
    state::{Copy, Feed, Fill, Item, Node, OwnWrite, Stamp, State},
};

/// The bounds of the search. Time, disconnects, and the numbers of loads and heartbeats are unbounded.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Nodes. With one, anonymous writers write as well.
    pub nodes: usize,
    /// Updates.
    pub writes: u8,
    /// Whether a destroy may follow.
    pub destroy: bool,
    /// Loads of one node in flight at the same time.
    pub fills: usize,
    /// Heartbeats of one node in flight at the same time.
    pub beats: usize,
    /// Whether feeds may be lost.
    pub gaps: bool,
    /// Whether there may be a failover.
    pub failover: bool,
    /// The length of a lease in ticks.
    pub max_staleness: u8,
}

/// The protocol, correct or with one mistake.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// The bounds of the search.
    pub bounds: Bounds,
    /// The mistake, if any.
    pub mistake: Option<Mistake>,
}

impl Protocol {
    fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    /// A reader reads wherever a copy is served.
    fn read(&self, state: &mut State) {
        for node in &mut state.nodes {
            if let Some(copy) = node.copy.filter(|_| self.serves(node)) {
                node.seen = node.seen.with(copy.content);
            }
            // Updates that a failover lost are no longer guaranteed, and nothing is until the node listens to the new primary.
            let is_current = state.lost == Stamp::default() || node.feed.as_ref().is_some_and(|feed| feed.server > 0);
            node.seen = if is_current { node.seen.without(state.lost) } else { Stamp::default() };
        }
    }

    /// Applies an action to the state, before the readers read.
    fn step(&self, state: &mut State, action: Action) {
        match action {
            Action::Tick => self.tick(state),
            Action::Fill(node, server) => self.fill(&mut state.nodes[node], server, state.heads[server]),
            Action::FillReply(node, place) => self.filled(&mut state.nodes[node], place),
            Action::Insert(node, place) => {
                let fill = state.nodes[node].fills.remove(place);
                self.insert(&mut state.nodes[node], fill);
            }
            Action::Write(by, update) => self.write(state, by, update),
            Action::WriteReply(node) => {
                if let Some(write) = state.nodes[node].write.take() {
                    self.written(&mut state.nodes[node], write);
                }
            }
            Action::Beat(node) => {
                let feed = state.nodes[node].feed.iter_mut();
                feed.for_each(|feed| feed.queue.push_back(Item::Beat(0)));
            }
            Action::Take(node, place) => self.take(&mut state.nodes[node], place),
            Action::Disconnect(node) => self.disconnect(&mut state.nodes[node]),
            Action::Subscribe(node, server) => self.subscribe(&mut state.nodes[node], server),
            Action::Failover { lossy } => self.failover(state, lossy),
        }
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.bounds.nodes)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.possible(state, actions);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        self.step(&mut state, action);
        self.read(&mut state);
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        Self::all_properties()
    }
}
