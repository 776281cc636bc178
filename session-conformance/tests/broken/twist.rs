//! A wrapper that does what the right store does, except where a twist overrides it.

use std::{fmt::Debug, sync::Arc};

use session_core::{
    Error, Limits, LoadOptions, SessionId,
    store::{
        ApplyOutcome, ChangeFeed, CreateOutcome, Destroy, DestroyOutcome, LoadOutcome, NewSession, RotateOutcome,
        Rotation, SessionIndex, SessionLock, SessionStore, TouchOptions, TouchOutcome, Update, async_trait,
    },
};

use crate::toy::Toy;

/// One thing done wrong.
#[async_trait]
pub(crate) trait Twist: Debug + Send + Sync {
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

    /// Replaces the index; it is given the right one at each call.
    fn index(&self) -> Option<&dyn TwistedIndex> {
        None
    }

    fn lock(&self) -> Option<&dyn TwistedLock> {
        None
    }

    fn feed(&self) -> Option<&dyn TwistedFeed> {
        None
    }
}

#[derive(Debug)]
pub(crate) struct Twisted {
    pub(crate) inner: Toy,
    pub(crate) twist: Arc<dyn Twist>,
}

mod capabilities;
pub(crate) use capabilities::{TwistedFeed, TwistedIndex, TwistedLock};

#[async_trait]
impl SessionStore for Twisted {
    fn backend(&self) -> &'static str {
        "broken"
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        self.twist.create(&self.inner, id, new).await
    }

    async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        self.twist.load(&self.inner, id, options).await
    }

    async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        self.twist.apply(&self.inner, id, update).await
    }

    async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        self.twist.touch(&self.inner, id, options).await
    }

    async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        self.twist.rotate(&self.inner, id, rotation).await
    }

    async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        self.twist.destroy(&self.inner, id, destroy).await
    }

    async fn check(&self) -> Result<(), Error> {
        self.inner.check().await
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
