//! Loads: from a copy that may answer, or from the store.

use std::sync::Arc;

use futures_util::FutureExt as _;
use session_core::{
    Error, ErrorKind, Floor, LoadOptions, ReadLevel, SessionId,
    model::{IdDigest, Record, Stamp},
    store::{Found, LoadOutcome, SessionStore, Touched},
};
use tokio::sync::SemaphorePermit;

use crate::{
    fill::{Answer, FillId, SharedLoad},
    install::{Departure, PendingLoad},
    local_cache::LastKnown,
    store::BACKEND,
    tiers::Tiers,
};

impl<R: SessionStore + 'static> Tiers<R> {
    /// The answer of a local copy. Takes no lock and never waits.
    pub(crate) fn local_answer(self: &Arc<Self>, id: &SessionId, options: &LoadOptions) -> Option<LoadOutcome> {
        if options.level != ReadLevel::Local {
            return None;
        }
        let now = self.clock.now();
        let answer = self.local.lookup(id.digest(), options, now)?;
        if self.is_check_due(now) {
            self.begin_check(id);
        }
        Some(answer)
    }

    /// The answer of the store. Callers that miss the same session at the same time share one load.
    pub(crate) async fn fetch(self: &Arc<Self>, id: &SessionId, options: LoadOptions) -> Answer {
        self.local.counters.misses.count();
        let mut may_join = options.level == ReadLevel::Local;
        loop {
            let at = (id.digest(), self.clock.now());
            let begin = |fill, has_copy| self.clone().begin(*id, fill, has_copy);
            let PendingLoad { load, is_own, floor } = self.local.join_or_begin(at, may_join, begin);
            if !is_own {
                self.local.counters.joined.count();
            }
            let outcome = match load.await {
                Ok(outcome) => outcome,
                Err(error) => return self.stale_answer(id.digest(), options, error),
            };
            // The request left after all that the caller has seen, here or elsewhere.
            if is_own && floor.admits(&outcome) && !admits(options.floor, &outcome) {
                self.local.counters.floors_unmet.count();
            }
            if is_own || may_share(floor.stamp, options.floor, &outcome) {
                return Ok(tailored(outcome, options));
            }
            may_join = false;
        }
    }

    /// Loads a session from the store and installs the answer.
    fn begin(self: Arc<Self>, id: SessionId, fill: FillId, has_copy: bool) -> SharedLoad {
        let load = async move {
            let flight = Flight { tiers: &self, digest: id.digest(), fill, is_installed: false };
            let _permit = self.load_permit(has_copy).await?;
            let (departure, copy) = self.local.depart(id.digest(), fill, self.clock.now());
            // A state that is compared with the copy's instead of its stamp alone.
            let compares = copy.is_some() && self.is_comparison_due();
            let known = copy.as_ref().filter(|_| !compares).map(|record| record.stamp());
            let options = LoadOptions { known, level: ReadLevel::Store, ..LoadOptions::default() };
            let outcome = match (self.ask(self.remote.load(&id, options)).await?, copy) {
                (LoadOutcome::Unchanged(touched), Some(record)) => {
                    self.local.counters.revalidated.count();
                    LoadOutcome::Found(revalidated(record, touched))
                }
                (LoadOutcome::Found(found), Some(record)) if found.record.stamp() == record.stamp() => {
                    if self.compare(id.digest(), &record, &found.record) {
                        self.local.counters.revalidated.count();
                    }
                    LoadOutcome::Found(found)
                }
                (outcome, _) => outcome,
            };
            flight.install(departure, &outcome);
            Ok(outcome)
        };
        load.boxed().shared()
    }

    /// Permission to send a load. After an outage every copy has to be revalidated; a limit keeps the recovering store from
    /// being flooded. Clients can ask for any number of ids without a copy, so of those too many are refused.
    async fn load_permit(&self, has_copy: bool) -> Result<Option<SemaphorePermit<'_>>, Error> {
        if has_copy {
            return Ok(self.revalidations.acquire().await.ok());
        }
        self.first_loads.try_acquire().map(Some).map_err(|_| {
            self.local.counters.first_loads_refused.count();
            Error::new(ErrorKind::Overloaded, "too many loads of ids without a copy are in flight")
                .with_context(BACKEND, "load")
        })
    }

    /// The answer when the store gave none about the session: a copy, if the caller accepts its age. A refusal for now is no
    /// answer about the session either, unlike an error that does not pass by itself.
    fn stale_answer(&self, digest: &IdDigest, options: LoadOptions, error: Error) -> Answer {
        let Some(limit) = options.stale_if_error.filter(|_| error.is_retryable()) else { return Err(error) };
        let now = self.clock.now();
        let Some(LastKnown { record, provenance, current_at }) = self.local.last_known(digest) else {
            return Err(error);
        };
        let (age, store_time) = (now.since(current_at), provenance.store_time(now));
        if age > limit || store_time >= record.deadlines().expires_at() {
            return Err(error);
        }
        self.local.counters.served_stale.count();
        Ok(LoadOutcome::Found(Found { record, now: store_time, forwarded: None, staleness: Some(age) }))
    }
}

/// A load in flight. If it ends without an answer, its fill is removed.
struct Flight<'a, R> {
    tiers: &'a Tiers<R>,
    digest: &'a IdDigest,
    fill: FillId,
    is_installed: bool,
}

impl<R> Flight<'_, R> {
    fn install(mut self, departure: Departure, outcome: &LoadOutcome) {
        self.is_installed = true;
        self.tiers.local.install(self.digest, self.fill, departure, outcome);
    }
}

impl<R> Drop for Flight<'_, R> {
    fn drop(&mut self) {
        if !self.is_installed {
            self.tiers.local.abandon(self.digest, self.fill);
        }
    }
}

/// A copy that the store has found unchanged.
fn revalidated(record: Arc<Record>, touched: Touched) -> Found {
    let record = if record.deadlines() == touched.deadlines {
        record
    } else {
        Arc::new(Record::clone(&record).with_deadlines(touched.deadlines))
    };
    Found { record, now: touched.now, forwarded: touched.forwarded, staleness: None }
}

/// Whether the answer to a request that left before the call satisfies a caller that has seen this stamp and asks for this
/// floor.
fn may_share(seen: Option<Stamp>, floor: Option<Floor>, outcome: &LoadOutcome) -> bool {
    match outcome {
        // The session has moved. What this node has seen of it was seen at its new digest, which was not known when the
        // caller joined.
        LoadOutcome::Found(found) if found.forwarded.is_some() => false,
        LoadOutcome::Found(_) => admits(seen.map(Floor::from), outcome) && admits(floor, outcome),
        // The request may have left before the session was created. A caller that has already seen the session must load
        // for itself to learn that it ended.
        _ => seen.is_none() && floor.is_none(),
    }
}

fn admits(floor: Option<Floor>, outcome: &LoadOutcome) -> bool {
    match (floor, outcome) {
        (Some(floor), LoadOutcome::Found(found)) => floor.admits(found.record.stamp()),
        _ => true,
    }
}

/// The outcome for a caller that may have a copy of its own.
fn tailored(outcome: LoadOutcome, options: LoadOptions) -> LoadOutcome {
    match outcome {
        LoadOutcome::Found(found) if options.known == Some(found.record.stamp()) => {
            let (stamp, deadlines) = (found.record.stamp(), found.record.deadlines());
            LoadOutcome::Unchanged(Touched { stamp, deadlines, now: found.now, forwarded: found.forwarded })
        }
        outcome => outcome,
    }
}
