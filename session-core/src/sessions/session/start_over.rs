//! Starting over: a new session with what was recorded for one that is gone.

use super::{
    Base, Session,
    sent::{Request, Sent},
};
use crate::{
    Error, ErrorKind, SessionId,
    codec::Location,
    model::{Delta, Entry, Incarnation, Value},
    store::{Absent, NewSession},
};

impl Session {
    /// Continues with a new session in place of one that has expired or was lost, and keeps what this handle has recorded
    /// and not stored. Call it when a commit fails with [`NotFound`](ErrorKind::NotFound), so that the click of a user whose
    /// session expired a moment ago is not lost:
    ///
    /// ```
    /// # use session_core::{Error, ErrorKind, Session};
    /// async fn commit(session: &mut Session) -> Result<(), Error> {
    ///     match session.commit().await {
    ///         Err(error) if error.kind() == ErrorKind::NotFound => {
    ///             session.start_over()?; // fails while the store remembers that the session was ended on purpose
    ///             session.commit().await // set the cookie to the new `session.id()`
    ///         }
    ///         result => result,
    ///     }
    /// }
    /// ```
    ///
    /// The new session has a new id and **no principal**, even if somebody was signed in before. Only recorded values
    /// are kept, including those of an update whose outcome is unknown. Entries of the old session, removals, and a
    /// [`take`](Self::take) or [`update`](Self::update) that was sent are not. Values that a codec has sealed are
    /// sealed again for the new session. A [lock](Self::lock) is not kept. Nothing is sent.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), with the reason, if the session was ended on purpose (a logout, a revocation,
    /// a limit, or a sign-in of another principal) and its tombstone is still kept. Later such a session cannot be told
    /// from an expired one; a handle that lives long should [watch](crate::Sessions::watch) its session.
    /// [`Superseded`](ErrorKind::Superseded), or NotFound with the reason
    /// [`Renewed`](crate::model::EndReason::Renewed), if it continues at another id. [`Conflict`](ErrorKind::Conflict)
    /// if the store has not answered this handle that the session is gone.
    /// [`UnreadableField`](ErrorKind::UnreadableField) for a value that its codec cannot seal again.
    /// [`Unavailable`](ErrorKind::Unavailable) when the operating system gives no random bytes. After an error the
    /// handle is as before.
    pub fn start_over(&mut self) -> Result<(), Error> {
        self.refuse_unless_gone().map_err(|error| self.sessions.with_context(error, "start over"))?;
        let policy = self.sessions.policy();
        let new = NewSession { write: self.sessions.write_options()?, ..NewSession::generate(policy.expiry)? };
        let id = SessionId::generate()?;
        let kept = self.recorded_for(new.incarnation)?;
        if let Some(token) = self.fence.take() {
            self.sessions.abandon_lock(token);
        }
        (self.id, self.old_id, self.base) = (id, None, Base::New(new));
        (self.sent, self.pending, self.absent) = (None, kept, None);
        (self.replicas, self.staleness, self.lock_request) = (None, None, None);
        self.departures = self.departures.wrapping_add(1);
        self.recovered_takes.clear();
        self.views.clear();
        Ok(())
    }

    fn refuse_unless_gone(&self) -> Result<(), Error> {
        match (&self.base, self.absent) {
            (Base::Ended(_), _) => Err(Error::new(ErrorKind::NotFound, "this handle has destroyed the session")),
            (Base::Stored { .. }, Some(Absent::NotFound(None))) => Ok(()),
            (_, Some(absent)) => Err(Error::from(absent)),
            (_, None) => Err(Error::new(ErrorKind::Conflict, "the session is not known to be gone; commit first")),
        }
    }

    /// The values that are recorded and not stored, for a session of another incarnation.
    fn recorded_for(&self, incarnation: Incarnation) -> Result<Delta, Error> {
        let sent = match self.sent.as_ref() {
            Some(Sent { request: Request::Apply { update, cas: None, .. }, .. }) => update.delta.clone(),
            Some(Sent { request: Request::Rotate { rotation, .. }, .. }) => rotation.delta.clone(),
            _ => Delta::new(),
        };
        let mut kept = Delta::new();
        for (entry, value) in sent.then(&self.pending).insertions() {
            kept.set_entry(entry, self.rebound(entry, value, incarnation)?);
        }
        Ok(kept)
    }

    fn rebound(&self, entry: Entry<'_>, value: &Value, incarnation: Incarnation) -> Result<Value, Error> {
        self.sessions.codecs().rebind(value, &self.at(entry), &Location { incarnation, entry })
    }
}
