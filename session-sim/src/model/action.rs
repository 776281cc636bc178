//! The actions: what can happen.

use super::{
    Mistake, Protocol,
    state::{Item, Stamp, State},
};

/// One step. A number identifies a node. Local reads are no steps: there is a reader at every moment, see
/// `properties.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Time passes. Any number of ticks may pass without another action.
    Tick,
    /// A load is sent to the given server and executed.
    Fill(usize, usize),
    /// One of the answers to the node's loads arrives.
    FillReply(usize, usize),
    /// A checked fill is inserted. Only with [`Mistake::CheckThenInsert`].
    Insert(usize, usize),
    /// The primary executes an update of a node or of an anonymous writer, and publishes it to its listeners.
    Write(Option<usize>, Stamp),
    /// The answer to the node's write arrives.
    WriteReply(usize),
    /// A heartbeat is sent and executed.
    Beat(usize),
    /// The first item is taken out of the node's feed.
    Take(usize, usize),
    /// The node notices that its feed is lost.
    Disconnect(usize),
    /// The node subscribes again, at the given server.
    Subscribe(usize, usize),
    /// A replica becomes the primary, with the last update or without it.
    Failover {
        /// Whether the last update is lost.
        lossy: bool,
    },
}

impl Protocol {
    /// All actions that are possible next.
    pub(super) fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        actions.push(Action::Tick);
        if self.bounds.failover && state.heads.len() == 1 {
            actions.push(Action::Failover { lossy: false });
            if state.heads[0].last().is_some() {
                actions.push(Action::Failover { lossy: true });
            }
        }
        if state.nodes.len() == 1 {
            actions.extend(self.update(state).map(|update| Action::Write(None, update)));
        }
        for node in 0..state.nodes.len() {
            self.commands(state, node, actions);
            self.feed(state, node, actions);
        }
    }

    /// The updates that are possible next.
    fn update(&self, state: &State) -> impl Iterator<Item = Stamp> {
        let alive = !state.heads[state.primary()].is_destroyed();
        let write = (0..self.bounds.writes).map(Stamp::update).find(|update| !state.issued.contains(*update));
        let destroy = (self.bounds.destroy && !state.issued.is_destroyed()).then_some(Stamp::DESTROY);
        write.into_iter().chain(destroy).filter(move |_| alive)
    }

    fn commands(&self, state: &State, number: usize, actions: &mut Vec<Action>) {
        let node = &state.nodes[number];
        if !self.serves(node) && node.fills.len() < self.bounds.fills {
            let oldest = if self.makes(Mistake::LoadFromOldPrimary) { 0 } else { node.server };
            actions.extend((oldest..state.heads.len()).map(|server| Action::Fill(number, server)));
        }
        for (place, fill) in node.fills.iter().enumerate() {
            let step = if fill.checked { Action::Insert } else { Action::FillReply };
            actions.push(step(number, place));
        }
        match node.write {
            Some(_) => actions.push(Action::WriteReply(number)),
            None => actions.extend(self.update(state).map(|update| Action::Write(Some(number), update))),
        }
    }

    fn feed(&self, state: &State, number: usize, actions: &mut Vec<Action>) {
        let node = &state.nodes[number];
        let Some(feed) = &node.feed else {
            actions.extend((node.server..state.heads.len()).map(|server| Action::Subscribe(number, server)));
            return;
        };
        if self.bounds.gaps {
            actions.push(Action::Disconnect(number));
        }
        let beats = feed.queue.iter().filter(|item| matches!(item, Item::Beat(_))).count();
        let answers = feed.server == state.primary() || self.makes(Mistake::OldPrimaryBeats);
        // A second heartbeat in the tick of the last one changes nothing.
        let due = node.lease < self.bounds.max_staleness && feed.queue.back() != Some(&Item::Beat(0));
        if answers && due && beats < self.bounds.beats {
            actions.push(Action::Beat(number));
        }
        for (place, item) in feed.queue.iter().enumerate() {
            let overtakes = self.makes(Mistake::HeartbeatElsewhere) && matches!(item, Item::Beat(_));
            if place == 0 || overtakes {
                actions.push(Action::Take(number, place));
            }
        }
    }
}
