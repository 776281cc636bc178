//! Sessions of one store under one policy.

mod builder;
mod by_principal;
mod lock_queue;
mod session;
mod unsettled;
mod upkeep;
mod view;
mod watch;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    Clock, Error, ErrorKind, Expiry, Limits, LoadOptions, ReadLevel, SessionId,
    codec::Codecs,
    model::{EndReason, Ended, OpId},
    random,
    store::{
        Absent, Destroy, DestroyOutcome, Found, LoadOutcome, NewSession, RotateOutcome, SessionStore, WriteOptions,
    },
};
use lock_queue::LockQueues;
use upkeep::{Touch, Upkeep};

pub use builder::SessionsBuilder;
pub use session::{Map, Rotate, Rotated, Session, Set};
pub use upkeep::Deferred;
pub use watch::{Watch, WatchEnd};

/// Opens, creates, signs in, lists, watches and ends the sessions of one store. A clone is another handle on the same
/// sessions.
///
/// ```
/// # use session_core::{Error, Sessions};
/// # use session_memory::MemoryStore;
/// # async fn run() -> Result<(), Error> {
/// let sessions = Sessions::new(MemoryStore::new());
///
/// let mut session = sessions.create()?;
/// session.set("theme", "dark")?;
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
    lock_queues: LockQueues,
    hub: Arc<watch::Hub>,
}

/// The policy for sessions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) expiry: Expiry,
    pub(crate) rotation_grace: Duration,
    pub(crate) confirm_within: Option<Duration>,
    pub(crate) conflict_attempts: u32,
    pub(crate) replicas: u32,
    pub(crate) lock_waiters: usize,
}

impl Sessions {
    /// The sessions of this store, with the default policy.
    pub fn new(store: impl SessionStore + 'static) -> Self {
        Self::builder(store).build()
    }

    /// A builder for the sessions of this store with a custom policy.
    pub fn builder(store: impl SessionStore + 'static) -> SessionsBuilder {
        SessionsBuilder::new(Arc::new(store))
    }

    /// Opens a session: one load, or a local hit. It sends a touch, which is one more call, when a tenth of the idle
    /// timeout has passed since the deadline was last extended, and on the first open with a new id after
    /// [`Rotate::renew`]. The latter confirms that the client has the new id. If the touch fails, the session opens
    /// nevertheless. [`LoadOptions::touch_later`] puts the touch off until after the response.
    ///
    /// # Consistency
    /// [`ReadLevel::Local`](crate::ReadLevel::Local): within the staleness that the store documents.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), [`Superseded`](ErrorKind::Superseded),
    /// [`Configuration`](ErrorKind::Configuration) after [`close`](Self::close), and the failures of the store, which
    /// are never reported as an absent session.
    ///
    /// # Cancel safety
    /// Changes nothing except the deadline.
    pub async fn open(&self, id: &SessionId) -> Result<Session, Error> {
        self.open_with(id, LoadOptions::default()).await
    }

    /// Opens a session with a floor or a read level, or [passively](LoadOptions::passive). A known stamp has no use here
    /// and is ignored.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    ///
    /// # Cancel safety
    /// As [`open`](Self::open).
    pub async fn open_with(&self, id: &SessionId, mut options: LoadOptions) -> Result<Session, Error> {
        self.refuse_if_closed("open")?;
        options.known = None;
        let sent_at = self.shared.clock.now();
        let found = self.load(id, options).await?;
        let touch = self.touch_needed(*id, &found, &options);
        let mut session = Session::stored(self.clone(), *id, found, sent_at);
        if let Some(touch) = touch {
            self.touch(&mut session, touch, options.passive).await;
        }
        Ok(session)
    }

    /// Opens the session that a cookie or a header names. The outer error is a failure. The inner `Err` means that
    /// there is no such session, and tells why and how long ago it ended if its tombstone is still kept. Text that is
    /// not a session id, such as the cookie of another application, is treated like the id of a session that does not
    /// exist.
    ///
    /// ```
    /// # use session_core::{Error, Session, Sessions};
    /// async fn open(sessions: &Sessions, cookie: &str) -> Result<Session, Error> {
    ///     match sessions.open_text(cookie).await? {
    ///         Ok(session) => Ok(session),
    ///         Err(_ended) => sessions.create(), // sends nothing; set the cookie once the session is stored
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open), except [`NotFound`](ErrorKind::NotFound). After [`Superseded`](ErrorKind::Superseded),
    /// create no session: the request that signed in sets the cookie.
    ///
    /// # Cancel safety
    /// As [`open`](Self::open).
    pub async fn open_text(&self, text: &str) -> Result<Result<Session, Option<Ended>>, Error> {
        self.open_text_with(text, LoadOptions::default()).await
    }

    /// Opens the session that a cookie or a header names with a floor or a read level, or
    /// [passively](LoadOptions::passive).
    ///
    /// # Errors
    /// As [`open_text`](Self::open_text).
    ///
    /// # Cancel safety
    /// As [`open`](Self::open).
    pub async fn open_text_with(
        &self,
        text: &str,
        options: LoadOptions,
    ) -> Result<Result<Session, Option<Ended>>, Error> {
        self.refuse_if_closed("open")?;
        let Ok(id) = text.parse() else { return Ok(Err(None)) };
        match self.open_with(&id, options).await {
            Ok(session) => Ok(Ok(session)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Err(error.ended().copied())),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<Found, Error> {
        let error = match self.store().load(id, options).await? {
            LoadOutcome::Found(found) => return Ok(found),
            LoadOutcome::Absent(absent) => Error::from(absent),
            LoadOutcome::Unchanged(_) => {
                Error::new(ErrorKind::Unavailable, "the store answered Unchanged to a load without a stamp")
            }
        };
        Err(self.with_context(error, "load"))
    }

    /// Creates a new session. Nothing is sent until its first [`commit`](Session::commit) with changes, which stores
    /// the session with them. [`Session::persist`] stores it even if it is empty.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) when the operating system gives no random bytes;
    /// [`Configuration`](ErrorKind::Configuration) after [`close`](Self::close).
    pub fn create(&self) -> Result<Session, Error> {
        self.create_with(self.policy().expiry)
    }

    /// Creates a new session that lives for another time than that of the [policy](SessionsBuilder::expiry), for example a
    /// short one for a guest or a long one for "remember me". A [sign-in](Session::rotate) sets new deadlines.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_with(&self, expiry: Expiry) -> Result<Session, Error> {
        self.refuse_if_closed("create")?;
        let new = NewSession { write: self.write_options()?, ..NewSession::generate(expiry)? };
        Ok(Session::unstored(self.clone(), SessionId::generate()?, new))
    }

    /// Signs a principal in with `rotate`, which has [a sign-in](Rotate::with_sign_in), and returns the session at its
    /// new id. Unlike [`Session::rotate`] it needs no session at the old id: that may have ended, may be unknown, or may
    /// have been replaced by another sign-in, for example because a form was sent twice. Set the cookie to the new id.
    ///
    /// | at the old id | the principal signs in to |
    /// |---|---|
    /// | a session without a principal, or of the same one | that session, with its entries |
    /// | a session of another principal | a new session with the entries that the sign-in [keeps](crate::SignIn::with_kept_fields); the other session ends |
    /// | an id that a sign-in of the same principal has just replaced | a new session with a copy of the entries |
    /// | anything else | a new, empty session |
    ///
    /// Two calls to the store.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) if `rotate` has no sign-in; [`LimitExceeded`](ErrorKind::LimitExceeded)
    /// if the principal has as many sessions as its cap allows; [`Conflict`](ErrorKind::Conflict) if a revocation
    /// [refuses](crate::SignIn::with_last_revocation) the sign-in; [`NotFound`](ErrorKind::NotFound) if a "sign out
    /// everywhere" overtook the sign-in; [`Configuration`](ErrorKind::Configuration) for a store without an index or
    /// after [`close`](Self::close); and the failures of the store. After a failure the principal may be signed in; a
    /// repeat signs in again.
    ///
    /// # Cancel safety
    /// If the future is dropped, the principal may be signed in; a repeat signs in again.
    pub async fn sign_in(&self, id: &SessionId, rotate: Rotate) -> Result<Session, Error> {
        self.refuse_if_closed("sign in")?;
        let rotation = rotate.into_rotation(id, self)?;
        if rotation.sign_in.is_none() {
            let error = Error::new(ErrorKind::InvalidInput, "the rotation has no sign-in; use `with_sign_in`");
            return Err(self.with_context(error, "sign in"));
        }
        let error = match self.store().rotate(id, &rotation).await? {
            RotateOutcome::Rotated(_) => {
                let options = LoadOptions { level: ReadLevel::Store, ..LoadOptions::default() };
                return self.open_with(&rotation.to, options).await;
            }
            RotateOutcome::Absent(absent) => Error::from(absent),
            RotateOutcome::Ended(ended) => Error::from(Absent::NotFound(Some(ended))),
            RotateOutcome::AlreadyRotated => {
                Error::new(ErrorKind::Unavailable, "the store answered AlreadyRotated to a sign-in")
            }
        };
        Err(self.with_context(error, "sign in"))
    }

    /// Options for a write with a fresh op id, under this policy.
    pub(crate) fn write_options(&self) -> Result<WriteOptions, Error> {
        Ok(WriteOptions { op: OpId::generate()?, replicas: self.policy().replicas })
    }

    /// Ends a session because its user signed out. A session that is already gone is a success.
    ///
    /// # Errors
    /// [`Superseded`](ErrorKind::Superseded) if a sign-in replaced the id, in which case the session continues at the
    /// new id; and the failures of the store.
    ///
    /// # Cancel safety
    /// If the future is dropped, the session is ended or as before.
    pub async fn destroy(&self, id: &SessionId) -> Result<(), Error> {
        self.end([*id]).await.map(drop)
    }

    /// Ends the session that the first of these ids leads to, and returns how many replicas have that write, if any were
    /// asked for.
    pub(crate) async fn end(&self, ids: impl IntoIterator<Item = SessionId>) -> Result<Option<u32>, Error> {
        let destroy = Destroy::new(self.write_options()?, EndReason::Logout);
        for id in ids {
            match self.store().destroy(&id, &destroy).await? {
                DestroyOutcome::Destroyed { replicas, .. } => return Ok(replicas),
                DestroyOutcome::Absent(Absent::NotFound(_)) => {}
                DestroyOutcome::Absent(absent) => return Err(self.with_context(Error::from(absent), "destroy")),
            }
        }
        Ok(None)
    }

    /// Checks whether the store can serve requests, for readiness probes.
    ///
    /// # Errors
    /// The failure that an operation would have now.
    ///
    /// # Cancel safety
    /// Changes nothing.
    pub async fn check(&self) -> Result<(), Error> {
        self.store().check().await
    }

    fn refuse_if_closed(&self, operation: &'static str) -> Result<(), Error> {
        if self.shared.closed.load(Ordering::Relaxed) {
            return Err(self.with_context(Error::new(ErrorKind::Configuration, "these sessions are closed"), operation));
        }
        Ok(())
    }

    /// The limits that the store enforces.
    pub(crate) fn limits(&self) -> Limits {
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

    /// Adds the backend and the operation to an error. Every error that carries a tombstone passes here and is logged.
    pub(crate) fn with_context(&self, error: Error, operation: &'static str) -> Error {
        #[cfg(feature = "tracing")]
        if let Some(ended) = error.ended() {
            let (reason, age_ms) = (ended.reason, u64::try_from(ended.age.as_millis()).unwrap_or(u64::MAX));
            if reason == EndReason::Renewed {
                tracing::warn!(target: "session_core", age_ms, operation, "session_forked: an old id came back after its successor was used");
            } else {
                tracing::info!(target: "session_core", %reason, age_ms, operation, "session_ended: a request met a session that was ended");
            }
        }
        error.with_context(self.store().backend(), operation)
    }

    /// Waits before the next attempt at a contended operation. The first retry does not wait. Later retries wait for a
    /// random time whose bound doubles up to 64 ms.
    pub(crate) async fn back_off(&self, attempt: u32) -> Result<(), Error> {
        let Some(doublings) = attempt.checked_sub(1) else { return Ok(()) };
        let bound_us = 1_000 << doublings.min(6);
        self.clock().sleep(Duration::from_micros(random::u64()? % bound_us)).await;
        Ok(())
    }
}
