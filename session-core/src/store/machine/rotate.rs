//! Rotation: one session, two slots, one step.

use super::{Effect, Forward, Rules, Slot, Slots, Step, classify, locate};
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
        // A repeat recognises its own work at the new id, however long ago the old id was forgotten.
        if let Ok(live) = classify(slots.get(&to), now)
            && live.was_moved_by(rotation.write.op)
        {
            return Ok(Step::unchanged(RotateOutcome::Rotated(Applied { repeated: true, ..live.applied(now) })));
        }
        if let Some(answer) = answer_if_moved(slots, now, id, rotation) {
            return Ok(Step::unchanged(answer));
        }
        let from = locate(slots, now, id);
        let live = match classify(slots.get(&from), now) {
            Ok(live) => live,
            Err(absent) => return Ok(Step::unchanged(absent.into())),
        };
        if rotation.kind == RotationKind::Renew && live.memory.renewed_until > now {
            return Ok(Step::unchanged(RotateOutcome::AlreadyRotated));
        }
        match slots.get(&to).filter(|slot| slot.ends_at() > now) {
            None => {}
            Some(Slot::Tombstone(tombstone)) => {
                return Ok(Step::unchanged(RotateOutcome::Ended(Ended::of(tombstone, now))));
            }
            Some(Slot::Live(_) | Slot::Forward(_)) => return Err(invalid_id("the new id is in use")),
        }
        self.limits.admit(live.record.state(), &rotation.delta)?;
        Ok(move_session(slots, now, from, rotation))
    }
}

fn invalid_id(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

/// The answer at an id whose session has already moved: to a repeat of the rotation that moved it, and to the loser of
/// a race.
fn answer_if_moved(slots: &impl Slots, now: Timestamp, id: &IdDigest, rotation: &Rotation) -> Option<RotateOutcome> {
    // A sign-in through a forward moved the session from the forward's target, so look there too.
    for at in [*id, locate(slots, now, id)] {
        let Some(Slot::Forward(forward)) = slots.get(&at) else { continue };
        if forward.until <= now {
            continue;
        }
        if forward.op == rotation.write.op {
            let target = locate(slots, now, &forward.to);
            return Some(match classify(slots.get(&target), now) {
                Ok(live) => RotateOutcome::Rotated(Applied { repeated: true, ..live.applied(now) }),
                Err(absent) => absent.into(),
            });
        }
        // The forward at the requested id decides that another rotation lost. After a renewal, the session may have
        // ended or been superseded since; then that is the answer.
        let lost = match forward.kind {
            RotationKind::Renew => {
                rotation.kind == RotationKind::Renew && classify(slots.get(&forward.to), now).is_ok()
            }
            RotationKind::Privilege => at == *id,
        };
        if lost {
            return Some(RotateOutcome::AlreadyRotated);
        }
    }
    None
}

fn move_session(slots: &mut impl Slots, now: Timestamp, from: IdDigest, rotation: &Rotation) -> Step<RotateOutcome> {
    let Rotation { write, to, kind, grace, delta, sign_in, expiry } = rotation;
    let to = *to.digest();
    let until = now.after(*grace);
    let forward = Forward { to, kind: *kind, op: write.op, until };
    let Some(Slot::Live(mut live)) = slots.put(from, Slot::Forward(Box::new(forward))) else {
        // The caller has just found the session there.
        return Step::unchanged(RotateOutcome::Absent(Absent::NotFound(None)));
    };
    let before = live.record.stamp();
    let deadlines = match expiry {
        Some(expiry) => expiry.start(now),
        None => live.record.deadlines().renewed(now, None),
    };
    if delta.is_empty() {
        std::sync::Arc::make_mut(&mut live.record).deadlines = deadlines;
    } else {
        live.apply_delta(write.op, delta, deadlines);
    }
    let mut index_removals: Vec<_> = live.principal().map(|principal| (principal.clone(), from)).into_iter().collect();
    if let Some(sign_in) = sign_in {
        live.sign_in(sign_in.principal(), now);
    }
    let renewed_until = match kind {
        RotationKind::Renew => until,
        RotationKind::Privilege => Timestamp::default(),
    };
    live.record_move(write.op, renewed_until);
    let index_addition = live.principal().map(|principal| (principal.clone(), to));
    let applied = live.applied(now);
    let expired = slots.put(to, Slot::Live(live));
    debug_assert!(expired.as_ref().is_none_or(|slot| slot.ends_at() <= now));
    index_removals.extend(expired.and_then(Slot::into_principal).map(|principal| (principal, to)));
    let kind = ChangeKind::Rotated { to, kind: *kind };
    let effect = Effect { digest: from, before: Some(before), after: Some(applied.stamp), kind };
    Step { index_removals, index_addition, ..Step::changed(RotateOutcome::Rotated(applied), effect) }
}
