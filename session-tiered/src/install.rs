//! Fills: which load a caller waits for, what is known when its request leaves, and whether its answer is installed.

use std::sync::Arc;

use session_core::{
    model::{IdDigest, Record, Stamp, Timestamp},
    store::{Absent, Found, LoadOutcome},
};

use crate::{
    copy::{Copy, Provenance},
    fill::{Admission, Fill, FillFloor, FillId, SharedLoad},
    local_cache::LocalCache,
    partition_guard::PartitionGuard,
};

/// What is known when a request leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure {
    asked_at: Timestamp,
    epoch: u64,
    /// The state of the copy at that moment. A store that answers with an older one has lost history.
    seen: Option<Stamp>,
}

impl Departure {
    /// The provenance of an answer that the store gave at this time of its clock.
    pub(crate) fn provenance(self, store_now: Timestamp) -> Provenance {
        Provenance { asked_at: self.asked_at, store_now, epoch: self.epoch }
    }

    /// Whether the store has answered with less than it had acknowledged: an older state, or another history.
    pub(crate) fn is_rewound_to(self, stamp: Stamp) -> bool {
        let is_older = |seen: Stamp| stamp != seen && stamp.version() <= seen.version();
        self.seen.is_some_and(|seen| stamp.incarnation() == seen.incarnation() && is_older(seen))
    }
}

/// A load that a caller waits for.
pub(crate) struct PendingLoad {
    pub(crate) load: SharedLoad,
    /// Whether it was begun for this caller, so that its request leaves after the call.
    pub(crate) is_own: bool,
    /// What this node has already seen of the session.
    pub(crate) floor: FillFloor,
}

impl LocalCache {
    /// The load in flight, if the caller may join it, or a new one. `begin` is told whether there is a copy.
    pub(crate) fn join_or_begin(
        &self,
        (digest, now): (&IdDigest, Timestamp),
        may_join: bool,
        begin: impl FnOnce(FillId, bool) -> SharedLoad,
    ) -> PendingLoad {
        let mut guard = self.lock(digest);
        let copy = guard.stamp(digest);
        let mut floor = FillFloor::at(copy);
        if let Some(fill) = guard.state.fills.get(digest) {
            if let Some(stamp) = fill.floor.stamp {
                floor.raise(stamp);
            }
            if may_join
                && guard.is_joinable(fill, now)
                && let Some(load) = fill.load.upgrade()
            {
                return PendingLoad { load, is_own: false, floor };
            }
        }
        let id = self.next_fill();
        let load = begin(id, copy.is_some());
        // Only the latest fill is installed. Callers of the one before still get its answer.
        if let Some(weak) = load.downgrade() {
            let fill = Fill { id, floor: FillFloor::default(), departed: None, load: weak };
            guard.state.fills.insert(*digest, fill);
        }
        PendingLoad { load, is_own: true, floor }
    }

    /// The request of a fill leaves now. Returns what is known at this moment, and the record of the copy.
    pub(crate) fn depart(&self, digest: &IdDigest, id: FillId, now: Timestamp) -> (Departure, Option<Arc<Record>>) {
        let mut guard = self.lock(digest);
        let epoch = guard.partition.epoch.number();
        if let Some(fill) = guard.state.fills.get_mut(digest).filter(|fill| fill.id == id) {
            fill.departed = Some((now, epoch));
        }
        let copy = guard.peek(digest, |copy| copy.record().cloned()).flatten();
        (Departure { asked_at: now, epoch, seen: copy.as_ref().map(|record| record.stamp()) }, copy)
    }

    /// The request of a write of this node leaves now.
    pub(crate) fn depart_with_write(&self, digest: &IdDigest, now: Timestamp) -> Departure {
        let seen = self.copies.pin().get(digest).and_then(Copy::stamp);
        Departure { asked_at: now, epoch: self.partition(digest).epoch.number(), seen }
    }

    /// A fill ended without an answer.
    pub(crate) fn abandon(&self, digest: &IdDigest, id: FillId) {
        self.lock(digest).finish(digest, id);
    }

    /// The answer to a fill has arrived. The check whether it may be installed and the installation are one step under the
    /// lock, which also excludes patches and evictions of the session.
    pub(crate) fn install(&self, digest: &IdDigest, id: FillId, departure: Departure, outcome: &LoadOutcome) {
        let mut guard = self.lock(digest);
        if let LoadOutcome::Found(Found { forwarded: Some(at), .. }) = outcome {
            guard.state.record_forward(*digest, *at);
        }
        match guard.finish(digest, id) {
            Some(floor) => guard.install_checked(digest, departure, outcome, floor),
            None => guard.hand_over(digest, outcome),
        }
    }
}

impl PartitionGuard<'_> {
    /// Whether a caller that comes now may share this fill.
    ///
    /// A session that has ended since may still have been there when the request left. An answer to a request that left
    /// long ago may have been replaced long ago, if the message of that was lost. An answer to a request of an ended epoch
    /// may be a state that a failover has lost.
    fn is_joinable(&self, fill: &Fill, now: Timestamp) -> bool {
        let epoch = self.partition.epoch.number();
        let term = self.local.rules.term.duration();
        let is_recent = fill.departed.is_none_or(|(at, departed_in)| departed_in == epoch && now.since(at) < term);
        is_recent && !fill.floor.ended && fill.floor.moved.is_none()
    }

    /// Removes a fill that has ended and returns its floor. `None` if a later fill has taken its place.
    fn finish(&mut self, digest: &IdDigest, id: FillId) -> Option<FillFloor> {
        match self.state.fills.get(digest) {
            Some(fill) if fill.id == id => self.state.fills.remove(digest).map(|fill| fill.floor),
            _ => None,
        }
    }

    /// A later fill has taken this one's place, and only that one is installed. It may have read the store before this one
    /// did, so its answer must not be older than this one.
    fn hand_over(&mut self, digest: &IdDigest, outcome: &LoadOutcome) {
        match outcome {
            LoadOutcome::Found(found) => self.keep_monotonic(digest, found),
            _ => self.evict_ended(digest),
        }
    }

    fn install_checked(&mut self, digest: &IdDigest, departure: Departure, outcome: &LoadOutcome, floor: FillFloor) {
        let counters = &self.local.counters;
        match (floor.admission(outcome), outcome) {
            (Admission::Admitted, _) => {
                if let LoadOutcome::Found(found) = outcome
                    && departure.is_rewound_to(found.record.stamp())
                {
                    self.local.history_lost();
                }
                self.install_admitted(digest, departure, outcome);
            }
            (Admission::Below, LoadOutcome::Found(found)) => {
                counters.fills_rejected.count();
                self.keep_monotonic(digest, found);
            }
            (Admission::Below, _) => {
                counters.fills_rejected.count();
                // Callers are told that the session has ended or was superseded. That may be later than the change that
                // raised the floor, so the copy must not answer any more; the next load decides.
                if self.remove(digest) {
                    self.local.counters.evicted.count();
                }
            }
            (Admission::Ended, LoadOutcome::Found(found)) => {
                counters.resurrections_refused.add(u64::from(found.forwarded.is_none()));
                // The change that moved the session may have arrived before the request left. Then the answer comes from
                // the session's new digest.
                self.keep_monotonic(digest, found);
            }
            (Admission::Ended, _) => {}
        }
    }

    fn install_admitted(&mut self, digest: &IdDigest, departure: Departure, outcome: &LoadOutcome) {
        match outcome {
            LoadOutcome::Found(found) if found.forwarded.is_some() => {
                // The session is at another digest.
                self.remove(digest);
                self.keep_monotonic(digest, found);
                return;
            }
            LoadOutcome::Found(found) => {
                if !self.claim_location(digest, found.record.stamp()) {
                    return;
                }
            }
            LoadOutcome::Absent(Absent::NotFound(_)) => {}
            _ => {
                self.remove(digest);
                return;
            }
        }
        if departure.epoch != self.partition.epoch.number() {
            self.local.counters.fills_rejected.count();
        }
        // A copy of an ended epoch does not answer; it makes the next load a conditional one.
        if let Some(copy) = Copy::from_answer(outcome, |store_now| departure.provenance(store_now)) {
            let renewed = self.peek(digest, |old| with_later_deadlines(&copy, old)).flatten();
            self.insert(*digest, renewed.unwrap_or(copy));
        }
    }

    /// Removes the copy of a session at another digest, because one of the two is from before the session moved. False if
    /// that may be the one to be installed here.
    fn claim_location(&mut self, digest: &IdDigest, stamp: Stamp) -> bool {
        let Some(other) = self.location(stamp).filter(|location| location != digest) else { return true };
        let epoch = self.partition.epoch.number();
        // A copy of an ended epoch may have missed the move, and perhaps no caller will ever revalidate it.
        let current = self.peek(&other, |copy| copy.stamp().filter(|_| copy.provenance.epoch == epoch)).flatten();
        let is_other_newer = current.is_some_and(|current| current.version() >= stamp.version());
        if is_other_newer {
            self.remove(digest);
        }
        // A move alone changes no version. Of two equal versions neither is known to be the later, so both copies go and
        // the next load decides.
        if current.is_none_or(|current| current.version() <= stamp.version()) {
            self.remove(&other);
        }
        !is_other_newer
    }

    /// Keeps reads monotonic after an answer that is returned to callers and not installed: nothing older may be served
    /// from now on where the session is, neither from a copy nor from a fill in flight, and no absence.
    fn keep_monotonic(&mut self, digest: &IdDigest, found: &Found) {
        let (stamp, at) = (found.record.stamp(), found.forwarded.unwrap_or(*digest));
        self.raise_floor(&at, stamp);
        self.remove_older(stamp);
        self.remove_absent(digest);
        self.remove_absent(&at);
    }
}

/// The new copy with the old one's deadlines, if both are of one state and those are later: a touch may have been answered
/// while the load was in flight.
fn with_later_deadlines(copy: &Copy, old: &Copy) -> Option<Copy> {
    if old.stamp() == copy.stamp() {
        copy.touched(copy.stamp()?, old.record()?.deadlines(), !old.record()?.is_unconfirmed())
    } else {
        None
    }
}
