//! The calls of one session.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    checker::Violation,
    history::{Call, Level, Op, Outcome, RotationKind, State},
};

/// The calls of one session, by what they do.
#[derive(Debug)]
pub struct Session<'a> {
    number: u32,
    calls: Vec<&'a Call>,
    adds: BTreeMap<u64, &'a Call>,
    removes: BTreeMap<u64, Vec<&'a Call>>,
    sets: BTreeMap<u64, &'a Call>,
    /// The elements in a state after the run.
    kept: BTreeSet<u64>,
    /// The latest id at which the session was found after the run.
    rests_at: Option<u32>,
}

impl<'a> Session<'a> {
    pub(super) fn new(number: u32, calls: Vec<&'a Call>) -> Self {
        let (mut adds, mut sets, mut kept) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let mut removes: BTreeMap<u64, Vec<&Call>> = BTreeMap::new();
        let mut rests_at = None;
        for call in &calls {
            match (call.request.op, &call.outcome) {
                (Op::Add { element }, _) => _ = adds.insert(element, *call),
                (Op::Remove { element }, _) => removes.entry(element).or_default().push(call),
                (Op::Set { value }, _) => _ = sets.insert(value, *call),
                (Op::Load { settled: true, .. }, Some(Outcome::Found { state })) => {
                    kept.extend(&state.elements);
                    rests_at = rests_at.max(Some(call.request.id));
                }
                _ => {}
            }
        }
        Self { number, calls, adds, removes, sets, kept, rests_at }
    }

    pub(super) fn add_of(&self, element: u64) -> Option<&'a Call> {
        self.adds.get(&element).copied()
    }

    pub(super) fn set_of(&self, value: u64) -> Option<&'a Call> {
        self.sets.get(&value).copied()
    }

    /// Whether the element is there after the run.
    pub(super) fn is_kept(&self, element: u64) -> bool {
        self.kept.contains(&element)
    }

    /// Whether the session has kept its arrival at an id: a create, or a rotation that has led to where it is now.
    pub(super) fn has_kept(&self, arrival: &Call) -> bool {
        match arrival.request.op {
            Op::Create => self.rests_at.is_some(),
            Op::Rotate { to, .. } => self.rests_at.is_some_and(|id| id >= to),
            _ => false,
        }
    }

    /// The updates of its state, whatever became of them.
    pub(super) fn updates(&self) -> impl Iterator<Item = &'a Call> {
        let is_update = |call: &&Call| {
            matches!(call.request.op, Op::Add { .. } | Op::Remove { .. } | Op::Set { .. } | Op::Increment)
        };
        self.calls.iter().copied().filter(is_update)
    }

    pub(super) fn creates(&self) -> impl Iterator<Item = &'a Call> {
        self.calls.iter().copied().filter(|call| matches!(call.request.op, Op::Create))
    }

    pub(super) fn destroys(&self) -> impl Iterator<Item = &'a Call> {
        self.calls.iter().copied().filter(|call| matches!(call.request.op, Op::Destroy))
    }

    pub(super) fn rotations(&self) -> impl Iterator<Item = &'a Call> {
        self.calls.iter().copied().filter(|call| matches!(call.request.op, Op::Rotate { .. }))
    }

    pub(super) fn loads(&self) -> impl Iterator<Item = &'a Call> {
        self.calls.iter().copied().filter(|call| matches!(call.request.op, Op::Load { .. }))
    }

    /// The loads that found the session, with what they found.
    pub(super) fn found(&self) -> impl Iterator<Item = (&'a Call, &'a State)> {
        self.loads().filter_map(|call| Some((call, call.outcome.as_ref()?.state()?)))
    }

    /// Whether the state that a read found certainly does not have an update that was acknowledged before the read.
    pub(super) fn misses(&self, update: &Call, read: &Call, state: &State) -> bool {
        match (update.request.op, update.outcome.as_ref()) {
            (Op::Add { element }, _) => !state.elements.contains(&element) && !self.may_be_removed(element, read),
            // An element that was added by then, and by no other call.
            (Op::Remove { element }, _) => {
                let was_there = self.add_of(element).is_some_and(|add| add.is_done() && add.is_before(update));
                was_there && state.elements.contains(&element)
            }
            (Op::Set { .. }, _) => state.register.is_none_or(|value| {
                // The register has a value that was acknowledged before this one was sent.
                self.set_of(value).is_some_and(|older| older.is_done() && older.is_before(update))
            }),
            (Op::Increment, Some(Outcome::Done { value: Some(value), .. })) => state.counter < *value,
            _ => false,
        }
    }

    /// Whether a removal of the element was on its way when the read was answered.
    fn may_be_removed(&self, element: u64, read: &Call) -> bool {
        let mut removes = self.removes.get(&element).into_iter().flatten();
        removes.any(|remove| remove.invoked < read.completed && remove.may_have_happened())
    }

    /// Whether the session must be found at this id: it has arrived there, and neither a destroy nor a rotation that
    /// may have ended the id was sent before the load was answered. `binds` says when an arrival counts.
    pub(super) fn must_be_at_its_id(&self, load: &Call, slack: u64, binds: impl Fn(&Call) -> bool) -> bool {
        let is_sent = |call: &&Call| call.invoked < load.completed && call.may_have_happened();
        let arrival = self.calls.iter().find(|call| match call.request.op {
            Op::Create => load.request.id == 0,
            Op::Rotate { to, .. } => to == load.request.id,
            _ => false,
        });
        if !arrival.is_some_and(|call| call.is_done() && binds(call)) || self.destroys().any(|call| is_sent(&call)) {
            return false;
        }
        let is_later = |call: &&Call| matches!(call.request.op, Op::Rotate { to, .. } if to > load.request.id);
        let mut later = self.rotations().filter(is_later).filter(is_sent);
        match (later.next(), later.next()) {
            (None, _) => true,
            (Some(only), None) => forwards_until_after(only, load, slack),
            _ => false,
        }
    }

    pub(super) fn violation(&self, rule: &'static str, call: &Call, text: String) -> Violation {
        let process = call.request.process;
        Violation { rule, session: self.number, call: call.number, process, at: call.invoked, text }
    }
}

/// Whether the rotation makes the id of the load forward until after the load was answered.
fn forwards_until_after(rotation: &Call, load: &Call, slack: u64) -> bool {
    let Op::Rotate { kind: RotationKind::Renew, grace, .. } = rotation.request.op else { return false };
    rotation.request.id == load.request.id && load.completed.saturating_add(slack) < rotation.invoked + grace
}

/// The level of a load.
pub(super) fn level_of(load: &Call) -> Option<Level> {
    match load.request.op {
        Op::Load { level, .. } => Some(level),
        _ => None,
    }
}

/// Whether it is a load after the run.
pub(super) fn is_settled(load: &Call) -> bool {
    matches!(load.request.op, Op::Load { settled: true, .. })
}
