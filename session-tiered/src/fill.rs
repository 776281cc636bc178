//! Fills in flight, and the floors below which none is installed.

use futures_util::future::{BoxFuture, Shared, WeakShared};
use session_core::{
    Error,
    model::{Incarnation, Stamp, Timestamp},
    store::LoadOutcome,
};

/// What a load of the store comes to. Everybody who waits for it gets a clone.
pub(crate) type Answer = Result<LoadOutcome, Error>;

/// The future of a load. Whoever waits drives it, so that none depends on the one who began.
pub(crate) type Loading = Shared<BoxFuture<'static, Answer>>;

/// A load of the store that is in flight.
pub(crate) struct Fill {
    pub(crate) id: FillId,
    pub(crate) floor: Lowest,
    /// When and in which epoch the request left, if it has.
    pub(crate) left: Option<(Timestamp, u64)>,
    /// Weak: a load that nobody waits for any more ends.
    pub(crate) loading: WeakShared<BoxFuture<'static, Answer>>,
}

/// Names a fill; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FillId(pub(crate) u64);

/// What is known of the session's history, while a fill is in flight: nothing older is installed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lowest {
    pub(crate) stamp: Option<Stamp>,
    /// The session has ended, or has left the digest: nothing is installed at all.
    pub(crate) ended: bool,
    /// This session has left, if it was here: by an old id it was moved, which does not tell from where.
    pub(crate) moved: Option<Incarnation>,
}

/// How an answer stands to a floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Admitted,
    Below,
    Ended,
}

impl Lowest {
    pub(crate) fn at(stamp: Option<Stamp>) -> Self {
        Self { stamp, ..Self::default() }
    }

    /// Another state was heard of. Of two versions of one session the later counts; of two sessions the last.
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

    /// Whether an answer may be installed. Equal versions must be equal states; and where a session is known of, the
    /// store's word that there is none is older, or there would have been word of its end.
    pub(crate) fn judge(&self, outcome: &LoadOutcome) -> Standing {
        let is_of = |moved| matches!(outcome, LoadOutcome::Found(found) if found.record.stamp().incarnation() == moved);
        if self.ended || self.moved.is_some_and(is_of) {
            return Standing::Ended;
        }
        match (self.stamp, outcome) {
            (None, _) => Standing::Admitted,
            (Some(floor), LoadOutcome::Found(found)) if is_at_least(found.record.stamp(), floor) => Standing::Admitted,
            (Some(_), _) => Standing::Below,
        }
    }

    /// Whether an answer may be given to somebody who has seen what the floor says. That the session has ended since is
    /// an answer.
    pub(crate) fn admits(&self, outcome: &LoadOutcome) -> bool {
        match (self.stamp, outcome) {
            (Some(floor), LoadOutcome::Found(found)) => floor.floor().admits(found.record.stamp()),
            _ => true,
        }
    }
}

fn is_at_least(stamp: Stamp, floor: Stamp) -> bool {
    stamp == floor || stamp.incarnation() == floor.incarnation() && stamp.version() > floor.version()
}

impl std::fmt::Debug for Fill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fill").field("id", &self.id).field("floor", &self.floor).finish_non_exhaustive()
    }
}
