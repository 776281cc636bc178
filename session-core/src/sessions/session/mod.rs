//! The typed session: what one request reads, records and commits.

mod commit;
mod keyed;
mod locking;
mod once;
mod overlay;
mod rotating;
mod scalar;
mod sent;
mod settle;
mod transaction;
mod viewing;

use std::{any::TypeId, fmt, sync::Arc, time::Duration};

use crate::{
    Error, ErrorKind, Floor, LoadOptions, ReadLevel, SessionId, Sessions,
    codec::Location,
    model::{Delta, Entry, Field, Incarnation, Record, Stamp, State, Timestamp, Value},
    store::{Absent, FencingToken, Found, LockOwner, NewSession, TouchOutcome},
};
use overlay::Overlay;
use sent::{Once, Sent};

pub use keyed::{Map, Set};
pub use rotating::{Rotate, Rotated};

/// A session as one request sees it.
///
/// Reads answer from the state that was loaded, with the request's own changes on top. Changes are recorded, and
/// [`commit`](Self::commit) sends them as one [`Delta`]: one atomic (S − D) ∪ U in one round trip. Two requests that
/// change different fields, or different keys of one map, never lose each other's work. Dropping the handle without a
/// commit discards what was recorded.
///
/// Fields hold scalars ([`insert`](Self::insert), [`get`](Self::get)), maps ([`map`](Self::map)) or sets
/// ([`set`](Self::set)); scalars have a name space of their own. A whole struct can be [viewed](Self::view) and
/// [saved](Self::save).
///
/// # After an unknown outcome
/// When a commit fails with [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown), or its future is dropped, the handle keeps
/// the request with its op id, and what is recorded later is a second delta. The next call that changes the stored
/// session first repeats that request, which cannot apply it twice, then goes on. [`discard`](Self::discard) gives up
/// an update; a create or a rotation stays until it is settled, for it decides where the session is.
/// After any other error the changes are recorded as before the commit.
///
/// # Errors
/// Methods that record fail with [`InvalidInput`](crate::ErrorKind::InvalidInput) (a name, key or value that cannot be
/// stored) or [`LimitExceeded`](crate::ErrorKind::LimitExceeded) (a value too large); then nothing is recorded. Methods that
/// read fail with [`UnreadableField`](crate::ErrorKind::UnreadableField) on that field alone.
pub struct Session {
    sessions: Sessions,
    id: SessionId,
    base: Base,
    sent: Option<Sent>,
    pending: Delta,
    fence: Option<FencingToken>,
    /// Who asked for the lock, while the answer is not known.
    lock_owner: Option<LockOwner>,
    /// What was taken out by calls that could not say so.
    taken: Vec<Once>,
    /// For each type that was viewed, the state that it was viewed in.
    views: Vec<(TypeId, State)>,
    /// How many had the last write.
    replicas: Option<u32>,
    staleness: Option<Duration>,
    /// Whether the store has answered that the session is gone.
    gone: bool,
    /// Whether the handle has written since it was opened or created.
    written: bool,
}

/// What the handle's changes stand on.
enum Base {
    /// Not stored yet.
    New(NewSession),
    Stored {
        record: Arc<Record>,
        /// What this handle has committed since. The record is shared; changing it would copy it.
        committed: Delta,
        /// The record's, or the stamp of the record with `committed`.
        stamp: Stamp,
        /// The latest stamp that the store has told of: newer than `stamp` once others have written in between.
        seen: Stamp,
        /// How far the store's clock is from ours: the session ends when `clock.now()` is `ends_at`.
        ends_at: Timestamp,
    },
    /// Destroyed by this handle.
    Ended(Incarnation),
}

static EMPTY: State = State::EMPTY;

impl Session {
    pub(crate) fn unstored(sessions: Sessions, id: SessionId, new: NewSession) -> Self {
        Self::over(sessions, id, Base::New(new))
    }

    /// Deadlines count from the moment the request was sent.
    pub(crate) fn stored(sessions: Sessions, id: SessionId, found: Found, asked_at: Timestamp) -> Self {
        let staleness = found.staleness;
        let mut session = Self::over(sessions, id, Base::found(found, asked_at));
        session.staleness = staleness;
        session
    }

    fn over(sessions: Sessions, id: SessionId, base: Base) -> Self {
        Self {
            sessions,
            id,
            base,
            sent: None,
            pending: Delta::new(),
            fence: None,
            lock_owner: None,
            taken: Vec::new(),
            views: Vec::new(),
            replicas: None,
            staleness: None,
            gone: false,
            written: false,
        }
    }

    /// The age of the copy that the session was opened from, if its store did not answer and the caller
    /// [allowed](LoadOptions::stale_if_error) that.
    pub fn staleness(&self) -> Option<Duration> {
        self.staleness
    }

    /// The session's id. A [rotation](Self::rotate) changes it: then set the cookie anew.
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    /// Which stored state the handle stands on; `None` for a session that is not stored. When others have written
    /// between the load and a commit, the handle has not seen their changes, and the stamp stays behind.
    pub fn stamp(&self) -> Option<Stamp> {
        match &self.base {
            Base::Stored { stamp, .. } => Some(*stamp),
            Base::New(_) | Base::Ended(_) => None,
        }
    }

    /// What a later read, on any node, must not fall below to see all that this handle has loaded and committed.
    pub fn floor(&self) -> Option<Floor> {
        match &self.base {
            Base::Stored { seen, .. } => Some(seen.floor()),
            Base::New(_) | Base::Ended(_) => None,
        }
    }

    /// Whether this handle knows that the session has ended: it destroyed the session, or the store answered one of its
    /// requests that there is no such session. A handle learns of an end elsewhere only by a request of its own.
    pub fn is_ended(&self) -> bool {
        self.gone || matches!(self.base, Base::Ended(_))
    }

    /// Whether a [`commit`](Self::commit) would send anything: changes that were recorded, or a request whose outcome is
    /// unknown.
    pub fn has_changes(&self) -> bool {
        self.sent.is_some() || !self.pending.is_empty()
    }

    /// Whether this handle has changed the stored session since it was opened or created, by whichever call: a commit, a
    /// [`take`](Self::take) or [`update`](Self::update), a rotation or a destroy.
    pub fn has_written(&self) -> bool {
        self.written
    }

    /// Whether the session is not stored yet.
    pub fn is_new(&self) -> bool {
        matches!(self.base, Base::New(_))
    }

    /// How many replicas had this handle's last write when the store answered it; `None` before the first one, after a
    /// destroy that found nothing, when [none were asked for](crate::SessionsBuilder::replicas), and from a store without
    /// replicas. Fewer than were asked for is no failure: the write stands, and a failover is more likely to lose it.
    pub fn replicas(&self) -> Option<u32> {
        self.replicas
    }

    /// How long the session lives unless it is used, as far as this handle knows.
    pub fn expires_in(&self) -> Duration {
        let now = self.sessions.clock().now();
        match &self.base {
            Base::New(new) => new.expiry.start(now).remaining(now),
            Base::Stored { ends_at, .. } => ends_at.since(now),
            Base::Ended(_) => Duration::ZERO,
        }
    }

    /// What the next commit would send. A request whose outcome is unknown is sent before it and is not part of it.
    pub fn pending(&self) -> &Delta {
        &self.pending
    }

    /// Whether a request was sent whose outcome is not known.
    pub fn has_unsettled(&self) -> bool {
        self.sent.is_some()
    }

    /// All entries as this handle sees them, still encoded.
    pub fn state(&self) -> State {
        self.overlay().state()
    }

    /// Forgets what was recorded since the last commit, and gives up an update whose outcome is unknown: whether it
    /// happened shows after [`refresh`](Self::refresh). A create or rotation of unknown outcome is not given up.
    pub fn discard(&mut self) {
        self.pending = Delta::new();
        self.sent.take_if(|sent| !sent.moves_the_session());
        self.taken.clear();
        self.views.clear();
    }

    /// Loads the session anew, from the store itself, and keeps what was recorded on top. It settles nothing. Of a
    /// session that is not stored there is nothing to load.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound), [`Superseded`](crate::ErrorKind::Superseded) and the failures of the store.
    ///
    /// # Cancel safety
    /// Changes nothing in the store; the handle stands on the old state or on the new one.
    pub async fn refresh(&mut self) -> Result<(), Error> {
        if !matches!(self.base, Base::Stored { .. }) {
            return Ok(());
        }
        let asked_at = self.sessions.clock().now();
        let options = LoadOptions { floor: self.floor(), ..LoadOptions::default().with_level(ReadLevel::Store) };
        let found = self.sessions.load(&self.id, options).await.inspect_err(|error| {
            self.gone |= error.kind() == ErrorKind::NotFound;
        })?;
        self.base = Base::found(found, asked_at);
        self.gone = false;
        Ok(())
    }

    /// Ends the session because its user signed out, and discards what was recorded. One that is already gone, or was
    /// never stored, is success. From then on this handle stores nothing.
    ///
    /// # Errors
    /// As [`Sessions::destroy`], and [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) while a create or a rotation
    /// is not settled, which would end up out of the destroy's reach.
    ///
    /// # Cancel safety
    /// If the future is dropped, the session is ended or as before.
    pub async fn destroy(&mut self) -> Result<(), Error> {
        self.discard();
        if let Err(error) = self.settle().await
            && self.sent.is_some()
        {
            return Err(error);
        }
        if let Base::Stored { .. } = self.base {
            self.replicas = self.sessions.end(&self.id).await?;
            self.written = true;
        }
        self.base = Base::Ended(self.incarnation());
        self.discard();
        Ok(())
    }

    /// Remembers that the store answered "no such session".
    fn note_absence(&mut self, error: &Error) {
        self.gone |= error.kind() == ErrorKind::NotFound;
    }

    pub(crate) fn note_touch(&mut self, outcome: TouchOutcome, asked_at: Timestamp) {
        match (outcome, &mut self.base) {
            (TouchOutcome::Touched(touched), Base::Stored { ends_at, .. }) => {
                *ends_at = asked_at.after(touched.deadlines.remaining(touched.now));
            }
            (TouchOutcome::Absent(Absent::NotFound(_)), _) => self.gone = true,
            _ => {}
        }
    }

    fn overlay(&self) -> Overlay<'_> {
        let (base, committed) = match &self.base {
            Base::New(_) | Base::Ended(_) => (&EMPTY, None),
            Base::Stored { record, committed, .. } => (record.state(), Some(committed)),
        };
        Overlay { base, committed, sent: self.sent.as_ref().map(Sent::delta), pending: &self.pending }
    }

    fn incarnation(&self) -> Incarnation {
        match &self.base {
            Base::New(new) => new.incarnation,
            Base::Stored { stamp, .. } => stamp.incarnation(),
            Base::Ended(incarnation) => *incarnation,
        }
    }

    fn at<'e>(&self, entry: Entry<'e>) -> Location<'e> {
        Location { incarnation: self.incarnation(), entry }
    }

    /// Encodes a value for an entry, and refuses one that the store would refuse.
    fn encode<T: serde::Serialize + ?Sized>(&self, entry: Entry<'_>, value: &T) -> Result<Value, Error> {
        let value = self.sessions.codecs().encode(value, &self.at(entry))?;
        self.sessions.limits().admit_value(entry.field(), &value)?;
        Ok(value)
    }

    /// The one path by which a value enters the delta.
    fn record(&mut self, entry: Entry<'_>, value: Value) {
        self.pending.set_entry(entry, value);
    }

    /// The one path by which a whole difference enters the delta.
    fn record_all(&mut self, delta: &Delta) {
        self.pending = std::mem::take(&mut self.pending).then(delta);
    }

    /// The one path by which a removal of an entry enters the delta.
    fn erase(&mut self, entry: Entry<'_>) {
        self.pending.remove_entry(entry);
    }

    /// The one path by which a removal of a whole keyed field enters the delta.
    fn erase_all(&mut self, field: Field) {
        self.pending.clear(field);
    }
}

impl Base {
    fn found(found: Found, asked_at: Timestamp) -> Self {
        let ends_at = asked_at.after(found.record.deadlines().remaining(found.now));
        Self::stored(found.record, ends_at)
    }

    fn stored(record: Arc<Record>, ends_at: Timestamp) -> Self {
        let stamp = record.stamp();
        Self::Stored { committed: Delta::new(), stamp, seen: stamp, record, ends_at }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(token) = self.fence {
            self.sessions.abandon_lock(token);
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("stamp", &self.stamp())
            .field("pending", &self.pending)
            .field("unsettled", &self.has_unsettled())
            .finish_non_exhaustive()
    }
}
