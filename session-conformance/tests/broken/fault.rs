//! A wrapper that behaves like the correct store, except where a fault overrides it.

use std::{fmt::Debug, sync::Arc};

use session_core::{
    Error, LoadOptions, SessionId,
    store::{
        ApplyOutcome, ChangeFeed, CreateOutcome, Destroy, DestroyOutcome, LoadOutcome, NewSession, RotateOutcome,
        Rotation, SessionIndex, SessionLock, SessionStore, TouchOptions, TouchOutcome, Update, async_trait, forward,
    },
};

use crate::toy::Toy;

/// One fault. The methods that are not overridden behave like the correct store.
#[async_trait]
pub(crate) trait Fault: Debug + Send + Sync {
    async fn create(&self, inner: &Toy, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        inner.create(id, new).await
    }

    async fn load(&self, inner: &Toy, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        inner.load(id, options).await
    }

    async fn apply(&self, inner: &Toy, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        inner.apply(id, update).await
    }

    async fn touch(&self, inner: &Toy, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        inner.touch(id, options).await
    }

    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        inner.rotate(id, rotation).await
    }

    async fn destroy(&self, inner: &Toy, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        inner.destroy(id, destroy).await
    }

    /// Replaces the index; it is given the correct one at each call.
    fn index(&self) -> Option<&dyn FaultyIndex> {
        None
    }

    fn lock(&self) -> Option<&dyn FaultyLock> {
        None
    }

    fn feed(&self) -> Option<&dyn FaultyFeed> {
        None
    }
}

#[derive(Debug)]
pub(crate) struct FaultyStore {
    pub(crate) inner: Toy,
    pub(crate) fault: Arc<dyn Fault>,
}

mod capabilities;
pub(crate) use capabilities::{FaultyFeed, FaultyIndex, FaultyLock};

#[async_trait]
impl SessionStore for FaultyStore {
    fn backend(&self) -> &'static str {
        "broken"
    }

    forward!(self => self.inner; limits, check);

    async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        self.fault.create(&self.inner, id, new).await
    }

    async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        self.fault.load(&self.inner, id, options).await
    }

    async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        self.fault.apply(&self.inner, id, update).await
    }

    async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        self.fault.touch(&self.inner, id, options).await
    }

    async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        self.fault.rotate(&self.inner, id, rotation).await
    }

    async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        self.fault.destroy(&self.inner, id, destroy).await
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
