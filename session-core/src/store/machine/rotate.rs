//! Rotation: one session, two slots, one step.

use std::sync::Arc;

use super::{
    Effect, Forward, Rules, Slot, Slots, Step, classify, locate,
    renewal::{Renewal, Unconfirmed},
};
use crate::{
    Error, ErrorKind,
    model::{Ended, IdDigest, Timestamp},
    store::{Absent, Applied, ChangeKind, RotateOutcome, Rotation, RotationKind},
};

impl Rules {
    /// [`SessionStore::rotate`](crate::store::SessionStore::rotate).
    ///
    /// # Errors
    /// [`LimitExceeded`](ErrorKind::LimitExceeded), [`InvalidInput`](ErrorKind::InvalidInput) for a new id that cannot
    /// be used, or [`Configuration`](ErrorKind::Configuration) for a sign-in without an index.
    pub fn rotate(
        &self,
        slots: &mut impl Slots,
        now: Timestamp,
        id: &IdDigest,
        rotation: &Rotation,
    ) -> Result<Step<RotateOutcome>, Error> {
        self.admit_sign_in(rotation.sign_in.as_ref())?;
        let to = *rotation.to.digest();
        if to.partition() != id.partition() || to == *id {
            return Err(invalid_id("the new id is not a sibling of the old one"));
        }
        if let Some(answer) = answer_if_repeated(slots, now, id, rotation) {
            return Ok(Step::unchanged(answer));
        }
        if let Some(sign_in) = &rotation.sign_in {
            return self.sign_in(slots, now, id, (rotation, sign_in));
        }
        let from = locate(slots, now, id);
        let live = match classify(slots.get(&from), now) {
            Ok(live) => live,
            // The requested id was superseded, so another rotation came first. An id that forwards to a superseded one
            // has lost nothing.
            Err(Absent::Superseded) if from == *id => return Ok(Step::unchanged(RotateOutcome::AlreadyRotated)),
            Err(absent) => return Ok(Step::unchanged(absent.into())),
        };
        let is_refused = live.memory.renewal.as_ref().is_some_and(|renewal| renewal.refuses_another(now));
        // A renewal whose op id is remembered has happened, and others have followed it.
        if rotation.kind == RotationKind::Renew && (is_refused || live.remembers(rotation.write.op)) {
            return Ok(Step::unchanged(RotateOutcome::AlreadyRotated));
        }
        if let Some(answer) = answer_if_taken(slots, now, &to)? {
            return Ok(Step::unchanged(answer));
        }
        self.limits.admit(live.record.state(), &rotation.delta)?;
        Ok(self.move_session(slots, now, (*id, from), rotation))
    }

    /// Moves the session at `from`, which `id` gives access to.
    pub(super) fn move_session(
        &self,
        slots: &mut impl Slots,
        now: Timestamp,
        (id, from): (IdDigest, IdDigest),
        rotation: &Rotation,
    ) -> Step<RotateOutcome> {
        let Rotation { write, to, kind, grace: _, confirm_within: _, delta, sign_in, bound_to: _, expiry } = rotation;
        let to = *to.digest();
        let superseded = Slot::Forward(Box::new(Forward::superseded(rotation, now)));
        let Some(Slot::Live(mut live)) = slots.put(from, superseded) else {
            // The caller has just found the session there.
            return Step::unchanged(RotateOutcome::Absent(Absent::NotFound(None)));
        };
        let before = live.record.stamp();
        let deadlines = match expiry {
            Some(expiry) => expiry.start(now),
            None => live.record.deadlines().renewed(now, None),
        };
        if delta.is_empty() {
            Arc::make_mut(&mut live.record).deadlines = deadlines;
        } else {
            live.apply_delta(write.op, delta, deadlines);
        }
        let mut index_removals: Vec<_> =
            live.principal().map(|principal| (principal.clone(), from)).into_iter().collect();
        if let Some(sign_in) = sign_in {
            live.sign_in(sign_in, now);
        }
        if id != from {
            slots.put(id, Slot::Forward(Box::new(Forward::superseded(rotation, now))));
        }
        let renewal = (*kind == RotationKind::Renew && sign_in.is_none()).then(|| {
            // The client has the requested id. An unconfirmed id was never used, so it gives no access from now on.
            let renewal = Unconfirmed::new(id, now, rotation, self.tombstone);
            let forward = Forward::renewed(rotation, renewal.forwards_until(live.ends_at()));
            slots.put(id, Slot::Forward(Box::new(forward)));
            Renewal::Unconfirmed(Box::new(renewal))
        });
        let kind = if renewal.is_some() { RotationKind::Renew } else { RotationKind::Privilege };
        live.record_move(write.op, renewal);
        let index_addition = live.principal().map(|principal| (principal.clone(), to));
        let applied = live.applied(now);
        let expired = slots.put(to, Slot::Live(live));
        debug_assert!(expired.as_ref().is_none_or(|slot| slot.ends_at() <= now));
        index_removals.extend(expired.and_then(Slot::into_principal).map(|principal| (principal, to)));
        let kind = ChangeKind::Rotated { to, kind };
        let effect = Effect { digest: from, before: Some(before), after: Some(applied.stamp), kind, op: write.op };
        Step { index_removals, index_addition, ..Step::changed(RotateOutcome::Rotated(applied), effect) }
    }
}

fn invalid_id(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

/// The answer to a repeat of a rotation that has happened.
fn answer_if_repeated(slots: &impl Slots, now: Timestamp, id: &IdDigest, rotation: &Rotation) -> Option<RotateOutcome> {
    let op = rotation.write.op;
    // A repeat recognises its own work at the new id, however long ago the old id was forgotten.
    if let Ok(live) = classify(slots.get(rotation.to.digest()), now)
        && live.was_moved_by(op)
    {
        return Some(RotateOutcome::Rotated(Applied { repeated: true, ..live.applied(now) }));
    }
    // A rotation through a forward moved the session from the forward's target, so look there too.
    for at in [*id, locate(slots, now, id)] {
        if let Some(Slot::Forward(forward)) = slots.get(&at)
            && forward.op == op
            && forward.until > now
        {
            let target = locate(slots, now, &forward.to);
            return Some(match classify(slots.get(&target), now) {
                Ok(live) => RotateOutcome::Rotated(Applied { repeated: true, ..live.applied(now) }),
                Err(absent) => absent.into(),
            });
        }
    }
    None
}

/// The answer if the new id was revoked before the session could move there.
///
/// # Errors
/// [`InvalidInput`](ErrorKind::InvalidInput) if the new id is in use.
pub(super) fn answer_if_taken(
    slots: &impl Slots,
    now: Timestamp,
    to: &IdDigest,
) -> Result<Option<RotateOutcome>, Error> {
    match slots.get(to).filter(|slot| slot.ends_at() > now) {
        None => Ok(None),
        Some(Slot::Tombstone(tombstone)) => Ok(Some(RotateOutcome::Ended(Ended::of(tombstone, now)))),
        Some(Slot::Live(_) | Slot::Forward(_)) => Err(invalid_id("the new id is in use")),
    }
}
