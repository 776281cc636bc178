//! The mistakes of the simulated store: rules of its contract that its servers break on request.

use std::time::Duration;

use session_core::{
    Error, LoadOptions,
    model::{IdDigest, Timestamp},
    store::{
        LoadOutcome, RotateOutcome, Rotation, RotationKind, TouchOptions, TouchOutcome,
        machine::{self, Rules, Slot, Slots, Step},
    },
};

use super::{World, server::TrackedSlots};

/// A rule that the servers break. Each mistake is found by the oracle, so the oracle knows each rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreMistake {
    /// A load of a new id confirms the renewal, although its response may be lost.
    ConfirmsByReading,
    /// A touch of the old id confirms the renewal.
    ConfirmsByTheOldId,
    /// The old id of an unconfirmed renewal forwards for the grace only.
    ForwardEndsWithTheGrace,
    /// The old id of a confirmed renewal forwards for much longer than the grace.
    ForwardOutlivesTheGrace,
    /// After a second renewal through the old id, the unused new id gives access too.
    KeepsTheUnusedId,
    /// A sign-in at an id that gives no access is treated as a rotation of that id.
    SignInNeedsItsOldId,
    /// The second of two sign-ins from one cookie starts with no entries.
    SecondSignInStartsEmpty,
    /// A sign-in over the session of another principal takes over its entries.
    CopiesAnotherPrincipal,
    /// A primary that lost its replica still answers reads when it accepts no writes.
    UnguardedReads,
    /// An update is executed whenever it arrives.
    AppliesLateUpdates,
}

/// No idle time: a touch that only confirms.
fn confirmation() -> TouchOptions {
    TouchOptions { idle: Some(Duration::ZERO), ..TouchOptions::default() }
}

impl World {
    pub(crate) fn makes(&self, mistake: StoreMistake) -> bool {
        self.mistake == Some(mistake)
    }

    pub(crate) fn confirm_by_reading(&mut self, server: usize, digest: &IdDigest, outcome: &LoadOutcome) {
        if let LoadOutcome::Found(found) = outcome
            && self.makes(StoreMistake::ConfirmsByReading)
            && found.record.is_unconfirmed()
            && found.forwarded.is_none()
        {
            self.touch(server, digest, confirmation());
        }
    }

    pub(crate) fn confirm_by_the_old_id(&mut self, server: usize, outcome: &TouchOutcome) {
        if let TouchOutcome::Touched(touched) = outcome
            && self.makes(StoreMistake::ConfirmsByTheOldId)
            && let Some(at) = touched.forwarded
        {
            self.touch(server, &at, confirmation());
        }
    }
}

/// [`SessionStore::rotate`](session_core::store::SessionStore::rotate) at a server that makes this mistake.
pub(crate) fn rotate(
    mistake: Option<StoreMistake>,
    rules: &Rules,
    slots: &mut TrackedSlots<'_>,
    (now, id): (Timestamp, &IdDigest),
    rotation: &Rotation,
) -> Result<Step<RotateOutcome>, Error> {
    let mut rotation = rotation.clone();
    let led_to = forward(slots, id);
    match mistake {
        Some(StoreMistake::ForwardEndsWithTheGrace) => rotation.confirm_within = Some(rotation.grace),
        Some(StoreMistake::ForwardOutlivesTheGrace) => rotation.grace *= 20,
        Some(StoreMistake::SignInNeedsItsOldId) if found(slots, now, id).is_none() => rotation.sign_in = None,
        Some(StoreMistake::SecondSignInStartsEmpty) if found(slots, now, id).is_none() => {
            rotation.grace = Duration::ZERO;
        }
        Some(StoreMistake::CopiesAnotherPrincipal) => keep_everything(slots, (now, id), &mut rotation),
        _ => {}
    }
    let step = rules.rotate(slots, now, id, &rotation)?;
    if mistake == Some(StoreMistake::KeepsTheUnusedId)
        && let (Some(unused), Some(newest)) = (led_to, forward(slots, id))
        && unused != newest
        && let Some(slot) = slots.get(id).cloned()
    {
        slots.put(unused, slot);
    }
    Ok(step)
}

/// Where the old id of a renewal forwards to.
fn forward(slots: &TrackedSlots<'_>, id: &IdDigest) -> Option<IdDigest> {
    match slots.get(id) {
        Some(Slot::Forward(forward)) if forward.kind == RotationKind::Renew => Some(forward.to),
        _ => None,
    }
}

fn found(slots: &TrackedSlots<'_>, now: Timestamp, id: &IdDigest) -> Option<session_core::store::Found> {
    match machine::load(slots, now, id, LoadOptions::default()) {
        LoadOutcome::Found(found) => Some(found),
        _ => None,
    }
}

fn keep_everything(slots: &TrackedSlots<'_>, (now, id): (Timestamp, &IdDigest), rotation: &mut Rotation) {
    let Some(found) = found(slots, now, id) else { return };
    let state = found.record.state();
    let fields = state.scalars().map(|(field, _)| field).chain(state.keyed_fields()).cloned().collect::<Vec<_>>();
    rotation.sign_in = rotation.sign_in.take().map(|sign_in| sign_in.with_kept_fields(fields));
}
