//! The rules of a node: how it handles each event.

use super::{
    Mistake, Protocol,
    state::{Copy, Feed, Fill, Item, Node, OwnWrite, Stamp, State},
};

impl Protocol {
    /// Whether a read is answered from the copy.
    pub fn serves(&self, node: &Node) -> bool {
        let leased = node.lease > 0 || (self.makes(Mistake::ServeDisconnected) && node.feed.is_none());
        leased && node.copy.is_some_and(|copy| copy.current)
    }

    /// A load is sent. It notes the floor and carries the known stamp.
    pub(super) fn fill(&self, node: &mut Node, server: usize, stamp: Stamp) {
        let known = node.copy.filter(|copy| copy.stamp == stamp);
        let content = known.map_or(stamp, |copy| copy.content);
        let floor = node.copy.map_or(Stamp::default(), |copy| copy.stamp);
        node.server = server.max(node.server);
        node.fills.push(Fill { stamp, content, floor, current: true, ended: false, checked: false });
        node.fills.sort();
    }

    /// The answer to a load arrives. Callers that wait get it unless it is below the floor; the copy also requires the epoch.
    pub(super) fn filled(&self, node: &mut Node, place: usize) {
        let fill = node.fills.remove(place);
        if fill.stamp.is_destroyed() {
            return self.end(node, fill.stamp);
        }
        if fill.ended || (!fill.stamp.reaches(fill.floor) && !self.makes(Mistake::NoFloor)) {
            // If the copy's epoch has ended, the store may have lost its state: the next load has no floor.
            node.copy = node.copy.filter(|copy| copy.current);
            return;
        }
        // One more caller waits: it has joined just now and knows everything that the node has seen. A fill of an ended epoch
        // cannot be joined.
        node.misled |= fill.current && !fill.stamp.contains(node.seen);
        node.seen = node.seen.with(fill.stamp);
        if !fill.current && !self.makes(Mistake::FillAcrossEpoch) {
            return;
        }
        if self.makes(Mistake::CheckThenInsert) {
            node.fills.push(Fill { checked: true, ..fill });
            return node.fills.sort();
        }
        self.insert(node, fill);
    }

    /// The loaded state becomes the copy.
    pub(super) fn insert(&self, node: &mut Node, fill: Fill) {
        node.copy = Some(Copy { stamp: fill.stamp, content: fill.content, current: true });
        raise(node, fill.stamp);
    }

    /// A node's own write is acknowledged.
    pub(super) fn written(&self, node: &mut Node, write: OwnWrite) {
        let patch = write.current || self.makes(Mistake::PatchAcrossEpoch);
        self.change(node, write.before, write.after, patch);
    }

    /// The first item of the feed is taken out.
    pub(super) fn take(&self, node: &mut Node, place: usize) {
        match node.feed.as_mut().and_then(|feed| feed.queue.remove(place)) {
            Some(Item::Beat(age)) => {
                let age = if self.makes(Mistake::LeaseFromReceipt) { 0 } else { age };
                node.lease = node.lease.max(self.bounds.max_staleness.saturating_sub(age));
            }
            Some(Item::Change { before, after }) => self.change(node, before, after, true),
            None => {}
        }
    }

    /// The node receives a change: it patches, keeps or evicts its copy.
    fn change(&self, node: &mut Node, before: Stamp, after: Stamp, patch: bool) {
        if after.is_destroyed() {
            return self.end(node, after);
        }
        node.seen = node.seen.with(after);
        raise(node, after);
        let by_version = self.makes(Mistake::PatchByVersion);
        node.copy = node.copy.and_then(|copy| {
            let same = copy.stamp == before || (by_version && copy.stamp.version() == before.version());
            let newer = copy.current && copy.stamp.reaches(after);
            if patch && same {
                Some(Copy { stamp: after, content: copy.content.with(after.without(before)), ..copy })
            } else {
                Some(copy).filter(|_| newer || copy.stamp == after)
            }
        });
    }

    /// The node learns that the session was destroyed.
    fn end(&self, node: &mut Node, stamp: Stamp) {
        node.seen = node.seen.with(stamp);
        node.copy = None;
        if !self.makes(Mistake::ForgetEnded) {
            node.fills.iter_mut().for_each(|fill| fill.ended = true);
        }
    }

    /// The feed is lost, and with it the items in flight.
    pub(super) fn disconnect(&self, node: &mut Node) {
        node.feed = None;
        if !self.makes(Mistake::NoEpochAfterGap) && !self.makes(Mistake::ServeDisconnected) {
            end_epoch(node);
        }
    }

    /// A new feed begins. Changes since the end of the old one were not received.
    pub(super) fn subscribe(&self, node: &mut Node, server: usize) {
        node.feed = Some(Feed { server, ..Feed::default() });
        node.server = server;
        if !self.makes(Mistake::NoEpochAfterGap) && !self.makes(Mistake::NoEpochAtSubscription) {
            end_epoch(node);
        }
    }

    /// The primary executes an update.
    pub(super) fn write(&self, state: &mut State, by: Option<usize>, update: Stamp) {
        let primary = state.primary();
        let before = state.heads[primary];
        let after = before.with(update);
        state.heads[primary] = after;
        state.issued = state.issued.with(update);
        state.replaced.insert(before, 0);
        for feed in state.nodes.iter_mut().filter_map(|node| node.feed.as_mut()) {
            if feed.server == primary {
                feed.queue.push_back(Item::Change { before, after });
            }
        }
        if let Some(node) = by.map(|by| &mut state.nodes[by]) {
            node.server = primary;
            node.write = Some(OwnWrite { before, after, current: true });
        }
    }

    /// A replica becomes the primary. From now on the old one refuses writes and heartbeats, but answers loads.
    pub(super) fn failover(&self, state: &mut State, lossy: bool) {
        let old = state.heads[0];
        let lost = old.last().filter(|_| lossy).unwrap_or_default();
        let new = old.without(lost);
        if lossy {
            state.replaced.insert(old, 0);
            state.replaced.remove(&new);
        }
        state.lost = lost;
        state.heads.push(new);
    }

    /// A tick. Ages stop growing where they no longer make a difference, so time is unbounded and the states are finite.
    pub(super) fn tick(&self, state: &mut State) {
        let most = self.bounds.max_staleness;
        for node in &mut state.nodes {
            node.lease = node.lease.saturating_sub(1);
            for item in node.feed.iter_mut().flat_map(|feed| &mut feed.queue) {
                if let Item::Beat(age) = item {
                    *age = most.min(*age + 1);
                }
            }
        }
        state.replaced.values_mut().for_each(|age| *age += 1);
        state.replaced.retain(|_, age| *age <= most);
    }
}

/// Raises the floors of fills in flight: no older answer may be installed or given to a caller that waits.
fn raise(node: &mut Node, stamp: Stamp) {
    for fill in node.fills.iter_mut().filter(|fill| !fill.floor.reaches(stamp)) {
        fill.floor = stamp;
    }
}

/// Ends the epoch: the copy and the requests in flight belong to an ended one, and there is no lease.
fn end_epoch(node: &mut Node) {
    node.lease = 0;
    node.copy.iter_mut().for_each(|copy| copy.current = false);
    node.fills.iter_mut().for_each(|fill| fill.current = false);
    node.write.iter_mut().for_each(|write| write.current = false);
}
