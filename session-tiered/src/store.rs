//! The store and its handles.

use std::{fmt, pin::Pin, sync::Arc};

use futures_util::FutureExt as _;
use parking_lot::Mutex;
use session_core::{
    Error, ErrorKind, Limits, LoadOptions, SessionId,
    store::{
        ApplyOutcome, ChangeFeed, CreateOutcome, Destroy, DestroyOutcome, LoadOutcome, NewSession, RotateOutcome,
        Rotation, SessionIndex, SessionLock, SessionStore, TouchOptions, TouchOutcome, Update, async_trait,
    },
};
use tokio::{runtime::Handle, task::AbortHandle};

use crate::{Stats, TieredStoreBuilder, inner::Inner, listener::listen, local::Local};

const BACKEND: &str = "tiered";

/// A local cache in front of a store: loads are answered from memory, and no answer is older than a stated bound.
///
/// The [crate docs](crate) state what it promises. It starts nothing when it is made; the first call starts a task that
/// listens to the store's [feed](ChangeFeed), so calls need a Tokio runtime. A clone is another handle on the same
/// cache; the task ends with the last one. A store without a feed can be used, and nothing of it is ever answered
/// locally: [`check`](SessionStore::check) says so.
pub struct TieredStore<R> {
    inner: Arc<Inner<R>>,
    /// Held by handles only, so that the listener's own hold on the rest does not keep it alive.
    lifeline: Arc<Lifeline>,
}

/// Ends the listener with the last handle.
#[derive(Default)]
struct Lifeline(Mutex<Option<AbortHandle>>);

impl Drop for Lifeline {
    fn drop(&mut self) {
        if let Some(listener) = self.0.get_mut() {
            listener.abort();
        }
    }
}

impl<R: SessionStore + 'static> TieredStore<R> {
    /// A cache with default settings.
    pub fn new(remote: R) -> Self {
        Self::builder(remote).build()
    }

    /// A cache with settings of your own.
    pub fn builder(remote: R) -> TieredStoreBuilder<R> {
        TieredStoreBuilder::new(remote)
    }

    pub(crate) fn of(inner: Inner<R>) -> Self {
        Self { inner: Arc::new(inner), lifeline: Arc::default() }
    }

    /// What the cache went through.
    pub fn stats(&self) -> Stats {
        self.inner.local.counters.snapshot()
    }

    /// The store behind the cache.
    pub fn remote(&self) -> &R {
        &self.inner.remote
    }

    pub(crate) fn local(&self) -> &Local {
        &self.inner.local
    }

    /// Starts the listener, if none is there: none was started yet, or it ended with the runtime of that call.
    fn start(&self) -> Result<(), Error> {
        let mut listener = self.lifeline.0.lock();
        if listener.as_ref().is_some_and(|listener| !listener.is_finished()) {
            return Ok(());
        }
        let runtime = Handle::try_current().map_err(|error| {
            let message = "calls need a Tokio runtime, for the task that listens to the store's changes";
            Error::new(ErrorKind::Configuration, message).with_backend(BACKEND).with_source(error)
        })?;
        if self.inner.remote.feed().is_some() {
            *listener = Some(runtime.spawn(listen(self.inner.clone())).abort_handle());
        }
        Ok(())
    }
}

impl<R> Clone for TieredStore<R> {
    /// Another handle on the same cache.
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), lifeline: self.lifeline.clone() }
    }
}

impl<R> fmt::Debug for TieredStore<R>
where
    R: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TieredStore")
            .field("remote", &self.inner.remote)
            .field("stats", &self.inner.local.counters)
            .finish_non_exhaustive()
    }
}

pub(crate) fn no_index() -> Error {
    Error::new(ErrorKind::Configuration, "the store behind the cache keeps no index of principals")
        .with_backend(BACKEND)
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<R: SessionStore + 'static> SessionStore for TieredStore<R> {
    fn backend(&self) -> &'static str {
        BACKEND
    }

    fn limits(&self) -> Limits {
        self.inner.remote.limits()
    }

    async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        self.start()?;
        self.inner.create(id, new).await
    }

    // Without the macro, and with a box of its own for the way to the store, so that the box of a hit is small.
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
        // The call begins when it is first polled: what was acknowledged by then is seen.
        Box::pin(async move {
            if let Some(answer) = self.inner.local_answer(id, &options) {
                return Ok(answer);
            }
            self.start()?;
            self.inner.fetch(id, options).boxed().await
        })
    }

    async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        self.start()?;
        self.inner.apply(id, update).await
    }

    async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        self.start()?;
        self.inner.touch(id, options).await
    }

    async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        self.start()?;
        self.inner.rotate(id, rotation).await
    }

    async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        self.start()?;
        self.inner.destroy(id, destroy).await
    }

    async fn check(&self) -> Result<(), Error> {
        if self.inner.remote.feed().is_none() {
            let message = "the store behind the cache has no change feed, so that nothing is answered locally";
            return Err(Error::new(ErrorKind::Configuration, message).with_backend(BACKEND));
        }
        self.inner.remote.check().await
    }

    async fn close(&self) -> Result<(), Error> {
        self.inner.remote.close().await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.inner.remote.index().map(|_| self as &dyn SessionIndex)
    }

    /// The store's own: locks are not cached.
    fn lock(&self) -> Option<&dyn SessionLock> {
        self.inner.remote.lock()
    }

    /// The store's own.
    fn feed(&self) -> Option<&dyn ChangeFeed> {
        self.inner.remote.feed()
    }
}
