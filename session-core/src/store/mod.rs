//! For authors of backends: the storage trait, its requests and outcomes, and the optional capabilities.
//!
//! [`SessionStore`] documents the contract. Requests are borrowed, so that a retry sends the same one again. Results
//! that a caller must distinguish are variants of an outcome; failures are [`Error`]s. Each capability is a trait of
//! its own: [`SessionIndex`], [`SessionLock`], [`ChangeFeed`]. The module `machine` (feature `machine`) is the
//! contract of one partition as pure functions, and [`forward!`] writes the methods of a wrapper. The crate
//! `session-conformance` tests a backend.

mod feed;
mod forward;
mod index;
mod lock;
#[cfg(feature = "machine")]
#[cfg_attr(docsrs, doc(cfg(feature = "machine")))]
pub mod machine;
mod outcome;
pub(crate) mod request;

use std::{fmt, sync::Arc};

use crate::{Clock, Error, Limits, LoadOptions, SessionId};

#[doc(inline)]
pub use crate::__forward_session_store as forward;
/// Re-exported because implementations of [`SessionStore`] need it.
pub use async_trait::async_trait;
pub use feed::{BarrierId, Barriers, ChangeFeed, ChangeKind, FeedItem, GapCause, Origin, SessionChange, Subscription};
#[doc(hidden)]
pub use forward::StoreFuture;
pub use index::{IndexedSession, RevocationId, RevokedAll, SessionIndex};
pub use lock::{AcquireOutcome, FencingToken, SessionLock, TenureOutcome};
pub use outcome::{
    Absent, Applied, ApplyOutcome, Conflict, ConflictCause, CreateOutcome, DestroyOutcome, Found, LoadOutcome,
    RotateOutcome, TouchOutcome, Touched,
};
pub use request::{Destroy, NewSession, Precondition, Rotation, RotationKind, TouchOptions, Update, WriteOptions};

/// A store of sessions.
///
/// Applications use [`Sessions`](crate::Sessions) rather than this trait. Libraries that need no typed layer may take a
/// `&dyn SessionStore`.
///
/// # Contract
/// A session is a finite set of entries, and an update is S′ = (S − D) ∪ U in one atomic step.
///
/// - **Exactly once.** Every mutation has an op id. The store remembers the op ids of a session's last 16 updates. A
///   repeat changes nothing and is answered with success, as the original was, but with the session's current stamp,
///   marked as a repeat. A retry that is not remembered and whose base version is 16 or more behind changes nothing and
///   fails with [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown). An update that arrives after the moment that it
///   [names](Update::not_after) changes nothing and fails with [`Unavailable`](crate::ErrorKind::Unavailable), unless it is
///   a repeat.
/// - **Destroy wins.** Nothing recreates a destroyed or expired session: no update, touch, late commit or retry, and no
///   delayed create while the tombstone is kept. Tombstones and forwards keep their op id. A store can refuse only a
///   create whose session it remembers. The promise therefore excludes a create that is delayed or retried until its
///   session has lived its whole life and expired (which leaves no tombstone), or until the store has forgotten the
///   forward at that id. Graces should be at least ten call deadlines, as tombstones are.
/// - **Absent is not failed.** A failure, or a record that cannot be read, is never reported as an empty or missing
///   session.
/// - **Cancel safe.** If a future is dropped, the session is as before or as after the operation, never in between.
/// - **State and deadline change in one step.** A record without a deadline does not exist. An expired record is not
///   returned, however late the sweeper is. Deadlines are on the store's clock, in milliseconds.
/// - **Renewal.** After a rotation of the kind *renew*, the old id forwards to the session in every operation until the
///   renewal is confirmed, and for the grace after that. The first write or touch at the new id confirms it; a load does
///   not. Until then [`Record::is_unconfirmed`](crate::model::Record::is_unconfirmed) is true, and the old id forwards
///   for as long as the session lives, or for [`confirm_within`](Rotation::confirm_within). A renewal within the grace
///   after another one, or within the grace after its confirmation, returns AlreadyRotated. After the grace, a renewal
///   through the old id of an unconfirmed renewal replaces the unconfirmed id: that id gives no access, and the old id
///   forwards to the newest. A renewal at the unconfirmed id itself ends the access of the old id at once, and the
///   unconfirmed id forwards to the newest. Forwards never chain. While a forward that has ended is remembered, the old id
///   answers NotFound with the reason [`Renewed`](crate::model::EndReason::Renewed).
/// - **Step-up.** After a *privilege* rotation, the old id gives no access; for the grace, operations on it return
///   Superseded, and another rotation returns AlreadyRotated. Of two racing rotations, one wins.
/// - **Sign-in.** A rotation with a [sign-in](Rotation::sign_in) is a privilege rotation that never depends on its old
///   id. A session without a principal, or of the same one, moves. A session of another principal ends, and a new one
///   starts with the entries that the sign-in [keeps](crate::SignIn::with_kept_fields). Where the id gives access to no
///   session, a new one starts. If the id leads, through forwards that have not ended, to a session of the same principal
///   that signed in within the grace of the rotation, the new session starts with the entries of that one. Forwards of
///   renewals, step-ups and sign-ins are followed alike. A new session's incarnation is that of
///   [`Rotation::incarnation`]. A session that has been copied does not count against a cap; if the cap would be exceeded
///   afterwards, it is ended.
/// - **All rotations.** Incarnation, creation time and lock of a session that moves do not change. The version grows only
///   if a delta is applied. A session remembers the rotation that moved or started it, so a repeat returns Rotated even
///   after the grace.
/// - **The empty delta** changes nothing, not even the version or a deadline, and is not remembered. If it has
///   preconditions, they are checked.
/// - **Limits** are enforced in the same atomic step. A create, update or rotation that would exceed one is refused as
///   a whole.
///
/// The crate `session-conformance` checks the whole contract. The module `machine` (feature `machine`) is the contract
/// of one partition as pure functions that a backend may build on.
///
/// # Capabilities
/// [`index`](Self::index), [`lock`](Self::lock) and [`feed`](Self::feed) default to `None`. **A wrapper must forward or
/// deliberately hide each of them**, and should forward [`clock`](Self::clock). `#[deny(clippy::missing_trait_methods)]` on its impl checks that at compile time.
#[async_trait]
pub trait SessionStore: fmt::Debug + Send + Sync {
    /// The backend's name in error messages, such as `"memory"`.
    fn backend(&self) -> &'static str;

    /// The limits that the store enforces.
    fn limits(&self) -> Limits;

    /// Stores a new session.
    ///
    /// # Consistency
    /// Atomic. After it has returned `Created`, every load at [`ReadLevel::Store`](crate::ReadLevel::Store) finds the
    /// session, on any node. A session that signs in is in the [index](Self::index) before it can be found.
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded), [`Configuration`](crate::ErrorKind::Configuration) for a
    /// sign-in on a store without an index, [`Conflict`](crate::ErrorKind::Conflict) for a sign-in that a revocation
    /// [refuses](crate::SignIn::with_last_revocation), and the failures of the backend.
    ///
    /// # Cancel safety
    /// If the future is dropped, the session exists as a whole or not at all.
    async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error>;

    /// Reads a session.
    ///
    /// # Consistency
    /// At [`ReadLevel::Store`](crate::ReadLevel::Store), the answer includes every update that was acknowledged before
    /// the call, for as long as the store keeps acknowledged writes. At [`ReadLevel::Local`](crate::ReadLevel::Local),
    /// it is within the staleness bound that the store states, and never below the floor.
    ///
    /// # Errors
    /// The failures of the backend.
    ///
    /// # Cancel safety
    /// Changes nothing.
    async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error>;

    /// Applies one delta if the session exists, and renews its idle deadline, or sets new deadlines in the same step. At the
    /// session's current id it also confirms a renewal.
    ///
    /// # Consistency
    /// Atomic. Updates of one session are applied one after another.
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded), [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown),
    /// [`Unavailable`](crate::ErrorKind::Unavailable) for an update that arrives too late, and the failures of the backend.
    ///
    /// # Cancel safety
    /// If the future is dropped, the update happened as a whole or not at all. A retry with the same op id settles it.
    async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error>;

    /// Renews the idle deadline: idle := min(absolute, max(current, now − age + idle)). It changes neither the state nor the
    /// version, and is not announced. At the session's current id it also confirms a renewal, even with an idle timeout of
    /// zero. It can replace the note of a signed-in session.
    ///
    /// # Consistency
    /// Atomic. Deadlines only grow: of racing touches and updates, the latest deadline is kept. Only an
    /// [update](Update::expiry) or a rotation with new deadlines can shorten them. A cached copy may have an earlier
    /// deadline. After that deadline the cache asks the store; it does not report the session as absent.
    ///
    /// # Errors
    /// The failures of the backend.
    ///
    /// # Cancel safety
    /// If the future is dropped, the deadline is as before or renewed.
    async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error>;

    /// Moves a session to a new id that the caller generated. The same step can apply a delta, sign a principal in and
    /// set new deadlines.
    ///
    /// # Consistency
    /// Atomic. A session that moves is at exactly one id at every moment; a sign-in may start another session instead, as
    /// the contract says. No load sees only a part of the rotation's changes. After it has returned `Rotated`, a load of
    /// the old id at [`ReadLevel::Store`](crate::ReadLevel::Store) is answered as the kind of the rotation specifies. A
    /// cache may answer for the old id for as long as the staleness bound that it states.
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded), [`InvalidInput`](crate::ErrorKind::InvalidInput) when the
    /// new id is in another partition, in use, or the old one, [`Configuration`](crate::ErrorKind::Configuration) and
    /// [`Conflict`](crate::ErrorKind::Conflict) for a sign-in as in [`create`](Self::create), and the failures of the
    /// backend.
    ///
    /// # Cancel safety
    /// If the future is dropped, the rotation happened as a whole or not at all. A retry with the same op id settles it.
    async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error>;

    /// Ends a session and leaves a tombstone.
    ///
    /// # Consistency
    /// Atomic and final. After it has returned `Destroyed`, no load at [`ReadLevel::Store`](crate::ReadLevel::Store)
    /// finds the session and no write reaches it, on any node, for as long as the store keeps acknowledged writes. A
    /// store that can lose acknowledged writes documents that. A cache may return the session for as long as the
    /// staleness bound that it states.
    ///
    /// # Errors
    /// The failures of the backend.
    ///
    /// # Cancel safety
    /// If the future is dropped, the session is ended or as before.
    async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error>;

    /// Checks whether the store can serve requests, for readiness probes.
    ///
    /// # Consistency
    /// The result is about the moment of the check; the next call may differ.
    ///
    /// # Errors
    /// The failure that an operation would have now.
    ///
    /// # Cancel safety
    /// Changes nothing.
    async fn check(&self) -> Result<(), Error>;

    /// Sends deferred work (coalesced touches) before a shutdown. A store that defers nothing does nothing.
    ///
    /// # Errors
    /// The failures of the backend.
    ///
    /// # Cancel safety
    /// If the future is dropped, some of the work may not have been sent.
    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }

    /// The clock of a store that keeps time by one of this process: deadlines are on it. [`Sessions`](crate::Sessions) uses
    /// it unless the builder sets another one, so that a test which gives a store a
    /// [`ManualClock`](crate::ManualClock) need not give it twice. The default returns `None`: the store's servers keep
    /// the time.
    fn clock(&self) -> Option<Arc<dyn Clock>> {
        None
    }

    /// The capability to find and revoke the sessions of a principal.
    fn index(&self) -> Option<&dyn SessionIndex> {
        None
    }

    /// The capability to lock a session.
    fn lock(&self) -> Option<&dyn SessionLock> {
        None
    }

    /// The capability to follow all changes.
    fn feed(&self) -> Option<&dyn ChangeFeed> {
        None
    }
}
