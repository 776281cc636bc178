//! What can stand at one digest.

use crate::{EndReason, Ended, IdDigest, OpId, Principal, RotationKind, Stamp, Timestamp, machine::Live};

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
            Self::Live(live) => live.record.deadlines().expires_at(),
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

/// Why there is no session to act on.
#[derive(Clone, Copy)]
pub(super) enum Absent {
    NotFound(Option<Ended>),
    Superseded,
}

/// Where the session of this digest is: a running renewal forwards, once.
pub(super) fn locate(slots: &impl Slots, now: Timestamp, id: &IdDigest) -> IdDigest {
    match slots.get(id) {
        Some(Slot::Forward(forward)) if forward.kind == RotationKind::Renew && forward.until > now => forward.to,
        _ => *id,
    }
}

/// The session of this digest, or why there is none: [`locate`] and [`classify`] with one look at most sessions.
pub(super) fn find<'s>(slots: &'s impl Slots, now: Timestamp, id: &IdDigest) -> Result<&'s Live, Absent> {
    match slots.get(id) {
        Some(Slot::Forward(forward)) if forward.kind == RotationKind::Renew && forward.until > now => {
            classify(slots.get(&forward.to), now)
        }
        slot => classify(slot, now),
    }
}

/// The session in a slot that [`locate`] found, or why there is none.
pub(super) fn classify(slot: Option<&Slot>, now: Timestamp) -> Result<&Live, Absent> {
    match slot {
        Some(slot) if slot.ends_at() <= now => Err(Absent::NotFound(None)),
        None => Err(Absent::NotFound(None)),
        Some(Slot::Live(live)) => Ok(live),
        Some(Slot::Tombstone(tombstone)) => Err(Absent::NotFound(Some(Ended::of(tombstone, now)))),
        Some(Slot::Forward(forward)) => match forward.kind {
            RotationKind::Privilege => Err(Absent::Superseded),
            // Renewals do not chain; should one ever be met, it gives no access.
            RotationKind::Renew => Err(Absent::NotFound(None)),
        },
    }
}
