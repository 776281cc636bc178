//! Changes from the feed, and this node's own acknowledged writes, applied to the copies.

use std::sync::Arc;

use session_core::{
    Principal,
    model::{Deadlines, Delta, IdDigest, OpId, Record, Stamp},
    store::{ChangeKind, RotationKind, SessionChange, Touched},
};

use crate::{
    copy::{Content, Copy, Provenance},
    local_cache::LocalCache,
    partition_guard::PartitionGuard,
};

/// A write of this node that the store has acknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnWrite<'a> {
    pub(crate) stamp: Stamp,
    /// The op id and the delta, if this request applied them.
    pub(crate) update: Option<(OpId, &'a Delta)>,
    /// Whether it has used the session's own id, which confirms a renewal.
    pub(crate) confirms: bool,
    pub(crate) deadlines: Deadlines,
    pub(crate) provenance: Provenance,
    /// Whether the store had acknowledged a later state before the write left, and has lost it.
    pub(crate) is_rewound: bool,
}

impl LocalCache {
    /// Applies a change from the feed, whichever node made it. Returns whether it was applied to a copy in place.
    pub(crate) fn apply_change(&self, change: &SessionChange) -> bool {
        let mut guard = self.lock(&change.digest);
        match change.kind {
            ChangeKind::Created | ChangeKind::Applied => return guard.apply_state_change(change),
            ChangeKind::Rotated { to, .. } => {
                guard.evict_ended(&change.digest);
                if let Some(after) = change.after {
                    guard.raise_floor(&to, after);
                    guard.remove_absent(&to);
                    guard.remove_older(after);
                }
            }
            // The session has ended, or the kind is unknown to this version.
            _ => guard.evict_ended(&change.digest),
        }
        false
    }

    /// Applies a write of this node: every read from now on sees it.
    pub(crate) fn apply_own_write(&self, digest: &IdDigest, write: OwnWrite<'_>) {
        let mut guard = self.lock(digest);
        if write.is_rewound {
            // After a failover, calls may reach the new primary before the feed does. The copy is of the history that is
            // lost, so it does not have this write.
            self.history_lost();
            if guard.remove(digest) {
                self.counters.evicted.count();
            }
        }
        guard.raise_floor(digest, write.stamp);
        guard.remove_absent(digest);
        // The write went through an old id, or the session is about to leave that digest.
        if guard.location(write.stamp).is_some_and(|location| location != *digest) {
            guard.remove_older(write.stamp);
        }
        guard.catch_up(digest, write);
    }

    /// Applies a rotation by this node at `from`: the session is at `to` now, wherever it was. The answer to a rotation
    /// through an old id that forwards does not say which digest the session has left.
    pub(crate) fn apply_own_rotation(&self, from: &IdDigest, (to, kind): (&IdDigest, RotationKind), stamp: Stamp) {
        let mut guard = self.lock(to);
        guard.evict_ended(from);
        // A sign-in of another principal has ended the session that the old id forwarded to, whose incarnation differs.
        if let Some(left) = guard.state.take_forward(from).filter(|left| left != to) {
            guard.evict_ended(&left);
        }
        if kind == RotationKind::Renew {
            guard.state.record_forward(*from, *to);
        }
        if let Some(location) = guard.location(stamp).filter(|location| location != to) {
            guard.evict_ended(&location);
        }
        for (_, fill) in guard.state.fills.iter_mut().filter(|(digest, _)| *digest != to) {
            fill.floor.move_away(stamp.incarnation());
        }
    }

    /// Drops a copy because the session's state is not known any more. If the id is an old one that is known to forward to
    /// another digest, the copy there is dropped too.
    pub(crate) fn evict(&self, digest: &IdDigest) {
        let mut guard = self.lock(digest);
        for at in [Some(*digest), guard.state.forward(digest)].into_iter().flatten() {
            if guard.remove(&at) {
                self.counters.evicted.count();
            }
        }
    }

    /// Remembers that an old id forwards to a digest.
    pub(crate) fn record_forward(&self, old: &IdDigest, to: IdDigest) {
        self.lock(old).state.record_forward(*old, to);
    }

    /// Drops a copy because the session has ended or has left this digest.
    pub(crate) fn evict_ended(&self, digest: &IdDigest) {
        self.lock(digest).evict_ended(digest);
    }

    /// Drops all copies of a principal's sessions but the one at `except`. Looks at every copy.
    pub(crate) fn evict_principal(&self, principal: &Principal, except: Option<&IdDigest>) {
        let is_theirs = |copy: &Copy| copy.record().is_some_and(|record| record.principal() == Some(principal));
        let theirs: Vec<IdDigest> = {
            let copies = self.copies.pin();
            let theirs = copies.iter().filter(|(digest, copy)| Some(*digest) != except && is_theirs(copy));
            theirs.map(|(digest, _)| *digest).collect()
        };
        theirs.iter().for_each(|digest| self.evict_ended(digest));
    }

    /// The session has this stamp now: a copy with another one must not answer any more.
    pub(crate) fn invalidate_older(&self, digest: &IdDigest, stamp: Stamp) {
        let mut guard = self.lock(digest);
        guard.raise_floor(digest, stamp);
        guard.remove_older(stamp);
        if guard.stamp(digest).is_some_and(|copy| copy.incarnation() != stamp.incarnation()) {
            guard.remove(digest);
        }
    }

    /// The store has renewed the deadlines of a session, and confirmed its renewal if its own id was used.
    pub(crate) fn apply_touch(&self, digest: &IdDigest, touched: &Touched, confirms: bool) {
        let mut guard = self.lock(digest);
        if let Some(renewed) =
            guard.peek(digest, |copy| copy.touched(touched.stamp, touched.deadlines, confirms)).flatten()
        {
            guard.insert(*digest, renewed);
        }
    }
}

impl PartitionGuard<'_> {
    /// Returns whether the change was applied in place.
    fn apply_state_change(&mut self, change: &SessionChange) -> bool {
        let Some(after) = change.after else {
            self.evict_ended(&change.digest);
            return false;
        };
        self.raise_floor(&change.digest, after);
        self.remove_absent(&change.digest);
        if self.location(after).is_some_and(|location| location != change.digest) {
            self.remove_older(after);
        }
        let Some(stamp) = self.stamp(&change.digest) else { return false };
        let follows = change.before == Some(stamp);
        let is_old = stamp == after || stamp.incarnation() == after.incarnation() && stamp.version() > after.version();
        // The copy has the change already, by an own write or by a fill that saw it.
        if is_old && !follows {
            return false;
        }
        // Whole stamps are compared: after a failover that lost updates, two states have one version. And the change must
        // lead from one to the other, so that what anybody else may have published is not applied under a stamp that the
        // store has given to another state.
        let leads_there = follows && change.op.is_some_and(|op| stamp.next(op) == after);
        match &change.delta {
            Some(delta) if leads_there => self.patch(&change.digest, after, delta),
            _ => {
                self.remove(&change.digest);
                self.local.counters.evicted.count();
                false
            }
        }
    }

    /// Applies a change to the copy in place. Returns whether there was one.
    fn patch(&mut self, digest: &IdDigest, after: Stamp, delta: &Delta) -> bool {
        let patched = self.peek(digest, |copy| {
            let record = copy.record()?;
            Some(Copy::new(Content::Session(Arc::new(changed(record, after, delta))), copy.provenance))
        });
        let Some(copy) = patched.flatten() else { return false };
        self.insert(*digest, copy);
        self.local.counters.patched.count();
        true
    }

    /// Brings the copy up to an own write. The store vouches for the state that it has just acknowledged, so a copy with
    /// the same history is as good as a fill.
    fn catch_up(&mut self, digest: &IdDigest, write: OwnWrite<'_>) {
        let OwnWrite { stamp, update, confirms, deadlines, provenance, .. } = write;
        let Some(current) = self.stamp(digest) else { return };
        let record = |copy: &Copy| -> Option<Arc<Record>> {
            let record = copy.record()?;
            let unconfirmed = record.is_unconfirmed() && !confirms;
            let written = if current == stamp {
                Record::clone(record)
            } else {
                let (_, delta) = update.filter(|(op, _)| current.next(*op) == stamp)?;
                changed(record, stamp, delta)
            };
            Some(Arc::new(written.with_deadlines(deadlines).with_unconfirmed(unconfirmed)))
        };
        match self.peek(digest, record).flatten() {
            Some(record) => self.insert(*digest, Copy::new(Content::Session(record), provenance)),
            // Later changes have arrived already.
            None if current.incarnation() == stamp.incarnation() && current.version() > stamp.version() => {}
            None => {
                self.remove(digest);
                self.local.counters.evicted.count();
            }
        }
    }
}

/// The record after a change.
fn changed(record: &Record, stamp: Stamp, delta: &Delta) -> Record {
    let mut state = record.state().clone();
    delta.apply_to(&mut state);
    record.with_state(stamp, state)
}
