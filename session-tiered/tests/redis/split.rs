//! A store whose requests and feed use different connections, so that each can fail alone.

use session_core::store::{ChangeFeed, SessionStore, async_trait, forward};
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

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl SessionStore for Split {
    forward!(self => self.commands; backend, limits, create, load, apply, touch, rotate, destroy, check, close, clock, index, lock);

    fn feed(&self) -> Option<&dyn ChangeFeed> {
        self.listening.feed()
    }
}
