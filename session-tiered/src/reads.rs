//! Loads: from a copy that may answer, or from the store.

use std::sync::Arc;

use futures_util::FutureExt as _;
use session_core::{
    Error, ErrorKind, Floor, LoadOptions, ReadLevel, SessionId,
    model::{IdDigest, Record, Stamp},
    store::{Found, LoadOutcome, SessionStore, Touched},
};

use crate::{
    fill::{Answer, FillId, Loading},
    inner::Inner,
    landing::{Awaited, Departure},
};

impl<R: SessionStore + 'static> Inner<R> {
    /// The answer of a local copy. Waits for nothing and locks nothing.
    pub(crate) fn local_answer(self: &Arc<Self>, id: &SessionId, options: &LoadOptions) -> Option<LoadOutcome> {
        if options.level != ReadLevel::Local {
            return None;
        }
        let now = self.clock.now();
        let answer = self.local.hit(id.digest(), options, now)?;
        if self.is_check_due(now) {
            self.begin_check(id);
        }
        Some(answer)
    }

    /// The answer of the store. Callers who miss the same session at the same time share one load.
    pub(crate) async fn fetch(self: &Arc<Self>, id: &SessionId, options: LoadOptions) -> Answer {
        self.local.counters.misses.count();
        let mut may_join = options.level == ReadLevel::Local;
        loop {
            let at = (id.digest(), self.clock.now());
            let Awaited { loading, is_own, floor } =
                self.local.enlist(at, may_join, |fill| self.clone().begin(*id, fill));
            if !is_own {
                self.local.counters.joined.count();
            }
            let outcome = match loading.await {
                Ok(outcome) => outcome,
                Err(error) => return self.stale_answer(id.digest(), options, error),
            };
            // A request of its own left after all that the caller has seen, here or elsewhere.
            if is_own && floor.admits(&outcome) && !admits(options.floor, &outcome) {
                self.local.history_lost();
            }
            if is_own || may_share(floor.stamp, options.floor, &outcome) {
                return Ok(tailored(outcome, options));
            }
            may_join = false;
        }
    }

    /// A load of the store, and what becomes of its answer.
    fn begin(self: Arc<Self>, id: SessionId, fill: FillId) -> Loading {
        let load = async move {
            let flight = Flight { inner: &self, digest: id.digest(), fill, has_landed: false };
            // A store that comes back is not stormed by all who want to know whether their copies still hold.
            let _permit = match self.local.stamp(id.digest()) {
                Some(_) => self.revalidations.acquire().await.ok(),
                None => None,
            };
            let departure = self.local.depart(id.digest(), fill, self.clock.now());
            let copy = self.local.last_known(id.digest()).map(|(record, ..)| record);
            let mut options = LoadOptions::default().with_level(ReadLevel::Store);
            options.known = copy.as_ref().map(|record| record.stamp());
            let outcome = match (self.ask(self.remote.load(&id, options)).await?, copy) {
                (LoadOutcome::Unchanged(touched), Some(record)) => {
                    self.local.counters.revalidated.count();
                    LoadOutcome::Found(vouched(record, touched))
                }
                (outcome, _) => outcome,
            };
            flight.land(departure, &outcome).await;
            Ok(outcome)
        };
        load.boxed().shared()
    }

    /// The store did not answer: a copy, if the caller will have it.
    fn stale_answer(&self, digest: &IdDigest, options: LoadOptions, error: Error) -> Answer {
        let is_down =
            matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::OutcomeUnknown | ErrorKind::Overloaded);
        let Some(limit) = options.stale_if_error.filter(|_| is_down) else { return Err(error) };
        let now = self.clock.now();
        let Some((record, vouched, known_at)) = self.local.last_known(digest) else { return Err(error) };
        let (age, store_time) = (now.since(known_at), vouched.store_time(now));
        if age > limit || record.deadlines().is_expired(store_time) {
            return Err(error);
        }
        self.local.counters.served_stale.count();
        Ok(LoadOutcome::Found(Found::new(record, store_time).with_staleness(age)))
    }
}

/// A load in flight. However it ends, it is struck off the list.
struct Flight<'a, R> {
    inner: &'a Inner<R>,
    digest: &'a IdDigest,
    fill: FillId,
    has_landed: bool,
}

impl<R> Flight<'_, R> {
    #[cfg_attr(not(feature = "simulation"), expect(clippy::unused_async, reason = "a mistake to be made waits"))]
    async fn land(mut self, departure: Departure, outcome: &LoadOutcome) {
        self.has_landed = true;
        let local = &self.inner.local;
        #[cfg(feature = "simulation")]
        if local.rules.simulation.mutant == Some(crate::Mutant::CheckThenInsert) {
            if local.would_land(self.digest, self.fill, outcome) {
                self.inner.clock.sleep(std::time::Duration::from_millis(5)).await;
                local.land_blindly(self.digest, self.fill, departure, outcome);
            } else {
                local.abandon(self.digest, self.fill);
            }
            return;
        }
        local.land(self.digest, self.fill, departure, outcome);
    }
}

impl<R> Drop for Flight<'_, R> {
    fn drop(&mut self) {
        if !self.has_landed {
            self.inner.local.abandon(self.digest, self.fill);
        }
    }
}

/// A copy that the store says is the present state.
fn vouched(record: Arc<Record>, touched: Touched) -> Found {
    let record = if record.deadlines() == touched.deadlines {
        record
    } else {
        Arc::new(Record::clone(&record).with_deadlines(touched.deadlines))
    };
    Found::new(record, touched.now).with_forwarded(touched.forwarded)
}

/// Whether the answer to a request that left before the call will do for a caller who has seen this.
fn may_share(seen: Option<Stamp>, floor: Option<Floor>, outcome: &LoadOutcome) -> bool {
    match outcome {
        // What was seen of a session that has moved was seen at its home, of which nobody knew on joining.
        LoadOutcome::Found(found) if found.forwarded.is_some() => false,
        LoadOutcome::Found(_) => admits(seen.map(Stamp::floor), outcome) && admits(floor, outcome),
        // There may have been none yet. To whom has seen one, only a request of its own can say that it has ended.
        _ => seen.is_none() && floor.is_none(),
    }
}

fn admits(floor: Option<Floor>, outcome: &LoadOutcome) -> bool {
    match (floor, outcome) {
        (Some(floor), LoadOutcome::Found(found)) => floor.admits(found.record.stamp()),
        _ => true,
    }
}

/// What a caller that has a copy of its own wants to hear.
fn tailored(outcome: LoadOutcome, options: LoadOptions) -> LoadOutcome {
    match outcome {
        LoadOutcome::Found(found) if options.known == Some(found.record.stamp()) => {
            let touched = Touched::new(found.record.deadlines(), found.now);
            LoadOutcome::Unchanged(touched.with_forwarded(found.forwarded))
        }
        outcome => outcome,
    }
}
