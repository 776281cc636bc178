//! A store whose feed is observed or changed on its way to the subscriber.

use std::{fmt, sync::Arc};

use futures_util::stream::BoxStream;
use session_core::{
    Error,
    store::{ChangeFeed, FeedItem, Origin, SessionStore, Subscription, async_trait, forward},
};

type Tap = dyn Fn(Subscription) -> BoxStream<'static, FeedItem> + Send + Sync;

/// A store with another stream of changes.
pub struct Tapped<S> {
    store: S,
    tap: Arc<Tap>,
}

impl<S> Tapped<S> {
    /// A store, and a function that replaces the stream of each subscription.
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
    forward!(self => self.store; backend, limits, create, load, apply, touch, rotate, destroy, check, close, clock, index, lock);

    fn feed(&self) -> Option<&dyn ChangeFeed> {
        self.store.feed().map(|_| self as &dyn ChangeFeed)
    }
}

#[async_trait]
impl<S: SessionStore + 'static> ChangeFeed for Tapped<S> {
    fn origin(&self) -> Origin {
        self.store.feed().map_or(Origin::from(0), ChangeFeed::origin)
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
