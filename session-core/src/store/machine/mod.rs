//! The [contract](crate::store::SessionStore#contract) of one partition as pure functions over its slots.
//!
//! This is the reference implementation of a store. A backend that keeps its sessions in its own process, behind a
//! lock, implements [`Slots`] and has solved the hard part; `session-memory` and the example `custom_backend` do so. A
//! [`Slot`] is opaque and has no encoding. A backend on a database therefore implements the same behaviour in the
//! language of its server (a script or a transaction), and the crate `session-conformance` compares it with this one.
//!
//! Nothing here waits, locks or reads a clock. A call that returns an error has changed nothing.

mod live;
mod lock;
mod renewal;
mod rotate;
mod sign_in;
mod slot;

pub use live::Live;
pub use lock::{acquire, release, renew_lock};
pub use slot::{Forward, Slot, Slots, Tombstone, follow};

use std::{sync::Arc, time::Duration};

use crate::{
    Error, ErrorKind, Limits, LoadOptions, Principal, SignIn,
    clock::millis,
    defaults,
    model::{Delta, EndReason, Ended, IdDigest, OpId, Record, Stamp, State, Timestamp},
    store::{
        Absent, Applied, ApplyOutcome, ChangeKind, Conflict, CreateOutcome, Destroy, DestroyOutcome, Found,
        LoadOutcome, NewSession, Origin, SessionChange, TouchOptions, TouchOutcome, Touched, Update,
    },
};
use slot::{classify, classify_mut, destination, find, forwarded_to, locate};

/// The number of updates whose op ids a session remembers.
pub const REMEMBERED_OPS: usize = 16;

/// The settings of a store.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The limits on the size of a session.
    pub limits: Limits,
    /// How long a tombstone is kept.
    pub tombstone: Duration,
    /// Whether the store keeps an index of principals. Without one, sign-ins are refused.
    pub indexed: bool,
}

impl Default for Rules {
    /// Default limits and tombstones, no index.
    fn default() -> Self {
        Self { limits: Limits::default(), tombstone: defaults::TOMBSTONE, indexed: false }
    }
}

/// The outcome of a mutation, and its effects on the feed and on the index.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Step<T> {
    /// The outcome for the caller.
    pub outcome: T,
    /// The change to announce, if there is one.
    pub effect: Option<Effect>,
    /// A session that the same step has started, to be announced after that change. Its entries are not those of the
    /// request.
    pub start: Option<Effect>,
    /// The digest of the session whose entries a sign-in has copied. That session does not count against a cap.
    pub copied: Option<IdDigest>,
    /// The index entries to remove: principals whose session is no longer at this digest. There can be one for the
    /// session itself, and one for an expired session whose place it took.
    pub index_removals: Vec<(Principal, IdDigest)>,
    /// The index entry to add: the principal whose session is now at this digest.
    pub index_addition: Option<(Principal, IdDigest)>,
}

/// A change of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    /// The session, never an old id that forwards to it. For a rotation, its old digest.
    pub digest: IdDigest,
    /// The stamp before the change.
    pub before: Option<Stamp>,
    /// The stamp after the change.
    pub after: Option<Stamp>,
    /// The kind of the change.
    pub kind: ChangeKind,
    /// The op id of the request that made it.
    pub op: OpId,
}

impl Effect {
    /// The change as a feed announces it: at this position (a partition and a sequence number in it), made by the store
    /// handle `origin`, with its delta if that is sent.
    pub fn at(self, (partition, sequence): (u16, u64), origin: Origin, delta: Option<Arc<Delta>>) -> SessionChange {
        let Self { digest, before, after, kind, op } = self;
        SessionChange { partition, sequence, digest, before, after, origin, kind, op: Some(op), delta }
    }
}

impl<T> Step<T> {
    fn unchanged(outcome: T) -> Self {
        Self { outcome, effect: None, start: None, copied: None, index_removals: Vec::new(), index_addition: None }
    }

    fn changed(outcome: T, effect: Effect) -> Self {
        Self { effect: Some(effect), ..Self::unchanged(outcome) }
    }
}

/// [`SessionStore::load`](crate::store::SessionStore::load).
pub fn load(slots: &impl Slots, now: Timestamp, id: &IdDigest, options: LoadOptions) -> LoadOutcome {
    // This is the store itself, so every answer is of the level and above the floor that the caller asks for.
    let LoadOptions { known, floor: _, level: _, stale_if_error: _, passive: _, touch_later: _ } = options;
    match find(slots, now, id) {
        Err(absent) => absent.into(),
        Ok((live, forwarded)) if known == Some(live.record.stamp()) => {
            let (stamp, deadlines) = (live.record.stamp(), live.record.deadlines());
            LoadOutcome::Unchanged(Touched { stamp, deadlines, now, forwarded })
        }
        Ok((live, forwarded)) => {
            LoadOutcome::Found(Found { record: live.record.clone(), now, forwarded, staleness: None })
        }
    }
}

/// [`SessionStore::touch`](crate::store::SessionStore::touch).
pub fn touch(slots: &mut impl Slots, now: Timestamp, id: &IdDigest, options: TouchOptions) -> TouchOutcome {
    let TouchOptions { idle, age, note } = options;
    match live_mut(slots, now, id) {
        Err(absent) => absent.into(),
        Ok((at, live)) => {
            let used_at = Timestamp::from_millis(now.as_millis().saturating_sub(millis(age)));
            let renewed = live.record.deadlines().renewed(used_at, idle);
            if renewed != live.record.deadlines() {
                Arc::make_mut(&mut live.record).deadlines = renewed;
            }
            if note.is_some() && live.principal().is_some() {
                live.memory.note = note.map(Box::new);
            }
            let stamp = live.record.stamp();
            if live.record.is_unconfirmed() {
                renewal::used(slots, now, id, &at);
            }
            TouchOutcome::Touched(Touched { stamp, deadlines: renewed, now, forwarded: forwarded_to(at, id) })
        }
    }
}

impl Rules {
    /// [`SessionStore::create`](crate::store::SessionStore::create).
    ///
    /// # Errors
    /// [`LimitExceeded`](ErrorKind::LimitExceeded), or [`Configuration`](ErrorKind::Configuration) for a sign-in
    /// without an index.
    pub fn create(
        &self,
        slots: &mut impl Slots,
        now: Timestamp,
        id: &IdDigest,
        new: &NewSession,
    ) -> Result<Step<CreateOutcome>, Error> {
        let NewSession { write, incarnation, entries, expiry, sign_in } = new;
        self.admit_sign_in(sign_in.as_ref())?;
        let at = locate(slots, now, id);
        match classify(slots.get(&at), now) {
            Ok(live) if live.record.stamp().incarnation() == *incarnation => {
                let applied = Applied { repeated: true, ..live.applied(now) };
                return Ok(Step::unchanged(CreateOutcome::Created(applied)));
            }
            Ok(_) | Err(Absent::Superseded) => return Ok(Step::unchanged(CreateOutcome::AlreadyExists)),
            Err(Absent::NotFound(Some(ended))) => return Ok(Step::unchanged(CreateOutcome::Ended(ended))),
            Err(Absent::NotFound(None)) => {}
        }
        self.limits.admit(&State::default(), entries)?;
        let stamp = new.stamp();
        let record = Record::new(stamp, now, expiry.start(now), State::from(entries));
        let principal = sign_in.as_ref().map(|sign_in| sign_in.principal().clone());
        let mut live = Live::new(record, write.op);
        if let Some(sign_in) = sign_in {
            live.sign_in(sign_in, now);
        }
        let applied = live.applied(now);
        let expired = slots.put(*id, Slot::Live(live));
        let effect = Effect { digest: *id, before: None, after: Some(stamp), kind: ChangeKind::Created, op: write.op };
        Ok(Step {
            index_removals: index_entry(expired, *id),
            index_addition: principal.map(|principal| (principal, *id)),
            ..Step::changed(CreateOutcome::Created(applied), effect)
        })
    }

    /// [`SessionStore::apply`](crate::store::SessionStore::apply).
    ///
    /// # Errors
    /// [`LimitExceeded`](ErrorKind::LimitExceeded), [`OutcomeUnknown`](ErrorKind::OutcomeUnknown), or
    /// [`Unavailable`](ErrorKind::Unavailable) for an update that arrives too late.
    pub fn apply(
        &self,
        slots: &mut impl Slots,
        now: Timestamp,
        id: &IdDigest,
        update: &Update,
    ) -> Result<Step<ApplyOutcome>, Error> {
        let Update { write, delta, preconditions, expiry, retry_from, not_after } = update;
        let (at, live) = match live_mut(slots, now, id) {
            Ok(found) => found,
            Err(absent) => return Ok(Step::unchanged(absent.into())),
        };
        let (before, forwarded) = (live.record.stamp(), forwarded_to(at, id));
        if retry_from.is_some_and(|base| base.incarnation() != before.incarnation()) {
            return Ok(Step::unchanged(ApplyOutcome::Absent(Absent::NotFound(None))));
        }
        if live.remembers(write.op) {
            let applied = Applied { repeated: true, forwarded, ..live.applied(now) };
            return Ok(Step::unchanged(ApplyOutcome::Applied(applied)));
        }
        if update.changes_session() {
            refuse_forgotten_retry(*retry_from, before)?;
            refuse_late(*not_after, now)?;
        }
        if let Some(cause) = live.first_failed(preconditions, now) {
            return Ok(Step::unchanged(ApplyOutcome::Conflict(Conflict { current: before, cause })));
        }
        if !update.changes_session() {
            return Ok(Step::unchanged(ApplyOutcome::Applied(Applied { forwarded, ..live.applied(now) })));
        }
        self.limits.admit(live.record.state(), delta)?;
        let deadlines = expiry.map_or_else(|| live.record.deadlines().renewed(now, None), |expiry| expiry.start(now));
        let after = live.apply_delta(write.op, delta, deadlines);
        let kind = ChangeKind::Applied;
        let effect = Effect { digest: at, before: Some(before), after: Some(after), kind, op: write.op };
        let applied = Applied { forwarded, ..live.applied(now) };
        if live.record.is_unconfirmed() {
            renewal::used(slots, now, id, &at);
        }
        Ok(Step::changed(ApplyOutcome::Applied(applied), effect))
    }

    /// [`SessionStore::destroy`](crate::store::SessionStore::destroy).
    pub fn destroy(
        &self,
        slots: &mut impl Slots,
        now: Timestamp,
        id: &IdDigest,
        destroy: &Destroy,
    ) -> Step<DestroyOutcome> {
        let Destroy { write, reason } = destroy;
        let at = locate(slots, now, id);
        if let Some(Slot::Tombstone(tombstone)) = slots.get(&at)
            && tombstone.op == write.op
            && tombstone.until > now
        {
            return Step::unchanged(destroyed(forwarded_to(at, id)));
        }
        match classify(slots.get(&at), now) {
            Err(absent) => Step::unchanged(absent.into()),
            Ok(_) => {
                let step = self.put_tombstone(slots, now, at, write.op, *reason);
                Step { outcome: destroyed(forwarded_to(at, id)), ..step }
            }
        }
    }

    /// Leaves a tombstone at a digest that an index lists for a principal, whether or not its session exists yet. It
    /// [follows](follow) a session that has moved since it was listed. True if a session was ended.
    pub fn revoke(
        &self,
        slots: &mut impl Slots,
        now: Timestamp,
        listed: (&Principal, &IdDigest),
        destroy: &Destroy,
    ) -> Step<bool> {
        let (principal, id) = listed;
        let at = destination(slots, id);
        match slots.get(&at) {
            Some(Slot::Tombstone(tombstone)) if tombstone.until > now => Step::unchanged(false),
            Some(Slot::Live(live)) if live.principal() != Some(principal) => Step::unchanged(false),
            Some(Slot::Forward(_)) => Step::unchanged(false),
            slot => {
                let ended = classify(slot, now).is_ok();
                let Step { effect, index_removals, .. } =
                    self.put_tombstone(slots, now, at, destroy.write.op, destroy.reason);
                Step { effect, index_removals, ..Step::unchanged(ended) }
            }
        }
    }

    fn put_tombstone(
        &self,
        slots: &mut impl Slots,
        now: Timestamp,
        at: IdDigest,
        op: OpId,
        reason: EndReason,
    ) -> Step<DestroyOutcome> {
        let tombstone = Tombstone { op, reason, since: now, until: now.after(self.tombstone) };
        let replaced = slots.put(at, Slot::Tombstone(Box::new(tombstone)));
        let before = replaced.as_ref().and_then(Slot::stamp);
        let effect = Effect { digest: at, before, after: None, kind: ChangeKind::Destroyed(reason), op };
        Step { index_removals: index_entry(replaced, at), ..Step::changed(destroyed(None), effect) }
    }

    fn admit_sign_in(&self, sign_in: Option<&SignIn>) -> Result<(), Error> {
        match sign_in {
            Some(_) if !self.indexed => Err(Error::new(
                ErrorKind::Configuration,
                "this store keeps no index of principals; sign in without one, or use another store",
            )),
            _ => Ok(()),
        }
    }
}

fn destroyed(forwarded: Option<IdDigest>) -> DestroyOutcome {
    DestroyOutcome::Destroyed { replicas: None, forwarded }
}

/// Refuses a retry that is too far behind to tell whether its first attempt happened.
fn refuse_forgotten_retry(retry_from: Option<Stamp>, current: Stamp) -> Result<(), Error> {
    match retry_from {
        Some(base) if current.version().saturating_sub(base.version()) >= REMEMBERED_OPS as u64 => Err(Error::new(
            ErrorKind::OutcomeUnknown,
            "too many updates followed the first attempt to tell whether it happened; load the session and decide",
        )),
        _ => Ok(()),
    }
}

/// Refuses an update that arrives after its last moment. Its sender no longer waits for it.
fn refuse_late(not_after: Option<Timestamp>, now: Timestamp) -> Result<(), Error> {
    match not_after {
        Some(last) if now > last => {
            Err(Error::new(ErrorKind::Unavailable, "the update arrived too late and was not applied"))
        }
        _ => Ok(()),
    }
}

fn live_mut<'s, S: Slots>(slots: &'s mut S, now: Timestamp, id: &IdDigest) -> Result<(IdDigest, &'s mut Live), Absent> {
    let at = locate(slots, now, id);
    classify_mut(slots.get_mut(&at), now).map(|live| (at, live))
}

/// The index entry of the session that was in a slot, if it had one.
fn index_entry(slot: Option<Slot>, at: IdDigest) -> Vec<(Principal, IdDigest)> {
    slot.and_then(Slot::into_principal).map(|principal| (principal, at)).into_iter().collect()
}

impl Ended {
    fn of(tombstone: &Tombstone, now: Timestamp) -> Self {
        Self { reason: tombstone.reason, age: now.since(tombstone.since) }
    }
}

impl Live {
    /// An answer with the current stamp and deadlines.
    fn applied(&self, now: Timestamp) -> Applied {
        Applied::new(self.record.stamp(), self.record.deadlines(), now)
    }
}
