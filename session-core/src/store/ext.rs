//! Convenience methods on top of the trait.

use async_trait::async_trait;

use crate::{
    Error, LoadOptions, SessionId,
    model::{Delta, EndReason, OpId},
    store::{ApplyOutcome, Destroy, DestroyOutcome, LoadOutcome, SessionStore, Update},
};

/// The common calls of a [`SessionStore`] without option structs. Every store has them through a blanket
/// implementation.
#[async_trait]
pub trait SessionStoreExt: SessionStore {
    /// [`load`](SessionStore::load) with default options.
    ///
    /// # Errors
    /// As `load`.
    ///
    /// # Cancel safety
    /// As `load`.
    async fn get(&self, id: &SessionId) -> Result<LoadOutcome, Error> {
        self.load(id, LoadOptions::default()).await
    }

    /// [`apply`](SessionStore::apply) once, without preconditions, with a fresh op id. After
    /// [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) the op id is lost, so use `apply` where retries matter.
    ///
    /// # Errors
    /// As `apply`.
    ///
    /// # Cancel safety
    /// As `apply`.
    async fn update(&self, id: &SessionId, delta: Delta) -> Result<ApplyOutcome, Error> {
        self.apply(id, &Update::new(OpId::generate()?, delta)).await
    }

    /// [`destroy`](SessionStore::destroy) with a fresh op id.
    ///
    /// # Errors
    /// As `destroy`.
    ///
    /// # Cancel safety
    /// As `destroy`.
    async fn end(&self, id: &SessionId, reason: EndReason) -> Result<DestroyOutcome, Error> {
        self.destroy(id, &Destroy::new(OpId::generate()?, reason)).await
    }
}

impl<S: SessionStore + ?Sized> SessionStoreExt for S {}
