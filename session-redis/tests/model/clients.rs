//! Generates requests from what clients know: a few ids of one partition, and stamps and tokens from earlier answers.

use std::time::Duration;

use session_core::{
    Expiry, LoadOptions, Principal, SessionCap, SessionId, SignIn,
    model::{Delta, EndReason, Field, Incarnation, Key, OpId, Stamp, Timestamp, Value},
    store::{Destroy, FencingToken, NewSession, Precondition, Rotation, RotationKind, TouchOptions, Update},
};

use crate::{
    answer::{Answer, Standing},
    request::Request,
};

const IDS: usize = 14;
const MINUTE: Duration = Duration::from_secs(60);

pub(crate) struct Clients {
    rng: fastrand::Rng,
    pub(crate) ids: Vec<SessionId>,
    pub(crate) principals: [Principal; 2],
    stamps: Vec<Stamp>,
    tokens: Vec<FencingToken>,
    sent: Vec<(Request, Option<Stamp>)>,
    current: usize,
    /// Whether old ids are remembered, as they should be. Without that, a place under a cap may be freed later than in
    /// the memory store.
    remembers: bool,
}

impl Clients {
    pub(crate) fn new(seed: u64) -> Self {
        let first = SessionId::generate().unwrap();
        let mut ids: Vec<_> = (1..IDS - 1).map(|_| first.generate_sibling().unwrap()).collect();
        ids.insert(0, first);
        ids.push(SessionId::generate().unwrap());
        let principals = ["ada", "grace"].map(|name| Principal::new(&format!("{name}-{seed}")).unwrap());
        let rng = fastrand::Rng::with_seed(seed);
        Self {
            rng,
            ids,
            principals,
            stamps: Vec::new(),
            tokens: Vec::new(),
            sent: Vec::new(),
            current: 0,
            remembers: seed.is_multiple_of(2),
        }
    }

    fn one_in(&mut self, times: u32) -> bool {
        self.rng.u32(..times) == 0
    }

    fn op(&mut self) -> OpId {
        OpId::from(self.rng.u64(1..))
    }

    /// Mostly an id where a session is, or was.
    fn id(&mut self) -> SessionId {
        let at = if self.one_in(2) { self.current } else { self.rng.usize(..self.ids.len()) };
        self.ids[at]
    }

    fn recent(&mut self, far: usize) -> usize {
        if self.one_in(2) { 0 } else { self.rng.usize(..far) }
    }

    fn stamp(&mut self) -> Stamp {
        let back = self.recent(28);
        let made_up = Stamp::from_parts(Incarnation::from(7), 1, 0);
        self.stamps.iter().rev().nth(back).copied().unwrap_or(made_up)
    }

    fn token(&mut self) -> FencingToken {
        let back = self.recent(4);
        let made_up = FencingToken { owner: OpId::from(9), counter: 1 };
        self.tokens.iter().rev().nth(back).copied().unwrap_or(made_up)
    }

    fn principal(&mut self) -> Principal {
        self.principals[usize::from(self.one_in(4))].clone()
    }

    /// Long, and no two of them nearly equal.
    fn duration(&mut self) -> Duration {
        match self.rng.u32(..12) {
            0 => Duration::MAX,
            1 => MINUTE * 60 * 24 * 365,
            sort => MINUTE * 10 * (sort + 1),
        }
    }

    fn expiry(&mut self) -> Expiry {
        let (idle, absolute) = (self.duration(), self.duration());
        match self.rng.u32(..4) {
            0 => Expiry::idle(idle),
            1 => Expiry::absolute(absolute),
            _ => Expiry::both(idle, absolute),
        }
    }

    fn field(&mut self) -> Field {
        // One name is a prefix of another, and a scalar may have the name of a keyed field.
        Field::new(["f", "fo", "cart"][self.rng.usize(..3)]).unwrap()
    }

    fn key(&mut self) -> Key {
        Key::new(["", "k", "o", "sku-3"][self.rng.usize(..4)]).unwrap()
    }

    fn value(&mut self) -> Value {
        let length = if self.one_in(20) { self.rng.u8(4..10) } else { self.rng.u8(..4) };
        Value::from(vec![length; usize::from(length)])
    }

    fn delta(&mut self) -> Delta {
        let mut delta = Delta::new();
        for _ in 0..self.rng.u32(..5) {
            let (field, key, value) = (self.field(), self.key(), self.value());
            match self.rng.u32(..11) {
                0..3 => delta.set(field, value),
                3 => delta.remove(field),
                4..8 => delta.insert(field, key, value),
                8..10 => delta.remove_key(field, key),
                _ => delta.clear(field),
            }
        }
        delta
    }

    fn precondition(&mut self) -> Precondition {
        let value = if self.one_in(2) { None } else { Some(self.value()) };
        match self.rng.u32(..5) {
            0..2 => Precondition::Stamp(self.stamp()),
            2 => Precondition::Scalar(self.field(), value),
            3 => Precondition::Keyed(self.field(), self.key(), value),
            _ => Precondition::Lock(self.token()),
        }
    }

    fn sign_in(&mut self) -> SignIn {
        let sign_in = SignIn::new(self.principal());
        match self.rng.u32(..5) {
            0 if self.remembers => sign_in.with_cap(SessionCap::Refuse(self.rng.usize(1..4))),
            1 => sign_in.with_cap(SessionCap::EndOldest(self.rng.usize(1..4))),
            _ => sign_in,
        }
    }

    /// One or more requests in a row.
    pub(crate) fn draw(&mut self) -> Vec<Request> {
        let requests = match self.rng.u32(..40) {
            0..6 => vec![self.create()],
            6..8 => vec![self.load()],
            8..14 => vec![self.apply()],
            14..16 => self.burst(),
            16..18 => vec![self.touch()],
            18..25 => self.rotate(),
            25..27 => vec![Request::Destroy(self.id(), Destroy::new(self.op(), EndReason::Logout))],
            27..30 => vec![self.lock()],
            30..34 => vec![self.index()],
            _ => self.repeat().into_iter().collect(),
        };
        let last = self.stamps.last().copied();
        self.sent.extend(requests.iter().map(|request| (request.clone(), last)));
        requests
    }

    fn create(&mut self) -> Request {
        let mut new = NewSession { entries: self.delta(), ..NewSession::generate(self.expiry()).unwrap() };
        new.write.op = self.op();
        new.incarnation = Incarnation::from(self.rng.u64(1..));
        if self.one_in(2) {
            new.sign_in = Some(self.sign_in());
        }
        let at = if self.one_in(3) { self.id() } else { self.ids[self.rng.usize(..IDS)] };
        Request::Create(at, new)
    }

    fn load(&mut self) -> Request {
        let id = self.id();
        let known = if self.one_in(2) { None } else { Some(self.stamp()) };
        Request::Load(id, LoadOptions { known, ..LoadOptions::default() })
    }

    fn apply(&mut self) -> Request {
        let mut update = Update::new(self.op(), self.delta());
        for _ in 0..self.rng.u32(..4).saturating_sub(1) {
            update.preconditions.push(self.precondition());
        }
        if self.one_in(5) {
            update.retry_from = Some(self.stamp());
        }
        if self.one_in(8) {
            let time = if self.one_in(2) { 1 } else { u64::MAX };
            update.not_after = Some(Timestamp::from_millis(time));
        }
        if self.one_in(6) {
            update.expiry = Some(self.expiry());
        }
        Request::Apply(self.id(), update)
    }

    /// Many updates, and one that is based on a state before them. Some op ids contain bytes of two neighbours.
    fn burst(&mut self) -> Vec<Request> {
        // Mostly from the present stamp, about as far back as op ids are remembered.
        let current = self.one_in(3);
        let (at, before) = if current {
            (self.id(), self.stamp())
        } else {
            (self.ids[self.current], self.stamps.last().copied().unwrap_or_else(|| self.stamp()))
        };
        let updates = if current { self.rng.usize(13..40) } else { self.rng.usize(14..19) };
        let mut ops: Vec<OpId> = Vec::new();
        for _ in 0..updates {
            let straddling = match ops.as_slice() {
                [.., a, b] if self.one_in(3) => Some(OpId::from(u64::from(*a) << 32 | u64::from(*b) >> 32)),
                _ => None,
            };
            let op = straddling.unwrap_or_else(|| self.op());
            ops.push(op);
        }
        let (field, value) = (self.field(), self.value());
        let mut delta = Delta::new();
        delta.set(field, value);
        let mut burst: Vec<_> = ops.iter().map(|op| Update::new(*op, delta.clone())).collect();
        let old = self.rng.usize(..ops.len());
        burst.push(Update { retry_from: Some(before), ..Update::new(ops[old], delta.clone()) });
        burst.push(Update { retry_from: Some(before), ..Update::new(self.op(), delta) });
        burst.into_iter().map(|update| Request::Apply(at, update)).collect()
    }

    fn touch(&mut self) -> Request {
        let (idle, id) = (self.duration(), self.id());
        let idle = if self.one_in(2) { None } else { Some(idle) };
        let age = if self.one_in(3) { self.duration() } else { Duration::ZERO };
        Request::Touch(id, TouchOptions { idle, age, ..TouchOptions::default() })
    }

    fn rotate(&mut self) -> Vec<Request> {
        let kind = if self.one_in(2) { RotationKind::Renew } else { RotationKind::Privilege };
        let to = if self.one_in(6) { self.id() } else { self.ids[self.rng.usize(..IDS - 1)] };
        let mut rotation = Rotation { grace: MINUTE * 60, ..Rotation::new(self.op(), to, kind) };
        if !self.remembers && self.one_in(3) {
            rotation.grace = Duration::ZERO;
        }
        if self.one_in(2) {
            rotation.delta = self.delta();
        }
        if self.one_in(3) {
            rotation.sign_in = Some(self.sign_in());
        }
        if self.one_in(3) {
            rotation.expiry = Some(self.expiry());
        }
        let times = if self.one_in(4) { 2 } else { 1 };
        vec![Request::Rotate(self.id(), rotation); times]
    }

    fn lock(&mut self) -> Request {
        let (id, lease) = (self.id(), self.duration());
        match self.rng.u32(..4) {
            0 => Request::Renew(id, self.token(), lease),
            1 => Request::Release(id, self.token()),
            _ => Request::Acquire(id, OpId::from(self.rng.u64(1..4)), lease),
        }
    }

    fn index(&mut self) -> Request {
        let principal = self.principal();
        match self.rng.u32(..8) {
            0 => Request::RevokeAll(principal, None),
            1 => Request::RevokeAll(principal, Some(self.id())),
            2..4 => Request::Revoke(principal, self.id()),
            _ => Request::Sessions(principal),
        }
    }

    fn repeat(&mut self) -> Option<Request> {
        let back = self.recent(30);
        let (request, base) = self.sent.iter().rev().nth(back)?.clone();
        Some(match (request, base) {
            (Request::Apply(id, update), Some(base)) if update.retry_from.is_none() && self.one_in(2) => {
                Request::Apply(id, Update { retry_from: Some(base), ..update })
            }
            (request, _) => request,
        })
    }

    pub(crate) fn learn(&mut self, request: &Request, answer: &Answer) {
        match answer.standing() {
            Some(Standing::Applied { stamp, .. } | Standing::Found { stamp, .. } | Standing::Conflict(stamp, _)) => {
                self.stamps.push(*stamp);
            }
            Some(Standing::Acquired(token)) => self.tokens.push(*token),
            _ => {}
        }
        if let (Some(to), Some(Standing::Applied { .. })) = (request.target(), answer.standing()) {
            self.current = self.ids.iter().position(|id| *id == to).unwrap_or(0);
        }
    }
}
