//! A live session, and the data that the store keeps beside its record.

use std::sync::Arc;

use crate::{
    Principal,
    model::{Deadlines, Delta, OpId, Record, Stamp, Timestamp},
    store::{ConflictCause, FencingToken, Precondition, machine::REMEMBERED_OPS},
};

/// A live session.
#[derive(Clone, Debug)]
pub struct Live {
    pub(super) record: Arc<Record>,
    pub(super) memory: Box<Memory>,
}

/// The data of a session that is not part of its record.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    /// The op ids of the last updates, oldest first, at most [`REMEMBERED_OPS`].
    ops: Vec<OpId>,
    /// The operation that moved the session to its current id: its last rotation, or its create.
    moved_by: OpId,
    /// The end of the grace during which an old id forwards here.
    pub(super) renewed_until: Timestamp,
    pub(super) tenure: Option<Tenure>,
    /// The principal that is signed in, and the time of the sign-in.
    signed_in: Option<(Principal, Timestamp)>,
}

/// The last tenure of the lock. It is kept after its end, for its counter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tenure {
    pub(super) token: FencingToken,
    pub(super) until: Timestamp,
}

impl Live {
    /// A session that is created now.
    pub(super) fn new(record: Record, op: OpId, principal: Option<Principal>) -> Self {
        let signed_in = principal.map(|principal| (principal, record.created_at()));
        let memory =
            Memory { ops: vec![op], moved_by: op, renewed_until: Timestamp::default(), tenure: None, signed_in };
        Self { record: Arc::new(record), memory: Box::new(memory) }
    }

    /// The record as readers see it.
    pub fn record(&self) -> &Arc<Record> {
        &self.record
    }

    /// The principal that is signed in.
    pub fn principal(&self) -> Option<&Principal> {
        self.memory.signed_in.as_ref().map(|(principal, _)| principal)
    }

    /// When that principal signed in to this session. A rotation keeps it unless it signs in another principal.
    pub fn signed_in_at(&self) -> Option<Timestamp> {
        self.memory.signed_in.as_ref().map(|(_, at)| *at)
    }

    pub(super) fn into_principal(self) -> Option<Principal> {
        self.memory.signed_in.map(|(principal, _)| principal)
    }

    /// Signs a principal in. A principal that is already signed in keeps the time of its first sign-in.
    pub(super) fn sign_in(&mut self, principal: &Principal, now: Timestamp) {
        if self.principal() != Some(principal) {
            self.memory.signed_in = Some((principal.clone(), now));
        }
    }

    /// Records that the session has moved to a new id.
    pub(super) fn record_move(&mut self, op: OpId, renewed_until: Timestamp) {
        self.memory.moved_by = op;
        self.memory.renewed_until = renewed_until;
    }

    /// Whether this operation moved the session to its current id.
    pub(super) fn was_moved_by(&self, op: OpId) -> bool {
        self.memory.moved_by == op
    }

    pub(super) fn ends_at(&self) -> Timestamp {
        self.record.deadlines().expires_at()
    }

    pub(super) fn remembers(&self, op: OpId) -> bool {
        self.memory.ops.contains(&op)
    }

    /// Applies a delta that is not empty, and returns the new stamp.
    pub(super) fn apply_delta(&mut self, op: OpId, delta: &Delta, renewed: Deadlines) -> Stamp {
        let record = Arc::make_mut(&mut self.record);
        delta.apply_to(&mut record.state);
        record.stamp = record.stamp.next(op);
        record.deadlines = renewed;
        if self.memory.ops.len() == REMEMBERED_OPS {
            self.memory.ops.remove(0);
        }
        self.memory.ops.push(op);
        record.stamp
    }

    /// The first precondition that does not hold. The match names every variant, so that a new one cannot be ignored by
    /// mistake.
    pub(super) fn first_failed(&self, preconditions: &[Precondition], now: Timestamp) -> Option<ConflictCause> {
        let state = self.record.state();
        preconditions.iter().find_map(|precondition| {
            let (holds, cause) = match precondition {
                Precondition::Stamp(stamp) => (*stamp == self.record.stamp(), ConflictCause::Stamp),
                Precondition::Lock(token) => (self.holds(*token, now), ConflictCause::Lock),
                Precondition::Scalar(field, value) => {
                    (state.get(field.as_str()) == value.as_ref(), ConflictCause::Entry)
                }
                Precondition::Keyed(field, key, value) => {
                    (state.get_keyed(field.as_str(), key.as_str()) == value.as_ref(), ConflictCause::Entry)
                }
            };
            (!holds).then_some(cause)
        })
    }

    pub(super) fn holds(&self, token: FencingToken, now: Timestamp) -> bool {
        self.memory.tenure.is_some_and(|tenure| tenure.token == token && now < tenure.until)
    }

    /// The token of the next tenure.
    pub(super) fn next_token(&self, owner: OpId) -> FencingToken {
        let counter = self.memory.tenure.map_or(0, |tenure| tenure.token.counter);
        FencingToken { owner, counter: counter.saturating_add(1) }
    }
}
