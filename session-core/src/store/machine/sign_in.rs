//! Sign-ins, which never depend on the state of the old id.

use super::{
    Effect, Forward, Live, Rules, Slot, Slots, Step, classify, index_entry, locate, rotate::answer_if_taken,
    slot::follow_unexpired,
};
use crate::{
    Error, SignIn,
    model::{Delta, EndReason, IdDigest, Incarnation, Record, Stamp, State, Timestamp},
    store::{ChangeKind, RotateOutcome, Rotation},
};

impl Rules {
    /// Signs a principal in at the new id. A session without a principal, or of the same one, moves there. A session of
    /// another principal ends, and a new one starts with the entries that the sign-in keeps. Where the id gives access
    /// to no session, a new one starts; if the id leads to a session of the same principal that signed in within the
    /// grace, it starts with the entries of that one, since the form was probably sent twice.
    pub(super) fn sign_in(
        &self,
        slots: &mut impl Slots,
        now: Timestamp,
        id: &IdDigest,
        (rotation, sign_in): (&Rotation, &SignIn),
    ) -> Result<Step<RotateOutcome>, Error> {
        if let Some(answer) = answer_if_taken(slots, now, rotation.to.digest())? {
            return Ok(Step::unchanged(answer));
        }
        let principal = sign_in.principal();
        let from = locate(slots, now, id);
        match classify(slots.get(&from), now) {
            Ok(live) if live.principal().is_none_or(|other| other == principal) => {
                self.limits.admit(live.record.state(), &rotation.delta)?;
                Ok(self.move_session(slots, now, (*id, from), rotation))
            }
            Ok(live) => {
                let kept = (kept(live.record.state(), sign_in), Some(live.record.bound_to()));
                let started = self.start(slots, now, (kept, rotation, sign_in))?;
                let superseded = || Slot::Forward(Box::new(Forward::superseded(rotation, now)));
                if from != *id {
                    slots.put(*id, superseded());
                }
                let replaced = slots.put(from, superseded());
                let before = replaced.as_ref().and_then(Slot::stamp);
                let kind = ChangeKind::Destroyed(EndReason::Replaced);
                let effect = Some(Effect { digest: from, before, after: None, kind, op: rotation.write.op });
                let index_removals = [index_entry(replaced, from), started.index_removals].concat();
                Ok(Step { effect, index_removals, ..started })
            }
            Err(_) => {
                let recent = |live: &&Live| {
                    let signed_in_at = live.record.signed_in_at().filter(|_| live.principal() == Some(principal));
                    signed_in_at.is_some_and(|at| at.after(rotation.grace) > now)
                };
                let at = follow_unexpired(slots, now, id);
                let copied = classify(slots.get(&at), now).ok().filter(recent);
                let (state, bound_to) =
                    copied.map(|live| (live.record.state().clone(), live.record.bound_to())).unzip();
                let copied = copied.map(|_| at);
                let started = self.start(slots, now, ((state.unwrap_or_default(), bound_to), rotation, sign_in))?;
                Ok(Step { copied, ..started })
            }
        }
    }

    /// Starts a session at the new id, with these entries, which are bound to an incarnation, and the delta.
    fn start(
        &self,
        slots: &mut impl Slots,
        now: Timestamp,
        ((mut state, bound_to), rotation, sign_in): ((State, Option<Incarnation>), &Rotation, &SignIn),
    ) -> Result<Step<RotateOutcome>, Error> {
        let (to, op) = (*rotation.to.digest(), rotation.write.op);
        self.limits.admit(&state, &rotation.delta)?;
        rotation.delta.apply_to(&mut state);
        let stamp = Stamp::first(rotation.incarnation(), op);
        let deadlines = rotation.expiry.unwrap_or_default().start(now);
        let bound_to = bound_to.or(rotation.bound_to).unwrap_or(stamp.incarnation());
        let mut live = Live::new(Record::new(stamp, now, deadlines, state).with_bound_to(bound_to), op);
        live.sign_in(sign_in, now);
        let applied = live.applied(now);
        let expired = slots.put(to, Slot::Live(live));
        let start = Effect { digest: to, before: None, after: Some(stamp), kind: ChangeKind::Created, op };
        Ok(Step {
            start: Some(start),
            index_removals: index_entry(expired, to),
            index_addition: Some((sign_in.principal().clone(), to)),
            ..Step::unchanged(RotateOutcome::Rotated(applied))
        })
    }
}

/// The entries of a session that a sign-in of another principal keeps.
fn kept(state: &State, sign_in: &SignIn) -> State {
    let mut kept = Delta::new();
    for field in sign_in.kept_fields() {
        if let Some(value) = state.get(field.as_str()) {
            kept.set(field.clone(), value.clone());
        }
        for (key, value) in state.keyed(field.as_str()) {
            kept.insert(field.clone(), key.clone(), value.clone());
        }
    }
    State::from(&kept)
}
