//! A local copy.

use std::{sync::Arc, time::Duration};

use session_core::{
    model::{Deadlines, Ended, Record, Stamp, Timestamp},
    store::{Absent, Found, LoadOutcome, Touched},
};

/// What the cache knows about one digest.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Session(Arc<Record>),
    /// No session. If one was ended: why, and when.
    Absent(Option<Ended>),
}

/// Which request a copy goes back to. The store vouches for the copy from when that request left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Provenance {
    /// When the request left, on the local clock.
    pub(crate) asked_at: Timestamp,
    /// When the store answered, on the store's clock.
    pub(crate) store_now: Timestamp,
    /// The epoch in which the request left.
    pub(crate) epoch: u64,
}

/// A local copy. It is immutable: a patch replaces it with another one.
#[derive(Debug)]
pub(crate) struct Copy {
    pub(crate) content: Content,
    pub(crate) provenance: Provenance,
    /// The weight that the evictor knows for this copy.
    pub(crate) reported_weight: u32,
}

impl Provenance {
    /// The store's time, counted on the local clock from when the request left: never behind the true one.
    pub(crate) fn store_time(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(self.store_now.as_millis().saturating_add(self.age_millis(now)))
    }

    /// The same as [`age`](Self::age) in milliseconds. Every hit calls it, and constructing a `Duration` would cost more
    /// than the rest of the check.
    pub(crate) fn age_millis(&self, now: Timestamp) -> u64 {
        now.as_millis().saturating_sub(self.asked_at.as_millis())
    }

    /// The time since the request left.
    pub(crate) fn age(&self, now: Timestamp) -> Duration {
        now.since(self.asked_at)
    }
}

impl Copy {
    pub(crate) fn new(content: Content, provenance: Provenance) -> Self {
        Self { content, provenance, reported_weight: 0 }
    }

    /// The copy of a store's answer, if the answer can be cached.
    pub(crate) fn from_answer(outcome: &LoadOutcome, provenance: impl FnOnce(Timestamp) -> Provenance) -> Option<Self> {
        match outcome {
            LoadOutcome::Found(found) => Some(Self::new(Content::Session(found.record.clone()), provenance(found.now))),
            // The age of an absence counts from now; the time on the store's clock plays no part in it.
            LoadOutcome::Absent(Absent::NotFound(ended)) => {
                Some(Self::new(Content::Absent(*ended), provenance(Timestamp::default())))
            }
            _ => None,
        }
    }

    pub(crate) fn stamp(&self) -> Option<Stamp> {
        match &self.content {
            Content::Session(record) => Some(record.stamp()),
            Content::Absent(_) => None,
        }
    }

    pub(crate) fn record(&self) -> Option<&Arc<Record>> {
        match &self.content {
            Content::Session(record) => Some(record),
            Content::Absent(_) => None,
        }
    }

    pub(crate) fn is_session(&self) -> bool {
        matches!(self.content, Content::Session(_))
    }

    /// Whether the session's deadline has passed. Only the store knows then whether it was renewed.
    #[inline]
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        match &self.content {
            Content::Session(record) => self.provenance.store_time(now) >= record.deadlines().expires_at(),
            Content::Absent(_) => false,
        }
    }

    /// The answer of this copy to a caller that may have a state of its own.
    #[inline]
    pub(crate) fn answer(&self, known: Option<Stamp>, now: Timestamp) -> LoadOutcome {
        match &self.content {
            Content::Session(record) => {
                let store_time = self.provenance.store_time(now);
                match known {
                    Some(known) if known == record.stamp() => LoadOutcome::Unchanged(Touched {
                        stamp: known,
                        deadlines: record.deadlines(),
                        now: store_time,
                        forwarded: None,
                    }),
                    _ => LoadOutcome::Found(Found {
                        record: record.clone(),
                        now: store_time,
                        forwarded: None,
                        staleness: None,
                    }),
                }
            }
            Content::Absent(ended) => {
                let older = |ended: Ended| Ended {
                    reason: ended.reason,
                    age: ended.age.saturating_add(self.provenance.age(now)),
                };
                LoadOutcome::Absent(Absent::NotFound(ended.map(older)))
            }
        }
    }

    /// The same session after a touch that was answered with this stamp: with these deadlines, if they are later than its
    /// own, and with its renewal confirmed or not. Answers arrive in any order, so earlier deadlines are out of date; and so
    /// are those of an earlier state, since an update may have replaced them. `None` if nothing changes.
    pub(crate) fn touched(&self, stamp: Stamp, deadlines: Deadlines, confirms: bool) -> Option<Self> {
        let record = self.record()?;
        let is_same = stamp.incarnation() == record.stamp().incarnation();
        let is_current = is_same && stamp.version() >= record.stamp().version();
        let renews = is_current && deadlines.expires_at() > record.deadlines().expires_at();
        let unconfirmed = record.is_unconfirmed() && !confirms;
        if !renews && unconfirmed == record.is_unconfirmed() {
            return None;
        }
        let deadlines = if renews { deadlines } else { record.deadlines() };
        let record = Record::clone(record).with_deadlines(deadlines).with_unconfirmed(unconfirmed);
        Some(Self::new(Content::Session(Arc::new(record)), self.provenance))
    }

    /// The approximate memory of this copy, from the growth of processes that held many copies and replaced many.
    pub(crate) fn weight(&self) -> u32 {
        /// The copy, its places in the maps and in the evictor's books; and each entry. An eighth of both accounts for
        /// memory of replaced copies that the allocator cannot reuse at once.
        const FIXED: usize = 760;
        const ENTRY: usize = 76;
        let (entries, bytes) =
            self.record().map_or((0, 0), |record| (record.state().len(), record.state().size_in_bytes()));
        u32::try_from(FIXED + entries * ENTRY + bytes).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use session_core::model::EndReason;

    use super::*;

    #[test]
    fn the_greatest_age_does_not_overflow() {
        let ended = Ended { reason: EndReason::Logout, age: Duration::MAX };
        let provenance = Provenance { asked_at: Timestamp::default(), store_now: Timestamp::default(), epoch: 1 };
        let copy = Copy::new(Content::Absent(Some(ended)), provenance);
        let answer = copy.answer(None, Timestamp::from_millis(1));
        assert_eq!(answer, LoadOutcome::Absent(Absent::NotFound(Some(ended))));
    }
}
