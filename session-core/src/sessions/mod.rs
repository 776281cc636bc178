//! The front door: sessions of one store under one policy.

mod builder;
mod upkeep;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    Clock, Destroy, DestroyOutcome, EndReason, Error, ErrorKind, Expiry, Found, Limits, LoadOptions, LoadOutcome,
    NewSession, OpId, Rotate, RotateOutcome, Session, SessionId, SessionStore, codec::Codecs, random,
};
use upkeep::Upkeep;

pub use builder::SessionsBuilder;

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
    upkeep: Upkeep,
}

/// How sessions live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) expiry: Expiry,
    pub(crate) rotation_grace: Duration,
    pub(crate) conflict_attempts: u32,
    pub(crate) replicas: u32,
}

impl Sessions {
    /// The sessions of this store, with default policy.
    pub fn new(store: impl SessionStore + 'static) -> Self {
        Self::builder(store).build()
    }

    /// The sessions of this store, with a policy of your own.
    pub fn builder(store: impl SessionStore + 'static) -> SessionsBuilder {
        SessionsBuilder::new(Arc::new(store))
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
        let policy = self.policy();
        let new = NewSession::draw(policy.expiry)?.with_replicas(policy.replicas);
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
        self.end(id).await.map(drop)
    }

    /// Ends a session, and tells how many replicas had that, if any were asked for.
    pub(crate) async fn end(&self, id: &SessionId) -> Result<Option<u32>, Error> {
        let destroy = Destroy::new(OpId::draw()?, EndReason::Logout).with_replicas(self.policy().replicas);
        match self.store().destroy(id, &destroy).await? {
            DestroyOutcome::Destroyed { replicas, .. } => Ok(replicas),
            DestroyOutcome::NotFound(_) => Ok(None),
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
        let rotation = rotate.into_rotation(id, self.policy())?;
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

    /// Names backend and operation in an error. What a tombstone said passes here, whichever operation met it.
    pub(crate) fn say(&self, error: Error, operation: &'static str) -> Error {
        #[cfg(feature = "tracing")]
        if let Some(ended) = error.ended() {
            let (reason, age_ms) = (ended.reason, u64::try_from(ended.age.as_millis()).unwrap_or(u64::MAX));
            tracing::info!(target: "session_core", %reason, age_ms, operation, "session_ended: a request met a session that was ended");
        }
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
}
