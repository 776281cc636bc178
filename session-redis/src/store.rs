//! The store and its handles.

use std::sync::Arc;

use redis::{Pipeline, Value as Reply};
use session_core::{
    Error, Limits, LoadOptions, SessionId,
    store::{
        ApplyOutcome, ChangeFeed, CreateOutcome, Destroy, DestroyOutcome, LoadOutcome, NewSession, RotateOutcome,
        Rotation, SessionIndex, SessionLock, SessionStore, TouchOptions, TouchOutcome, Update, async_trait,
    },
};

use crate::{
    RedisConfig, RedisStoreBuilder, Stats,
    error_context::{BACKEND, ErrorContext as _},
    net::{Failure, HashSlot},
    operation::Operation,
    store_inner::StoreInner,
};

/// Sessions on Redis or Valkey: one server, a primary under Sentinel, or a cluster.
///
/// A clone is another handle on the same connections and costs as much as the clone of an `Arc`. The connections end
/// with the last handle.
///
/// # Runtimes
/// Calls need a Tokio runtime with timers, and with sockets when they open a connection; without one they fail with
/// [`Configuration`](session_core::ErrorKind::Configuration). (Tokio only tells by a panic that timers or sockets are not
/// enabled. The panic is caught, but a panic hook sees it, and a program with `panic = "abort"` ends.) The runtime of the
/// call that opens a connection also serves it, so it must keep running. When it ends, its connections end; the next call,
/// in another runtime, opens new ones. So a `static` store can be shared by tests with a runtime each. A write of another
/// runtime that is in flight at that moment has an unknown outcome, as after a lost connection.
#[derive(Clone, Debug)]
pub struct RedisStore {
    pub(crate) inner: Arc<StoreInner>,
}

impl RedisStore {
    /// Connects to one server, with default settings: `redis://`, `rediss://` or `redis+unix://`.
    ///
    /// # Errors
    /// As [`RedisStoreBuilder::connect`].
    ///
    /// # Cancel safety
    /// If the future is dropped, there is no store.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::builder(RedisConfig::standalone(url)).connect().await
    }

    /// Makes a store on one server, with default settings, that connects in the background. The application starts even
    /// if the server is not there yet.
    ///
    /// # Errors
    /// As [`RedisStoreBuilder::connect_lazy`].
    pub fn connect_lazy(url: &str) -> Result<Self, Error> {
        Self::builder(RedisConfig::standalone(url)).connect_lazy()
    }

    /// A builder for a store with other settings.
    pub fn builder(config: RedisConfig) -> RedisStoreBuilder {
        RedisStoreBuilder::new(config)
    }

    /// The store's counters.
    pub fn stats(&self) -> Stats {
        Stats::of(&self.inner)
    }
}

impl Operation<'_> {
    /// Sends the heartbeat of the first partition: a write, so that it fails on a replica, and on a primary without
    /// enough replicas. On a cluster it reaches one of the primaries.
    async fn check(&self) -> Result<(), Error> {
        let Some(partition) = self.store.layout.partitions().first() else { return Ok(()) };
        // A read would be answered by a server that is not believed.
        let mut guard = Pipeline::with_capacity(1);
        guard.cmd("GETEX").arg(&*partition.sequence).arg("PERSIST");
        self.admit().await.map_err(Failure::into_read_error)?;
        let replies = self.store.net.guarded(self.deadline, HashSlot::new(partition.slot), &guard).await;
        match replies.map_err(Failure::into_read_error)?.pop() {
            Some(Reply::ServerError(error)) => Err(Failure::Refused(error).into_read_error()),
            _ => Ok(()),
        }
    }
}

/// The operation and the backend are added to errors here, and the deadline of each operation begins here.
#[async_trait]
impl SessionStore for RedisStore {
    fn backend(&self) -> &'static str {
        BACKEND
    }

    fn limits(&self) -> Limits {
        self.inner.settings.limits
    }

    async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        self.inner.operation().create(id, new).await.during("create")
    }

    async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        self.inner.operation().load(id, options).await.during("load")
    }

    async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        self.inner.operation().apply(id, update).await.during("apply")
    }

    async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        self.inner.operation().touch(id, options).await.during("touch")
    }

    async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        self.inner.operation().rotate(id, rotation).await.during("rotate")
    }

    async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        self.inner.operation().destroy(id, destroy).await.during("destroy")
    }

    async fn check(&self) -> Result<(), Error> {
        self.inner.operation().check().await.during("check")
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

    /// Every call moves its future into a box. A future that held what it awaits twice, or room for rare cases, would
    /// copy many kilobytes for each request.
    #[test]
    fn the_futures_of_calls_are_small() {
        fn size_of_future<O, F>(_: impl FnOnce(&'static Operation<'static>, &'static SessionId, O) -> F) -> usize {
            size_of::<F>()
        }
        let load = size_of_future(|operation, id, options| operation.load(id, options));
        let apply = size_of_future(|operation, id, update| operation.apply(id, update));
        assert!(load < 3_072 && apply < 3_072, "{load} and {apply} bytes");
    }
}
