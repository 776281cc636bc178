//! Fills in flight, and the floors that their answers must reach.

use std::fmt;

use futures_util::future::{BoxFuture, Shared, WeakShared};
use session_core::{
    Error, Floor,
    model::{Incarnation, Stamp, Timestamp},
    store::LoadOutcome,
};

/// The result of a load. Every caller that waits for the load gets a clone.
pub(crate) type Answer = Result<LoadOutcome, Error>;

/// The future of a load. Any of its callers drives it, so none depends on the caller that began it.
pub(crate) type SharedLoad = Shared<BoxFuture<'static, Answer>>;

/// A load of the store in flight.
pub(crate) struct Fill {
    pub(crate) id: FillId,
    pub(crate) floor: FillFloor,
    /// When, and in which epoch, the request left; `None` until it has left.
    pub(crate) departed: Option<(Timestamp, u64)>,
    /// Weak, so that the load ends when no caller waits for it any more.
    pub(crate) load: WeakShared<BoxFuture<'static, Answer>>,
}

/// Identifies a fill. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FillId(pub(crate) u64);

/// What became known about the session while a fill was in flight. An older answer is not installed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FillFloor {
    pub(crate) stamp: Option<Stamp>,
    /// The session has ended or has moved to another digest: no answer is installed.
    pub(crate) ended: bool,
    /// A session with this incarnation has moved away, if it was at this digest. A rotation through an old id does not
    /// say which digest the session moved from.
    pub(crate) moved: Option<Incarnation>,
}

/// How an answer relates to a floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Admitted,
    Below,
    Ended,
}

impl FillFloor {
    pub(crate) fn at(stamp: Option<Stamp>) -> Self {
        Self { stamp, ..Self::default() }
    }

    /// Another state became known. Of two versions of one session the later one counts; of two sessions the last one.
    pub(crate) fn raise(&mut self, stamp: Stamp) {
        let is_later = |floor: &Stamp| floor.incarnation() == stamp.incarnation() && floor.version() >= stamp.version();
        if !self.stamp.as_ref().is_some_and(is_later) {
            self.stamp = Some(stamp);
        }
    }

    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    pub(crate) fn move_away(&mut self, incarnation: Incarnation) {
        self.ended |= self.moved.is_some_and(|other| other != incarnation);
        self.moved = Some(incarnation);
    }

    /// Whether an answer may be installed. Equal versions must be equal states. If a session is known here, an answer
    /// that there is none is older: otherwise its end would be known too.
    pub(crate) fn admission(&self, outcome: &LoadOutcome) -> Admission {
        let is_of = |moved| matches!(outcome, LoadOutcome::Found(found) if found.record.stamp().incarnation() == moved);
        if self.ended || self.moved.is_some_and(is_of) {
            return Admission::Ended;
        }
        match (self.stamp, outcome) {
            (None, _) => Admission::Admitted,
            (Some(floor), LoadOutcome::Found(found)) if is_at_least(found.record.stamp(), floor) => Admission::Admitted,
            (Some(_), _) => Admission::Below,
        }
    }

    /// Whether a caller that has seen this floor may be given an answer. An answer that the session has ended since is
    /// one that it may be given.
    pub(crate) fn admits(&self, outcome: &LoadOutcome) -> bool {
        match (self.stamp, outcome) {
            (Some(floor), LoadOutcome::Found(found)) => Floor::from(floor).admits(found.record.stamp()),
            _ => true,
        }
    }
}

fn is_at_least(stamp: Stamp, floor: Stamp) -> bool {
    stamp == floor || stamp.incarnation() == floor.incarnation() && stamp.version() > floor.version()
}

impl fmt::Debug for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fill").field("id", &self.id).field("floor", &self.floor).finish_non_exhaustive()
    }
}
