//! The tiered store and its handles.

use std::{fmt, pin::Pin, sync::Arc};

use futures_util::FutureExt as _;
use parking_lot::Mutex;
use session_core::{
    Clock, Error, ErrorKind, Limits, LoadOptions, SessionId,
    store::{
        ApplyOutcome, ChangeFeed, CreateOutcome, Destroy, DestroyOutcome, LoadOutcome, NewSession, RotateOutcome,
        Rotation, SessionIndex, SessionLock, SessionStore, TouchOptions, TouchOutcome, Update, async_trait,
    },
};
use tokio::{runtime::Handle, task::AbortHandle};

use crate::{listener::listen, local_cache::LocalCache, stats::Stats, tiers::Tiers};

pub(crate) const BACKEND: &str = "tiered";

/// A local cache in front of a store: loads are answered from memory, and no answer is older than a stated bound.
///
/// The [crate docs](crate) state the guarantees. A new store starts no task. The first call starts one that listens to the
/// store's [feed](ChangeFeed), so calls need a Tokio runtime. The task ends with that runtime, and the next call starts it
/// again in its own. A clone is another handle on the same cache; the task also ends with the last handle. A store without
/// a feed works too, but then no load is answered locally, and [`check`](SessionStore::check) reports that.
pub struct TieredStore<R> {
    tiers: Arc<Tiers<R>>,
    /// Held by handles only: the listener holds `tiers` and must not keep itself alive.
    listener: Arc<ListenerTask>,
}

/// The listener's task. Aborts it when the last handle is dropped.
#[derive(Default)]
struct ListenerTask(Mutex<Option<AbortHandle>>);

impl Drop for ListenerTask {
    fn drop(&mut self) {
        if let Some(listener) = self.0.get_mut() {
            listener.abort();
        }
    }
}

impl<R: SessionStore + 'static> TieredStore<R> {
    pub(crate) fn from_tiers(tiers: Tiers<R>) -> Self {
        Self { tiers: Arc::new(tiers), listener: Arc::default() }
    }

    /// The counters of this cache.
    pub fn stats(&self) -> Stats {
        self.tiers.local.counters.snapshot()
    }

    /// The store behind the cache.
    pub fn remote(&self) -> &R {
        &self.tiers.remote
    }

    pub(crate) fn local(&self) -> &LocalCache {
        &self.tiers.local
    }

    /// Starts the listener unless it runs. An earlier one may have ended with the runtime of the call that started it.
    fn start(&self) -> Result<(), Error> {
        let mut listener = self.listener.0.lock();
        if listener.as_ref().is_some_and(|listener| !listener.is_finished()) {
            return Ok(());
        }
        let runtime = Handle::try_current().map_err(|error| {
            let message = "calls need a Tokio runtime for the task that listens to the store's changes";
            Error::new(ErrorKind::Configuration, message).with_context(BACKEND, "start").with_source(error)
        })?;
        if self.tiers.remote.feed().is_some() {
            *listener = Some(runtime.spawn(listen(self.tiers.clone())).abort_handle());
        }
        Ok(())
    }
}

impl<R> Clone for TieredStore<R> {
    /// Another handle on the same cache.
    fn clone(&self) -> Self {
        Self { tiers: self.tiers.clone(), listener: self.listener.clone() }
    }
}

impl<R> fmt::Debug for TieredStore<R>
where
    R: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TieredStore")
            .field("remote", &self.tiers.remote)
            .field("stats", &self.tiers.local.counters)
            .finish_non_exhaustive()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<R: SessionStore + 'static> SessionStore for TieredStore<R> {
    fn backend(&self) -> &'static str {
        BACKEND
    }

    fn limits(&self) -> Limits {
        self.tiers.remote.limits()
    }

    async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        self.start()?;
        self.tiers.create(id, new).await
    }

    // Written out instead of generated, with a separate box for the request to the store, so that the box of a hit is small.
    fn load<'s, 'i, 'f>(
        &'s self,
        id: &'i SessionId,
        options: LoadOptions,
    ) -> Pin<Box<dyn Future<Output = Result<LoadOutcome, Error>> + Send + 'f>>
    where
        's: 'f,
        'i: 'f,
        Self: 'f,
    {
        // The call begins when it is first polled. It sees every write acknowledged by then.
        Box::pin(async move {
            if let Some(answer) = self.tiers.local_answer(id, &options) {
                return Ok(answer);
            }
            self.start()?;
            self.tiers.fetch(id, options).boxed().await
        })
    }

    async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        self.start()?;
        self.tiers.apply(id, update).await
    }

    async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        self.start()?;
        self.tiers.touch(id, options).await
    }

    async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        self.start()?;
        self.tiers.rotate(id, rotation).await
    }

    async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        self.start()?;
        self.tiers.destroy(id, destroy).await
    }

    async fn check(&self) -> Result<(), Error> {
        if self.tiers.remote.feed().is_none() {
            let message = "the store behind the cache has no change feed, so no load is answered locally";
            return Err(Error::new(ErrorKind::Configuration, message).with_context(BACKEND, "check"));
        }
        self.tiers.remote.check().await
    }

    async fn close(&self) -> Result<(), Error> {
        self.tiers.remote.close().await
    }

    /// The clock of this store, which is that of the store behind it unless the builder has set another one.
    fn clock(&self) -> Option<Arc<dyn Clock>> {
        Some(self.tiers.clock.clone())
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.tiers.remote.index().map(|_| self as &dyn SessionIndex)
    }

    /// The store's own lock: locks are not cached.
    fn lock(&self) -> Option<&dyn SessionLock> {
        self.tiers.remote.lock()
    }

    /// The store's own feed.
    fn feed(&self) -> Option<&dyn ChangeFeed> {
        self.tiers.remote.feed()
    }
}
