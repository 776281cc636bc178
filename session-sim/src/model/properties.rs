//! The properties: invariants of every state, and events that must occur in some.
//!
//! There is a reader at every moment. A guarantee about local reads is therefore an invariant of each state in which a node
//! would answer from its copy.

use stateright::Property;

use super::{
    Protocol,
    state::{Node, Stamp, State},
};

/// No read is answered locally from a state that was replaced more than `max_staleness` ago, or that never existed.
pub const BOUNDED_STALENESS: &str = "I1 bounded staleness";
/// Every local read contains all updates that the node has returned or received before, its own writes included (I2), as far
/// as the store has kept them.
pub const MONOTONIC_READS: &str = "I3 monotonic reads";
/// Every copy that a lease could bring into use contains all updates that the node has seen, and so does the answer to every
/// caller that waits for a fill.
pub const NO_STALE_FILL: &str = "I5 no stale fill";
/// A destroyed session is not served once the node knows of the destroy, nor after `max_staleness` has passed.
pub const DESTROY_WINS: &str = "I7 destroy wins";

impl Protocol {
    pub(super) fn all_properties() -> Vec<Property<Self>> {
        vec![
            Property::always(BOUNDED_STALENESS, Self::bounded_staleness),
            Property::always(MONOTONIC_READS, Self::monotonic_reads),
            Property::always(NO_STALE_FILL, Self::no_stale_fill),
            Property::always(DESTROY_WINS, Self::destroy_wins),
            Property::sometimes("a copy is patched and stays a hit", Self::patched),
            Property::sometimes("a fill is below its floor", Self::fill_below_floor),
            Property::sometimes("a fill outlives its epoch", Self::fill_of_ended_epoch),
            Property::sometimes("a copy that is served is about to lose its lease", Self::lease_lost),
            Property::sometimes("a copy of an ended epoch is found unchanged", Self::revalidated),
            Property::sometimes("a node serves what a failover lost", Self::lost_served),
            Property::sometimes("an old primary has a listener while the new one moves on", Self::split_brain),
            Property::sometimes("a destroyed session is served within the bound", Self::destroyed_served),
        ]
    }

    fn bounded_staleness(&self, state: &State) -> bool {
        self.served(state).all(|(_, content)| state.is_recent(content))
    }

    fn monotonic_reads(&self, state: &State) -> bool {
        self.served(state).all(|(node, content)| content.contains(node.seen))
    }

    fn no_stale_fill(&self, state: &State) -> bool {
        state.nodes.iter().all(|node| {
            let copy = node.copy.filter(|copy| copy.current);
            !node.misled && copy.is_none_or(|copy| copy.content.contains(node.seen))
        })
    }

    fn destroy_wins(&self, state: &State) -> bool {
        let destroyed = state.heads[state.primary()].is_destroyed();
        self.served(state).all(|(node, content)| !node.seen.is_destroyed() && (!destroyed || state.is_recent(content)))
    }

    fn patched(&self, state: &State) -> bool {
        self.served(state).any(|(node, _)| {
            let mut next = node.clone();
            self.take(&mut next, 0);
            next.copy != node.copy && self.serves(&next)
        })
    }

    fn fill_below_floor(&self, state: &State) -> bool {
        state.nodes.iter().flat_map(|node| &node.fills).any(|fill| !fill.stamp.reaches(fill.floor))
    }

    fn fill_of_ended_epoch(&self, state: &State) -> bool {
        state.nodes.iter().flat_map(|node| &node.fills).any(|fill| !fill.current)
    }

    fn lease_lost(&self, state: &State) -> bool {
        state.nodes.iter().any(|node| {
            let mut next = node.clone();
            next.lease = next.lease.saturating_sub(1);
            self.serves(node) && !self.serves(&next)
        })
    }

    fn revalidated(&self, state: &State) -> bool {
        state.nodes.iter().any(|node| {
            let ended = node.copy.filter(|copy| !copy.current);
            ended.is_some_and(|copy| node.fills.iter().any(|fill| fill.current && fill.stamp == copy.stamp))
        })
    }

    fn lost_served(&self, state: &State) -> bool {
        self.served(state).any(|(_, content)| content.without(state.lost) != content)
    }

    fn split_brain(&self, state: &State) -> bool {
        let moved_on = state.heads.windows(2).any(|heads| !heads[0].contains(heads[1]));
        moved_on && state.nodes.iter().flat_map(|node| &node.feed).any(|feed| feed.server != state.primary())
    }

    fn destroyed_served(&self, state: &State) -> bool {
        state.heads[state.primary()].is_destroyed() && self.served(state).next().is_some()
    }

    /// The nodes that answer locally, and their answers.
    fn served<'a>(&'a self, state: &'a State) -> impl Iterator<Item = (&'a Node, Stamp)> {
        let serving = state.nodes.iter().filter(|node| self.serves(node));
        serving.filter_map(|node| Some((node, node.copy?.content)))
    }
}
