//! The rules of a node: what it does with each thing that arrives.

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

    /// A load leaves: it notes the floor, and takes the known stamp along.
    pub(super) fn fill(&self, node: &mut Node, server: usize, stamp: Stamp) {
        let known = node.copy.filter(|copy| copy.stamp == stamp);
        let content = known.map_or(stamp, |copy| copy.content);
        let floor = node.copy.map_or(Stamp::default(), |copy| copy.stamp);
        node.server = server.max(node.server);
        node.fills.push(Fill { stamp, content, floor, current: true, ended: false, checked: false });
        node.fills.sort();
    }

    /// Its answer arrives: whoever waits gets it if it is not below the floor, the copy also needs the epoch.
    pub(super) fn filled(&self, node: &mut Node, place: usize) {
        let fill = node.fills.remove(place);
        if fill.stamp.is_destroyed() {
            return self.end(node, fill.stamp);
        }
        if fill.ended || (!fill.stamp.reaches(fill.floor) && !self.makes(Mistake::NoFloor)) {
            // Below a copy that was ended anyway, the store may have lost what it had: the next load is without a floor.
            node.copy = node.copy.filter(|copy| copy.current);
            return;
        }
        // There is one more who waits: who joined just now, and knows all that the node has seen. Nobody joins a fill
        // of an ended epoch.
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

    /// The copy becomes what was loaded.
    pub(super) fn insert(&self, node: &mut Node, fill: Fill) {
        node.copy = Some(Copy { stamp: fill.stamp, content: fill.content, current: true });
        raise(node, fill.stamp);
    }

    /// A node's own write is done.
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

    /// The node learns of a change: patch, leave alone or evict.
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

    /// The node learns that the session is destroyed.
    fn end(&self, node: &mut Node, stamp: Stamp) {
        node.seen = node.seen.with(stamp);
        node.copy = None;
        if !self.makes(Mistake::ForgetEnded) {
            node.fills.iter_mut().for_each(|fill| fill.ended = true);
        }
    }

    /// The feed is lost, and with it what was on its way.
    pub(super) fn disconnect(&self, node: &mut Node) {
        node.feed = None;
        if !self.makes(Mistake::NoEpochAfterGap) && !self.makes(Mistake::ServeDisconnected) {
            end_epoch(node);
        }
    }

    /// There is a new feed. What was changed since the old one ended, nobody told.
    pub(super) fn subscribe(&self, node: &mut Node, server: usize) {
        node.feed = Some(Feed { server, ..Feed::default() });
        node.server = server;
        if !self.makes(Mistake::NoEpochAfterGap) && !self.makes(Mistake::NoEpochAtSubscription) {
            end_epoch(node);
        }
    }

    /// The primary carries out an update.
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

    /// A replica becomes the primary. The old one refuses writes and heartbeats from now on, and answers loads.
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

    /// A tick. Ages stop where they no longer make a difference, so time has no end and the states are finite.
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

/// No fill on its way may be installed, or given to one who waits, below this.
fn raise(node: &mut Node, stamp: Stamp) {
    for fill in node.fills.iter_mut().filter(|fill| !fill.floor.reaches(stamp)) {
        fill.floor = stamp;
    }
}

/// What was cached, and what is on its way, belongs to the past; there is no lease.
fn end_epoch(node: &mut Node) {
    node.lease = 0;
    node.copy.iter_mut().for_each(|copy| copy.current = false);
    node.fills.iter_mut().for_each(|fill| fill.current = false);
    node.write.iter_mut().for_each(|write| write.current = false);
}
