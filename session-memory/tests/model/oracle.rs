//! The model: the contract's text, sentence by sentence.

use std::{collections::HashMap, sync::Arc, time::Duration};

use session_core::{
    ErrorKind, Limits, LoadOptions, SessionId,
    model::{Delta, EndReason, Ended, IdDigest, OpId, Timestamp},
    store::{
        Absent, AcquireOutcome, Applied, ApplyOutcome, Conflict, CreateOutcome, Destroy, DestroyOutcome, Found,
        LoadOutcome, NewSession, RotateOutcome, Rotation, RotationKind, TenureOutcome, TouchOutcome, Touched, Update,
    },
};

use crate::{
    driver::Answer,
    oracle_session::{Session, Unconfirmed, later, size, updated},
    request::Request,
};

/// The tombstone lifetime of the model.
pub(crate) const TOMBSTONE: Duration = Duration::from_secs(60);

pub(crate) struct Oracle {
    limits: Limits,
    now: u64,
    known: HashMap<IdDigest, Known>,
}

/// The state of an id.
#[derive(Clone, Debug)]
enum Known {
    Session(Session),
    Ended { op: OpId, reason: EndReason, at: u64, until: u64 },
    Moved { to: IdDigest, kind: RotationKind, op: OpId, until: u64, remembered_until: u64 },
}

macro_rules! denied {
    ($denied:expr, $answer:ident, $outcome:ident) => {
        Answer::$answer($outcome::from($denied))
    };
}

/// The session that an id gives access to, or the answer that there is none.
macro_rules! session {
    ($self:ident, $id:expr, $answer:ident, $outcome:ident) => {
        match $self.access($id.digest()) {
            Ok(home) => $self.session(&home),
            Err(denied) => return denied!(denied, $answer, $outcome),
        }
    };
}

impl Oracle {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, now: 0, known: HashMap::new() }
    }

    pub(crate) fn answer(&mut self, now: Timestamp, request: &Request) -> Answer {
        self.now = now.as_millis();
        match request {
            Request::Create(id, new) => self.create(id, new),
            Request::Load(id, options) => self.load(id, options),
            Request::Apply(id, update) => self.apply(id, update),
            Request::Touch(id, options) => {
                let (now, forwarded) = (self.now, self.forwarded(id));
                let used = now - u64::try_from(options.age.as_millis()).unwrap();
                session!(self, id, Touch, TouchOutcome).touch(used, options.idle);
                self.used(id);
                let session = session!(self, id, Touch, TouchOutcome);
                let (stamp, deadlines, now) = (session.stamp, session.deadlines(), Timestamp::from_millis(now));
                Answer::Touch(TouchOutcome::Touched(Touched { stamp, deadlines, now, forwarded }))
            }
            Request::Rotate(id, rotation) => self.rotate(id, rotation),
            Request::Destroy(id, destroy) => self.destroy(id, destroy),
            Request::Acquire(id, owner, lease) => self.acquire(id, *owner, *lease),
            Request::Renew(id, token, lease) => {
                let (now, until) = (self.now, later(self.now, *lease));
                tenure(session!(self, id, Tenure, TenureOutcome).end_tenure_at(now, *token, until))
            }
            Request::Release(id, token) => {
                let now = self.now;
                tenure(session!(self, id, Tenure, TenureOutcome).end_tenure_at(now, *token, now))
            }
        }
    }

    /// Whether a request puts a session where another one ended while a forward to it still runs. New ids are random,
    /// so no client does that, and the contract does not cover it.
    pub(crate) fn reuses_an_id(&mut self, now: Timestamp, request: &Request) -> bool {
        self.now = now.as_millis();
        let target = match request {
            Request::Create(id, _) => id.digest(),
            Request::Rotate(_, rotation) => rotation.to.digest(),
            _ => return false,
        };
        self.known(target).is_none() && self.has_forward_to(target)
    }

    /// The state of an id now: "an expired record is not returned", and tombstones and forwards end.
    fn known(&self, id: &IdDigest) -> Option<&Known> {
        self.known.get(id).filter(|known| match known {
            Known::Session(session) => self.now < session.expires_at(),
            Known::Ended { until, .. } | Known::Moved { remembered_until: until, .. } => self.now < *until,
        })
    }

    /// The id of the session that this id gives access to.
    fn access(&self, id: &IdDigest) -> Result<IdDigest, Absent> {
        match self.known(id) {
            None => Err(Absent::NotFound(None)),
            Some(Known::Session(_)) => Ok(*id),
            // While the tombstone is kept, NotFound carries reason and age.
            Some(Known::Ended { .. }) => Err(Absent::NotFound(self.ended(id))),
            // "For the grace it answers Superseded"
            Some(Known::Moved { kind: RotationKind::Privilege, .. }) => Err(Absent::Superseded),
            // "An old id that comes back after its successor was used and the grace ended"
            Some(Known::Moved { until, .. }) if *until <= self.now => Err(Absent::NotFound(Some(Ended {
                reason: EndReason::Renewed,
                age: Duration::from_millis(self.now - until),
            }))),
            // "The old id forwards to the session"; "a forward to a superseded id answers Superseded"
            // "no chains"
            Some(Known::Moved { kind: RotationKind::Renew, to, .. }) => match self.known(to) {
                Some(Known::Moved { kind: RotationKind::Renew, until, .. }) if self.now < *until => {
                    Err(Absent::NotFound(None))
                }
                _ => self.access(to),
            },
        }
    }

    fn ended(&self, id: &IdDigest) -> Option<Ended> {
        match self.known(id) {
            Some(Known::Ended { reason, at, .. }) => {
                Some(Ended { reason: *reason, age: Duration::from_millis(self.now - at) })
            }
            _ => None,
        }
    }

    fn session(&mut self, home: &IdDigest) -> &mut Session {
        match self.known.get_mut(home) {
            Some(Known::Session(session)) => session,
            _ => unreachable!("access() has seen a session there"),
        }
    }

    fn create(&mut self, id: &SessionId, new: &NewSession) -> Answer {
        let now = self.now;
        match self.access(id.digest()) {
            Ok(home) => {
                let there = self.session(&home);
                return Answer::Create(match there.created_by == new.write.op {
                    true => CreateOutcome::Created(Applied { repeated: true, ..there.applied(now) }),
                    false => CreateOutcome::AlreadyExists,
                });
            }
            Err(Absent::Superseded) => return Answer::Create(CreateOutcome::AlreadyExists),
            // No delayed create succeeds while the tombstone is kept.
            Err(Absent::NotFound(Some(ended))) => return Answer::Create(CreateOutcome::Ended(ended)),
            Err(Absent::NotFound(None)) => {}
        }
        if self.exceeds(None, &new.entries) {
            return Answer::Refused(ErrorKind::LimitExceeded);
        }
        let session = Session::new(new.write.op, new.stamp(), now, new.expiry, &new.entries);
        let applied = session.applied(now);
        self.known.insert(*id.digest(), Known::Session(session));
        Answer::Create(CreateOutcome::Created(applied))
    }

    fn load(&mut self, id: &SessionId, options: &LoadOptions) -> Answer {
        let (now, forwarded) = (Timestamp::from_millis(self.now), self.forwarded(id));
        let session = session!(self, id, Load, LoadOutcome);
        Answer::Load(if options.known == Some(session.stamp) {
            LoadOutcome::Unchanged(Touched { stamp: session.stamp, deadlines: session.deadlines(), now, forwarded })
        } else {
            LoadOutcome::Found(Found { record: Arc::new(session.record()), now, forwarded, staleness: None })
        })
    }

    /// The id to which an old id forwards, while it does.
    fn forwarded(&self, id: &SessionId) -> Option<IdDigest> {
        self.access(id.digest()).ok().filter(|home| home != id.digest())
    }

    fn apply(&mut self, id: &SessionId, update: &Update) -> Answer {
        let (now, forwarded) = (self.now, self.forwarded(id));
        let session = session!(self, id, Apply, ApplyOutcome);
        if update.retry_from.is_some_and(|base| base.incarnation() != session.stamp.incarnation()) {
            // The session that the retry is about is gone, and this is another one.
            return Answer::Apply(ApplyOutcome::Absent(Absent::NotFound(None)));
        }
        // "A repeat changes nothing and answers Applied(current stamp), marked as a repeat"
        if session.remembers(update.write.op) {
            return Answer::Apply(ApplyOutcome::Applied(Applied { repeated: true, forwarded, ..session.applied(now) }));
        }
        // New deadlines are a change of the session, as a delta is.
        let empty = update.delta.is_empty() && update.expiry.is_none();
        if !empty && session.cannot_know(update) {
            return Answer::Refused(ErrorKind::OutcomeUnknown);
        }
        if !empty && update.not_after.is_some_and(|last| last.as_millis() < now) {
            return Answer::Refused(ErrorKind::Unavailable);
        }
        if let Some(cause) = session.conflict(now, &update.preconditions) {
            return Answer::Apply(ApplyOutcome::Conflict(Conflict { current: session.stamp, cause }));
        }
        // "The empty delta changes nothing, not even the version; with a precondition it only checks it."
        if !empty {
            let before = session.clone();
            if self.exceeds(Some(&before), &update.delta) {
                return Answer::Refused(ErrorKind::LimitExceeded);
            }
            let session = session!(self, id, Apply, ApplyOutcome);
            session.update(update.write.op, &update.delta);
            match update.expiry {
                Some(expiry) => session.set_deadlines(now, expiry),
                None => session.touch(now, None),
            }
            self.used(id);
        }
        let applied = session!(self, id, Apply, ApplyOutcome).applied(now);
        Answer::Apply(ApplyOutcome::Applied(Applied { forwarded, ..applied }))
    }

    /// "It is confirmed by the first use of the new id itself"; until then the old id forwards "for as long as the
    /// session's own deadlines (or `confirm_within`) let it".
    fn used(&mut self, id: &SessionId) {
        let (now, id) = (self.now, *id.digest());
        let Ok(home) = self.access(&id) else { return };
        let session = self.session(&home);
        let ends = session.expires_at();
        let Some(renewal) = session.unconfirmed.clone() else { return };
        let (closes, remembered) = if home == id {
            session.unconfirmed = None;
            session.refuses_until = later(now, renewal.grace);
            (session.refuses_until, later(session.refuses_until, TOMBSTONE))
        } else {
            let closes = ends.min(renewal.confirm_by);
            (closes, closes)
        };
        if let Some(Known::Moved { to, until, remembered_until, .. }) = self.known.get_mut(&renewal.old)
            && *to == home
            && now < *until
        {
            (*until, *remembered_until) = (closes, remembered);
        }
    }

    fn exceeds(&self, before: Option<&Session>, delta: &Delta) -> bool {
        let entries = before.map(|session| session.entries.clone()).unwrap_or_default();
        let (old_entries, old_bytes) = size(&entries);
        let (entries, bytes) = size(&updated(entries, delta));
        delta.insertions().any(|(_, value)| value.as_bytes().len() > self.limits.max_value_bytes)
            || entries > old_entries.max(self.limits.max_entries)
            || bytes > old_bytes.max(self.limits.max_session_bytes)
    }

    fn rotate(&mut self, id: &SessionId, rotation: &Rotation) -> Answer {
        let (now, id, to) = (self.now, id.digest(), rotation.to.digest());
        if to == id || to.partition() != id.partition() {
            return Answer::Refused(ErrorKind::InvalidInput);
        }
        if let Some(answer) = self.repeated_rotation(id, rotation) {
            return Answer::Rotate(answer);
        }
        let home = match self.access(id) {
            Ok(home) => home,
            // "Of two racing rotations one wins; the other learns AlreadyRotated": here by a sign-in.
            Err(Absent::Superseded) if self.is_superseded(id) => return Answer::Rotate(RotateOutcome::AlreadyRotated),
            Err(denied) => return denied!(denied, Rotate, RotateOutcome),
        };
        // "During the grace after a renewal another renew … answers AlreadyRotated"
        if rotation.kind == RotationKind::Renew && now < self.session(&home).refuses_until {
            return Answer::Rotate(RotateOutcome::AlreadyRotated);
        }
        match (self.known(to), self.ended(to)) {
            (None, _) => {}
            // "Create and rotate refuse a tombstoned target."
            (_, Some(ended)) => return Answer::Rotate(RotateOutcome::Ended(ended)),
            _ => return Answer::Refused(ErrorKind::InvalidInput),
        }
        let mut session = self.session(&home).clone();
        if self.exceeds(Some(&session), &rotation.delta) {
            return Answer::Refused(ErrorKind::LimitExceeded);
        }
        session.rotate(now, rotation.write.op, &rotation.delta, rotation.expiry);
        let applied = session.applied(now);
        let until = later(now, rotation.grace);
        let (to, op) = (*to, rotation.write.op);
        // "The old id gives no access at all"; "the one that nobody ever held dies"
        let superseded = Known::Moved { to, kind: RotationKind::Privilege, op, until, remembered_until: until };
        self.known.insert(home, superseded.clone());
        self.known.insert(*id, superseded);
        (session.unconfirmed, session.refuses_until) = (None, 0);
        if rotation.kind == RotationKind::Renew {
            // "The old id forwards to the newest"
            let confirm_by = rotation.confirm_within.map_or(u64::MAX, |within| later(now, within));
            let until = session.expires_at().min(confirm_by);
            let forward = Known::Moved { to, kind: RotationKind::Renew, op, until, remembered_until: until };
            self.known.insert(*id, forward);
            session.unconfirmed = Some(Unconfirmed { old: *id, grace: rotation.grace, confirm_by });
            session.refuses_until = later(now, rotation.grace);
        }
        self.known.insert(to, Known::Session(session));
        Answer::Rotate(RotateOutcome::Rotated(applied))
    }

    fn is_superseded(&self, id: &IdDigest) -> bool {
        matches!(self.known(id), Some(Known::Moved { kind: RotationKind::Privilege, .. }))
    }

    fn has_forward_to(&self, home: &IdDigest) -> bool {
        self.known.keys().any(|id| matches!(self.known(id), Some(Known::Moved { to, .. }) if to == home))
    }

    /// "Tombstones and forwards keep their op id, so a repeated destroy answers Destroyed and a repeated rotate
    /// Rotated": at the id that the request was sent to, or at the id that it forwards to; and "a session remembers the
    /// rotation that brought it to its id, so a repeat answers Rotated also when the grace is over".
    fn repeated_rotation(&mut self, id: &IdDigest, rotation: &Rotation) -> Option<RotateOutcome> {
        let (now, op) = (self.now, rotation.write.op);
        if let Some(Known::Session(there)) = self.known(rotation.to.digest())
            && there.moved_by == Some(op)
        {
            return Some(RotateOutcome::Rotated(Applied { repeated: true, ..there.applied(now) }));
        }
        let mut at = *id;
        while let Some(Known::Moved { to, kind, op: by, until, .. }) = self.known(&at).cloned() {
            if until <= now {
                break;
            }
            if by == op {
                return Some(match self.access(&to) {
                    Ok(home) => RotateOutcome::Rotated(Applied { repeated: true, ..self.session(&home).applied(now) }),
                    Err(absent) => absent.into(),
                });
            }
            if kind == RotationKind::Privilege {
                break;
            }
            at = to;
        }
        None
    }

    fn destroy(&mut self, id: &SessionId, destroy: &Destroy) -> Answer {
        let mut at = *id.digest();
        if let Some(Known::Moved { to, kind: RotationKind::Renew, until, .. }) = self.known(&at)
            && self.now < *until
        {
            at = *to;
        }
        if matches!(self.known(&at), Some(Known::Ended { op, .. }) if *op == destroy.write.op) {
            let forwarded = (at != *id.digest()).then_some(at);
            return Answer::Destroy(DestroyOutcome::Destroyed { replicas: None, forwarded });
        }
        match self.access(id.digest()) {
            Err(denied) => denied!(denied, Destroy, DestroyOutcome),
            Ok(home) => {
                let until = later(self.now, TOMBSTONE);
                let ended = Known::Ended { op: destroy.write.op, reason: destroy.reason, at: self.now, until };
                self.known.insert(home, ended);
                let forwarded = (home != *id.digest()).then_some(home);
                Answer::Destroy(DestroyOutcome::Destroyed { replicas: None, forwarded })
            }
        }
    }

    fn acquire(&mut self, id: &SessionId, owner: OpId, lease: Duration) -> Answer {
        let (now, until) = (self.now, later(self.now, lease));
        let session = session!(self, id, Acquire, AcquireOutcome);
        Answer::Acquire(match session.holder(now) {
            None => AcquireOutcome::Acquired(session.take_lock(owner, until)),
            Some((token, _)) if token.owner == owner => AcquireOutcome::Acquired(token),
            Some((_, left)) => AcquireOutcome::Held(left),
        })
    }
}

fn tenure(running: bool) -> Answer {
    Answer::Tenure(if running { TenureOutcome::Done } else { TenureOutcome::Lost })
}
