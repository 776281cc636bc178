//! The sign-ins that were acknowledged, and whose entries are whose.

use std::collections::{BTreeMap, BTreeSet};

use session_core::{
    Principal,
    model::{IdDigest, OpId},
    store::Rotation,
};

use super::{Moved, Updates};
use crate::sim::Millis;

/// A sign-in that moved the session of its old id.
#[derive(Debug)]
struct First {
    principal: Principal,
    to: IdDigest,
    sent: Millis,
    answered: Millis,
    grace: Millis,
    session: u64,
}

/// A second sign-in from the same cookie, as it was sent.
#[derive(Debug)]
struct Second {
    /// The id of the first one, and the moment at which its grace ends for both.
    first: IdDigest,
    in_time: Millis,
    /// The updates that the first session had.
    updates: BTreeSet<u64>,
}

/// The known facts about sign-ins.
#[derive(Debug, Default)]
pub(crate) struct SignIns {
    /// Who was signed in when an update was sent.
    owners: BTreeMap<u64, Principal>,
    /// By old id.
    firsts: BTreeMap<IdDigest, Vec<First>>,
    /// By new id.
    seconds: BTreeMap<IdDigest, Second>,
    /// The updates that a session must have, by its id.
    copied: BTreeMap<IdDigest, BTreeSet<u64>>,
}

impl SignIns {
    /// An update is sent.
    pub(super) fn writes(&mut self, op: OpId, principal: Option<Principal>) {
        if let Some(principal) = principal {
            self.owners.insert(u64::from(op), principal);
        }
    }

    /// The principal who wrote an update.
    pub(super) fn owner(&self, op: u64) -> Option<&Principal> {
        self.owners.get(&op)
    }

    /// The updates that the session of this id must have.
    pub(super) fn copied(&self, to: &IdDigest) -> Option<&BTreeSet<u64>> {
        self.copied.get(to)
    }

    /// A sign-in is sent for the first time.
    pub(super) fn sent(&mut self, via: &IdDigest, rotation: &Rotation, updates: &Updates, now: Millis) {
        let Some(sign_in) = &rotation.sign_in else { return };
        let firsts = self.firsts.get(via).map(Vec::as_slice).unwrap_or_default();
        let same = |first: &&First| first.principal == *sign_in.principal() && first.answered < now;
        let Some(first) = firsts.iter().find(same) else { return };
        let of_session = updates.acknowledged.iter().filter(|(session, _)| *session == first.session);
        let second = Second {
            first: first.to,
            in_time: first.sent + first.grace.min(rotation.grace.as_millis() as Millis),
            updates: of_session.map(|(_, op)| *op).collect(),
        };
        self.seconds.insert(*rotation.to.digest(), second);
    }

    /// A rotation was acknowledged.
    pub(super) fn signed_in(&mut self, rotation: &Rotation, moved: &Moved) {
        let Some(sign_in) = &rotation.sign_in else { return };
        if moved.stamp.incarnation() == rotation.incarnation() {
            return;
        }
        let first = First {
            principal: sign_in.principal().clone(),
            to: *rotation.to.digest(),
            sent: moved.sent,
            answered: moved.answered,
            grace: rotation.grace.as_millis() as Millis,
            session: u64::from(moved.stamp.incarnation()),
        };
        self.firsts.entry(moved.via).or_default().push(first);
    }
}

impl super::Access {
    /// A second sign-in was acknowledged. If it was in time and the first session is still there, its entries were copied.
    pub(super) fn copies(&mut self, to: &IdDigest, now: Millis, idle: Millis) -> bool {
        let Some(second) = self.sign_ins.seconds.remove(to) else { return false };
        let copied = now < second.in_time && self.is_settled(&second.first, now, idle);
        if copied {
            self.sign_ins.copied.insert(*to, second.updates);
        }
        copied
    }
}
