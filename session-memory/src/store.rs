//! The store and its handles.

use std::sync::Arc;

use session_core::{
    Clock, Error, Limits, LoadOptions, SessionId,
    model::{IdDigest, Timestamp},
    store::{
        Absent, ApplyOutcome, ChangeFeed, CreateOutcome, Destroy, DestroyOutcome, LoadOutcome, NewSession, Origin,
        RotateOutcome, Rotation, SessionIndex, SessionLock, SessionStore, TouchOptions, TouchOutcome, Update,
        async_trait, machine,
    },
};

use crate::{
    MemoryStoreBuilder, Stats,
    cap::{Cap, DryRun, SignedIn},
    data::{Data, Mutation, unique_bits},
    quota::Quotas,
    shard::Shard,
};

/// The name of the backend in error messages.
pub(crate) const BACKEND: &str = "memory";

/// A session store in the memory of this process.
///
/// A clone is another handle on the same sessions and costs as much as the clone of an `Arc`. The sessions are dropped
/// with the last handle.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    pub(crate) data: Arc<Data>,
    pub(crate) origin: Origin,
}

impl MemoryStore {
    /// An empty store with [default](crate::defaults) settings, for up to a million sessions.
    pub fn new() -> Self {
        MemoryStoreBuilder::default().build_checked()
    }

    /// A builder for a store with other settings.
    pub fn builder() -> MemoryStoreBuilder {
        MemoryStoreBuilder::default()
    }

    pub(crate) fn from_data(data: Data) -> Self {
        Self { data: Arc::new(data), origin: Origin::from(unique_bits()) }
    }

    /// Another handle on the same sessions whose changes carry another [`Origin`]. For the feed it is another
    /// application node on a shared store. Clones share their origin.
    #[must_use]
    pub fn node(&self) -> Self {
        Self { data: self.data.clone(), origin: Origin::from(unique_bits()) }
    }

    /// The counters of the store. Locks each shard for a moment.
    pub fn stats(&self) -> Stats {
        self.data.stats()
    }

    pub(crate) fn mutation<'a>(&self, id: &'a IdDigest) -> Mutation<'a> {
        Mutation { origin: self.origin, id, delta: None, reserved: 0 }
    }

    fn create_now(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        let cap = Cap::of(new.sign_in.as_ref());
        self.sign_in(cap.as_ref(), || {
            let mut reservation = self.data.check_ended(Quotas::has_room_for_create).and_then(|()| self.data.reserve());
            let reserved = *reservation.as_ref().unwrap_or(&0);
            let mutation = Mutation { delta: Some(&new.entries), reserved, ..self.mutation(id.digest()) };
            let outcome = self.data.mutate(&mutation, |shard, now| {
                self.data.check_revocation(new.sign_in.as_ref(), now)?;
                if let Some(cap) = &cap {
                    cap.admit(&self.data, shard, |slots| self.data.rules.create(slots, now, id.digest(), new))?;
                }
                let adds = is_free(shard, now, id);
                self.data.check_reserved(std::mem::replace(&mut reservation, Ok(0)), adds)?;
                self.data.rules.create(shard, now, id.digest(), new)
            })?;
            let is_new = matches!(outcome, CreateOutcome::Created(applied) if !applied.repeated);
            Ok((outcome, SignedIn { newest: is_new.then_some(*id.digest()), copied: None }))
        })
    }

    fn rotate_now(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        let cap = Cap::of(rotation.sign_in.as_ref());
        let (rules, to) = (&self.data.rules, rotation.to.digest());
        self.sign_in(cap.as_ref(), || {
            // A sign-in starts a session where there is none to move.
            let mut reservation = if rotation.sign_in.is_some() { self.data.reserve() } else { Ok(0) };
            let reserved = *reservation.as_ref().unwrap_or(&0);
            let mut room = self.data.check_ended(Quotas::has_room_for_rotation);
            let mutation = Mutation { delta: Some(&rotation.delta), reserved, ..self.mutation(id.digest()) };
            let mut copied = None;
            let outcome = self.data.mutate(&mutation, |shard, now| {
                self.data.check_revocation(rotation.sign_in.as_ref(), now)?;
                if let Some(cap) = &cap {
                    cap.admit(&self.data, shard, |slots| rules.rotate(slots, now, id.digest(), rotation))?;
                }
                let adds = is_absent(shard, now, id) && is_free(shard, now, &rotation.to);
                self.data.check_reserved(std::mem::replace(&mut reservation, Ok(0)), adds)?;
                if let Err(refusal) = std::mem::replace(&mut room, Ok(())) {
                    let changes = rules.rotate(&mut DryRun::on(shard), now, id.digest(), rotation)?.effect.is_some();
                    self.data.check_reserved(Err::<(), _>(refusal), changes)?;
                }
                let step = rules.rotate(shard, now, id.digest(), rotation)?;
                copied = step.copied;
                Ok(step)
            })?;
            let is_new = matches!(outcome, RotateOutcome::Rotated(applied) if !applied.repeated);
            Ok((outcome, SignedIn { newest: is_new.then_some(*to), copied }))
        })
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

fn is_absent(shard: &Shard, now: Timestamp, id: &SessionId) -> bool {
    matches!(machine::load(shard, now, id.digest(), LoadOptions::default()), LoadOutcome::Absent(_))
}

/// Whether a new session may be stored at this id.
fn is_free(shard: &Shard, now: Timestamp, id: &SessionId) -> bool {
    let there = machine::load(shard, now, id.digest(), LoadOptions::default());
    matches!(there, LoadOutcome::Absent(Absent::NotFound(None)))
}

/// Adds the backend and the operation to an error.
pub(crate) fn in_operation(operation: &'static str) -> impl Fn(Error) -> Error {
    move |error| error.with_context(BACKEND, operation)
}

#[async_trait]
impl SessionStore for MemoryStore {
    fn backend(&self) -> &'static str {
        BACKEND
    }

    fn limits(&self) -> Limits {
        self.data.rules.limits
    }

    fn clock(&self) -> Option<Arc<dyn Clock>> {
        Some(self.data.clock.clone())
    }

    async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        self.create_now(id, new).map_err(in_operation("create"))
    }

    async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        Ok(self.data.load(id.digest(), options))
    }

    async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        let mutation = Mutation { delta: update.announced_delta(), ..self.mutation(id.digest()) };
        self.data
            .mutate(&mutation, |shard, now| self.data.rules.apply(shard, now, id.digest(), update))
            .map_err(in_operation("apply"))
    }

    async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        Ok(self.data.with_shard_of(id.digest(), |shard, now| machine::touch(shard, now, id.digest(), options)))
    }

    async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        self.rotate_now(id, rotation).map_err(in_operation("rotate"))
    }

    async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        self.data
            .mutate(&self.mutation(id.digest()), |shard, now| {
                Ok(self.data.rules.destroy(shard, now, id.digest(), destroy))
            })
            .map_err(in_operation("destroy"))
    }

    async fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        Some(self)
    }

    fn lock(&self) -> Option<&dyn SessionLock> {
        Some(self)
    }

    fn feed(&self) -> Option<&dyn ChangeFeed> {
        Some(self)
    }
}
