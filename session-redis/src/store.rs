//! The store and its handles.

use std::sync::Arc;

use redis::Value as Reply;
use session_core::{
    Error, Limits, LoadOptions, SessionId,
    store::{
        ApplyOutcome, ChangeFeed, CreateOutcome, Destroy, DestroyOutcome, LoadOutcome, NewSession, RotateOutcome,
        Rotation, SessionIndex, SessionLock, SessionStore, TouchOptions, TouchOutcome, Update, async_trait,
    },
};

use crate::{
    RedisConfig, RedisStoreBuilder, Stats,
    inner::Inner,
    net::{Resend, Slot},
};

/// Sessions on Redis or Valkey: one server, a primary under Sentinel, or a cluster.
///
/// A clone is another handle on the same connections and costs as much as that of an `Arc`. The connections end with
/// the last handle.
#[derive(Clone, Debug)]
pub struct RedisStore {
    pub(crate) inner: Arc<Inner>,
}

impl RedisStore {
    /// The sessions on one server, with default settings: `redis://`, `rediss://` or `redis+unix://`.
    ///
    /// # Errors
    /// As [`RedisStoreBuilder::connect`].
    ///
    /// # Cancel safety
    /// If the future is dropped, there is no store.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::builder(RedisConfig::standalone(url)).connect().await
    }

    /// A store with settings of your own.
    pub fn builder(config: RedisConfig) -> RedisStoreBuilder {
        RedisStoreBuilder::new(config)
    }

    /// What the store went through.
    pub fn stats(&self) -> Stats {
        Stats::of(&self.inner)
    }
}

#[async_trait]
impl SessionStore for RedisStore {
    fn backend(&self) -> &'static str {
        "redis"
    }

    fn limits(&self) -> Limits {
        self.inner.settings.limits
    }

    async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        self.inner.net.within_one_deadline(self.inner.create(id, new)).await
    }

    async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        self.inner.net.within_one_deadline(self.inner.load(id, options)).await
    }

    async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        self.inner.net.within_one_deadline(self.inner.apply(id, update)).await
    }

    async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        self.inner.net.within_one_deadline(self.inner.touch(id, options)).await
    }

    async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        self.inner.net.within_one_deadline(self.inner.rotate(id, rotation)).await
    }

    async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        self.inner.net.within_one_deadline(self.inner.destroy(id, destroy)).await
    }

    /// Sends the heartbeat of the first partition: a write, so that a replica, or a primary without enough replicas,
    /// fails it. On a cluster that is one of the primaries.
    async fn check(&self) -> Result<(), Error> {
        let Some(partition) = self.inner.layout.partitions().first() else { return Ok(()) };
        let mut cmd = redis::cmd("GETEX");
        cmd.arg(&*partition.sequence).arg("PERSIST");
        let reply = self.inner.net.command(Slot::new(partition.slot), &cmd, Resend::Harmless).await;
        match reply.map_err(|failure| failure.into_error("check", false))? {
            Reply::ServerError(error) => Err(crate::net::Failure::Refused(error).into_error("check", false)),
            _ => Ok(()),
        }
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        Some(self)
    }

    fn feed(&self) -> Option<&dyn ChangeFeed> {
        Some(&self.inner.feed)
    }

    fn lock(&self) -> Option<&dyn SessionLock> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every call moves its future into a box: one that holds what it awaits twice, or what is rare, is a copy of many
    /// kilobytes for each request.
    #[test]
    fn the_futures_of_calls_are_small() {
        fn size_of_future<O, F>(_: impl FnOnce(&'static Inner, &'static SessionId, O) -> F) -> usize {
            size_of::<F>()
        }
        let load = size_of_future(|inner, id, options| inner.net.within_one_deadline(inner.load(id, options)));
        let apply = size_of_future(|inner, id, update| inner.net.within_one_deadline(inner.apply(id, update)));
        assert!(load < 3_072 && apply < 3_072, "{load} and {apply} bytes");
    }
}
