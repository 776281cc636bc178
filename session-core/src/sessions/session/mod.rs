//! The typed session: the handle of one request.

mod commit;
mod compare_and_set;
mod deadlines;
mod dropping;
mod keyed;
mod locking;
mod overlay;
mod recording;
mod rotating;
mod scalar;
mod sent;
mod settle;
mod start_over;
mod status;
mod transaction;
mod viewing;

use std::{any::TypeId, fmt, sync::Arc, time::Duration};

use crate::{
    Error, ErrorKind, Floor, LoadOptions, Principal, ReadLevel, SessionId, Sessions,
    codec::Location,
    model::{Delta, Entry, Incarnation, Record, Stamp, State, Timestamp},
    store::{Absent, FencingToken, Found, NewSession, TouchOutcome},
};
use locking::LockRequest;
use overlay::Overlay;
use sent::{EntryCas, Sent};

pub use keyed::{Map, Set};
pub use rotating::{Rotate, Rotated};

/// A session, as one request sees it.
///
/// Reads are answered from the loaded state with the request's own changes on top. Changes are recorded, and
/// [`commit`](Self::commit) sends them as one [`Delta`]: one atomic (S − D) ∪ U in one round trip. Two requests that
/// change different fields, or different keys of one map, never lose each other's changes. A handle that is dropped
/// without a commit discards its recorded changes; the feature `tracing` reports that.
///
/// # Which calls are sent
/// | call | sent |
/// |---|---|
/// | [`set`](Self::set), [`remove`](Self::remove), [`save`](Self::save), `insert`, `remove` and `clear` of maps and sets | by the next commit |
/// | [`take`](Self::take), [`update`](Self::update), of scalars and of maps | at once; but **by the next commit** if the session is new, or if this handle has recorded another change of the same entry |
/// | [`commit`](Self::commit), [`commit_if_unchanged`](Self::commit_if_unchanged) | at once, as one update, if anything is recorded |
/// | [`persist`](Self::persist) | the same; a new session is stored even if nothing is recorded |
/// | [`transaction`](Self::transaction), [`transaction_async`](Self::transaction_async) | at once, with what was recorded before |
/// | [`rotate`](Self::rotate) | at once, with what was recorded before; a new session is stored |
/// | [`set_expiry`](Self::set_expiry) | at once, with what was recorded before; of a new session, nothing is sent |
/// | [`destroy`](Self::destroy) | at once; the recorded changes are discarded; of a new session, nothing is sent |
/// | [`touch`](Self::touch), [`refresh`](Self::refresh), [`lock`](Self::lock) | at once, without what was recorded; of a new session, `touch` and `refresh` send nothing |
/// | [`discard`](Self::discard), [`start_over`](Self::start_over), [`view`](Self::view), all reads | never |
///
/// # After the end
/// Once the session has [ended](Self::is_ended), recording still succeeds, and so does a commit of nothing; a commit of
/// changes fails with [`NotFound`](crate::ErrorKind::NotFound). After a [`destroy`](Self::destroy) by the handle itself,
/// reads find nothing. If the session [has moved](Self::has_moved) to an id that the handle does not have, commits fail
/// too, but the session continues.
///
/// Fields hold scalars ([`set`](Self::set), [`get`](Self::get)), maps ([`map`](Self::map), [`map_mut`](Self::map_mut))
/// or sets ([`members`](Self::members), [`members_mut`](Self::members_mut)). Scalars have their own name space. A whole
/// struct can be [viewed](Self::view) and [saved](Self::save).
///
/// # After an unknown outcome
/// If a commit fails with [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown), or its future is dropped, the handle
/// keeps the request with its op id, and later changes are recorded in a second delta. The next call that changes the
/// stored session first repeats the kept request, which cannot be applied twice, and then continues.
/// [`discard`](Self::discard) gives up an update. A create or a rotation is kept until it is settled, because it
/// decides where the session is. After any other error, the changes are recorded as before the commit.
///
/// # Errors
/// Methods that record fail with [`InvalidInput`](crate::ErrorKind::InvalidInput) (a name, key or value cannot be
/// stored) or [`LimitExceeded`](crate::ErrorKind::LimitExceeded) (a value is too large, or the recorded changes set or
/// remove more entries than the store allows a session to have). In both cases nothing is recorded, and what was recorded
/// before stays. Methods that read fail with [`UnreadableField`](crate::ErrorKind::UnreadableField) on that field alone.
pub struct Session {
    sessions: Sessions,
    id: SessionId,
    /// After a renewal by this handle: the old id. Writes go through it, since a write to the new id would confirm that
    /// the client has received that, and the response is still to be sent.
    old_id: Option<SessionId>,
    base: Base,
    sent: Option<Sent>,
    pending: Delta,
    /// How often recorded changes were sent, less the times that they were refused and recorded again. The end of the
    /// session takes them too.
    departures: u64,
    fence: Option<FencingToken>,
    lock_request: Option<LockRequest>,
    /// Takes that succeeded in calls that could not return the value.
    recovered_takes: Vec<EntryCas>,
    /// For each type that was viewed, the state at that time.
    views: Vec<(TypeId, State)>,
    /// The number of replicas that had the last write.
    replicas: Option<u32>,
    staleness: Option<Duration>,
    /// The store's last answer, if it was that the id leads to no session.
    absent: Option<Absent>,
    /// Whether the handle has written since it was opened or created.
    written: bool,
}

/// The state that the handle's changes apply to.
enum Base {
    /// Not stored yet.
    New(NewSession),
    Stored {
        record: Arc<Record>,
        /// The changes that this handle has committed since. The record is shared, so changing it would copy it.
        committed: Delta,
        /// The stamp of the record, or of the record with `committed` applied.
        stamp: Stamp,
        /// The latest stamp that the store has returned. It is newer than `stamp` if others have written in between.
        seen: Stamp,
        /// The session's end on our clock, which may differ from the store's: the session ends when `clock.now()` is
        /// `ends_at`.
        ends_at: Timestamp,
    },
    /// Destroyed by this handle.
    Ended(Incarnation),
}

static EMPTY: State = State::EMPTY;

impl Session {
    pub(crate) fn unstored(sessions: Sessions, id: SessionId, new: NewSession) -> Self {
        Self::with_base(sessions, id, Base::New(new))
    }

    /// Deadlines count from the moment the request was sent.
    pub(crate) fn stored(sessions: Sessions, id: SessionId, found: Found, sent_at: Timestamp) -> Self {
        let staleness = found.staleness;
        let mut session = Self::with_base(sessions, id, Base::found(found, sent_at));
        session.staleness = staleness;
        session
    }

    fn with_base(sessions: Sessions, id: SessionId, base: Base) -> Self {
        Self {
            sessions,
            id,
            old_id: None,
            base,
            sent: None,
            pending: Delta::new(),
            departures: 0,
            fence: None,
            lock_request: None,
            recovered_takes: Vec::new(),
            views: Vec::new(),
            replicas: None,
            staleness: None,
            absent: None,
            written: false,
        }
    }

    /// The age of the copy that the session was opened from, if the store did not answer and the caller
    /// [allowed](LoadOptions::stale_if_error) that.
    pub fn staleness(&self) -> Option<Duration> {
        self.staleness
    }

    /// The session's id. A [rotation](Self::rotate) changes it; then set the cookie again.
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    /// The stamp of the state that the handle is based on; `None` for a session that is not stored. If others have
    /// written between the load and a commit, the handle has not seen their changes, and its stamp is not the latest.
    pub fn stamp(&self) -> Option<Stamp> {
        match &self.base {
            Base::Stored { stamp, .. } => Some(*stamp),
            Base::New(_) | Base::Ended(_) => None,
        }
    }

    /// The floor for later reads, on any node, that must see everything that this handle has loaded and committed.
    pub fn floor(&self) -> Option<Floor> {
        match &self.base {
            Base::Stored { seen, .. } => Some((*seen).into()),
            Base::New(_) | Base::Ended(_) => None,
        }
    }

    /// The principal that is signed in, as far as this handle knows.
    pub fn principal(&self) -> Option<&Principal> {
        self.stored_record()?.principal()
    }

    /// When that principal last signed in to this session, on the store's clock.
    pub fn signed_in_at(&self) -> Option<Timestamp> {
        self.stored_record()?.signed_in_at()
    }

    fn stored_record(&self) -> Option<&Record> {
        match &self.base {
            Base::Stored { record, .. } => Some(record),
            Base::New(_) | Base::Ended(_) => None,
        }
    }

    /// The number of replicas that had this handle's last write when the store answered it. It is `None` before the
    /// first write, after a destroy that found no session, if [none were asked for](crate::SessionsBuilder::replicas),
    /// and for a store without replicas. Fewer replicas than were asked for is not a failure: the write is valid, but a
    /// failover is more likely to lose it.
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

    /// The changes that the next commit would send. A request whose outcome is unknown is sent before them and is not
    /// included.
    pub fn pending(&self) -> &Delta {
        &self.pending
    }

    /// All entries as this handle sees them, still encoded.
    pub fn state(&self) -> State {
        self.overlay().state()
    }

    /// Discards the changes recorded since the last commit, and gives up an update whose outcome is unknown. A
    /// [`refresh`](Self::refresh) shows whether that update happened. A create or rotation of unknown outcome is not
    /// given up.
    pub fn discard(&mut self) {
        self.pending = Delta::new();
        self.sent.take_if(|sent| !sent.must_be_settled());
        self.recovered_takes.clear();
        self.views.clear();
    }

    /// Loads the session again, from the store itself, and keeps the recorded changes on top. It settles nothing. For a
    /// session that is not stored it does nothing.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound), [`Superseded`](crate::ErrorKind::Superseded) and the failures of the store.
    ///
    /// # Cancel safety
    /// Changes nothing in the store. The handle is based on the old state or on the new one.
    pub async fn refresh(&mut self) -> Result<(), Error> {
        if !matches!(self.base, Base::Stored { .. }) {
            return Ok(());
        }
        let sent_at = self.sessions.clock().now();
        let options = LoadOptions { level: ReadLevel::Store, floor: self.floor(), ..LoadOptions::default() };
        let found = match self.load_by_old_id(options).await? {
            Some(found) => found,
            None => self.sessions.load(&self.id, options).await.inspect_err(|error| self.mark_absent(error))?,
        };
        self.base = Base::found(found, sent_at);
        self.absent = None;
        Ok(())
    }

    /// Ends the session because its user signed out, and discards the recorded changes. A session that is already gone,
    /// or was never stored, is a success. Afterwards this handle stores nothing.
    ///
    /// # Errors
    /// As [`Sessions::destroy`], and [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) while a create or a rotation
    /// cannot be settled, because its session might be out of reach of the destroy.
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
            self.replicas = self.sessions.end(self.old_id.into_iter().chain([self.id])).await?;
            self.written = true;
        }
        self.base = Base::Ended(self.incarnation());
        self.departures = self.departures.wrapping_add(1);
        self.discard();
        Ok(())
    }

    /// Remembers that the store answered that the id leads to no session.
    fn mark_absent(&mut self, error: &Error) {
        match error.kind() {
            ErrorKind::NotFound => self.absent = Some(Absent::NotFound(error.ended().copied())),
            ErrorKind::Superseded => self.absent = Some(Absent::Superseded),
            _ => {}
        }
    }

    pub(crate) fn apply_touch(&mut self, outcome: TouchOutcome, sent_at: Timestamp) {
        match (outcome, &mut self.base) {
            (TouchOutcome::Touched(touched), Base::Stored { ends_at, .. }) => {
                *ends_at = sent_at.after(touched.deadlines.remaining(touched.now));
                self.absent = None;
            }
            (TouchOutcome::Absent(absent), _) => self.absent = Some(absent),
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

    /// The incarnation to which values are bound.
    fn bound_to(&self) -> Incarnation {
        match &self.base {
            Base::Stored { record, .. } => record.bound_to(),
            Base::New(_) | Base::Ended(_) => self.incarnation(),
        }
    }

    fn at<'e>(&self, entry: Entry<'e>) -> Location<'e> {
        Location { incarnation: self.bound_to(), entry }
    }
}

impl Base {
    fn found(found: Found, sent_at: Timestamp) -> Self {
        let ends_at = sent_at.after(found.record.deadlines().remaining(found.now));
        Self::stored(found.record, ends_at)
    }

    fn stored(record: Arc<Record>, ends_at: Timestamp) -> Self {
        let stamp = record.stamp();
        Self::Stored { committed: Delta::new(), stamp, seen: stamp, record, ends_at }
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
