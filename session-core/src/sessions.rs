//! The front door: sessions of one store under one policy.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    Clock, Destroy, DestroyOutcome, EndReason, Error, ErrorKind, Expiry, FencingToken, Found, IdDigest, Limits,
    LoadOptions, LoadOutcome, NewSession, OpId, Rotate, RotateOutcome, Session, SessionId, SessionStore, SystemClock,
    Timestamp, TouchOptions, codec::Codecs, defaults, random,
};

/// How many sessions whose touch failed are remembered for [`Sessions::close`].
const MAX_UNTOUCHED: usize = 1_024;

/// How many locks of dropped handles one [`Session::lock`] releases: more than are added by one.
const ABANDONED_AT_ONCE: usize = 8;

/// Sessions of one store: opens, creates and ends them. A clone is another handle on the same.
///
/// ```
/// # use session_core::{Error, Sessions};
/// # use session_memory::MemoryStore;
/// # async fn run() -> Result<(), Error> {
/// let sessions = Sessions::new(MemoryStore::new());
///
/// let mut session = sessions.create()?;
/// session.insert("theme", "dark")?;
/// session.commit().await?; // stored, with its first entries, in one step
///
/// let session = sessions.open(session.id()).await?;
/// assert_eq!(session.get::<String>("theme")?.as_deref(), Some("dark"));
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run()).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Sessions {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Arc<dyn SessionStore>,
    codecs: Codecs,
    clock: Arc<dyn Clock>,
    policy: Policy,
    closed: AtomicBool,
    /// Locks that handles hold or were dropped with.
    locks: Mutex<HashMap<FencingToken, Tenure>>,
    /// Sessions whose last touch failed.
    untouched: Mutex<HashMap<IdDigest, Use>>,
}

/// A use of a session that its store does not know of.
#[derive(Clone, Copy, Debug)]
struct Use {
    id: SessionId,
    at: Timestamp,
    idle_timeout: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Tenure {
    id: SessionId,
    /// The handle was dropped.
    abandoned: bool,
}

/// How sessions live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) expiry: Expiry,
    pub(crate) rotation_grace: Duration,
    pub(crate) conflict_attempts: u32,
}

/// Sets up [`Sessions`]; see [`defaults`] for what each setting is otherwise.
#[derive(Debug)]
pub struct SessionsBuilder {
    store: Arc<dyn SessionStore>,
    codecs: Codecs,
    clock: Arc<dyn Clock>,
    policy: Policy,
}

impl SessionsBuilder {
    /// How long sessions live.
    #[must_use]
    pub fn expiry(mut self, expiry: Expiry) -> Self {
        self.policy.expiry = expiry;
        self
    }

    /// How long an old id is remembered after a rotation. It should outlast ten call deadlines of the store, so that no
    /// request in flight outlives it.
    #[must_use]
    pub fn rotation_grace(mut self, grace: Duration) -> Self {
        self.policy.rotation_grace = grace;
        self
    }

    /// How often a closure is run before its conflict is reported; at least once.
    #[must_use]
    pub fn conflict_attempts(mut self, attempts: u32) -> Self {
        self.policy.conflict_attempts = attempts.max(1);
        self
    }

    /// How values are encoded.
    #[must_use]
    pub fn codecs(mut self, codecs: Codecs) -> Self {
        self.codecs = codecs;
        self
    }

    /// Where time comes from: for waiting, and for [`Session::expires_in`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The sessions.
    pub fn build(self) -> Sessions {
        let Self { store, codecs, clock, policy } = self;
        let (closed, locks, untouched) = Default::default();
        Sessions { shared: Arc::new(Shared { store, codecs, clock, policy, closed, locks, untouched }) }
    }
}

impl Sessions {
    /// The sessions of this store, with default policy.
    pub fn new(store: impl SessionStore + 'static) -> Self {
        Self::builder(store).build()
    }

    /// The sessions of this store, with a policy of your own.
    pub fn builder(store: impl SessionStore + 'static) -> SessionsBuilder {
        SessionsBuilder {
            store: Arc::new(store),
            codecs: Codecs::default(),
            clock: Arc::new(SystemClock),
            policy: Policy {
                expiry: Expiry::default(),
                rotation_grace: defaults::ROTATION_GRACE,
                conflict_attempts: defaults::CONFLICT_ATTEMPTS,
            },
        }
    }

    /// Opens a session: one load, or a local hit. Once a tenth of the idle timeout has passed since the last renewal,
    /// it also renews the deadline, which is one more call; if that fails, the session opens all the same.
    ///
    /// # Consistency
    /// [`ReadLevel::Local`](crate::ReadLevel::Local): within the staleness that the store states.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), [`Superseded`](ErrorKind::Superseded),
    /// [`Configuration`](ErrorKind::Configuration) after [`close`](Self::close), and the failures of the store, which
    /// never read as an absent session.
    ///
    /// # Cancel safety
    /// Changes nothing but the deadline.
    pub async fn open(&self, id: &SessionId) -> Result<Session, Error> {
        self.open_with(id, LoadOptions::default()).await
    }

    /// Opens a session with a floor or a read level; a known stamp is of no use here and ignored.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    ///
    /// # Cancel safety
    /// As [`open`](Self::open).
    pub async fn open_with(&self, id: &SessionId, mut options: LoadOptions) -> Result<Session, Error> {
        self.refuse_if_closed("open")?;
        options.known = None;
        let asked_at = self.shared.clock.now();
        let found = self.load(id, options).await?;
        let due = Self::touch_due(&found);
        let mut session = Session::stored(self.clone(), *id, found, asked_at);
        if let Some(idle_timeout) = due {
            self.touch(&mut session, idle_timeout).await;
        }
        Ok(session)
    }

    pub(crate) async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<Found, Error> {
        let error = match self.store().load(id, options).await? {
            LoadOutcome::Found(found) => return Ok(found),
            LoadOutcome::NotFound(ended) => Error::new(ErrorKind::NotFound, "").with_ended(ended),
            LoadOutcome::Superseded => Error::new(ErrorKind::Superseded, ""),
            LoadOutcome::Unchanged(_) => {
                Error::new(ErrorKind::Unavailable, "the store answered Unchanged to a load without a stamp")
            }
        };
        Err(self.say(error, "load"))
    }

    /// A new session. It is stored at its first [`commit`](Session::commit), with what was recorded by then; until
    /// then, nothing is sent.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) when the operating system gives no random bytes;
    /// [`Configuration`](ErrorKind::Configuration) after [`close`](Self::close).
    pub fn create(&self) -> Result<Session, Error> {
        self.refuse_if_closed("create")?;
        let new = NewSession::draw(self.shared.policy.expiry)?;
        Ok(Session::unstored(self.clone(), SessionId::generate()?, new))
    }

    /// Ends a session because its user signed out. One that is already gone is success.
    ///
    /// # Errors
    /// [`Superseded`](ErrorKind::Superseded): the id was replaced by a sign-in, and the session at the new id stays;
    /// and the failures of the store.
    ///
    /// # Cancel safety
    /// If the future is dropped, the session is ended or as before.
    pub async fn destroy(&self, id: &SessionId) -> Result<(), Error> {
        match self.store().destroy(id, &Destroy::new(OpId::draw()?, EndReason::Logout)).await? {
            DestroyOutcome::Destroyed | DestroyOutcome::NotFound(_) => Ok(()),
            DestroyOutcome::Superseded => Err(self.say(Error::new(ErrorKind::Superseded, ""), "destroy")),
        }
    }

    /// Moves a session to a new id without loading it, and returns the new id; `None` if another rotation was first:
    /// then set no cookie. After an unknown outcome the new id is lost; a [`Session`] keeps it.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), [`Superseded`](ErrorKind::Superseded), and the failures of the store.
    ///
    /// # Cancel safety
    /// If the future is dropped, the session is at the old id or at a new one that nobody knows. After a renewal the
    /// old id works for the grace.
    pub async fn rotate(&self, id: &SessionId, rotate: Rotate) -> Result<Option<SessionId>, Error> {
        let rotation = rotate.into_rotation(id, self.policy().rotation_grace)?;
        let error = match self.store().rotate(id, &rotation).await? {
            RotateOutcome::Rotated(_) => return Ok(Some(rotation.to)),
            RotateOutcome::AlreadyRotated => return Ok(None),
            RotateOutcome::NotFound(ended) => Error::new(ErrorKind::NotFound, "").with_ended(ended),
            RotateOutcome::Ended(ended) => Error::new(ErrorKind::NotFound, "").with_ended(Some(ended)),
            RotateOutcome::Superseded => Error::new(ErrorKind::Superseded, ""),
        };
        Err(self.say(error, "rotate"))
    }

    /// Whether the store can serve: for readiness probes.
    ///
    /// # Errors
    /// The failure that an operation would meet now.
    ///
    /// # Cancel safety
    /// Changes nothing.
    pub async fn check(&self) -> Result<(), Error> {
        self.store().check().await
    }

    /// Before a shutdown: sends touches that had failed or were deferred and releases all locks. From then on no session
    /// can be opened or created; handles that are open still commit.
    ///
    /// # Errors
    /// The first failure of the store, after everything was tried. What failed is tried again by another call.
    ///
    /// # Cancel safety
    /// May be called again, and goes on where it was.
    pub async fn close(&self) -> Result<(), Error> {
        self.shared.closed.store(true, Ordering::Relaxed);
        let locks: Vec<_> = lock(&self.shared.locks).iter().map(|(token, tenure)| (*token, tenure.id)).collect();
        let mut result = self.release_locks(locks).await;
        let uses: Vec<Use> = lock(&self.shared.untouched).values().copied().collect();
        for used in uses {
            result = result.and(self.send_use(used).await);
        }
        result.and(self.store().close().await)
    }

    /// Renews the deadline from the moment of the use, not from now.
    async fn send_use(&self, used: Use) -> Result<(), Error> {
        let left = used.idle_timeout.saturating_sub(self.shared.clock.now().since(used.at));
        if !left.is_zero() {
            self.store().touch(&used.id, TouchOptions::default().idle(left)).await?;
        }
        lock(&self.shared.untouched).remove(used.id.digest());
        Ok(())
    }

    fn refuse_if_closed(&self, operation: &'static str) -> Result<(), Error> {
        if self.shared.closed.load(Ordering::Relaxed) {
            return Err(self.say(Error::new(ErrorKind::Configuration, "these sessions are closed"), operation));
        }
        Ok(())
    }

    /// The limits that the store enforces.
    pub fn limits(&self) -> Limits {
        self.store().limits()
    }

    /// The store.
    pub fn store(&self) -> &dyn SessionStore {
        &*self.shared.store
    }

    pub(crate) fn codecs(&self) -> &Codecs {
        &self.shared.codecs
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.shared.clock
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.shared.policy
    }

    /// Names backend and operation in an error.
    pub(crate) fn say(&self, error: Error, operation: &'static str) -> Error {
        error.with_operation(operation).with_backend(self.store().backend())
    }

    /// Waits before the next attempt at something contended: at first not at all, then for a random time whose bound
    /// doubles up to 64 ms.
    pub(crate) async fn back_off(&self, attempt: u32) -> Result<(), Error> {
        let Some(doublings) = attempt.checked_sub(1) else { return Ok(()) };
        let bound_us = 1_000 << doublings.min(6);
        self.clock().sleep(Duration::from_micros(random::buffered_u64()? % bound_us)).await;
        Ok(())
    }

    /// The idle timeout of a session whose deadline is due for renewal.
    fn touch_due(found: &Found) -> Option<Duration> {
        let deadlines = found.record.deadlines();
        let (timeout, idle) = (deadlines.idle_timeout()?, deadlines.idle()?);
        let at_absolute = Some(idle) == deadlines.absolute();
        let due = !at_absolute && idle.since(found.now) + timeout / defaults::TOUCH_SHARE <= timeout;
        due.then_some(timeout)
    }

    async fn touch(&self, session: &mut Session, idle_timeout: Duration) {
        let used = Use { id: *session.id(), at: self.shared.clock.now(), idle_timeout };
        let digest = *used.id.digest();
        match self.store().touch(&used.id, TouchOptions::default()).await {
            Ok(outcome) => {
                lock(&self.shared.untouched).remove(&digest);
                session.note_touch(outcome, used.at);
            }
            Err(_) => {
                let mut untouched = lock(&self.shared.untouched);
                if untouched.len() < MAX_UNTOUCHED || untouched.contains_key(&digest) {
                    untouched.insert(digest, used);
                }
            }
        }
    }

    pub(crate) fn note_lock(&self, token: FencingToken, id: SessionId) {
        lock(&self.shared.locks).insert(token, Tenure { id, abandoned: false });
    }

    pub(crate) fn abandon_lock(&self, token: FencingToken) {
        if let Some(tenure) = lock(&self.shared.locks).get_mut(&token) {
            tenure.abandoned = true;
        }
    }

    pub(crate) fn forget_lock(&self, token: FencingToken) {
        lock(&self.shared.locks).remove(&token);
    }

    /// Releases some locks whose handles were dropped, those of this session first.
    pub(crate) async fn release_abandoned_locks(&self, id: &SessionId) -> Result<(), Error> {
        let mut due: Vec<_> = lock(&self.shared.locks)
            .iter()
            .filter(|(_, tenure)| tenure.abandoned)
            .map(|(token, tenure)| (*token, tenure.id))
            .collect();
        due.sort_by_key(|(_, of)| of != id);
        due.truncate(ABANDONED_AT_ONCE);
        self.release_locks(due).await
    }

    async fn release_locks(&self, due: Vec<(FencingToken, SessionId)>) -> Result<(), Error> {
        let Some(locks) = self.store().lock() else { return Ok(()) };
        let mut result = Ok(());
        for (token, id) in due {
            match locks.release(&id, token).await {
                Ok(_) => self.forget_lock(token),
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
