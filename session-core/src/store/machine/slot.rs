//! What can stand at one digest.

use crate::{
    Principal,
    model::{EndReason, Ended, IdDigest, OpId, Stamp, Timestamp},
    store::{Absent, RotationKind, machine::Live},
};

/// How many moves of a session are followed from where it was listed.
const MOVES: usize = 8;

/// The slots of one partition, by digest. Sessions that forward to each other are in one partition.
pub trait Slots {
    /// What stands at this digest.
    fn get(&self, id: &IdDigest) -> Option<&Slot>;

    /// The same, to change it.
    fn get_mut(&mut self, id: &IdDigest) -> Option<&mut Slot>;

    /// Puts a slot there and returns what stood there.
    fn put(&mut self, id: IdDigest, slot: Slot) -> Option<Slot>;
}

/// What stands at one digest. Each kind ends at a time of its own; one that has ended counts as absent.
#[derive(Clone, Debug)]
pub enum Slot {
    /// A session.
    Live(Live),
    /// A session was ended here.
    Tombstone(Box<Tombstone>),
    /// A session was moved from here.
    Forward(Box<Forward>),
}

/// The memory of a session that was ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tombstone {
    /// The destroy.
    pub op: OpId,
    /// Why.
    pub reason: EndReason,
    /// When.
    pub since: Timestamp,
    /// Until when it stands.
    pub until: Timestamp,
}

/// The memory of a session that was moved.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Forward {
    /// Where it went: a digest, never a usable id.
    pub to: IdDigest,
    /// Whether this id still gives access.
    pub kind: RotationKind,
    /// The rotation.
    pub op: OpId,
    /// Until when it stands.
    pub until: Timestamp,
}

impl Slot {
    /// When it ends by itself; from then on it may be removed.
    pub fn ends_at(&self) -> Timestamp {
        match self {
            Self::Live(live) => live.ends_at(),
            Self::Tombstone(tombstone) => tombstone.until,
            Self::Forward(forward) => forward.until,
        }
    }

    /// The principal of a session, if it stood here.
    pub fn into_principal(self) -> Option<Principal> {
        match self {
            Self::Live(live) => live.into_principal(),
            Self::Tombstone(_) | Self::Forward(_) => None,
        }
    }

    pub(super) fn stamp(&self) -> Option<Stamp> {
        match self {
            Self::Live(live) => Some(live.record.stamp()),
            Self::Tombstone(_) | Self::Forward(_) => None,
        }
    }
}

/// Where the session of this digest is: a running renewal forwards, once.
pub(super) fn locate(slots: &impl Slots, now: Timestamp, id: &IdDigest) -> IdDigest {
    match slots.get(id) {
        Some(Slot::Forward(forward)) if forward.kind == RotationKind::Renew && forward.until > now => forward.to,
        _ => *id,
    }
}

/// The session of this digest, and where it is if that is elsewhere, or why there is none: [`locate`] and [`classify`]
/// with one look at most sessions.
pub(super) fn find<'s>(
    slots: &'s impl Slots,
    now: Timestamp,
    id: &IdDigest,
) -> Result<(&'s Live, Option<IdDigest>), Absent> {
    match slots.get(id) {
        Some(Slot::Forward(forward)) if forward.kind == RotationKind::Renew && forward.until > now => {
            classify(slots.get(&forward.to), now).map(|live| (live, Some(forward.to)))
        }
        slot => classify(slot, now).map(|live| (live, None)),
    }
}

/// Where a session was located, if the id is an old one that forwards to it.
pub(super) fn elsewhere(at: IdDigest, id: &IdDigest) -> Option<IdDigest> {
    (at != *id).then_some(at)
}

/// The session in a slot that [`locate`] found, or why there is none.
pub(super) fn classify(slot: Option<&Slot>, now: Timestamp) -> Result<&Live, Absent> {
    match slot {
        Some(Slot::Live(live)) if live.ends_at() > now => Ok(live),
        slot => Err(why_absent(slot, now)),
    }
}

/// The same, to change the session.
pub(super) fn classify_mut(slot: Option<&mut Slot>, now: Timestamp) -> Result<&mut Live, Absent> {
    classify(slot.as_deref(), now)?;
    match slot {
        Some(Slot::Live(live)) => Ok(live),
        _ => Err(Absent::NotFound(None)),
    }
}

/// Why there is no session in a slot without a live one.
fn why_absent(slot: Option<&Slot>, now: Timestamp) -> Absent {
    match slot.filter(|slot| slot.ends_at() > now) {
        Some(Slot::Tombstone(tombstone)) => Absent::NotFound(Some(Ended::of(tombstone, now))),
        Some(Slot::Forward(forward)) if forward.kind == RotationKind::Privilege => Absent::Superseded,
        // Renewals do not chain; should one ever be met, it gives no access.
        Some(Slot::Forward(_) | Slot::Live(_)) | None => Absent::NotFound(None),
    }
}

/// Where the session is now that an index lists at this digest: the end of the forwards that lead on from it.
///
/// It follows both kinds, since nothing is accessed through a listing, and those that have ended and are still there,
/// since a listing may be old. At most [`MOVES`], so that no store can make it run in a circle.
pub(super) fn destination(slots: &impl Slots, id: &IdDigest) -> IdDigest {
    let mut at = *id;
    for _ in 0..MOVES {
        let Some(Slot::Forward(forward)) = slots.get(&at) else { break };
        at = forward.to;
    }
    at
}

/// The live session that an index lists at this digest, and where it is: there, or where it has moved since.
pub fn follow<'s>(slots: &'s impl Slots, now: Timestamp, id: &IdDigest) -> Option<(IdDigest, &'s Live)> {
    let at = destination(slots, id);
    classify(slots.get(&at), now).ok().map(|live| (at, live))
}
