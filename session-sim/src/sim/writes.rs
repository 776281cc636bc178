//! Writes of clients. An update with an unknown outcome is sent again with its op id, or left unknown.

use std::time::Duration;

use session_core::{
    Error, ErrorKind, Expiry, SessionId,
    model::{Delta, EndReason, Field, Format, Incarnation, Key, OpId, Value},
    store::{
        Applied, ApplyOutcome, CreateOutcome, Destroy, DestroyOutcome, NewSession, Precondition, RotateOutcome,
        Rotation, RotationKind, Update,
    },
};

use super::{
    Millis, Seen, Window,
    client::{Called, Client, brief, short},
    jar::{Cookie, random_id},
};

/// The most attempts of one request.
const ATTEMPTS: usize = 3;

/// What a client knows after an attempt.
enum Known<T> {
    Answered(T),
    /// It was not and will not be executed.
    Refused,
    Unknown,
}

impl<T> Known<T> {
    fn after(called: Called<Result<T, Error>>) -> (Self, Millis) {
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
    fn op(&mut self) -> OpId {
        OpId::from(self.rng.u64(..))
    }

    /// A delta with a value that no other update writes.
    fn delta(&mut self, op: OpId) -> Delta {
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
    fn persists(&mut self) -> bool {
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
        for _ in 0..ATTEMPTS {
            let store = self.store.clone();
            let (known, called) = Known::after(self.call(store.create(&id, &new)).await);
            match known {
                Known::Answered(CreateOutcome::Created(applied)) => {
                    self.note(|| format!("create {}: {}", short(id.digest()), brief(applied.stamp)));
                    return self.created(at, &id, &new, &applied, called);
                }
                Known::Answered(_) => return self.sim.with(|world| world.replace_next(at, &id)),
                Known::Refused => return,
                Known::Unknown if self.persists() => {}
                Known::Unknown => return,
            }
        }
    }

    fn created(&self, at: usize, id: &SessionId, new: &NewSession, applied: &Applied, called: Millis) {
        self.applied(id, applied, called);
        self.sim.with(|world| {
            world.oracle.updates.acknowledge(u64::from(new.incarnation), new.write.op);
            let cookie = &mut world.jar.0[at];
            if cookie.ids.is_empty() {
                cookie.ids.push(*id);
                (cookie.incarnation, cookie.stamp) = (Some(new.incarnation), Some(applied.stamp));
            }
        });
    }

    /// The store has acknowledged a write: the session has this stamp now.
    fn applied(&self, id: &SessionId, applied: &Applied, called: Millis) {
        self.sim.with(|world| {
            world.coverage.count(if applied.repeated { "repeats" } else { "writes" });
            let window = Window { from: called, to: world.now, leading: true, least: 0 };
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
        for _ in 0..ATTEMPTS {
            let store = self.store.clone();
            let (known, called) = Known::after(self.call(store.apply(&id, &update)).await);
            match known {
                Known::Answered(ApplyOutcome::Applied(applied)) => {
                    self.note(|| format!("apply {}: {}", short(id.digest()), brief(applied.stamp)));
                    self.applied(&id, &applied, called);
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

    pub(crate) async fn rotate(&mut self, at: usize, cookie: &Cookie, id: SessionId) {
        let op = self.op();
        let to = random_id(id.digest().partition(), &mut self.rng);
        let kind = if self.rng.bool() { RotationKind::Renew } else { RotationKind::Privilege };
        let mut rotation =
            Rotation { grace: Duration::from_millis(self.rng.u64(300..3_000)), ..Rotation::new(op, to, kind) };
        if self.rng.bool() {
            rotation.delta = self.delta(op);
        }
        for _ in 0..ATTEMPTS {
            let store = self.store.clone();
            let (known, called) = Known::after(self.call(store.rotate(&id, &rotation)).await);
            match known {
                Known::Answered(RotateOutcome::Rotated(applied)) => {
                    let (from, into) = (short(id.digest()), short(to.digest()));
                    self.note(|| format!("rotate {from} to {into} {kind:?}: {}", brief(applied.stamp)));
                    self.applied(&to, &applied, called);
                    return self.rotated(at, (&id, cookie), &rotation, &applied);
                }
                Known::Unknown if self.persists() => {}
                _ => return,
            }
        }
    }

    fn rotated(&self, at: usize, (id, before): (&SessionId, &Cookie), rotation: &Rotation, applied: &Applied) {
        self.sim.with(|world| {
            world.coverage.count("rotations");
            world.oracle.left(self.node, id.digest(), rotation.to.digest());
            let session = applied.stamp.incarnation();
            if !rotation.delta.is_empty() {
                world.oracle.updates.acknowledge(u64::from(session), rotation.write.op);
            }
            let cookie = &mut world.jar.0[at];
            if cookie.incarnation == Some(session) && cookie.ids.last() == before.ids.last() {
                cookie.ids.push(rotation.to);
                cookie.stamp = Some(applied.stamp);
            }
        });
    }

    pub(crate) async fn destroy(&mut self, at: usize, id: SessionId) {
        let destroy = Destroy::new(self.op(), EndReason::Logout);
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
            let window = Window { from: called, to: world.now, leading: true, least: 0 };
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
