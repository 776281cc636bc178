//! Sending what was recorded, and settling what was sent.

use std::sync::Arc;

use super::{
    Base, Session,
    sent::{Once, Request, Sent},
};
use crate::{
    Applied, ApplyOutcome, CreateOutcome, Delta, Ended, Error, ErrorKind, OpId, Precondition, Record, RotateOutcome,
    State, Timestamp, Update,
};

/// What the request in flight came to.
pub(super) enum Settled {
    /// There was none.
    Nothing,
    Done(Option<Once>),
    /// It was a rotation, and another was first.
    AlreadyRotated,
}

#[derive(Clone, Copy)]
enum Answer {
    Create(CreateOutcome),
    Apply(ApplyOutcome),
    Rotate(RotateOutcome),
}

impl Session {
    /// Sends what was recorded as one atomic update; a new session is stored with it. Without anything recorded it
    /// sends nothing, unless the session is new.
    ///
    /// # Consistency
    /// Once it returns, every read at [`ReadLevel::Store`](crate::ReadLevel::Store) sees the changes.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when the session has ended: nothing brings it back;
    /// [`LimitExceeded`](ErrorKind::LimitExceeded), [`Superseded`](ErrorKind::Superseded),
    /// [`OutcomeUnknown`](ErrorKind::OutcomeUnknown), and the failures of the store. While the handle holds a
    /// [lock](Self::lock): [`Conflict`](ErrorKind::Conflict) when the lock was lost.
    ///
    /// # Cancel safety
    /// If the future is dropped, all changes are stored or none is; the next commit settles it.
    pub async fn commit(&mut self) -> Result<(), Error> {
        self.settle().await?;
        self.send(Vec::new()).await
    }

    /// Like [`commit`](Self::commit), but only if nobody has changed the session since it was loaded: compare and
    /// set. See [`transaction`](Self::transaction) for doing it again on a conflict.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) when somebody has; the changes stay recorded, and
    /// [`refresh`](Self::refresh) loads what they conflict with. Otherwise as `commit`.
    ///
    /// # Cancel safety
    /// As `commit`.
    pub async fn commit_if_unchanged(&mut self) -> Result<(), Error> {
        self.settle().await?;
        let unchanged = self.stamp().map(Precondition::Stamp);
        self.send(unchanged.into_iter().collect()).await
    }

    async fn send(&mut self, mut preconditions: Vec<Precondition>) -> Result<(), Error> {
        let request = match &self.base {
            Base::New(new) => Request::Create(new.clone().with_entries(std::mem::take(&mut self.pending))),
            Base::Stored { .. } if self.pending.is_empty() && preconditions.is_empty() => return Ok(()),
            Base::Stored { stamp, .. } => {
                let mut update = Update::new(OpId::draw()?, std::mem::take(&mut self.pending));
                preconditions.extend(self.fence.map(Precondition::Lock));
                update.preconditions = preconditions;
                Request::Apply { update, base: *stamp }
            }
        };
        self.sent = Some(Sent::new(request));
        self.settle().await.map(drop)
    }

    /// Sends one update of one entry, at once, apart from what is recorded.
    pub(super) async fn send_once(&mut self, once: Once, delta: Delta, expected: Precondition) -> Result<(), Error> {
        let Some(base) = self.stamp() else {
            return Err(Error::new(ErrorKind::NotFound, "the session is not stored yet"));
        };
        let mut update = Update::new(OpId::draw()?, delta).when(expected);
        update.preconditions.extend(self.fence.map(Precondition::Lock));
        let request = Request::Apply { update, base };
        self.sent = Some(Sent { once: Some(once), ..Sent::new(request) });
        self.settle().await.map(drop)
    }

    /// Sends the request in flight, again if it was sent before, and takes note of what it came to.
    pub(super) async fn settle(&mut self) -> Result<Settled, Error> {
        let Some(sent) = &mut self.sent else { return Ok(Settled::Nothing) };
        // Should this future be dropped at the await, the next attempt is a retry.
        let retry = std::mem::replace(&mut sent.uncertain, true);
        let store = self.sessions.store();
        // Deadlines count from here.
        let asked_at = self.sessions.clock().now();
        let answer = match &mut sent.request {
            Request::Create(new) => store.create(&self.id, new).await.map(Answer::Create),
            Request::Apply { update, base } => {
                update.retry_from = retry.then_some(*base);
                store.apply(&self.id, update).await.map(Answer::Apply)
            }
            Request::Rotate(rotation) => store.rotate(&self.id, rotation).await.map(Answer::Rotate),
        };
        match answer {
            Ok(answer) => self.conclude(answer, asked_at),
            Err(error) => Err(self.fail(error, retry)),
        }
    }

    fn fail(&mut self, error: Error, retry: bool) -> Error {
        // The store knows repeats before it looks at limits, so these say that no attempt has happened.
        let definite = matches!(error.kind(), ErrorKind::LimitExceeded | ErrorKind::InvalidInput);
        if error.kind() == ErrorKind::OutcomeUnknown {
            return error;
        }
        if retry && !definite {
            let unknown = Error::new(ErrorKind::OutcomeUnknown, "an earlier attempt is not settled yet");
            return self.sessions.say(unknown, "commit").with_source(error);
        }
        self.take_back();
        error
    }

    /// The request in flight did not happen: what it carried is recorded again.
    fn take_back(&mut self) {
        let Some(sent) = self.sent.take() else { return };
        if sent.once.is_none() {
            let later = std::mem::take(&mut self.pending);
            self.pending = sent.delta().clone().then(&later);
        }
    }

    fn conclude(&mut self, answer: Answer, asked_at: Timestamp) -> Result<Settled, Error> {
        let error = match answer {
            Answer::Create(CreateOutcome::Created(applied))
            | Answer::Apply(ApplyOutcome::Applied(applied))
            | Answer::Rotate(RotateOutcome::Rotated(applied)) => return Ok(self.absorb(applied, asked_at)),
            Answer::Rotate(RotateOutcome::AlreadyRotated) => {
                self.take_back();
                return Ok(Settled::AlreadyRotated);
            }
            Answer::Create(CreateOutcome::AlreadyExists) => {
                Error::new(ErrorKind::InvalidInput, "another session has this id; create a new one")
            }
            Answer::Create(CreateOutcome::Ended(ended)) | Answer::Rotate(RotateOutcome::Ended(ended)) => {
                not_found(Some(ended))
            }
            Answer::Apply(ApplyOutcome::NotFound(ended)) | Answer::Rotate(RotateOutcome::NotFound(ended)) => {
                not_found(ended)
            }
            Answer::Apply(ApplyOutcome::Superseded) | Answer::Rotate(RotateOutcome::Superseded) => {
                Error::new(ErrorKind::Superseded, "")
            }
            Answer::Apply(ApplyOutcome::Conflict(conflict)) => {
                Error::new(ErrorKind::Conflict, "").with_conflict(conflict)
            }
        };
        self.take_back();
        Err(self.sessions.say(error, "commit"))
    }

    /// The request in flight is in the store: the handle now stands on a state that has it.
    fn absorb(&mut self, applied: Applied, asked_at: Timestamp) -> Settled {
        let Some(sent) = self.sent.take() else { return Settled::Nothing };
        let ends_at = asked_at.after(applied.deadlines.remaining(applied.now));
        let once = sent.once.clone();
        match sent.request {
            Request::Create(new) => {
                let state = State::from_delta(&new.entries);
                let record = Record::new(new.stamp(), applied.now, applied.deadlines, state);
                self.base = Base::stored(Arc::new(record), ends_at);
            }
            Request::Apply { update, .. } => self.absorb_delta(update.op, update.delta, applied),
            Request::Rotate(rotation) => {
                if let Some(token) = self.fence {
                    self.sessions.note_lock(token, rotation.to);
                }
                self.id = rotation.to;
                self.absorb_delta(rotation.op, rotation.delta, applied);
            }
        }
        if let Base::Stored { ends_at: stored, .. } = &mut self.base {
            *stored = ends_at;
        }
        Settled::Done(once)
    }

    /// The stamp moves on only if the stored state is ours plus this delta. If others wrote in between, the old stamp
    /// stays, and a compare-and-set will rightly conflict.
    fn absorb_delta(&mut self, op: OpId, delta: Delta, applied: Applied) {
        let Base::Stored { committed, stamp, .. } = &mut self.base else { return };
        if delta.is_empty() {
            return;
        }
        *committed = if committed.is_empty() { delta } else { std::mem::take(committed).then(&delta) };
        if stamp.next(op) == applied.stamp {
            *stamp = applied.stamp;
        }
    }
}

fn not_found(ended: Option<Ended>) -> Error {
    Error::new(ErrorKind::NotFound, "nothing was changed").with_ended(ended)
}
