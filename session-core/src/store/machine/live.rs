//! A live session, and the data that the store keeps beside its record.

use std::sync::Arc;

use super::renewal::Renewal;
use crate::{
    Note, Principal, SignIn,
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
    /// The renewal that moved the session to its current id, while an old id may forward here.
    pub(super) renewal: Option<Renewal>,
    pub(super) tenure: Option<Tenure>,
    pub(super) note: Option<Box<Note>>,
}

/// The last tenure of the lock. It is kept after its end, for its counter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tenure {
    pub(super) token: FencingToken,
    pub(super) until: Timestamp,
}

impl Live {
    /// A session that is created now.
    pub(super) fn new(record: Record, op: OpId) -> Self {
        let memory = Memory { ops: vec![op], moved_by: op, renewal: None, tenure: None, note: None };
        Self { record: Arc::new(record), memory: Box::new(memory) }
    }

    /// The record as readers see it.
    pub fn record(&self) -> &Arc<Record> {
        &self.record
    }

    /// The principal that is signed in.
    pub fn principal(&self) -> Option<&Principal> {
        self.record.principal()
    }

    /// The application's note about the session.
    pub fn note(&self) -> Option<&Note> {
        self.memory.note.as_deref()
    }

    pub(super) fn into_principal(self) -> Option<Principal> {
        self.record.principal().cloned()
    }

    /// Signs a principal in.
    pub(super) fn sign_in(&mut self, sign_in: &SignIn, now: Timestamp) {
        if self.principal() != Some(sign_in.principal()) {
            self.memory.note = None;
        }
        if let Some(note) = sign_in.note() {
            self.memory.note = Some(Box::new(note.clone()));
        }
        Arc::make_mut(&mut self.record).signed_in = Some((sign_in.principal().clone(), now));
    }

    /// Records that the session has moved to a new id.
    pub(super) fn record_move(&mut self, op: OpId, renewal: Option<Renewal>) {
        self.memory.moved_by = op;
        self.set_renewal(renewal);
    }

    pub(super) fn set_renewal(&mut self, renewal: Option<Renewal>) {
        let unconfirmed = renewal.as_ref().is_some_and(Renewal::is_unconfirmed);
        if self.record.is_unconfirmed() != unconfirmed {
            Arc::make_mut(&mut self.record).unconfirmed = unconfirmed;
        }
        self.memory.renewal = renewal;
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

    /// Applies a delta and sets the deadlines. Returns the new stamp.
    pub(super) fn apply_delta(&mut self, op: OpId, delta: &Delta, deadlines: Deadlines) -> Stamp {
        let record = Arc::make_mut(&mut self.record);
        delta.apply_to(&mut record.state);
        record.stamp = record.stamp.next(op);
        record.deadlines = deadlines;
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
