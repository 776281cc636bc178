//! Fills: who loads, what was known when the request left, and what becomes of the answer.

use session_core::{
    model::{IdDigest, Stamp, Timestamp},
    store::{Absent, Found, LoadOutcome},
};

use crate::{
    copy::{Copy, Vouched},
    fill::{Fill, FillId, Loading, Lowest, Standing},
    local::{Local, Work, broken},
};

/// What is known when a request leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure {
    pub(crate) asked_at: Timestamp,
    pub(crate) epoch: u64,
    /// The state that was seen here before. A store that answers with an older one has lost history.
    seen: Option<Stamp>,
}

/// A load that a caller waits for.
pub(crate) struct Awaited {
    pub(crate) loading: Loading,
    /// Whether it was begun for this caller, so that the request leaves after the call.
    pub(crate) is_own: bool,
    /// What the caller has seen here already.
    pub(crate) floor: Lowest,
}

impl Local {
    /// The load that the caller is to wait for: one in flight, if it may join, or a new one.
    pub(crate) fn enlist(
        &self,
        (digest, now): (&IdDigest, Timestamp),
        may_join: bool,
        begin: impl FnOnce(FillId) -> Loading,
    ) -> Awaited {
        let mut work = self.work(digest);
        let mut floor = Lowest::at(work.stamp(digest));
        if let Some(fill) = work.desk.fills.get(digest) {
            if let Some(stamp) = fill.floor.stamp {
                floor.raise(stamp);
            }
            // What has ended since was there when that request left. One that left long ago may bring what was replaced
            // long ago, if no word of that came; and one of an ended epoch, what a failover has lost.
            let epoch = work.partition.epoch.number();
            let is_young = fill
                .left
                .is_none_or(|(asked_at, left_in)| left_in == epoch && now.since(asked_at) < self.rules.term.duration());
            if may_join
                && is_young
                && !fill.floor.ended
                && fill.floor.moved.is_none()
                && let Some(loading) = fill.loading.upgrade()
            {
                return Awaited { loading, is_own: false, floor };
            }
        }
        let id = self.next_fill();
        let loading = begin(id);
        // The latest is the one to install; whoever waits for the one before still gets its answer.
        if let Some(weak) = loading.downgrade() {
            let fill = Fill { id, floor: Lowest::default(), left: None, loading: weak };
            work.desk.fills.insert(*digest, fill);
        }
        Awaited { loading, is_own: true, floor }
    }

    /// The request leaves now.
    pub(crate) fn depart(&self, digest: &IdDigest, id: FillId, now: Timestamp) -> Departure {
        let mut work = self.work(digest);
        let epoch = work.partition.epoch.number();
        if let Some(fill) = work.desk.fills.get_mut(digest).filter(|fill| fill.id == id) {
            fill.left = Some((now, epoch));
        }
        Departure { asked_at: now, epoch, seen: work.stamp(digest) }
    }

    /// From when a write of this node is vouched for, once it is acknowledged.
    pub(crate) fn depart_with_write(&self, digest: &IdDigest, now: Timestamp) -> Departure {
        Departure { asked_at: now, epoch: self.partition(digest).epoch.number(), seen: None }
    }

    /// The load is given up, or has failed.
    pub(crate) fn abandon(&self, digest: &IdDigest, id: FillId) {
        let mut work = self.work(digest);
        work.finish(digest, id);
    }

    /// The answer is there: installs it, if it may be, in one step with whatever patches or evicts the session.
    pub(crate) fn land(&self, digest: &IdDigest, id: FillId, departure: Departure, outcome: &LoadOutcome) {
        let mut work = self.work(digest);
        let heard = work.finish(digest, id);
        work.settle(digest, departure, outcome, heard);
        work.done();
    }

    /// Whether the answer could be installed if nothing changed until then: the first half of a mistake.
    #[cfg(feature = "simulation")]
    pub(crate) fn would_land(&self, digest: &IdDigest, id: FillId, outcome: &LoadOutcome) -> bool {
        let work = self.work(digest);
        let heard = work.desk.fills.get(digest).filter(|fill| fill.id == id).map(|fill| fill.floor);
        heard.is_some_and(|heard| heard.judge(outcome) == Standing::Admitted)
    }

    /// Installs an answer without another look: the second half.
    #[cfg(feature = "simulation")]
    pub(crate) fn land_blindly(&self, digest: &IdDigest, id: FillId, departure: Departure, outcome: &LoadOutcome) {
        let mut work = self.work(digest);
        work.finish(digest, id);
        let vouched = Vouched {
            asked_at: departure.asked_at,
            store_now: Timestamp::default(),
            epoch: work.partition.epoch.number(),
        };
        if let Some(copy) = Copy::of(outcome, |store_now| Vouched { store_now, ..vouched }) {
            work.put(*digest, copy);
        }
        work.done();
    }
}

impl Work<'_> {
    /// Strikes a fill off the list, and gives what was heard while it was in flight. Nothing if a later one took its
    /// place.
    fn finish(&mut self, digest: &IdDigest, id: FillId) -> Option<Lowest> {
        match self.desk.fills.get(digest) {
            Some(fill) if fill.id == id => self.desk.fills.remove(digest).map(|fill| fill.floor),
            _ => None,
        }
    }

    fn settle(&mut self, digest: &IdDigest, departure: Departure, outcome: &LoadOutcome, heard: Option<Lowest>) {
        let counters = &self.local.counters;
        let Some(mut heard) = heard else {
            // A later fill was to bring as much. It may have read before this one did, so it is held to what is told now.
            match outcome {
                LoadOutcome::Found(found) => self.tell(digest, found),
                _ => self.leave(digest),
            }
            return;
        };
        if broken!(self.local, DropFloor) {
            heard.stamp = None;
        }
        if broken!(self.local, ForgetTombstone) {
            heard.ended = false;
        }
        match heard.judge(outcome) {
            Standing::Admitted => {}
            Standing::Below => {
                counters.fills_rejected.count();
                if let LoadOutcome::Found(found) = outcome {
                    self.tell(digest, found);
                }
                return;
            }
            Standing::Ended => {
                if let LoadOutcome::Found(found) = outcome {
                    counters.resurrections_refused.add(u64::from(found.forwarded.is_none()));
                    // That it has left the digest may have been heard before the store was asked: then it answers for
                    // where the session is.
                    self.tell(digest, found);
                }
                return;
            }
        }
        if is_rewound(departure.seen, outcome) {
            self.local.history_lost();
        }
        self.install(digest, departure, outcome);
    }

    fn install(&mut self, digest: &IdDigest, departure: Departure, outcome: &LoadOutcome) {
        let found = match outcome {
            LoadOutcome::Found(found) => Some(found),
            LoadOutcome::Absent(Absent::NotFound(_)) => None,
            _ => {
                self.take(digest);
                return;
            }
        };
        if let Some(found) = found {
            let stamp = found.record.stamp();
            if found.forwarded.is_some() {
                // The session is not here.
                self.take(digest);
                self.tell(digest, found);
                return;
            }
            if !self.bring_home(digest, stamp) {
                return;
            }
        }
        let is_late = departure.epoch != self.partition.epoch.number();
        if is_late {
            self.local.counters.fills_rejected.count();
        }
        let vouched = |store_now| Vouched { asked_at: departure.asked_at, store_now, epoch: departure.epoch };
        if let Some(mut copy) = Copy::of(outcome, vouched) {
            if let Some(renewed) = self.look(digest, |there| later_deadlines(there, &copy)).flatten() {
                copy = renewed;
            }
            self.put(*digest, copy);
        }
    }

    /// Drops the copy of a session at another digest: one of the two is from before the session moved. False if it may be
    /// this one.
    fn bring_home(&mut self, digest: &IdDigest, stamp: Stamp) -> bool {
        let Some(home) = self.home(stamp).filter(|home| home != digest) else { return true };
        let present = self.partition.epoch.number();
        // A copy of an ended epoch may have missed the move, and nobody might ever ask for it again.
        let there = self.look(&home, |copy| copy.stamp().filter(|_| copy.vouched.epoch == present)).flatten();
        let is_newer = there.is_some_and(|there| there.version() >= stamp.version());
        if is_newer {
            self.take(digest);
        }
        // A move changes no version by itself, so of two equal ones neither is known to be the later: the next load tells.
        if there.is_none_or(|there| there.version() <= stamp.version()) {
            self.take(&home);
        }
        !is_newer
    }

    /// An answer is told and not installed. It must not be taken back: where the session is, nothing may be older, neither
    /// a copy nor an answer that is on its way.
    fn tell(&mut self, digest: &IdDigest, found: &Found) {
        let stamp = found.record.stamp();
        self.raise(&found.forwarded.unwrap_or(*digest), stamp);
        self.drop_older(stamp);
    }

    /// Drops the copy of a session, wherever it is, if it is older than this stamp.
    pub(crate) fn drop_older(&mut self, stamp: Stamp) {
        if let Some(home) = self.home(stamp)
            && self.stamp(&home).is_some_and(|there| there != stamp && there.version() <= stamp.version())
        {
            self.take(&home);
        }
    }
}

/// A touch may have been answered while the load was in flight.
fn later_deadlines(there: &Copy, copy: &Copy) -> Option<Copy> {
    if there.stamp() == copy.stamp() { copy.renewed(there.record()?.deadlines()) } else { None }
}

/// Whether the store answers with less than what it had acknowledged: an older state, or another history.
fn is_rewound(seen: Option<Stamp>, outcome: &LoadOutcome) -> bool {
    match (seen, outcome) {
        (Some(seen), LoadOutcome::Found(found)) => {
            let stamp = found.record.stamp();
            stamp.incarnation() == seen.incarnation() && stamp != seen && stamp.version() <= seen.version()
        }
        _ => false,
    }
}
