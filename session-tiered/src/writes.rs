//! Writes: to the store first, then to the cache.

use std::sync::Arc;

use futures_util::FutureExt as _;
use session_core::{
    Error, SessionId,
    model::IdDigest,
    store::{
        Applied, ApplyOutcome, CreateOutcome, Destroy, DestroyOutcome, NewSession, RotateOutcome, Rotation,
        SessionStore, TouchOptions, TouchOutcome, Update,
    },
};

use crate::{apply::OwnWrite, install::Departure, local_cache::LocalCache, tiers::Tiers, touches::TouchAnswer};

/// Drops the copy of a session whose write has no known outcome: the store did not answer, or the caller dropped the call.
/// A write through an old id drops the copy at the id to which that forwards, if this is known.
struct EvictOnDrop<'a> {
    local: &'a LocalCache,
    digest: &'a IdDigest,
    is_disarmed: bool,
}

impl<'a> EvictOnDrop<'a> {
    fn new(local: &'a LocalCache, digest: &'a IdDigest) -> Self {
        Self { local, digest, is_disarmed: false }
    }

    fn disarm(mut self) {
        self.is_disarmed = true;
    }
}

impl Drop for EvictOnDrop<'_> {
    fn drop(&mut self) {
        if !self.is_disarmed {
            self.local.evict(self.digest);
        }
    }
}

impl<R: SessionStore + 'static> Tiers<R> {
    pub(crate) async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        let evict = EvictOnDrop::new(&self.local, id.digest());
        let departure = self.depart(id);
        let outcome = self.ask(self.remote.create(id, new)).await?;
        match outcome {
            CreateOutcome::Created(applied) => self.acknowledged(id.digest(), departure, applied, None),
            _ => self.local.evict(id.digest()),
        }
        evict.disarm();
        Ok(outcome)
    }

    pub(crate) async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        let evict = EvictOnDrop::new(&self.local, id.digest());
        let departure = self.depart(id);
        let outcome = self.ask(self.remote.apply(id, update)).await?;
        match outcome {
            ApplyOutcome::Applied(applied) => {
                if update.expiry.is_some() {
                    self.touches.retire(id.digest());
                }
                self.acknowledged(id.digest(), departure, applied, Some(update));
            }
            ApplyOutcome::Conflict(conflict) => self.local.invalidate_older(id.digest(), conflict.current),
            _ => self.local.evict_ended(id.digest()),
        }
        evict.disarm();
        Ok(outcome)
    }

    pub(crate) async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        let evict = EvictOnDrop::new(&self.local, id.digest());
        let departure = self.depart(&rotation.to);
        let outcome = self.ask(self.remote.rotate(id, rotation)).await?;
        self.touches.retire(id.digest());
        match outcome {
            RotateOutcome::Rotated(applied) => {
                self.local.apply_own_rotation(id.digest(), (rotation.to.digest(), rotation.kind), applied.stamp);
                self.acknowledged(rotation.to.digest(), departure, applied, None);
            }
            // The new id had ended; the session stays at the old one.
            RotateOutcome::Ended(_) => {}
            _ => self.local.evict_ended(id.digest()),
        }
        evict.disarm();
        Ok(outcome)
    }

    pub(crate) async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        let evict = EvictOnDrop::new(&self.local, id.digest());
        let outcome = self.ask(self.remote.destroy(id, destroy)).await?;
        self.touches.retire(id.digest());
        self.local.evict_ended(id.digest());
        if let DestroyOutcome::Destroyed { forwarded: Some(at), .. } = outcome {
            self.touches.retire(&at);
            self.local.evict_ended(&at);
        }
        evict.disarm();
        Ok(outcome)
    }

    /// Renews a session's idle deadline. Callers that do so at the same time share one request.
    pub(crate) async fn touch(self: &Arc<Self>, id: &SessionId, options: TouchOptions) -> TouchAnswer {
        let begin = || self.clone().send_touch(*id, options.clone()).boxed();
        self.touches.join_or_begin(id.digest(), &options, begin).await
    }

    async fn send_touch(self: Arc<Self>, id: SessionId, options: TouchOptions) -> TouchAnswer {
        let retire = self.touches.retire_on_drop(id.digest());
        let outcome = self.ask(self.remote.touch(&id, options)).await?;
        // A caller that comes from now on needs a touch of its own.
        drop(retire);
        match outcome {
            TouchOutcome::Touched(touched) => {
                let (at, confirms) = (touched.forwarded.unwrap_or(*id.digest()), touched.forwarded.is_none());
                self.local.apply_touch(&at, &touched, confirms);
            }
            _ => self.local.evict_ended(id.digest()),
        }
        Ok(outcome)
    }

    fn depart(&self, id: &SessionId) -> Departure {
        self.local.depart_with_write(id.digest(), self.clock.now())
    }

    /// The store has acknowledged a write.
    fn acknowledged(&self, digest: &IdDigest, departure: Departure, applied: Applied, update: Option<&Update>) {
        let Applied { stamp, deadlines, now, forwarded, repeated, .. } = applied;
        if let Some(at) = forwarded {
            // The session has left the old id. Its copy, and fills in flight there, are older than this write.
            self.local.evict_ended(digest);
            self.local.record_forward(digest, at);
        }
        let digest = &forwarded.unwrap_or(*digest);
        // A repeat is answered with the current stamp, without the updates between it and the copy.
        let update = update.filter(|_| !repeated);
        let confirms = forwarded.is_none() && update.is_some_and(Update::changes_session);
        let update = update.map(|update| (update.write.op, &update.delta));
        let (provenance, is_rewound) = (departure.provenance(now), departure.is_rewound_to(stamp));
        self.local.apply_own_write(digest, OwnWrite { stamp, update, confirms, deadlines, provenance, is_rewound });
    }
}
