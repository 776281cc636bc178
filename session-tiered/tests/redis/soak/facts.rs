//! The known facts about one session, and the answers that they allow.
//!
//! A request may have been executed; an acknowledged request has been.

use std::time::Duration;

use session_core::{
    SessionId,
    model::{Stamp, Timestamp},
    store::RotationKind,
};

use crate::{
    node::{BOUND, Seen, now},
    soak::NODES,
};

/// How long an old id is remembered.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// A request that was sent, and perhaps acknowledged: when, and to which node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deed {
    pub(super) asked_at: Timestamp,
    pub(super) done: Option<(Timestamp, usize)>,
}

impl Deed {
    pub(super) fn asked() -> Self {
        Self { asked_at: now(), done: None }
    }

    pub(super) fn done_by(&mut self, node: usize) {
        self.done = Some((now(), node));
    }

    /// Whether a read on this node that begins then must see it: it was acknowledged here, or long enough ago.
    fn shows(&self, node: usize, began: Timestamp) -> bool {
        self.done.is_some_and(|(at, by)| by == node || began.since(at) > BOUND)
    }
}

/// One session, from its creation to its end. It moves once at most.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) first: SessionId,
    pub(super) second: SessionId,
    pub(super) created: Deed,
    pub(super) moved: Option<(RotationKind, Deed)>,
    pub(super) ended: Option<Deed>,
    /// When each step was acknowledged.
    pub(super) steps: Vec<Timestamp>,
    /// The last step that was requested.
    pub(super) asked: u64,
    pub(super) stamp: Option<Stamp>,
    /// The latest step that each node has returned, or that was acknowledged to it.
    pub(super) shown: [Option<u64>; NODES],
    /// The nodes that have reported its end.
    gone: [bool; NODES],
}

/// The constraints on the answer of a read, taken when it begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub(super) node: usize,
    is_first: bool,
    began: Timestamp,
    /// The answer may not be an earlier step.
    floor: Option<u64>,
    /// The answer may not be a step.
    is_over: bool,
    /// The answer may not be that there is no session.
    must_be: bool,
}

impl Facts {
    pub(super) fn new(first: SessionId) -> Self {
        Self {
            first,
            second: first.generate_sibling().unwrap(),
            created: Deed::asked(),
            moved: None,
            ended: None,
            steps: Vec::new(),
            asked: 0,
            stamp: None,
            shown: [None; NODES],
            gone: [false; NODES],
        }
    }

    /// The id of the session, as far as acknowledged.
    pub(super) fn home(&self) -> SessionId {
        if self.moved.is_some_and(|(_, deed)| deed.done.is_some()) { self.second } else { self.first }
    }

    pub(super) fn acknowledged(&mut self, node: usize, stamp: Stamp) {
        self.steps.push(now());
        self.stamp = Some(stamp);
        self.shown[node] = self.shown[node].max(Some(self.steps.len() as u64 - 1));
    }

    pub(super) fn before(&self, node: usize, is_first: bool) -> Before {
        let began = now();
        let old = self.steps.partition_point(|at| began.since(*at) > BOUND);
        let settled = (old > 0).then(|| old as u64 - 1);
        let ended = self.ended.is_some_and(|deed| deed.shows(node, began));
        let moved = self.moved.filter(|(_, deed)| deed.shows(node, began)).map(|(kind, _)| kind);
        Before {
            node,
            is_first,
            began,
            floor: self.shown[node].max(settled),
            is_over: ended || self.gone[node] || is_first && moved == Some(RotationKind::Privilege),
            must_be: if is_first { self.created.shows(node, began) } else { moved.is_some() },
        }
    }

    /// Judges an answer. Returns how stale a step was.
    pub(super) fn judge(&mut self, before: Before, seen: Seen) -> Result<Duration, String> {
        let is_right = match seen {
            Seen::Step(step) => !before.is_over && Some(step) >= before.floor && step <= self.asked,
            Seen::Absent => !before.must_be || self.ended.is_some() || before.is_first && self.is_grace_over(),
            Seen::Superseded => before.is_first && self.moved.is_some_and(|(kind, _)| kind == RotationKind::Privilege),
            Seen::Failed => true,
        };
        if !is_right {
            return Err(format!("{seen:?} at {:?}: {before:?}, {self:?}", now()));
        }
        match seen {
            Seen::Step(step) => {
                self.shown[before.node] = self.shown[before.node].max(Some(step));
                let replaced = self.steps.get(usize::try_from(step).unwrap() + 1);
                Ok(replaced.map_or(Duration::ZERO, |at| before.began.since(*at)))
            }
            Seen::Absent => {
                let is_home = before.is_first == self.moved.is_none();
                self.gone[before.node] |= is_home && before.must_be;
                Ok(Duration::ZERO)
            }
            Seen::Superseded | Seen::Failed => Ok(Duration::ZERO),
        }
    }

    fn is_grace_over(&self) -> bool {
        self.moved.is_some_and(|(_, deed)| now().since(deed.asked_at) >= GRACE)
    }
}
