//! Renewals: the old id forwards until the new one is used, and for a grace after that.

use std::time::Duration;

use super::{Forward, Slot, Slots};
use crate::{
    model::{IdDigest, Timestamp},
    store::{Rotation, RotationKind},
};

/// The renewal that moved a session to its current id.
#[derive(Clone, Debug)]
pub(super) enum Renewal {
    /// The new id has not been used yet, perhaps because the response with it was lost. Boxed, since most sessions are not
    /// in this state.
    Unconfirmed(Box<Unconfirmed>),
    /// The new id is in use. The old one forwards for this long, and another renewal is refused for as long.
    Confirmed(Timestamp),
}

/// A renewal whose new id has not been used.
#[derive(Clone, Debug)]
pub(super) struct Unconfirmed {
    /// The id that the client is known to have. It forwards here.
    pub(super) old: IdDigest,
    grace: Duration,
    confirm_by: Timestamp,
    refused_until: Timestamp,
    /// How long the forward is kept after it has ended, so that an old id that comes back is recognised.
    remembered: Duration,
}

impl Unconfirmed {
    pub(super) fn new(old: IdDigest, now: Timestamp, rotation: &Rotation, remembered: Duration) -> Self {
        let Rotation { grace, confirm_within, .. } = rotation;
        let confirm_by = confirm_within.map_or(Timestamp::MAX, |within| now.after(within));
        Self { old, grace: *grace, confirm_by, refused_until: now.after(*grace), remembered }
    }

    /// How long the old id forwards to a session that ends at this moment.
    pub(super) fn forwards_until(&self, ends_at: Timestamp) -> Timestamp {
        ends_at.min(self.confirm_by)
    }
}

impl Renewal {
    pub(super) fn is_unconfirmed(&self) -> bool {
        matches!(self, Self::Unconfirmed(_))
    }

    /// Whether another renewal is refused.
    pub(super) fn refuses_another(&self, now: Timestamp) -> bool {
        match self {
            Self::Unconfirmed(unconfirmed) => unconfirmed.refused_until > now,
            Self::Confirmed(until) => *until > now,
        }
    }
}

/// The session at `at` was used through `id`. A use of its own id confirms a renewal. A use of the old id keeps the
/// forward for as long as the session lives.
pub(super) fn used(slots: &mut impl Slots, now: Timestamp, id: &IdDigest, at: &IdDigest) {
    let Some(Slot::Live(live)) = slots.get_mut(at) else { return };
    let Some(Renewal::Unconfirmed(unconfirmed)) = &live.memory.renewal else { return };
    let old = unconfirmed.old;
    let (until, kept_until) = if id == at {
        let until = now.after(unconfirmed.grace);
        let kept_until = until.after(unconfirmed.remembered);
        live.set_renewal(Some(Renewal::Confirmed(until)));
        (until, kept_until)
    } else {
        let until = unconfirmed.forwards_until(live.ends_at());
        (until, until)
    };
    if let Some(Slot::Forward(forward)) = slots.get(&old)
        && forward.to == *at
        && forward.gives_access(now)
    {
        let forward = Forward { until, kept_until, ..Forward::clone(forward) };
        slots.put(old, Slot::Forward(Box::new(forward)));
    }
}

impl Forward {
    /// The forward at the old id of a renewal.
    pub(super) fn renewed(rotation: &Rotation, until: Timestamp) -> Self {
        let Rotation { to, write, .. } = rotation;
        Self { to: *to.digest(), kind: RotationKind::Renew, op: write.op, until, kept_until: until }
    }

    /// The forward at an id that gives no access from now on.
    pub(super) fn superseded(rotation: &Rotation, now: Timestamp) -> Self {
        let Rotation { to, write, grace, .. } = rotation;
        let until = now.after(*grace);
        Self { to: *to.digest(), kind: RotationKind::Privilege, op: write.op, until, kept_until: until }
    }
}
