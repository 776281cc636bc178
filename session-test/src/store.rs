//! The store that fails on demand.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use session_core::{
    Error, ErrorKind, LoadOptions, Principal, SessionId,
    model::{EndReason, IdDigest, OpId},
    store::{
        AcquireOutcome, ApplyOutcome, ChangeFeed, CreateOutcome, Destroy, DestroyOutcome, FencingToken, IndexedSession,
        LoadOutcome, NewSession, Origin, RevocationId, RevokedAll, RotateOutcome, Rotation, SessionIndex, SessionLock,
        SessionStore, Subscription, TenureOutcome, TouchOptions, TouchOutcome, Update, async_trait, forward,
    },
};

use crate::{Call, Fault, Target, fault::Script, feed::Subscriptions};

/// A store in front of another one that fails, loses answers or hangs on demand, and lists the calls that it received.
///
/// Without faults it behaves like the store behind it, with the same capabilities. Clones share the store, the faults and
/// the list of calls: give one to [`Sessions`](session_core::Sessions) and keep the other.
#[derive(Debug)]
pub struct TestStore<S> {
    store: Arc<S>,
    script: Arc<Mutex<Script>>,
    subscriptions: Arc<Subscriptions>,
}

impl<S> Clone for TestStore<S> {
    fn clone(&self) -> Self {
        let Self { store, script, subscriptions } = self;
        Self { store: store.clone(), script: script.clone(), subscriptions: subscriptions.clone() }
    }
}

impl<S> TestStore<S> {
    /// A store in front of `store`, without faults.
    pub fn new(store: S) -> Self {
        Self { store: Arc::new(store), script: Arc::default(), subscriptions: Arc::default() }
    }

    /// The store behind this one. Its calls are neither listed nor disturbed.
    pub fn inner(&self) -> &S {
        &self.store
    }

    /// The next call, of any kind, does not reach the store and fails with this kind.
    pub fn fail_next(&self, kind: ErrorKind) {
        self.inject(Target::Any, Fault::Fail(kind));
    }

    /// The store executes the next write, and its answer is lost: the caller gets
    /// [`OutcomeUnknown`](ErrorKind::OutcomeUnknown).
    pub fn lose_next_answer(&self) {
        self.inject(Target::Write, Fault::LoseAnswer);
    }

    /// The store executes the next call, of any kind, and no answer ever comes.
    pub fn hang_next(&self) {
        self.inject(Target::Any, Fault::Hang);
    }

    /// Adds a fault to those that are to come. Each call takes the first fault that can happen to it.
    pub fn inject(&self, target: impl Into<Target>, fault: Fault) {
        self.script.lock().steps.push_back((target.into(), Some(fault)));
    }

    /// The next such call passes: it takes no fault that is injected after this. To disturb the second update only, let
    /// the first one pass:
    ///
    /// ```
    /// # let store = session_test::TestStore::new(session_memory::MemoryStore::new());
    /// # use session_test::{Call, Fault};
    /// store.pass_next(Call::Apply);
    /// store.inject(Call::Apply, Fault::LoseAnswer);
    /// ```
    pub fn pass_next(&self, target: impl Into<Target>) {
        self.script.lock().steps.push_back((target.into(), None));
    }

    /// Begins or ends an outage. During an outage every [`Call`] fails with [`Unavailable`](ErrorKind::Unavailable) and takes
    /// no injected fault. Subscriptions to the feed of changes go on; new ones fail.
    pub fn set_down(&self, is_down: bool) {
        self.script.lock().is_down = is_down;
    }

    /// Interrupts all subscriptions to the feed of changes for a moment, as a connection does that is lost and made
    /// again. Each gets a [gap](session_core::store::FeedItem::Gap), since it may have missed changes: watches complete
    /// with [`WatchEnd::Interrupted`](session_core::WatchEnd::Interrupted), and a cache asks the store again.
    pub fn interrupt_feed(&self) {
        self.subscriptions.interrupt();
    }

    /// The calls since the last time that this was asked, in the order in which they were received.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.script.lock().calls)
    }

    async fn call<T>(&self, call: Call, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let lost = if call.is_write() { ErrorKind::OutcomeUnknown } else { ErrorKind::Unavailable };
        let fault = self.script.lock().receive(call);
        match fault {
            None => answer.await,
            Some(Fault::Fail(kind)) => Err(Error::new(kind, INJECTED)),
            Some(Fault::LoseRequest) => Err(Error::new(lost, INJECTED)),
            Some(Fault::LoseAnswer) => answer.await.and(Err(Error::new(lost, INJECTED))),
            Some(Fault::Hang) => {
                answer.await?;
                std::future::pending().await
            }
        }
    }
}

const INJECTED: &str = "a fault that the test injected";

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: SessionStore + 'static> SessionStore for TestStore<S> {
    forward!(self => self.store; backend, limits, clock, close);

    async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        self.call(Call::Create, self.store.create(id, new)).await
    }

    async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        self.call(Call::Load, self.store.load(id, options)).await
    }

    async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        self.call(Call::Apply, self.store.apply(id, update)).await
    }

    async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        self.call(Call::Touch, self.store.touch(id, options)).await
    }

    async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        self.call(Call::Rotate, self.store.rotate(id, rotation)).await
    }

    async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        self.call(Call::Destroy, self.store.destroy(id, destroy)).await
    }

    async fn check(&self) -> Result<(), Error> {
        self.call(Call::Check, self.store.check()).await
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.store.index().map(|_| self as _)
    }

    fn lock(&self) -> Option<&dyn SessionLock> {
        self.store.lock().map(|_| self as _)
    }

    fn feed(&self) -> Option<&dyn ChangeFeed> {
        self.store.feed().map(|_| self as _)
    }
}

fn missing(capability: &'static str) -> Error {
    Error::new(ErrorKind::Configuration, format!("the store has no {capability}"))
}

impl<S: SessionStore> TestStore<S> {
    fn inner_index(&self) -> Result<&dyn SessionIndex, Error> {
        self.store.index().ok_or_else(|| missing("index"))
    }

    fn inner_lock(&self) -> Result<&dyn SessionLock, Error> {
        self.store.lock().ok_or_else(|| missing("lock"))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: SessionStore + 'static> SessionIndex for TestStore<S> {
    async fn sessions(&self, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        self.call(Call::List, self.inner_index()?.sessions(principal, limit)).await
    }

    async fn last_revocation(&self, principal: &Principal) -> Result<RevocationId, Error> {
        self.call(Call::List, self.inner_index()?.last_revocation(principal)).await
    }

    async fn revoke(&self, principal: &Principal, session: &IdDigest, reason: EndReason) -> Result<bool, Error> {
        self.call(Call::Revoke, self.inner_index()?.revoke(principal, session, reason)).await
    }

    async fn revoke_all(
        &self,
        principal: &Principal,
        except: Option<&SessionId>,
        reason: EndReason,
    ) -> Result<RevokedAll, Error> {
        self.call(Call::Revoke, self.inner_index()?.revoke_all(principal, except, reason)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: SessionStore + 'static> SessionLock for TestStore<S> {
    async fn acquire(&self, id: &SessionId, owner: OpId, lease: Duration) -> Result<AcquireOutcome, Error> {
        self.call(Call::Lock, self.inner_lock()?.acquire(id, owner, lease)).await
    }

    async fn renew(&self, id: &SessionId, token: FencingToken, lease: Duration) -> Result<TenureOutcome, Error> {
        self.call(Call::Lock, self.inner_lock()?.renew(id, token, lease)).await
    }

    async fn release(&self, id: &SessionId, token: FencingToken) -> Result<TenureOutcome, Error> {
        self.call(Call::Lock, self.inner_lock()?.release(id, token)).await
    }
}

#[async_trait]
impl<S: SessionStore + 'static> ChangeFeed for TestStore<S> {
    fn origin(&self) -> Origin {
        self.store.feed().map_or(Origin::from(0), ChangeFeed::origin)
    }

    fn partitions(&self) -> u32 {
        self.store.feed().map_or(1, ChangeFeed::partitions)
    }

    async fn subscribe(&self) -> Result<Subscription, Error> {
        let feed = self.store.feed().ok_or_else(|| missing("feed"))?;
        let subscription = self.call(Call::Subscribe, feed.subscribe()).await?;
        Ok(self.subscriptions.add(subscription))
    }
}
