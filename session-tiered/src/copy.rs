//! A local copy.

use std::{sync::Arc, time::Duration};

use session_core::{
    model::{Deadlines, Ended, Record, Stamp, Timestamp},
    store::{Absent, Found, LoadOutcome, Touched},
};

/// What is known of one digest.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    Session(Arc<Record>),
    /// No session; if one was ended, why and when.
    Absent(Option<Ended>),
}

/// What the store answered, and when it was asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vouched {
    /// On the local clock: when the request left. The store vouches for the copy from then on.
    pub(crate) asked_at: Timestamp,
    /// On the store's clock: when it answered.
    pub(crate) store_now: Timestamp,
    /// The epoch in which the request left.
    pub(crate) epoch: u64,
}

/// A local copy. It is never changed: a patch puts another one in its place.
#[derive(Debug)]
pub(crate) struct Copy {
    pub(crate) known: Known,
    pub(crate) vouched: Vouched,
    /// What the keeper was told that it takes in memory.
    pub(crate) told_weight: u32,
}

impl Vouched {
    /// The store's time, counted on the local clock from when the request left: never behind the true one.
    pub(crate) fn store_time(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(self.store_now.as_millis().saturating_add(self.age_millis(now)))
    }

    /// The same as [`age`](Self::age); on the way of every hit, where making durations takes longer than all the rest.
    pub(crate) fn age_millis(&self, now: Timestamp) -> u64 {
        now.as_millis().saturating_sub(self.asked_at.as_millis())
    }

    /// For how long the store has not been asked.
    pub(crate) fn age(&self, now: Timestamp) -> Duration {
        now.since(self.asked_at)
    }
}

impl Copy {
    pub(crate) fn new(known: Known, vouched: Vouched) -> Self {
        Self { known, vouched, told_weight: 0 }
    }

    /// What a store answered, if it can be kept.
    pub(crate) fn of(outcome: &LoadOutcome, vouched: impl FnOnce(Timestamp) -> Vouched) -> Option<Self> {
        match outcome {
            LoadOutcome::Found(found) => Some(Self::new(Known::Session(found.record.clone()), vouched(found.now))),
            // Its age counts from now on; what the store's clock shows does not matter.
            LoadOutcome::Absent(Absent::NotFound(ended)) => {
                Some(Self::new(Known::Absent(*ended), vouched(Timestamp::default())))
            }
            _ => None,
        }
    }

    pub(crate) fn stamp(&self) -> Option<Stamp> {
        match &self.known {
            Known::Session(record) => Some(record.stamp()),
            Known::Absent(_) => None,
        }
    }

    pub(crate) fn record(&self) -> Option<&Arc<Record>> {
        match &self.known {
            Known::Session(record) => Some(record),
            Known::Absent(_) => None,
        }
    }

    /// The answer that it gives, unless its deadline has passed: then only the store knows.
    pub(crate) fn answer(&self, known: Option<Stamp>, now: Timestamp) -> Option<LoadOutcome> {
        match &self.known {
            Known::Session(record) => {
                let store_time = self.vouched.store_time(now);
                if record.deadlines().is_expired(store_time) {
                    return None;
                }
                Some(match known {
                    Some(known) if known == record.stamp() => {
                        LoadOutcome::Unchanged(Touched::new(record.deadlines(), store_time))
                    }
                    _ => LoadOutcome::Found(Found::new(record.clone(), store_time)),
                })
            }
            Known::Absent(ended) => {
                let older = |ended: Ended| Ended::new(ended.reason, ended.age.saturating_add(self.vouched.age(now)));
                Some(LoadOutcome::Absent(Absent::NotFound(ended.map(older))))
            }
        }
    }

    /// The same session with other deadlines, as far as they lie later: answers come in any order.
    pub(crate) fn renewed(&self, deadlines: Deadlines) -> Option<Self> {
        let record = self.record()?;
        if deadlines.expires_at() <= record.deadlines().expires_at() {
            return None;
        }
        let record = Record::clone(record).with_deadlines(deadlines);
        Some(Self::new(Known::Session(Arc::new(record)), self.vouched))
    }

    /// Roughly what it takes in memory, by the growth of processes that held many and replaced many.
    pub(crate) fn weight(&self) -> u32 {
        /// Of the copy and its places in the maps and in the keeper's books, and of each entry. An eighth of both is for
        /// what copies leave behind that are replaced, and an allocator cannot use again at once.
        const FIXED: usize = 760;
        const ENTRY: usize = 76;
        let size = self.record().map(|record| record.state().size()).unwrap_or_default();
        u32::try_from(FIXED + size.entries * ENTRY + size.bytes).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use session_core::model::EndReason;

    use super::*;

    #[test]
    fn no_age_that_a_store_tells_is_too_much() {
        let ended = Ended::new(EndReason::Logout, Duration::MAX);
        let vouched = Vouched { asked_at: Timestamp::default(), store_now: Timestamp::default(), epoch: 1 };
        let copy = Copy::new(Known::Absent(Some(ended)), vouched);
        let answer = copy.answer(None, Timestamp::from_millis(1));
        assert_eq!(answer, Some(LoadOutcome::Absent(Absent::NotFound(Some(ended)))));
    }
}
