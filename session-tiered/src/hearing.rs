//! What the feed tells, and what this node's own calls were answered.

use std::sync::Arc;

use session_core::{
    model::{Delta, IdDigest, OpId, Record, Stamp},
    store::{ChangeKind, SessionChange},
};

use crate::{
    copy::{Copy, Known, Vouched},
    local::{Local, Work, broken},
};

/// A write of this node that the store has acknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written<'a> {
    pub(crate) stamp: Stamp,
    /// The op id and the delta, if it was applied just now.
    pub(crate) update: Option<(OpId, &'a Delta)>,
    pub(crate) deadlines: session_core::model::Deadlines,
    /// From when the request left.
    pub(crate) vouched: Vouched,
}

impl Local {
    /// A change, by whomever.
    pub(crate) fn hear(&self, change: &SessionChange) {
        let mut work = self.work(&change.digest);
        match change.kind {
            ChangeKind::Created | ChangeKind::Applied => work.hear_of_state(change),
            ChangeKind::Rotated { to, .. } => {
                work.leave(&change.digest);
                if let Some(after) = change.after {
                    work.raise(&to, after);
                    work.drop_absent(&to);
                    work.drop_older(after);
                }
            }
            // Ended, or of a kind that this version does not know.
            _ => work.leave(&change.digest),
        }
        work.done();
    }

    /// A write of this node: what is read here from now on has it.
    pub(crate) fn wrote(&self, digest: &IdDigest, written: Written<'_>) {
        let mut work = self.work(digest);
        work.raise(digest, written.stamp);
        work.drop_absent(digest);
        // Through an old id, or at a home that is about to be left.
        if work.home(written.stamp).is_some_and(|home| home != *digest) {
            work.drop_older(written.stamp);
        }
        work.catch_up(digest, written);
        work.done();
    }

    /// A rotation of this node: wherever the session was, it is at this digest now. By an old id that forwards, the one
    /// that it forwarded to is not known here.
    pub(crate) fn moved(&self, to: &IdDigest, stamp: Stamp) {
        let mut work = self.work(to);
        if let Some(home) = work.home(stamp).filter(|home| home != to) {
            work.leave(&home);
        }
        for (_, fill) in work.desk.fills.iter_mut().filter(|(digest, _)| *digest != to) {
            fill.floor.move_away(stamp.incarnation());
        }
        work.done();
    }

    /// The session is not at this digest any more, or nobody knows what became of it.
    pub(crate) fn evict(&self, digest: &IdDigest, is_ended: bool) {
        let mut work = self.work(digest);
        if is_ended {
            work.leave(digest);
        } else if work.take(digest) {
            self.counters.evicted.count();
        }
        work.done();
    }

    /// The session bears this stamp now: a copy with another one must not answer any more.
    pub(crate) fn told_of(&self, digest: &IdDigest, stamp: Stamp) {
        let mut work = self.work(digest);
        work.raise(digest, stamp);
        work.drop_older(stamp);
        if work.stamp(digest).is_some_and(|there| there.incarnation() != stamp.incarnation()) {
            work.take(digest);
        }
        work.done();
    }

    /// Deadlines were renewed.
    pub(crate) fn touched(&self, digest: &IdDigest, deadlines: session_core::model::Deadlines) {
        let mut work = self.work(digest);
        if let Some(renewed) = work.look(digest, |copy| copy.renewed(deadlines)).flatten() {
            work.put(*digest, renewed);
        }
        work.done();
    }

    /// The store was found to have lost what it had acknowledged.
    pub(crate) fn history_lost(&self) {
        self.counters.history_lost.count();
        #[cfg(feature = "tracing")]
        tracing::warn!(target: "session_tiered", "history_lost: the store answers with less than it had acknowledged");
    }
}

impl Work<'_> {
    fn hear_of_state(&mut self, change: &SessionChange) {
        let Some(after) = change.after else {
            self.leave(&change.digest);
            return;
        };
        self.raise(&change.digest, after);
        self.drop_absent(&change.digest);
        if self.home(after).is_some_and(|home| home != change.digest) {
            self.drop_older(after);
        }
        let Some(stamp) = self.stamp(&change.digest) else { return };
        // What is there already: an own write, or a fill that saw it.
        if stamp == after || stamp.incarnation() == after.incarnation() && stamp.version() > after.version() {
            return;
        }
        match (&change.delta, self.fits(stamp, change.before)) {
            (Some(delta), true) => self.patch(&change.digest, after, delta),
            _ => {
                self.take(&change.digest);
                self.local.counters.evicted.count();
            }
        }
    }

    /// Whether a change is one of exactly this state.
    fn fits(&self, stamp: Stamp, before: Option<Stamp>) -> bool {
        if broken!(self.local, PatchWrongStamp) {
            return before.is_some_and(|before| before.version() == stamp.version());
        }
        before == Some(stamp)
    }

    /// Applies a change to the copy: it stays.
    fn patch(&mut self, digest: &IdDigest, after: Stamp, delta: &Delta) {
        let patched = self.look(digest, |copy| {
            copy.record().map(|record| Copy::new(Known::Session(changed(record, after, delta, None)), copy.vouched))
        });
        if let Some(copy) = patched.flatten() {
            self.put(*digest, copy);
            self.local.counters.patched.count();
        }
    }

    /// Brings the copy to an own write. The store vouches for what it has just answered, so a copy that has the same
    /// history is as good as a fill.
    fn catch_up(&mut self, digest: &IdDigest, written: Written<'_>) {
        let Written { stamp, update, deadlines, vouched } = written;
        let Some(there) = self.stamp(digest) else { return };
        let record = |copy: &Copy| -> Option<Arc<Record>> {
            let record = copy.record()?;
            if there == stamp {
                return Some(Arc::new(Record::clone(record).with_deadlines(deadlines)));
            }
            let (_, delta) = update.filter(|(op, _)| there.next(*op) == stamp)?;
            Some(changed(record, stamp, delta, Some(deadlines)))
        };
        match self.look(digest, record).flatten() {
            Some(record) => self.put(*digest, Copy::new(Known::Session(record), vouched)),
            // Later changes have come in already.
            None if there.incarnation() == stamp.incarnation() && there.version() > stamp.version() => {}
            None => {
                self.take(digest);
                self.local.counters.evicted.count();
            }
        }
    }

    /// Nothing older than this is to be installed.
    pub(crate) fn raise(&mut self, digest: &IdDigest, stamp: Stamp) {
        if let Some(fill) = self.desk.fills.get_mut(digest) {
            fill.floor.raise(stamp);
        }
    }

    fn drop_absent(&mut self, digest: &IdDigest) {
        if self.look(digest, |copy| copy.record().is_none()).unwrap_or(false) {
            self.take(digest);
        }
    }

    /// The session has ended, or is elsewhere.
    pub(crate) fn leave(&mut self, digest: &IdDigest) {
        if let Some(fill) = self.desk.fills.get_mut(digest) {
            fill.floor.end();
        }
        if self.take(digest) {
            self.local.counters.evicted.count();
        }
    }
}

/// The record after a change.
fn changed(
    record: &Record,
    stamp: Stamp,
    delta: &Delta,
    deadlines: Option<session_core::model::Deadlines>,
) -> Arc<Record> {
    let mut record = record.clone();
    let (old, ends, state) = record.parts_mut();
    *old = stamp;
    delta.apply_to(state);
    if let Some(deadlines) = deadlines {
        *ends = deadlines;
    }
    Arc::new(record)
}
