//! The content of one digest's slot.

use crate::{
    Principal,
    model::{EndReason, Ended, IdDigest, OpId, Stamp, Timestamp},
    store::{Absent, RotationKind, machine::Live},
};

/// The maximum number of moves of a session that are followed from a listed digest.
const MAX_MOVES: usize = 8;

/// The slots of one partition, by digest. Sessions that forward to each other are in one partition.
pub trait Slots {
    /// The slot of this digest.
    fn get(&self, id: &IdDigest) -> Option<&Slot>;

    /// The slot of this digest, for changes.
    fn get_mut(&mut self, id: &IdDigest) -> Option<&mut Slot>;

    /// Replaces the slot of this digest, and returns the previous one.
    fn put(&mut self, id: IdDigest, slot: Slot) -> Option<Slot>;
}

/// The content of one digest's slot. Each kind ends at its own time. A slot that has ended counts as absent.
#[derive(Clone, Debug)]
pub enum Slot {
    /// A session.
    Live(Live),
    /// A session was ended here.
    Tombstone(Box<Tombstone>),
    /// A session was moved from here.
    Forward(Box<Forward>),
}

/// A record of a session that was ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tombstone {
    /// The op id of the destroy.
    pub(super) op: OpId,
    /// Why the session was ended.
    pub(super) reason: EndReason,
    /// When the session was ended.
    pub(super) since: Timestamp,
    /// How long the tombstone is kept.
    pub until: Timestamp,
}

/// A record of a session that was moved.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Forward {
    /// The session's new digest, which is never a usable id.
    pub to: IdDigest,
    /// Whether the old id still gives access.
    pub kind: RotationKind,
    /// The op id of the rotation.
    pub(super) op: OpId,
    /// How long the old id gives access, or answers Superseded.
    pub until: Timestamp,
    /// How long the forward is kept.
    pub(super) kept_until: Timestamp,
}

impl Forward {
    /// Whether the old id still gives access.
    pub fn gives_access(&self, now: Timestamp) -> bool {
        self.kind == RotationKind::Renew && self.until > now
    }
}

impl Slot {
    /// When the slot ends by itself. From then on it may be removed.
    pub fn ends_at(&self) -> Timestamp {
        match self {
            Self::Live(live) => live.ends_at(),
            Self::Tombstone(tombstone) => tombstone.until,
            Self::Forward(forward) => forward.kept_until,
        }
    }

    /// The principal of the session, if this is a live session with one.
    pub(super) fn into_principal(self) -> Option<Principal> {
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

/// The current digest of a session: a renewal forwards, once.
pub(super) fn locate(slots: &impl Slots, now: Timestamp, id: &IdDigest) -> IdDigest {
    match slots.get(id) {
        Some(Slot::Forward(forward)) if forward.gives_access(now) => forward.to,
        _ => *id,
    }
}

/// The session of this digest and, if it is at another digest, that digest; or why there is no session. This is
/// [`locate`] and [`classify`] with a single lookup in most cases.
pub(super) fn find<'s>(
    slots: &'s impl Slots,
    now: Timestamp,
    id: &IdDigest,
) -> Result<(&'s Live, Option<IdDigest>), Absent> {
    match slots.get(id) {
        Some(Slot::Forward(forward)) if forward.gives_access(now) => {
            classify(slots.get(&forward.to), now).map(|live| (live, Some(forward.to)))
        }
        slot => classify(slot, now).map(|live| (live, None)),
    }
}

/// The digest at which a session was located, if the id is an old one that forwards to it.
pub(super) fn forwarded_to(at: IdDigest, id: &IdDigest) -> Option<IdDigest> {
    (at != *id).then_some(at)
}

/// The session in a slot that [`locate`] found, or why there is none.
pub(super) fn classify(slot: Option<&Slot>, now: Timestamp) -> Result<&Live, Absent> {
    match slot {
        Some(Slot::Live(live)) if live.ends_at() > now => Ok(live),
        slot => Err(absence(slot, now)),
    }
}

/// The same as [`classify`], for changes.
pub(super) fn classify_mut(slot: Option<&mut Slot>, now: Timestamp) -> Result<&mut Live, Absent> {
    classify(slot.as_deref(), now)?;
    match slot {
        Some(Slot::Live(live)) => Ok(live),
        _ => Err(Absent::NotFound(None)),
    }
}

/// Why there is no session in a slot that has no live one.
fn absence(slot: Option<&Slot>, now: Timestamp) -> Absent {
    match slot.filter(|slot| slot.ends_at() > now) {
        Some(Slot::Tombstone(tombstone)) => Absent::NotFound(Some(Ended::of(tombstone, now))),
        Some(Slot::Forward(forward)) if forward.kind == RotationKind::Privilege => Absent::Superseded,
        Some(Slot::Forward(forward)) if forward.until <= now => {
            Absent::NotFound(Some(Ended { reason: EndReason::Renewed, age: now.since(forward.until) }))
        }
        // Renewals do not chain. If a chain is met nevertheless, it gives no access.
        Some(Slot::Forward(_) | Slot::Live(_)) | None => Absent::NotFound(None),
    }
}

/// The current digest of a session that an index lists at this digest: the end of the chain of forwards.
///
/// Both kinds of forward are followed, since a listing gives no access. Forwards that have ended but are still there
/// are followed too, since a listing may be old. At most [`MAX_MOVES`] are followed, so that no store can cause an
/// endless loop.
pub(super) fn destination(slots: &impl Slots, id: &IdDigest) -> IdDigest {
    let mut at = *id;
    for _ in 0..MAX_MOVES {
        let Some(Slot::Forward(forward)) = slots.get(&at) else { break };
        at = forward.to;
    }
    at
}

/// The digest at the end of the forwards that have not ended. For a sign-in only, since a forward of a privilege rotation
/// gives no access.
pub(super) fn follow_unexpired(slots: &impl Slots, now: Timestamp, id: &IdDigest) -> IdDigest {
    let mut at = *id;
    for _ in 0..MAX_MOVES {
        match slots.get(&at) {
            Some(Slot::Forward(forward)) if forward.until > now => at = forward.to,
            _ => break,
        }
    }
    at
}

/// The live session that an index lists at this digest, and its current digest, which differs if the session has moved.
pub fn follow<'s>(slots: &'s impl Slots, now: Timestamp, id: &IdDigest) -> Option<(IdDigest, &'s Live)> {
    let at = destination(slots, id);
    classify(slots.get(&at), now).ok().map(|live| (at, live))
}
