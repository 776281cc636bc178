//! A store that loses requests or answers on demand, and counts its calls.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use session_core::{
    Clock, Error, ErrorKind, Limits, LoadOptions, SessionId,
    store::{
        Absent, ApplyOutcome, ChangeFeed, CreateOutcome, Destroy, DestroyOutcome, LoadOutcome, NewSession,
        RotateOutcome, Rotation, SessionIndex, SessionLock, SessionStore, TouchOptions, TouchOutcome, Update,
        async_trait,
    },
};
use session_memory::MemoryStore;

/// The fault of one mutation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// The request does not reach the store, and the caller does not know.
    LostRequest,
    /// The request is executed, but the caller does not learn the answer.
    LostAnswer,
    /// The request does not reach the store, and the caller knows.
    Refused,
    /// The request is executed, but the answer never comes, so the caller stops waiting.
    Silence,
    /// No fault. The test may make another mutation meanwhile, through `MemoryStore`.
    None,
}

#[derive(Debug)]
pub(crate) struct Faulty {
    pub(crate) inner: MemoryStore,
    faults: Mutex<VecDeque<Fault>>,
    calls: AtomicUsize,
    touches: AtomicUsize,
    failing_loads: AtomicUsize,
    hidden: AtomicBool,
}

impl Faulty {
    pub(crate) fn new(inner: MemoryStore) -> Self {
        Self {
            inner,
            faults: Mutex::default(),
            calls: AtomicUsize::new(0),
            touches: AtomicUsize::new(0),
            failing_loads: AtomicUsize::new(0),
            hidden: AtomicBool::new(false),
        }
    }

    /// Whether the store answers that there is no session, as a replica does that was promoted too early.
    pub(crate) fn hide_sessions(&self, hidden: bool) {
        self.hidden.store(hidden, Ordering::Relaxed);
    }

    async fn unless_hidden<T: From<Absent>>(&self, happen: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        if self.hidden.load(Ordering::Relaxed) { Ok(Absent::NotFound(None).into()) } else { happen.await }
    }

    /// Sets the faults of the next mutations, in order.
    pub(crate) fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().unwrap().extend(faults);
    }

    /// The next load finds no store.
    pub(crate) fn fail_next_load(&self) {
        self.failing_loads.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of calls of any kind since the last call of this method.
    pub(crate) fn calls(&self) -> usize {
        self.calls.swap(0, Ordering::Relaxed)
    }

    pub(crate) fn touches(&self) -> usize {
        self.touches.swap(0, Ordering::Relaxed)
    }

    /// Sets a scalar behind the back of every handle, without a fault.
    pub(crate) async fn inner_set(&self, id: &SessionId, field: &str, value: u32) {
        let sessions = session_core::Sessions::new(self.inner.clone());
        let mut session = sessions.open(id).await.unwrap();
        session.set(field, value).unwrap();
        session.commit().await.unwrap();
    }

    /// Whether the stored session has a scalar.
    pub(crate) async fn inner_has(&self, id: &SessionId, field: &str) -> bool {
        session_core::Sessions::new(self.inner.clone()).open(id).await.unwrap().contains(field)
    }

    async fn mutate<T>(&self, happen: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let fault = self.faults.lock().unwrap().pop_front().unwrap_or(Fault::None);
        let unknown = || Error::new(ErrorKind::OutcomeUnknown, "injected fault");
        match fault {
            Fault::None => happen.await,
            Fault::LostRequest => Err(unknown()),
            Fault::LostAnswer => happen.await.and(Err(unknown())),
            Fault::Refused => Err(Error::new(ErrorKind::Unavailable, "injected fault")),
            Fault::Silence => {
                happen.await?;
                std::future::pending().await
            }
        }
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl SessionStore for Faulty {
    fn backend(&self) -> &'static str {
        "faulty"
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        self.mutate(self.inner.create(id, new)).await
    }

    async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.failing_loads.swap(0, Ordering::Relaxed) > 0 {
            return Err(Error::new(ErrorKind::Unavailable, "injected fault"));
        }
        self.unless_hidden(self.inner.load(id, options)).await
    }

    async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        self.mutate(self.unless_hidden(self.inner.apply(id, update))).await
    }

    async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        self.touches.fetch_add(1, Ordering::Relaxed);
        self.mutate(self.unless_hidden(self.inner.touch(id, options))).await
    }

    async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        self.mutate(self.unless_hidden(self.inner.rotate(id, rotation))).await
    }

    async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        self.mutate(self.inner.destroy(id, destroy)).await
    }

    async fn check(&self) -> Result<(), Error> {
        self.inner.check().await
    }

    async fn close(&self) -> Result<(), Error> {
        self.inner.close().await
    }

    fn clock(&self) -> Option<Arc<dyn Clock>> {
        self.inner.clock()
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.inner.index()
    }

    fn lock(&self) -> Option<&dyn SessionLock> {
        self.inner.lock()
    }

    fn feed(&self) -> Option<&dyn ChangeFeed> {
        self.inner.feed()
    }
}
