//! Learning what became of a request, again and again until it is known.

use std::sync::Arc;

use super::{
    Base, Rotate, Session,
    sent::{Once, Request, What},
};
use crate::{
    Error, ErrorKind,
    model::{Delta, Ended, OpId, Record, State, Timestamp},
    store::{Absent, Applied, ApplyOutcome, Conflict, ConflictCause, CreateOutcome, RotateOutcome},
};

/// What the request in flight came to.
pub(super) enum Settled {
    /// There was none.
    Nothing,
    /// What was recorded is stored.
    Committed,
    /// The take or update happened.
    Once(Once),
    /// Another request was faster: the take or update did not happen.
    OnceLost(Conflict),
    /// The session is at its new id, as was asked for.
    Rotated(Rotate),
    /// Another rotation was first.
    AlreadyRotated,
}

#[derive(Clone, Copy)]
enum Answer {
    Create(CreateOutcome),
    Apply(ApplyOutcome),
    Rotate(RotateOutcome),
}

impl Session {
    /// Settles what an earlier call left behind. What that took out is kept until it is asked for again.
    pub(super) async fn settle_first(&mut self) -> Result<Settled, Error> {
        let settled = self.settle().await?;
        if let Settled::Once(once) = &settled
            && once.what == What::Take
        {
            self.taken.push(once.clone());
        }
        Ok(settled)
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
            Request::Create { new, .. } => store.create(&self.id, new).await.map(Answer::Create),
            Request::Apply { update, base, .. } => {
                update.retry_from = retry.then_some(*base);
                store.apply(&self.id, update).await.map(Answer::Apply)
            }
            Request::Rotate { rotation, .. } => store.rotate(&self.id, rotation).await.map(Answer::Rotate),
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
            return self.sessions.with_context(unknown, "commit").with_source(error);
        }
        self.take_back();
        error
    }

    /// The request in flight did not happen: what it carried is recorded again, unless it was a take or an update.
    fn take_back(&mut self) {
        let Some(sent) = self.sent.take() else { return };
        if !matches!(sent.request, Request::Apply { once: Some(_), .. }) {
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
            Answer::Apply(ApplyOutcome::Conflict(conflict)) if self.lost_once(conflict) => {
                self.sent = None;
                return Ok(Settled::OnceLost(conflict));
            }
            Answer::Apply(ApplyOutcome::Conflict(conflict)) => {
                Error::new(ErrorKind::Conflict, "").with_conflict(conflict)
            }
            Answer::Create(CreateOutcome::AlreadyExists) => {
                Error::new(ErrorKind::InvalidInput, "another session has this id; create a new one")
            }
            Answer::Create(CreateOutcome::Ended(ended)) | Answer::Rotate(RotateOutcome::Ended(ended)) => {
                not_found(Some(ended))
            }
            Answer::Apply(ApplyOutcome::Absent(absent)) | Answer::Rotate(RotateOutcome::Absent(absent)) => match absent
            {
                Absent::NotFound(ended) => not_found(ended),
                Absent::Superseded => absent.into_error(),
            },
        };
        self.take_back();
        self.note_absence(&error);
        Err(self.sessions.with_context(error, "commit"))
    }

    /// Whether a conflict says that another request changed the entry of a take or an update. A lost lock is another
    /// matter.
    fn lost_once(&self, conflict: Conflict) -> bool {
        let request = self.sent.as_ref().map(|sent| &sent.request);
        matches!(request, Some(Request::Apply { once: Some(_), .. })) && conflict.cause != ConflictCause::Lock
    }

    /// The request in flight is in the store: the handle now stands on a state that has it.
    fn absorb(&mut self, applied: Applied, asked_at: Timestamp) -> Settled {
        let Some(sent) = self.sent.take() else { return Settled::Nothing };
        self.replicas = applied.replicas;
        self.written = true;
        let settled = match sent.request {
            Request::Create { new, asked } => {
                let state = State::from_delta(&new.entries);
                let record = Record::new(new.stamp(), applied.now, applied.deadlines, state);
                self.base = Base::stored(Arc::new(record), asked_at);
                asked.map_or(Settled::Committed, Settled::Rotated)
            }
            Request::Apply { update, once, .. } => {
                self.absorb_delta(update.write.op, update.delta, applied);
                once.map_or(Settled::Committed, Settled::Once)
            }
            Request::Rotate { rotation, asked } => {
                if let Some(token) = self.fence {
                    self.sessions.note_lock(token, rotation.to);
                }
                self.id = rotation.to;
                self.absorb_delta(rotation.write.op, rotation.delta, applied);
                Settled::Rotated(asked)
            }
        };
        if let Base::Stored { seen, ends_at, .. } = &mut self.base {
            *seen = applied.stamp;
            *ends_at = asked_at.after(applied.deadlines.remaining(applied.now));
        }
        settled
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
