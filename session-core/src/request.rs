//! What is asked of a store. Requests are borrowed, so that a retry sends the same one again.

use std::time::Duration;

use crate::{
    Deadlines, Delta, EndReason, Entry, Expiry, FencingToken, Field, Floor, Incarnation, Key, OpId, SessionId, SignIn,
    Stamp, State, Value, defaults,
};

/// A session to create.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewSession {
    /// Names this create; a repeat answers Created.
    pub op: OpId,
    /// Drawn by the caller, so that values can be sealed for this session before it is stored.
    pub incarnation: Incarnation,
    /// Its first entries; removals have nothing to remove.
    pub entries: Delta,
    /// How long it lives.
    pub expiry: Expiry,
    /// Who is signed in, if anyone. Needs a store with a [`SessionIndex`](crate::SessionIndex).
    pub sign_in: Option<SignIn>,
    /// How many replicas should have it before the store answers; 0 waits for none. It reduces what a failover can lose
    /// and never excludes it. A store without replicas ignores it.
    pub replicas: u32,
}

impl NewSession {
    /// An empty session of a fresh incarnation.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn draw(expiry: Expiry) -> Result<Self, crate::Error> {
        Ok(Self {
            op: OpId::draw()?,
            incarnation: Incarnation::draw()?,
            entries: Delta::new(),
            expiry,
            sign_in: None,
            replicas: 0,
        })
    }

    /// With these first entries.
    #[must_use]
    pub fn with_entries(self, entries: Delta) -> Self {
        Self { entries, ..self }
    }

    /// With this principal signed in.
    #[must_use]
    pub fn with_sign_in(self, sign_in: SignIn) -> Self {
        Self { sign_in: Some(sign_in), ..self }
    }

    /// Answered when so many replicas have it, or when the call's time for that is over.
    #[must_use]
    pub fn with_replicas(self, replicas: u32) -> Self {
        Self { replicas, ..self }
    }

    /// The stamp that the session will bear.
    pub fn stamp(&self) -> Stamp {
        Stamp::first(self.incarnation, self.op)
    }
}

/// How fresh a load must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadLevel {
    /// A local copy may answer, within the staleness bound that the store states. A store without local copies always
    /// answers with the present state.
    #[default]
    Local,
    /// The present state, from the store itself.
    Store,
}

/// What a load accepts as an answer.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct LoadOptions {
    /// The stamp of a copy the caller has. If it is the present one, the answer is `Unchanged`.
    pub known: Option<Stamp>,
    /// The oldest state the caller accepts; a store with local copies answers from none that is older.
    pub floor: Option<Floor>,
    /// How fresh the answer must be.
    pub level: ReadLevel,
    /// If the store does not answer: the greatest age of a local copy that is accepted instead. Such an answer states
    /// its [age](crate::Found::stale), and neither floor nor level holds for it. `None`, the default: the load fails.
    pub stale_if_error: Option<Duration>,
}

impl LoadOptions {
    /// With the stamp of a copy the caller has.
    #[must_use]
    pub fn known(self, stamp: Stamp) -> Self {
        Self { known: Some(stamp), ..self }
    }

    /// With the oldest state the caller accepts.
    #[must_use]
    pub fn floor(self, floor: Floor) -> Self {
        Self { floor: Some(floor), ..self }
    }

    /// If the store does not answer, with a local copy of up to this age.
    #[must_use]
    pub fn stale_if_error(self, age: Duration) -> Self {
        Self { stale_if_error: Some(age), ..self }
    }

    /// With a read level.
    #[must_use]
    pub fn level(self, level: ReadLevel) -> Self {
        Self { level, ..self }
    }
}

/// What must hold for an update to be applied.
///
/// More sorts may come. A store that meets one it does not know refuses the update with
/// [`Configuration`](crate::ErrorKind::Configuration); to pass over it would be to apply what must not be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Precondition {
    /// The session's stamp is this one: compare and set.
    Stamp(Stamp),
    /// This scalar has exactly this value, or is absent.
    Scalar(Field, Option<Value>),
    /// This keyed entry has exactly this value, or is absent.
    Keyed(Field, Key, Option<Value>),
    /// The session's lock is held with this token.
    Lock(FencingToken),
}

impl Precondition {
    /// That an entry has exactly this value, or is absent.
    pub fn entry(entry: Entry<'_>, value: Option<Value>) -> Self {
        match entry {
            Entry::Scalar(field) => Self::Scalar(field.clone(), value),
            Entry::Keyed(field, key) => Self::Keyed(field.clone(), key.clone(), value),
        }
    }

    /// Whether it holds for this state, if it is about entries.
    pub fn holds_in(&self, state: &State) -> Option<bool> {
        match self {
            Self::Scalar(field, value) => Some(state.get(field.as_str()) == value.as_ref()),
            Self::Keyed(field, key, value) => Some(state.get_keyed(field.as_str(), key.as_str()) == value.as_ref()),
            Self::Stamp(_) | Self::Lock(_) => None,
        }
    }
}

/// One delta to apply.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Update {
    /// Names this update; a repeat changes nothing and answers Applied.
    pub op: OpId,
    /// What it does.
    pub delta: Delta,
    /// What must hold.
    pub preconditions: Vec<Precondition>,
    /// On a retry: the stamp that the caller knew before the first attempt. It tells the store whether its memory of
    /// past updates reaches back far enough to know that the first attempt did not happen.
    pub retry_from: Option<Stamp>,
    /// How many replicas should have it before the store answers; 0 waits for none. It reduces what a failover can lose
    /// and never excludes it. A store without replicas ignores it.
    pub replicas: u32,
}

impl Update {
    /// A delta without preconditions.
    pub fn new(op: OpId, delta: Delta) -> Self {
        Self { op, delta, preconditions: Vec::new(), retry_from: None, replicas: 0 }
    }

    /// With one more precondition.
    #[must_use]
    pub fn when(mut self, precondition: Precondition) -> Self {
        self.preconditions.push(precondition);
        self
    }

    /// As a retry, from the stamp known before the first attempt.
    #[must_use]
    pub fn retry_from(self, base: Stamp) -> Self {
        Self { retry_from: Some(base), ..self }
    }

    /// Answered when so many replicas have it, or when the call's time for that is over.
    #[must_use]
    pub fn with_replicas(self, replicas: u32) -> Self {
        Self { replicas, ..self }
    }
}

/// How a touch renews.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TouchOptions {
    /// In place of the session's own idle timeout, for this once.
    pub idle: Option<Duration>,
}

impl TouchOptions {
    /// With this idle timeout, for this once.
    #[must_use]
    pub fn idle(self, idle: Duration) -> Self {
        Self { idle: Some(idle) }
    }
}

/// The kinds of rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationKind {
    /// Periodic: the old id forwards to the session for the grace.
    Renew,
    /// Sign-in and step-up: the old id gives no access from that moment, and answers Superseded for the grace.
    Privilege,
}

/// A move of a session to a new id.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rotation {
    /// Names this rotation; a repeat answers Rotated while the session is at the new id, or the old one is remembered.
    pub op: OpId,
    /// The new id: a [sibling](SessionId::generate_sibling) of the old one.
    pub to: SessionId,
    /// What becomes of the old one.
    pub kind: RotationKind,
    /// How long the old one is remembered: at least ten call deadlines, so that what is in flight still meets it.
    pub grace: Duration,
    /// Applied in the same atomic step.
    pub delta: Delta,
    /// Signed in in the same atomic step; `None` keeps who is signed in.
    pub sign_in: Option<SignIn>,
    /// New deadlines from now on; `None` keeps the absolute one and renews the idle one.
    pub expiry: Option<Expiry>,
    /// How many replicas should have it before the store answers; 0 waits for none. It reduces what a failover can lose
    /// and never excludes it. A store without replicas ignores it.
    pub replicas: u32,
}

impl Rotation {
    /// A rotation that changes the id and nothing else, with the [default grace](defaults::ROTATION_GRACE).
    pub fn new(op: OpId, to: SessionId, kind: RotationKind) -> Self {
        let grace = defaults::ROTATION_GRACE;
        Self { op, to, kind, grace, delta: Delta::new(), sign_in: None, expiry: None, replicas: 0 }
    }

    /// With another grace.
    #[must_use]
    pub fn with_grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// With a delta to apply in the same step.
    #[must_use]
    pub fn with_delta(self, delta: Delta) -> Self {
        Self { delta, ..self }
    }

    /// With a principal to sign in in the same step.
    #[must_use]
    pub fn with_sign_in(self, sign_in: SignIn) -> Self {
        Self { sign_in: Some(sign_in), ..self }
    }

    /// With new deadlines.
    #[must_use]
    pub fn with_expiry(self, expiry: Expiry) -> Self {
        Self { expiry: Some(expiry), ..self }
    }

    /// Answered when so many replicas have it, or when the call's time for that is over.
    #[must_use]
    pub fn with_replicas(self, replicas: u32) -> Self {
        Self { replicas, ..self }
    }

    /// The deadlines after it.
    pub fn deadlines(&self, before: Deadlines, now: crate::Timestamp) -> Deadlines {
        self.expiry.map_or_else(|| before.renewed(now, None), |expiry| expiry.start(now))
    }
}

/// The end of a session.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Destroy {
    /// Names this destroy; a repeat answers Destroyed while the tombstone stands.
    pub op: OpId,
    /// What the tombstone will say.
    pub reason: EndReason,
    /// How many replicas should have it before the store answers; 0 waits for none. It reduces what a failover can lose
    /// and never excludes it. A store without replicas ignores it.
    pub replicas: u32,
}

impl Destroy {
    /// For this reason.
    pub fn new(op: OpId, reason: EndReason) -> Self {
        Self { op, reason, replicas: 0 }
    }

    /// Answered when so many replicas have it, or when the call's time for that is over.
    #[must_use]
    pub fn with_replicas(self, replicas: u32) -> Self {
        Self { replicas, ..self }
    }
}
