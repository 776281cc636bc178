//! What the author of a backend implements: the trait, its requests and outcomes, and the optional capabilities.
//!
//! [`SessionStore`] has the contract. Requests are borrowed, so that a retry sends the same one again. What a caller
//! must tell apart is a variant of an outcome; what fails is an [`Error`]. A capability is a trait of its own:
//! [`SessionIndex`], [`SessionLock`], [`ChangeFeed`]. [`machine`] is the contract of one partition as pure functions, and
//! [`forward!`] writes the methods of a wrapper. The crate
//! `session-conformance` tests a backend.

mod ext;
mod feed;
mod forward;
mod index;
mod lock;
pub mod machine;
mod outcome;
pub(crate) mod request;

use std::fmt;

use crate::{Error, Limits, LoadOptions, SessionId};

#[doc(inline)]
pub use crate::__forward_session_store as forward;
/// Re-exported, because implementing [`SessionStore`] needs it.
pub use async_trait::async_trait;
pub use ext::SessionStoreExt;
pub use feed::{BarrierId, Barriers, ChangeFeed, ChangeKind, FeedItem, GapCause, Origin, SessionChange, Subscription};
#[doc(hidden)]
pub use forward::Answer;
pub use index::{IndexedSession, SessionIndex};
pub use lock::{AcquireOutcome, FencingToken, LockOwner, SessionLock, TenureOutcome};
pub use outcome::{
    Absent, Applied, ApplyOutcome, Conflict, ConflictCause, CreateOutcome, DestroyOutcome, Found, LoadOutcome,
    RotateOutcome, TouchOutcome, Touched,
};
pub use request::{Destroy, NewSession, Precondition, Rotation, RotationKind, TouchOptions, Update, WriteOptions};

/// Where sessions are kept.
///
/// Applications use [`Sessions`](crate::Sessions) rather than this trait; libraries that need no typed layer may take
/// a `&dyn SessionStore` and use [`SessionStoreExt`](crate::store::SessionStoreExt).
///
/// # Contract
/// A session is a finite set of entries, and an update is S′ = (S − D) ∪ U in one atomic step.
///
/// - **Exactly once.** Every mutation bears an op id. The store remembers those of a session's last 16 updates;
///   a repeat changes nothing and answers as the original did, marked as a repeat. A retry that is not remembered and
///   whose base version is 16 or more behind applies nothing and fails with
///   [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown).
/// - **Destroy wins.** Nothing recreates a destroyed or expired session: no update, touch, late commit or retry, nor
///   a delayed create while the tombstone stands. Tombstones and forwards keep their op id. What a store has forgotten
///   it cannot refuse: a create that is delayed or retried until its session has lived its whole life and expired
///   (which leaves no tombstone), or until the grace of a rotation away from that id is over, is outside the promise.
///   Let graces be at least ten call deadlines, as tombstones are.
/// - **Absent is not failed.** An error, or a record that cannot be read, never reads as a missing session.
/// - **Cancel safe.** Dropping a future leaves the session as before or as after the operation, never between.
/// - **State and deadline change in one step.** A record without a deadline does not exist. An expired one is not
///   returned, however late the sweeper is. Deadlines are on the store's clock, in milliseconds.
/// - **Rotation.** After a *renew* the old id forwards to the session for the grace, through every operation; a renew
///   while a grace runs answers AlreadyRotated, so forwards never chain. After a *privilege* rotation the old id gives
///   no access; for the grace it answers Superseded, and AlreadyRotated to another rotation. Of two racing rotations
///   one wins. Incarnation, creation time and lock stay. The version grows only if a delta is applied. A session
///   remembers the rotation that brought it to its id, so a repeat answers Rotated also when the grace is over.
/// - **The empty delta** changes nothing, not even the version or a deadline, and is not remembered; with
///   preconditions it checks them.
/// - **Limits** are enforced in the same atomic step: what would exceed one is refused whole.
///
/// The crate `session-conformance` checks all of it, and [`machine`](crate::store::machine) is all of it as a pure function
/// that a backend may build on.
///
/// # Capabilities
/// [`index`](Self::index), [`lock`](Self::lock) and [`feed`](Self::feed) default to `None`. **A wrapper must forward or
/// deliberately hide each**; `#[deny(clippy::missing_trait_methods)]` on its impl makes that a compile-time check.
#[async_trait]
pub trait SessionStore: fmt::Debug + Send + Sync {
    /// The backend's name in error messages, such as `"memory"`.
    fn backend(&self) -> &'static str;

    /// The limits it enforces.
    fn limits(&self) -> Limits;

    /// Stores a new session.
    ///
    /// # Consistency
    /// Atomic. Once it is answered, every load at [`ReadLevel::Store`](crate::ReadLevel::Store) finds the session, on any
    /// node. One that signs in is in the [index](Self::index) before it can be found.
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded), [`Configuration`](crate::ErrorKind::Configuration) for a
    /// sign-in on a store without an index, and the failures of the backend.
    ///
    /// # Cancel safety
    /// If the future is dropped, the session exists whole or not at all.
    async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error>;

    /// Reads a session.
    ///
    /// # Consistency
    /// At [`ReadLevel::Store`](crate::ReadLevel::Store), every update that was acknowledged before the call is seen.
    /// At [`ReadLevel::Local`](crate::ReadLevel::Local), within the staleness that the store states, and never below
    /// the floor.
    ///
    /// # Errors
    /// The failures of the backend.
    ///
    /// # Cancel safety
    /// Changes nothing.
    async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error>;

    /// Applies one delta if the session exists, and renews its idle deadline.
    ///
    /// # Consistency
    /// Atomic; updates of one session are applied one after another.
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded), [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) and
    /// the failures of the backend.
    ///
    /// # Cancel safety
    /// If the future is dropped, the update happened whole or not at all; a retry with the same op id settles it.
    async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error>;

    /// Renews the idle deadline: idle := min(absolute, max(current, now + idle)). Changes neither state nor version,
    /// and is not announced.
    ///
    /// # Consistency
    /// Atomic, and deadlines only grow: of touches and updates that race, the latest deadline stays. A copy in a cache may
    /// bear the earlier one; past that the cache asks the store, and does not answer that the session is gone.
    ///
    /// # Errors
    /// The failures of the backend.
    ///
    /// # Cancel safety
    /// If the future is dropped, the deadline is as before or renewed.
    async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error>;

    /// Moves a session to a new id that the caller drew, with a delta, a principal and deadlines in the same step.
    ///
    /// # Consistency
    /// Atomic: at every moment the session is at one id, and no load sees a part of what the rotation changes. Once it is
    /// answered, a load at [`ReadLevel::Store`](crate::ReadLevel::Store) of the old id is answered as the kind of rotation
    /// says. A cache may answer for the old id for as long as the staleness that it states.
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded), [`InvalidInput`](crate::ErrorKind::InvalidInput) when the
    /// new id is in another partition, in use, or the old one, and the failures of the backend.
    ///
    /// # Cancel safety
    /// If the future is dropped, the session is at the old id or at the new one; a retry with the same op id settles
    /// it.
    async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error>;

    /// Ends a session and leaves a tombstone.
    ///
    /// # Consistency
    /// Atomic and final. Once it is answered, no load at [`ReadLevel::Store`](crate::ReadLevel::Store) finds the session
    /// and no write reaches it, on any node, for as long as the store keeps what it acknowledged; a store that can lose
    /// that says so. A cache may answer with it for as long as the staleness that it states.
    ///
    /// # Errors
    /// The failures of the backend.
    ///
    /// # Cancel safety
    /// If the future is dropped, the session is ended or as before.
    async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error>;

    /// Whether the store can serve: for readiness probes.
    ///
    /// # Consistency
    /// About the moment at which it was asked; the next call may meet another.
    ///
    /// # Errors
    /// The failure that an operation would meet now.
    ///
    /// # Cancel safety
    /// Changes nothing.
    async fn check(&self) -> Result<(), Error>;

    /// Sends what was deferred (coalesced touches) before a shutdown. A store that defers nothing does nothing.
    ///
    /// # Errors
    /// The failures of the backend.
    ///
    /// # Cancel safety
    /// If the future is dropped, some may not have been sent.
    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Finding and revoking the sessions of a principal.
    fn index(&self) -> Option<&dyn SessionIndex> {
        None
    }

    /// Locking a session.
    fn lock(&self) -> Option<&dyn SessionLock> {
        None
    }

    /// Following all changes.
    fn feed(&self) -> Option<&dyn ChangeFeed> {
        None
    }
}
