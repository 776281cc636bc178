//! Answers without the parts that may differ between two stores: times, by as much as the clocks of the two differ.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use session_core::{
    ErrorKind,
    model::{Deadlines, EndReason, IdDigest, Record, Stamp, State, Timestamp},
    store::{
        Absent, AcquireOutcome, Applied, ApplyOutcome, ConflictCause, CreateOutcome, DestroyOutcome, FencingToken,
        LoadOutcome, RotateOutcome, TouchOutcome,
    },
};

/// Durations are longer than this, or zero.
const APART: u64 = 60_000;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Create(Standing),
    Load(Standing),
    Apply(Standing),
    Touch(Standing),
    Rotate(Standing),
    Destroy(Standing),
    Acquire(Standing),
    Tenure(Standing),
    Sessions(Vec<IdDigest>),
    Ended(bool),
    Revoked(BTreeSet<IdDigest>),
    Refused(ErrorKind),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Standing {
    Applied { stamp: Stamp, left: Left, again: bool },
    Found { stamp: Stamp, left: Left, state: State, age: Millis },
    Touched(Left),
    Conflict(Stamp, ConflictCause),
    Held(Millis),
    Acquired(FencingToken),
    Ended(EndReason),
    NotFound(Option<EndReason>),
    Superseded,
    AlreadyExists,
    AlreadyRotated,
    Destroyed,
    Done,
    Lost,
}

/// The time that is left.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Left {
    idle: Option<(Duration, Millis)>,
    absolute: Option<Millis>,
}

/// Equal if it is nearly as long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Millis(u64);

impl PartialEq for Millis {
    fn eq(&self, other: &Self) -> bool {
        const FOREVER: u64 = 1 << 52;
        (self.0 > FOREVER && other.0 > FOREVER) || self.0.abs_diff(other.0) < APART
    }
}

impl Millis {
    fn between(now: Timestamp, then: Timestamp) -> Self {
        // No clock is near its end, so "never" is far away in both stores.
        Self(then.since(now).as_millis() as u64)
    }
}

impl Left {
    fn of(deadlines: Deadlines, now: Timestamp) -> Self {
        let left = |then| Millis::between(now, then);
        Self {
            idle: deadlines.idle().map(|(timeout, idle)| (timeout, left(idle))),
            absolute: deadlines.absolute().map(left),
        }
    }
}

impl Standing {
    fn applied(applied: Applied) -> Self {
        let left = Left::of(applied.deadlines, applied.now);
        Self::Applied { stamp: applied.stamp, left, again: applied.repeated }
    }

    fn found(record: &Arc<Record>, now: Timestamp) -> Self {
        let left = Left::of(record.deadlines(), now);
        let age = Millis::between(record.created_at(), now);
        Self::Found { stamp: record.stamp(), left, state: record.state().clone(), age }
    }
}

macro_rules! answers {
    ($($outcome:ident => $answer:ident { $($form:pat => $standing:expr,)* })*) => {$(
        impl From<$outcome> for Answer {
            fn from(outcome: $outcome) -> Self {
                Self::$answer(match outcome {
                    $($form => $standing,)*
                    #[allow(unreachable_patterns, reason = "a later version may add some")]
                    other => panic!("{other:?}"),
                })
            }
        }
    )*};
}

answers! {
    CreateOutcome => Create {
        CreateOutcome::Created(applied) => Standing::applied(applied),
        CreateOutcome::AlreadyExists => Standing::AlreadyExists,
        CreateOutcome::Ended(ended) => Standing::Ended(ended.reason),
    }
    LoadOutcome => Load {
        LoadOutcome::Found(found) => Standing::found(&found.record, found.now),
        LoadOutcome::Unchanged(touched) => Standing::Touched(Left::of(touched.deadlines, touched.now)),
        LoadOutcome::Absent(Absent::NotFound(ended)) => Standing::NotFound(ended.map(|ended| ended.reason)),
        LoadOutcome::Absent(Absent::Superseded) => Standing::Superseded,
    }
    ApplyOutcome => Apply {
        ApplyOutcome::Applied(applied) => Standing::applied(applied),
        ApplyOutcome::Conflict(conflict) => Standing::Conflict(conflict.current, conflict.cause),
        ApplyOutcome::Absent(Absent::NotFound(ended)) => Standing::NotFound(ended.map(|ended| ended.reason)),
        ApplyOutcome::Absent(Absent::Superseded) => Standing::Superseded,
    }
    TouchOutcome => Touch {
        TouchOutcome::Touched(touched) => Standing::Touched(Left::of(touched.deadlines, touched.now)),
        TouchOutcome::Absent(Absent::NotFound(ended)) => Standing::NotFound(ended.map(|ended| ended.reason)),
        TouchOutcome::Absent(Absent::Superseded) => Standing::Superseded,
    }
    RotateOutcome => Rotate {
        RotateOutcome::Rotated(applied) => Standing::applied(applied),
        RotateOutcome::AlreadyRotated => Standing::AlreadyRotated,
        RotateOutcome::Absent(Absent::NotFound(ended)) => Standing::NotFound(ended.map(|ended| ended.reason)),
        RotateOutcome::Absent(Absent::Superseded) => Standing::Superseded,
        RotateOutcome::Ended(ended) => Standing::Ended(ended.reason),
    }
    DestroyOutcome => Destroy {
        DestroyOutcome::Destroyed { .. } => Standing::Destroyed,
        DestroyOutcome::Absent(Absent::NotFound(ended)) => Standing::NotFound(ended.map(|ended| ended.reason)),
        DestroyOutcome::Absent(Absent::Superseded) => Standing::Superseded,
    }
    AcquireOutcome => Acquire {
        AcquireOutcome::Acquired(token) => Standing::Acquired(token),
        AcquireOutcome::Held(left) => Standing::Held(Millis(left.as_millis() as u64)),
        AcquireOutcome::Absent(Absent::NotFound(ended)) => Standing::NotFound(ended.map(|ended| ended.reason)),
        AcquireOutcome::Absent(Absent::Superseded) => Standing::Superseded,
    }
}

impl Answer {
    pub(crate) fn standing(&self) -> Option<&Standing> {
        match self {
            Self::Create(standing)
            | Self::Load(standing)
            | Self::Apply(standing)
            | Self::Touch(standing)
            | Self::Rotate(standing)
            | Self::Destroy(standing)
            | Self::Acquire(standing)
            | Self::Tenure(standing) => Some(standing),
            Self::Sessions(_) | Self::Ended(_) | Self::Revoked(_) | Self::Refused(_) => None,
        }
    }

    /// Whether a server may give this answer where the model gives `expected`. A revocation leaves tombstones at all
    /// listed ids, including those that a session left long ago; the memory store's list has forgotten those.
    pub(crate) fn agrees_with(&self, expected: &Self) -> bool {
        let buried = matches!(self.standing(), Some(Standing::NotFound(Some(EndReason::Revoked))))
            && matches!(expected.standing(), Some(Standing::NotFound(None)));
        buried || self == expected
    }

    /// The sort of an answer.
    pub(crate) fn name(&self) -> String {
        let text = format!("{self:?}");
        let words: Vec<&str> = text.split(|sign: char| !sign.is_alphanumeric()).take(2).collect();
        words.join(" ") + if text.contains("again: true") { " again" } else { "" }
    }
}
