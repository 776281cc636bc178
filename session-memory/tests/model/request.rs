//! The requests that are sent: an action with the stamps and tokens that its client knows.

use std::time::Duration;

use session_core::{
    LoadOptions, SessionId,
    model::{Delta, Field, Incarnation, Key, OpId, Stamp, Timestamp, Value},
    store::{Destroy, FencingToken, NewSession, Precondition, Rotation, TouchOptions, Update},
};

use crate::action::{Action, CURRENT, Id, Step, When};

#[derive(Clone, Debug)]
pub(crate) enum Request {
    Create(SessionId, NewSession),
    Load(SessionId, LoadOptions),
    Apply(SessionId, Update),
    Touch(SessionId, TouchOptions),
    Rotate(SessionId, Rotation),
    Destroy(SessionId, Destroy),
    Acquire(SessionId, OpId, Duration),
    Renew(SessionId, FencingToken, Duration),
    Release(SessionId, FencingToken),
}

/// Everything that the clients together have seen and sent.
#[derive(Default)]
pub(crate) struct Clients {
    pub(crate) stamps: Vec<Stamp>,
    pub(crate) tokens: Vec<FencingToken>,
    /// Each with the stamp that was the last one seen at that time.
    sent: Vec<(Request, Option<Stamp>)>,
    next_op: u64,
    pub(crate) current: Option<SessionId>,
    /// The time in the last answer.
    pub(crate) now: Timestamp,
}

/// The ids: almost only zeros, in partition 0; the last one is in another partition.
pub(crate) fn id(index: Id) -> SessionId {
    let partition = if index + 1 == crate::action::IDS { 'B' } else { 'A' };
    let last = char::from(b'A' + u8::try_from(index).unwrap());
    format!("{partition}AAAAAAAAABAAIAAAAAAAAA{last}").parse().unwrap()
}

pub(crate) fn field(field: u8) -> Field {
    Field::new(["cart", "f"][usize::from(field)]).unwrap()
}

pub(crate) fn key(key: u8) -> Key {
    Key::new(["", "k", "sku-3"][usize::from(key)]).unwrap()
}

pub(crate) fn value(length: u8) -> Value {
    Value::from(vec![length; usize::from(length)])
}

fn delta(steps: &[Step]) -> Delta {
    let mut delta = Delta::new();
    for step in steps {
        match *step {
            Step::Set(f, v) => delta.set(field(f), value(v)),
            Step::Remove(f) => delta.remove(field(f)),
            Step::Insert(f, k, v) => delta.insert(field(f), key(k), value(v)),
            Step::RemoveKey(f, k) => delta.remove_key(field(f), key(k)),
            Step::Clear(f) => delta.clear(field(f)),
        }
    }
    delta
}

impl Clients {
    fn at(&self, index: Id) -> SessionId {
        if index == CURRENT { self.current.unwrap_or_else(|| id(0)) } else { id(index) }
    }

    fn op(&mut self) -> OpId {
        self.next_op += 1;
        OpId::from(self.next_op)
    }

    /// The stamp seen `back` answers ago; an invented one if there were fewer.
    fn stamp(&self, back: usize) -> Stamp {
        let made_up = Stamp::from_parts(Incarnation::from(0), 1, 0);
        self.stamps.iter().rev().nth(back).copied().unwrap_or(made_up)
    }

    fn token(&self, back: usize) -> FencingToken {
        let made_up = FencingToken { owner: OpId::from(9), counter: 1 };
        self.tokens.iter().rev().nth(back).copied().unwrap_or(made_up)
    }

    fn precondition(&self, when: &When) -> Precondition {
        match *when {
            When::Stamp(back) => Precondition::Stamp(self.stamp(back)),
            When::Scalar(f, v) => Precondition::Scalar(field(f), v.map(value)),
            When::Keyed(f, k, v) => Precondition::Keyed(field(f), key(k), v.map(value)),
            When::Lock(back) => Precondition::Lock(self.token(back)),
        }
    }

    /// The requests that an action sends.
    pub(crate) fn requests(&mut self, action: &Action) -> Vec<Request> {
        let requests = match action {
            Action::Elapse(_) => Vec::new(),
            Action::Burst(at, updates) => self.burst(*at, *updates),
            Action::Repeat(back, retry) => {
                self.sent.iter().rev().nth(*back).map(|sent| again(sent, *retry)).into_iter().collect()
            }
            Action::Rotate { again: true, .. } => vec![self.request(action); 2],
            action => vec![self.request(action)],
        };
        let last = self.stamps.last().copied();
        self.sent.extend(requests.iter().map(|request| (request.clone(), last)));
        requests
    }

    fn burst(&mut self, at: Id, updates: usize) -> Vec<Request> {
        let (at, before) = (self.at(at), self.stamp(0));
        let mut small = || Update::new(self.op(), delta(&[Step::Set(1, 1)]));
        let mut burst: Vec<Update> = (0..updates).map(|_| small()).collect();
        burst.push(Update { retry_from: Some(before), ..small() });
        burst.into_iter().map(|update| Request::Apply(at, update)).collect()
    }

    fn request(&mut self, action: &Action) -> Request {
        match action {
            Action::Create(at, steps, expiry) => {
                let mut new = NewSession { entries: delta(steps), ..NewSession::generate(*expiry).unwrap() };
                new.write.op = self.op();
                new.incarnation = Incarnation::from(u64::from(new.write.op));
                Request::Create(self.at(*at), new)
            }
            Action::Load(at, known) => {
                let known = known.map(|back| self.stamp(back));
                Request::Load(self.at(*at), LoadOptions { known, ..LoadOptions::default() })
            }
            Action::Apply { id: at, steps, when, retry, limit, expiry } => {
                let update = Update {
                    preconditions: when.iter().map(|when| self.precondition(when)).collect(),
                    retry_from: retry.map(|back| self.stamp(back)),
                    not_after: limit.map(|limit| self.now.after(limit)),
                    expiry: *expiry,
                    ..Update::new(self.op(), delta(steps))
                };
                Request::Apply(self.at(*at), update)
            }
            Action::Touch(at, idle, age) => {
                Request::Touch(self.at(*at), TouchOptions { idle: *idle, age: *age, ..TouchOptions::default() })
            }
            Action::Rotate { id: at, to, kind, grace, confirm_within, steps, expiry, .. } => {
                let rotation = Rotation {
                    grace: *grace,
                    confirm_within: *confirm_within,
                    delta: delta(steps),
                    expiry: *expiry,
                    ..Rotation::new(self.op(), self.at(*to), *kind)
                };
                Request::Rotate(self.at(*at), rotation)
            }
            Action::Destroy(at, reason) => Request::Destroy(self.at(*at), Destroy::new(self.op(), *reason)),
            Action::Acquire(at, owner, lease) => Request::Acquire(self.at(*at), OpId::from(*owner), *lease),
            Action::Renew(at, back, lease) => Request::Renew(self.at(*at), self.token(*back), *lease),
            Action::Release(at, back) => Request::Release(self.at(*at), self.token(*back)),
            Action::Burst(..) | Action::Repeat(..) | Action::Elapse(_) => unreachable!("not a single request"),
        }
    }
}

/// The same request; an update may be marked as a retry, from the stamp that was known when it was first sent.
fn again((request, base): &(Request, Option<Stamp>), retry: bool) -> Request {
    match (request, base) {
        (Request::Apply(id, update), Some(base)) if retry && update.retry_from.is_none() => {
            Request::Apply(*id, Update { retry_from: Some(*base), ..update.clone() })
        }
        _ => request.clone(),
    }
}
