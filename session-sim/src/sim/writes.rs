//! Writes of clients. An update with an unknown outcome is sent again with its op id, or left unknown.

use session_core::{
    Error, ErrorKind, Expiry, SessionId,
    model::{Delta, EndReason, Field, Format, Incarnation, Key, OpId, Value},
    store::{Applied, ApplyOutcome, CreateOutcome, Destroy, DestroyOutcome, NewSession, Precondition, Update},
};

use super::{
    Millis, Seen, Window,
    client::{Called, Client, brief, short},
    jar::Cookie,
};

/// The most attempts of one request.
pub(crate) const ATTEMPTS: usize = 3;

/// What a client knows after an attempt.
pub(crate) enum Known<T> {
    Answered(T),
    /// It was not and will not be executed.
    Refused,
    Unknown,
}

impl<T> Known<T> {
    pub(crate) fn after(called: Called<Result<T, Error>>) -> (Self, Millis) {
        let known = match called.answer {
            Some(Ok(outcome)) => Self::Answered(outcome),
            Some(Err(error)) if error.kind() == ErrorKind::OutcomeUnknown => Self::Unknown,
            Some(Err(_)) => Self::Refused,
            None => Self::Unknown,
        };
        (known, called.at)
    }
}

impl Client {
    pub(crate) fn op(&mut self) -> OpId {
        OpId::from(self.rng.u64(..))
    }

    /// A delta with a value that no other update writes.
    pub(crate) fn delta(&mut self, op: OpId) -> Delta {
        let value = Value::new(Format::JSON, u64::from(op).to_string().as_bytes());
        let mut delta = Delta::new();
        let field = ["name", "step", "theme"][self.rng.usize(..3)];
        if self.rng.u8(..8) == 0 {
            delta.remove(named(field));
        } else {
            delta.set(named(field), value.clone());
        }
        match self.rng.u8(..10) {
            0 => delta.clear(named("cart")),
            1..5 => delta.insert(named("cart"), key(self.rng.u64(..4)), value),
            5 => delta.remove_key(named("cart"), key(self.rng.u64(..4))),
            _ => {}
        }
        delta.insert(named("log"), key(u64::from(op)), Value::MEMBER);
        delta
    }

    /// Whether to resolve an unknown outcome by sending the same request again.
    pub(crate) fn persists(&mut self) -> bool {
        self.sim.with(|world| world.coverage.count("unknown outcomes"));
        self.rng.u8(..10) < 7
    }

    pub(crate) async fn create(&mut self, at: usize, cookie: &Cookie) {
        let id = cookie.next;
        let idle = self.sim.with(|world| world.settings.idle);
        let Ok(mut new) = NewSession::generate(Expiry::idle(idle)) else { return };
        // From the seed instead of the system's random numbers.
        (new.write.op, new.incarnation) = (self.op(), Incarnation::from(self.rng.u64(..)));
        new.entries = self.delta(new.write.op);
        let sent = self.sim.now();
        self.sim.with(|world| world.oracle.access.create_sent(id.digest()));
        for _ in 0..ATTEMPTS {
            let store = self.store.clone();
            let (known, called) = Known::after(self.call(store.create(&id, &new)).await);
            match known {
                Known::Answered(CreateOutcome::Created(applied)) => {
                    self.note(|| format!("create {}: {}", short(id.digest()), brief(applied.stamp)));
                    return self.created(at, &id, &new, &applied, (sent, called));
                }
                Known::Answered(_) => return self.sim.with(|world| world.replace_next(at, &id)),
                Known::Refused => return,
                Known::Unknown if self.persists() => {}
                Known::Unknown => return,
            }
        }
    }

    fn created(
        &self,
        at: usize,
        id: &SessionId,
        new: &NewSession,
        applied: &Applied,
        (sent, called): (Millis, Millis),
    ) {
        self.applied(id, applied, called);
        self.sim.with(|world| {
            world.oracle.updates.acknowledge(u64::from(new.incarnation), new.write.op);
            world.oracle.access.created(id.digest(), (sent, world.now));
            let cookie = &mut world.jar.0[at];
            if cookie.ids.is_empty() {
                cookie.ids.push(*id);
                (cookie.incarnation, cookie.stamp) = (Some(new.incarnation), Some(applied.stamp));
            }
        });
    }

    /// The store has acknowledged a write: the session has this stamp now.
    pub(crate) fn applied(&self, id: &SessionId, applied: &Applied, called: Millis) {
        self.sim.with(|world| {
            world.coverage.count(if applied.repeated { "repeats" } else { "writes" });
            let window = Window { from: called, to: world.now, least: 0 };
            world.oracle.wrote(&world.history, self.node, id.digest(), &Seen::Stamp(applied.stamp), window);
        });
    }

    pub(crate) async fn apply(&mut self, at: usize, cookie: &Cookie, id: SessionId) {
        let op = self.op();
        let mut update = Update::new(op, self.delta(op));
        if let Some(stamp) = cookie.stamp.filter(|_| self.rng.u8(..4) == 0) {
            update.preconditions.push(Precondition::Stamp(stamp));
        }
        let mut sent_once = true;
        let sent = self.sim.now();
        self.sim.with(|world| world.oracle.access.update_sent(id.digest(), op, sent));
        for _ in 0..ATTEMPTS {
            let store = self.store.clone();
            let (known, called) = Known::after(self.call(store.apply(&id, &update)).await);
            match known {
                Known::Answered(ApplyOutcome::Applied(applied)) => {
                    self.note(|| format!("apply {}: {}", short(id.digest()), brief(applied.stamp)));
                    self.applied(&id, &applied, called);
                    self.used(&id, applied.forwarded.is_none(), sent);
                    return self.updated(at, op, &applied);
                }
                Known::Answered(refusal) => {
                    self.note(|| format!("apply {}: {refusal:?}", short(id.digest())));
                    return self.refused(at, op, &refusal, sent_once);
                }
                Known::Refused if sent_once => return self.sim.with(|world| world.oracle.updates.refuse(op)),
                Known::Refused => {}
                Known::Unknown => {
                    self.note(|| format!("apply {}: unknown", short(id.digest())));
                    sent_once = false;
                    match cookie.stamp {
                        Some(base) if self.persists() => update.retry_from = Some(base),
                        _ => return,
                    }
                }
            }
        }
    }

    fn updated(&self, at: usize, op: OpId, applied: &Applied) {
        self.sim.with(|world| {
            let session = applied.stamp.incarnation();
            world.oracle.updates.acknowledge(u64::from(session), op);
            let cookie = &mut world.jar.0[at];
            if cookie.incarnation == Some(session) {
                cookie.stamp = Some(applied.stamp);
            }
        });
    }

    fn refused(&self, at: usize, op: OpId, refusal: &ApplyOutcome, sent_once: bool) {
        self.sim.with(|world| {
            if sent_once {
                world.oracle.updates.refuse(op);
            }
            if let ApplyOutcome::Conflict(conflict) = refusal {
                world.coverage.count("conflicts");
                let cookie = &mut world.jar.0[at];
                if cookie.incarnation == Some(conflict.current.incarnation()) {
                    cookie.stamp = Some(conflict.current);
                }
            }
        });
    }

    pub(crate) async fn destroy(&mut self, at: usize, id: SessionId) {
        let destroy = Destroy::new(self.op(), EndReason::Logout);
        self.sim.with(|world| world.oracle.access.end_sent(id.digest(), world.now));
        for _ in 0..ATTEMPTS {
            let store = self.store.clone();
            let (known, called) = Known::after(self.call(store.destroy(&id, &destroy)).await);
            match known {
                Known::Answered(DestroyOutcome::Destroyed { .. }) => {
                    self.note(|| format!("destroy {}", short(id.digest())));
                    return self.destroyed(at, &id, called);
                }
                Known::Unknown if self.persists() => {}
                _ => return,
            }
        }
    }

    fn destroyed(&self, at: usize, id: &SessionId, called: Millis) {
        self.sim.with(|world| {
            world.coverage.count("destroys");
            let window = Window { from: called, to: world.now, least: 0 };
            world.oracle.wrote(&world.history, self.node, id.digest(), &Seen::Absent, window);
            if world.jar.0[at].ids.contains(id) {
                // Some clients go on asking for a session that has ended.
                if world.rng.bool() {
                    world.vacate(at);
                }
            }
        });
    }
}

impl super::World {
    /// The id for the next session is in use already.
    fn replace_next(&mut self, at: usize, id: &SessionId) {
        if self.jar.0[at].next == *id && self.jar.0[at].ids.is_empty() {
            self.vacate(at);
        }
    }
}

/// A field with this short name.
fn named(name: &str) -> Field {
    match Field::new(name) {
        Ok(field) => field,
        Err(error) => unreachable!("a short name: {error}"),
    }
}

fn key(bits: u64) -> Key {
    match Key::new(&bits.to_string()) {
        Ok(key) => key,
        Err(error) => unreachable!("a number: {error}"),
    }
}
