//! Settling: learning the outcome of the request in flight, over any number of attempts.

use std::sync::Arc;

use super::{
    Base, Rotate, Session,
    sent::{CasKind, EntryCas, Request, Sent},
};
use crate::{
    Error, ErrorKind, LoadOptions, ReadLevel, SignIn,
    model::{Delta, Ended, OpId, Record, State, Timestamp},
    sessions::unsettled::{Request as Repeatable, Write},
    store::{
        Absent, Applied, ApplyOutcome, Conflict, ConflictCause, CreateOutcome, RotateOutcome, RotationKind, Update,
    },
};

/// The outcome of the request in flight.
pub(super) enum Settled {
    /// There was no request in flight.
    Nothing,
    /// The recorded changes are stored.
    Committed,
    /// The take or update happened.
    CasDone(EntryCas),
    /// Another request changed the entry first, so the take or update did not happen.
    CasLost(Conflict),
    /// The session is at its new id, as requested.
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

impl Answer {
    /// Whether the request found no session, and changed nothing.
    fn is_not_found(self) -> bool {
        matches!(
            self,
            Self::Apply(ApplyOutcome::Absent(Absent::NotFound(_)))
                | Self::Rotate(RotateOutcome::Absent(Absent::NotFound(_)))
        )
    }
}

impl Session {
    /// Settles a request that an earlier call left in flight. A value that it took is kept until the caller asks for it
    /// again.
    pub(super) async fn settle_first(&mut self) -> Result<Settled, Error> {
        let settled = self.settle().await?;
        if let Settled::CasDone(cas) = &settled
            && cas.kind == CasKind::Take
        {
            self.recovered_takes.push(cas.clone());
        }
        Ok(settled)
    }

    /// Sends the request in flight, again if it was sent before, and processes its outcome.
    pub(super) async fn settle(&mut self) -> Result<Settled, Error> {
        let Some(sent) = &mut self.sent else { return Ok(Settled::Nothing) };
        // If this future is dropped at the await, the next attempt is a retry.
        let retry = std::mem::replace(&mut sent.uncertain, true);
        let store = self.sessions.store();
        // Deadlines count from this moment.
        let sent_at = self.sessions.clock().now();
        sent.since.get_or_insert(sent_at);
        let at = self.old_id.unwrap_or(self.id);
        let has_changes = !sent.delta().is_empty()
            && !matches!(&sent.request, Request::Rotate { rotation, .. } if rotation.sign_in.is_some());
        let sessions = &self.sessions;
        let answer = match &mut sent.request {
            Request::Create { new, .. } => sessions.alongside(store.create(&self.id, new)).await.map(Answer::Create),
            Request::Apply { update, base, .. } => {
                update.retry_from = retry.then_some(*base);
                sessions.alongside(store.apply(&at, update)).await.map(Answer::Apply)
            }
            Request::Rotate { rotation, .. } => {
                sessions.alongside(store.rotate(&at, rotation)).await.map(Answer::Rotate)
            }
        };
        match answer {
            Ok(answer) if self.old_id.is_some() && answer.is_not_found() => {
                // The old id is over: the client has used the new id meanwhile, or the time to do so has passed.
                self.old_id = None;
                sent.uncertain = retry;
                Box::pin(self.settle()).await
            }
            Ok(Answer::Apply(ApplyOutcome::Absent(absent))) if retry => Err(self.in_doubt(absent)),
            Ok(Answer::Rotate(RotateOutcome::Absent(absent))) if retry && has_changes => Err(self.in_doubt(absent)),
            Ok(Answer::Rotate(RotateOutcome::AlreadyRotated)) if retry && self.continue_as_update() => {
                Box::pin(self.settle()).await
            }
            Ok(Answer::Create(CreateOutcome::Created(applied)) | Answer::Rotate(RotateOutcome::Rotated(applied)))
                if self.is_unknown_to_handle(&applied) =>
            {
                self.continue_with_loaded(applied).await
            }
            Ok(answer) => self.process_answer(answer, sent_at),
            Err(error) => Err(self.process_error(error, retry)),
        }
    }

    /// Another request has renewed the session. An earlier attempt may have done so before, and stored the changes. They
    /// continue as an update with the same op id, which the store recognises. Returns false if there is nothing to store.
    fn continue_as_update(&mut self) -> bool {
        let Some(Sent { request, .. }) = &mut self.sent else { return false };
        match request {
            Request::Rotate { rotation, base, .. }
                if rotation.kind == RotationKind::Renew && !rotation.delta.is_empty() =>
            {
                let delta = std::mem::take(&mut rotation.delta);
                let update = Update { expiry: rotation.expiry, ..Update::new(rotation.write, delta) };
                *request = Request::Apply { update, base: *base, cas: None };
                true
            }
            _ => false,
        }
    }

    /// Takes the write of unknown outcome out of the handle, if no handle is needed to attempt it again.
    pub(in crate::sessions) fn take_repeatable_write(&mut self) -> Option<Write> {
        self.continue_as_update();
        let sent = self.sent.take()?;
        let since = sent.since.unwrap_or_else(|| self.sessions.clock().now());
        let request = match sent.request {
            Request::Create { new, .. } if new.sign_in.is_none() => Repeatable::Create(new),
            Request::Apply { cas: Some(EntryCas { kind: CasKind::Take, .. }), .. } => return None,
            Request::Apply { mut update, base, .. } => {
                update.retry_from = Some(base);
                Repeatable::Apply(update)
            }
            Request::Create { .. } | Request::Rotate { .. } => return None,
        };
        self.pending = Delta::new();
        Some(Write { at: [self.old_id, Some(self.id)], request, since })
    }

    /// Whether a sign-in has an outcome that only a load can tell: it has started another session, or an earlier attempt
    /// has made it at a moment that the answer does not tell.
    fn is_unknown_to_handle(&self, applied: &Applied) -> bool {
        let signs_in = self.sent.as_ref().is_some_and(|sent| sent.request.signs_in());
        signs_in && (applied.repeated || applied.stamp.incarnation() != self.incarnation())
    }

    /// Continues with the session of a sign-in as it is in the store. The request stays in flight until it is loaded.
    async fn continue_with_loaded(&mut self, applied: Applied) -> Result<Settled, Error> {
        let (to, requested) = match self.sent.as_ref().map(|sent| &sent.request) {
            Some(Request::Create { requested, .. }) => (self.id, requested.clone()),
            Some(Request::Rotate { rotation, requested, .. }) => (rotation.to, Some(requested.clone())),
            Some(Request::Apply { .. }) | None => return Ok(Settled::Nothing),
        };
        let sent_at = self.sessions.clock().now();
        let options =
            LoadOptions { level: ReadLevel::Store, floor: Some(applied.stamp.into()), ..LoadOptions::default() };
        let found = match self.sessions.load(&to, options).await {
            Ok(found) => found,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Superseded) => {
                self.sent = None;
                self.mark_absent(&error);
                return Err(error);
            }
            Err(error) => {
                let unknown = Error::new(ErrorKind::OutcomeUnknown, "the session of the sign-in is not loaded yet");
                return Err(self.sessions.with_context(unknown, "sign in").with_source(error));
            }
        };
        self.sent = None;
        if applied.stamp.incarnation() == self.incarnation() {
            if let Some(token) = self.fence {
                self.sessions.track_lock(token, to);
            }
        } else {
            // The lock was that of the other session.
            if let Some(token) = self.fence.take() {
                self.sessions.untrack_lock(token);
            }
            self.views.clear();
            self.lock_request = None;
        }
        (self.id, self.old_id) = (to, None);
        self.base = Base::found(found, sent_at);
        (self.replicas, self.written, self.absent) = (applied.replicas, true, None);
        self.staleness = None;
        Ok(requested.map_or(Settled::Committed, Settled::Rotated))
    }

    fn process_error(&mut self, error: Error, retry: bool) -> Error {
        // The store recognises repeats before it checks limits, so these errors mean that no attempt has happened. A conflict
        // is that of a sign-in with a revocation, which has ended what an earlier attempt may have made.
        let definite = matches!(error.kind(), ErrorKind::LimitExceeded | ErrorKind::InvalidInput | ErrorKind::Conflict);
        if error.kind() == ErrorKind::OutcomeUnknown {
            return error;
        }
        if retry && !definite {
            let unknown = Error::new(ErrorKind::OutcomeUnknown, "an earlier attempt is not settled yet");
            return self.sessions.with_context(unknown, "commit").with_source(error);
        }
        self.restore_changes();
        error
    }

    /// The retry of an update found no session. The first attempt may have happened before the session ended or its id was
    /// replaced, and no further attempt can find out. The update is not recorded again: that would make it twice.
    fn in_doubt(&mut self, absent: Absent) -> Error {
        let absent = Error::from(absent);
        self.mark_absent(&absent);
        let message = "an earlier attempt may have happened before the session ended or its id was replaced";
        let unknown = Error::new(ErrorKind::OutcomeUnknown, message).with_ended(absent.ended().copied());
        self.sessions.with_context(unknown, "commit").with_source(absent)
    }

    /// The request in flight did not happen. Its changes are recorded again, unless it was a take or an update.
    fn restore_changes(&mut self) {
        let Some(sent) = self.sent.take() else { return };
        if !matches!(sent.request, Request::Apply { cas: Some(_), .. }) {
            self.departures = self.departures.wrapping_sub(1);
            let later = std::mem::take(&mut self.pending);
            self.pending = sent.delta().clone().then(&later);
        }
    }

    fn process_answer(&mut self, answer: Answer, sent_at: Timestamp) -> Result<Settled, Error> {
        // An earlier answer that there is no session is outdated. A rotation that comes second may be at an id that a sign-in
        // has replaced, so this one answer leaves open whether the session has moved.
        let is_second = matches!(answer, Answer::Rotate(RotateOutcome::AlreadyRotated));
        self.absent.take_if(|absent| !(is_second && *absent == Absent::Superseded));
        let error = match answer {
            Answer::Create(CreateOutcome::Created(applied))
            | Answer::Apply(ApplyOutcome::Applied(applied))
            | Answer::Rotate(RotateOutcome::Rotated(applied)) => return Ok(self.process_applied(applied, sent_at)),
            Answer::Rotate(RotateOutcome::AlreadyRotated) => {
                self.restore_changes();
                return Ok(Settled::AlreadyRotated);
            }
            Answer::Apply(ApplyOutcome::Conflict(conflict)) if self.is_lost_cas(conflict) => {
                self.sent = None;
                return Ok(Settled::CasLost(conflict));
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
                Absent::NotFound(ended) if !ended.is_some_and(Ended::is_renewed) => not_found(ended),
                absent => Error::from(absent),
            },
        };
        self.restore_changes();
        self.mark_absent(&error);
        Err(self.sessions.with_context(error, "commit"))
    }

    /// Whether a conflict means that another request changed the entry of a take or an update. A lost lock does not
    /// mean that.
    fn is_lost_cas(&self, conflict: Conflict) -> bool {
        let request = self.sent.as_ref().map(|sent| &sent.request);
        matches!(request, Some(Request::Apply { cas: Some(_), .. })) && conflict.cause != ConflictCause::Lock
    }

    /// The request in flight is in the store. The handle is now based on a state that includes it.
    fn process_applied(&mut self, applied: Applied, sent_at: Timestamp) -> Settled {
        let Some(sent) = self.sent.take() else { return Settled::Nothing };
        self.replicas = applied.replicas;
        self.written = true;
        let settled = match sent.request {
            Request::Create { new, requested } => {
                let state = State::from(&new.entries);
                let record = Record::new(new.stamp(), applied.now, applied.deadlines, state);
                self.base = Base::stored(Arc::new(record), sent_at);
                self.record_sign_in(new.sign_in.as_ref(), applied.now);
                requested.map_or(Settled::Committed, Settled::Rotated)
            }
            Request::Apply { update, cas, .. } => {
                self.add_committed(update.write.op, update.delta, applied);
                cas.map_or(Settled::Committed, Settled::CasDone)
            }
            Request::Rotate { rotation, requested, .. } => {
                if let Some(token) = self.fence {
                    self.sessions.track_lock(token, rotation.to);
                }
                let renews = rotation.kind == RotationKind::Renew;
                self.old_id = renews.then_some(self.old_id.unwrap_or(self.id));
                self.id = rotation.to;
                self.add_committed(rotation.write.op, rotation.delta, applied);
                self.record_sign_in(rotation.sign_in.as_ref(), applied.now);
                Settled::Rotated(requested)
            }
        };
        if let Base::Stored { seen, ends_at, .. } = &mut self.base {
            *seen = applied.stamp;
            *ends_at = sent_at.after(applied.deadlines.remaining(applied.now));
        }
        settled
    }

    fn record_sign_in(&mut self, sign_in: Option<&SignIn>, at: Timestamp) {
        if let (Some(sign_in), Base::Stored { record, .. }) = (sign_in, &mut self.base) {
            Arc::make_mut(record).signed_in = Some((sign_in.principal().clone(), at));
        }
    }

    /// The stamp advances only if the stored state is ours plus this delta. If others wrote in between, the old stamp
    /// is kept, so that a compare-and-set correctly conflicts.
    fn add_committed(&mut self, op: OpId, delta: Delta, applied: Applied) {
        let Base::Stored { committed, stamp, .. } = &mut self.base else { return };
        if !delta.is_empty() {
            *committed = if committed.is_empty() { delta } else { std::mem::take(committed).then(&delta) };
        }
        if stamp.next(op) == applied.stamp {
            *stamp = applied.stamp;
        }
    }
}

fn not_found(ended: Option<Ended>) -> Error {
    Error::new(ErrorKind::NotFound, "nothing was changed").with_ended(ended)
}
