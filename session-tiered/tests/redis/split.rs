//! A store whose requests and feed use different connections, so that each can fail alone.

use std::sync::Arc;

use session_core::{
    Clock, Error, Limits, LoadOptions, SessionId,
    store::{
        ApplyOutcome, ChangeFeed, CreateOutcome, Destroy, DestroyOutcome, LoadOutcome, NewSession, RotateOutcome,
        Rotation, SessionIndex, SessionLock, SessionStore, TouchOptions, TouchOutcome, Update, async_trait,
    },
};
use session_redis::RedisStore;

#[derive(Debug)]
pub(crate) struct Split {
    pub(crate) commands: RedisStore,
    pub(crate) listening: RedisStore,
}

impl Split {
    /// Both use the same connections.
    pub(crate) fn none(store: RedisStore) -> Self {
        Self { commands: store.clone(), listening: store }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl SessionStore for Split {
    fn backend(&self) -> &'static str {
        self.commands.backend()
    }

    fn limits(&self) -> Limits {
        self.commands.limits()
    }

    async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        self.commands.create(id, new).await
    }

    async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        self.commands.load(id, options).await
    }

    async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        self.commands.apply(id, update).await
    }

    async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        self.commands.touch(id, options).await
    }

    async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        self.commands.rotate(id, rotation).await
    }

    async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        self.commands.destroy(id, destroy).await
    }

    fn clock(&self) -> Option<Arc<dyn Clock>> {
        self.commands.clock()
    }

    async fn check(&self) -> Result<(), Error> {
        self.commands.check().await
    }

    async fn close(&self) -> Result<(), Error> {
        self.commands.close().await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.commands.index()
    }

    fn lock(&self) -> Option<&dyn SessionLock> {
        self.commands.lock()
    }

    fn feed(&self) -> Option<&dyn ChangeFeed> {
        self.listening.feed()
    }
}
