//! Writes: to the store first, then to the cache.

use session_core::{
    Error, SessionId,
    model::{Delta, IdDigest, OpId},
    store::{
        Applied, ApplyOutcome, CreateOutcome, Destroy, DestroyOutcome, NewSession, RotateOutcome, Rotation,
        SessionStore, Update,
    },
};

use crate::{copy::Vouched, hearing::Written, inner::Inner, landing::Departure, local::Local};

/// A session that is being written to. Unless the store answers, its copy is dropped: nobody knows what is true now.
struct Suspect<'a> {
    local: &'a Local,
    digest: &'a IdDigest,
    is_cleared: bool,
}

impl<'a> Suspect<'a> {
    fn new(local: &'a Local, digest: &'a IdDigest) -> Self {
        Self { local, digest, is_cleared: false }
    }

    fn cleared(mut self) {
        self.is_cleared = true;
    }
}

impl Drop for Suspect<'_> {
    fn drop(&mut self) {
        if !self.is_cleared {
            self.local.evict(self.digest, false);
        }
    }
}

impl<R: SessionStore + 'static> Inner<R> {
    pub(crate) async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        let suspect = Suspect::new(&self.local, id.digest());
        let departure = self.leave(id);
        let outcome = self.ask(self.remote.create(id, new)).await?;
        match outcome {
            CreateOutcome::Created(applied) => self.note(id.digest(), departure, applied, None),
            _ => self.local.evict(id.digest(), false),
        }
        suspect.cleared();
        Ok(outcome)
    }

    pub(crate) async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        let suspect = Suspect::new(&self.local, id.digest());
        let departure = self.leave(id);
        let outcome = self.ask(self.remote.apply(id, update)).await?;
        match outcome {
            ApplyOutcome::Applied(applied) => {
                self.note(id.digest(), departure, applied, Some((update.write.op, &update.delta)));
            }
            ApplyOutcome::Conflict(conflict) => self.local.told_of(id.digest(), conflict.current),
            _ => self.local.evict(id.digest(), true),
        }
        suspect.cleared();
        Ok(outcome)
    }

    pub(crate) async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        let suspect = Suspect::new(&self.local, id.digest());
        let departure = self.leave(&rotation.to);
        let outcome = self.ask(self.remote.rotate(id, rotation)).await?;
        self.part_from_touches(id.digest());
        match outcome {
            RotateOutcome::Rotated(applied) => {
                self.local.evict(id.digest(), true);
                self.local.moved(rotation.to.digest(), applied.stamp);
                self.note(rotation.to.digest(), departure, applied, None);
            }
            // The session stays where it is.
            RotateOutcome::Ended(_) => {}
            _ => self.local.evict(id.digest(), true),
        }
        suspect.cleared();
        Ok(outcome)
    }

    pub(crate) async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        let suspect = Suspect::new(&self.local, id.digest());
        let outcome = self.ask(self.remote.destroy(id, destroy)).await?;
        self.part_from_touches(id.digest());
        self.local.evict(id.digest(), true);
        if let DestroyOutcome::Destroyed { forwarded: Some(at), .. } = outcome {
            self.part_from_touches(&at);
            self.local.evict(&at, true);
        }
        suspect.cleared();
        Ok(outcome)
    }

    fn leave(&self, id: &SessionId) -> Departure {
        self.local.depart_with_write(id.digest(), self.clock.now())
    }

    /// The store has acknowledged a write.
    fn note(&self, digest: &IdDigest, departure: Departure, applied: Applied, update: Option<(OpId, &Delta)>) {
        if applied.forwarded.is_some() {
            // The session is not there any more; what is cached or on its way for the old id is older than this.
            self.local.evict(digest, true);
        }
        let digest = &applied.forwarded.unwrap_or(*digest);
        let vouched = Vouched { asked_at: departure.asked_at, store_now: applied.now, epoch: departure.epoch };
        let Applied { stamp, deadlines, repeated, .. } = applied;
        // A repeat tells the present stamp, but not which updates lie between it and the copy.
        let update = update.filter(|_| !repeated);
        self.local.wrote(digest, Written { stamp, update, deadlines, vouched });
    }
}
