//! A store whose feed is looked at, or changed, on its way to whoever listens.

use std::{fmt, sync::Arc};

use futures_util::stream::BoxStream;
use session_core::{
    Error, Limits, LoadOptions, SessionId,
    store::{
        ApplyOutcome, ChangeFeed, CreateOutcome, Destroy, DestroyOutcome, FeedItem, LoadOutcome, NewSession, Origin,
        RotateOutcome, Rotation, SessionIndex, SessionLock, SessionStore, Subscription, TouchOptions, TouchOutcome,
        Update, async_trait,
    },
};

type Tap = dyn Fn(Subscription) -> BoxStream<'static, FeedItem> + Send + Sync;

/// A store with another stream of changes.
pub struct Tapped<S> {
    store: S,
    tap: Arc<Tap>,
}

impl<S> Tapped<S> {
    /// The store, and what becomes of each subscription's stream.
    pub fn new(store: S, tap: impl Fn(Subscription) -> BoxStream<'static, FeedItem> + Send + Sync + 'static) -> Self {
        Self { store, tap: Arc::new(tap) }
    }
}

impl<S: fmt::Debug> fmt::Debug for Tapped<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tapped").field(&self.store).finish()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: SessionStore + 'static> SessionStore for Tapped<S> {
    fn backend(&self) -> &'static str {
        self.store.backend()
    }

    fn limits(&self) -> Limits {
        self.store.limits()
    }

    async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        self.store.create(id, new).await
    }

    async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        self.store.load(id, options).await
    }

    async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        self.store.apply(id, update).await
    }

    async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        self.store.touch(id, options).await
    }

    async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        self.store.rotate(id, rotation).await
    }

    async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        self.store.destroy(id, destroy).await
    }

    async fn check(&self) -> Result<(), Error> {
        self.store.check().await
    }

    async fn close(&self) -> Result<(), Error> {
        self.store.close().await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.store.index()
    }

    fn lock(&self) -> Option<&dyn SessionLock> {
        self.store.lock()
    }

    fn feed(&self) -> Option<&dyn ChangeFeed> {
        self.store.feed().map(|_| self as &dyn ChangeFeed)
    }
}

#[async_trait]
impl<S: SessionStore + 'static> ChangeFeed for Tapped<S> {
    fn origin(&self) -> Origin {
        self.store.feed().map_or(Origin::from_bits(0), ChangeFeed::origin)
    }

    fn partitions(&self) -> u32 {
        self.store.feed().map_or(1, ChangeFeed::partitions)
    }

    async fn subscribe(&self) -> Result<Subscription, Error> {
        let missing = || Error::new(session_core::ErrorKind::Configuration, "the store has no feed");
        let subscription = self.store.feed().ok_or_else(missing)?.subscribe().await?;
        let barriers = subscription.barriers().clone();
        Ok(Subscription::new((self.tap)(subscription), barriers))
    }
}
