//! The state: servers, nodes, messages in flight, and the truth by which the properties are judged.

use std::collections::{BTreeMap, VecDeque};

use stateright::Representative;

/// A state of the session, as the set of updates that created it.
///
/// The set represents the *tag*: updates are numbered in the order of their execution, so a set has exactly one order, and
/// equal sets are equal histories. Its size represents the *version*. A failover can create two sets of one size: different
/// states with one version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(u8);

impl Stamp {
    /// The update that destroys the session. No update follows it.
    pub const DESTROY: Self = Self(1 << 7);

    /// The update with this number.
    pub const fn update(number: u8) -> Self {
        Self(1 << number)
    }

    /// The number of updates.
    pub const fn version(self) -> u32 {
        self.0.count_ones()
    }

    /// The union of both.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The updates that are not in `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether its version is at least that of `known`. Within one history: whether it is not older.
    pub const fn reaches(self, known: Self) -> bool {
        self.version() >= known.version()
    }

    /// Whether it contains all updates of `other`.
    pub const fn contains(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Whether the session was destroyed.
    pub const fn is_destroyed(self) -> bool {
        self.contains(Self::DESTROY)
    }

    /// The last update alone, if there is one.
    pub const fn last(self) -> Option<Self> {
        match self.0.checked_ilog2() {
            Some(bit) => Some(Self(1 << bit)),
            None => None,
        }
    }
}

/// A node's local copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Copy {
    /// The state that it claims to be.
    pub stamp: Stamp,
    /// The state that it is. The two differ after a delta was applied to the wrong state.
    pub content: Stamp,
    /// Whether it is of the node's current epoch. Epochs are only compared with the current one, so one bit suffices.
    pub current: bool,
}

/// A load whose answer is in flight. It is executed when it is sent: a later execution could only find a newer state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fill {
    /// The stamp that the store answered.
    pub stamp: Stamp,
    /// The state that the copy will have: that of the stamp, or that of the known copy if the store answered "unchanged".
    pub content: Stamp,
    /// The stamp that it must reach to be installed.
    pub floor: Stamp,
    /// Whether the epoch in which it was sent is still current.
    pub current: bool,
    /// Whether the session was destroyed meanwhile.
    pub ended: bool,
    /// Checked and not yet inserted. Only with [`Mistake::CheckThenInsert`](super::Mistake::CheckThenInsert).
    pub checked: bool,
}

/// A node's own update. It is executed, and its answer is in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnWrite {
    /// The stamp before it.
    pub before: Stamp,
    /// The stamp after it.
    pub after: Stamp,
    /// Whether the epoch in which it was sent is still current.
    pub current: bool,
}

/// An item in flight on a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// A change. Its delta consists of the updates that are in `after` and not in `before`.
    Change {
        /// The stamp before it.
        before: Stamp,
        /// The stamp after it.
        after: Stamp,
    },
    /// The reply to a heartbeat that was sent this many ticks ago.
    Beat(u8),
}

/// A node's feed: a connection to one server, on which items arrive in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Feed {
    /// The server.
    pub server: usize,
    /// The items that have not been taken out yet.
    pub queue: VecDeque<Item>,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Its copy.
    pub copy: Option<Copy>,
    /// The ticks that remain of its lease.
    pub lease: u8,
    /// Its feed; `None` between a disconnect and the new subscription.
    pub feed: Option<Feed>,
    /// The oldest server to which its requests may still go: its knowledge of primaries only moves forward.
    pub server: usize,
    /// Its loads in flight, in no particular order.
    pub fills: Vec<Fill>,
    /// Its write in flight.
    pub write: Option<OwnWrite>,
    /// Truth: all updates that it has returned to a reader, taken out of its feed, or had acknowledged, as far as the store
    /// has kept them.
    pub seen: Stamp,
    /// Truth: whether a reader was given an answer without some of those.
    pub misled: bool,
}

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// The state of each server. The last one is the primary; an earlier one still runs and does not know of its successor.
    pub heads: Vec<Stamp>,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// All updates so far.
    pub issued: Stamp,
    /// Truth: the updates that a failover lost.
    pub lost: Stamp,
    /// Truth: how many ticks ago each former state was replaced, up to `max_staleness`.
    pub replaced: BTreeMap<Stamp, u8>,
}

impl State {
    /// The initial state: a session without updates, and nodes that listen and have no copy.
    pub fn new(nodes: usize) -> Self {
        let node = Node { feed: Some(Feed::default()), ..Node::default() };
        Self {
            heads: vec![Stamp::default()],
            nodes: vec![node; nodes],
            issued: Stamp::default(),
            lost: Stamp::default(),
            replaced: BTreeMap::new(),
        }
    }

    /// The primary's number.
    pub fn primary(&self) -> usize {
        self.heads.len() - 1
    }

    /// Whether a state is the current one, or was so at most `max_staleness` ago.
    pub fn is_recent(&self, content: Stamp) -> bool {
        content == self.heads[self.primary()] || self.replaced.contains_key(&content)
    }
}

/// The nodes are interchangeable, so of states that differ only in their order, one is visited.
impl Representative for State {
    fn representative(&self) -> Self {
        let mut state = self.clone();
        state.nodes.sort();
        state
    }
}
