//! What there is: servers, nodes, what is on its way, and the truth that the properties are judged by.

use std::collections::{BTreeMap, VecDeque};

use stateright::Representative;

/// A state of the session, as the set of updates that made it.
///
/// The set stands for the *tag*: updates are numbered in the order in which they are carried out, so a set can only
/// have come about in one order, and equal sets are equal histories. Its size stands for the *version*, and two sets of
/// one size are what a failover can make: different states that bear one version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(u8);

impl Stamp {
    /// The update that destroys the session. It is the last of each history that has it.
    pub const DESTROY: Self = Self(1 << 7);

    /// The update with this number.
    pub const fn update(number: u8) -> Self {
        Self(1 << number)
    }

    /// How many updates there are.
    pub const fn version(self) -> u32 {
        self.0.count_ones()
    }

    /// The updates of both.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The updates that the other does not have.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether its version is at least that of the other: within one history, whether it is not older.
    pub const fn reaches(self, known: Self) -> bool {
        self.version() >= known.version()
    }

    /// Whether all of the other's updates are here.
    pub const fn contains(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Whether the session is destroyed.
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
    /// What it says it is.
    pub stamp: Stamp,
    /// What it is: a delta that was applied to the wrong state makes a difference.
    pub content: Stamp,
    /// Whether it is of the node's present epoch. Epochs are only ever compared with the present one, so one bit will do
    /// for the counter.
    pub current: bool,
}

/// A load whose answer is on its way. It was carried out when it left: later, it would only have found something newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fill {
    /// What the store answered.
    pub stamp: Stamp,
    /// What the answer will make of the copy: that stamp's state, or, if the store said "unchanged", the known copy's.
    pub content: Stamp,
    /// What it must reach to be installed.
    pub floor: Stamp,
    /// Whether the epoch is still the one in which it left.
    pub current: bool,
    /// Whether the session was destroyed meanwhile.
    pub ended: bool,
    /// [`Mistake::CheckThenInsert`](super::Mistake::CheckThenInsert) alone: checked, and not yet inserted.
    pub checked: bool,
}

/// A node's own update, carried out, its answer on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnWrite {
    /// The stamp before it.
    pub before: Stamp,
    /// The stamp after it.
    pub after: Stamp,
    /// Whether the epoch is still the one in which it left.
    pub current: bool,
}

/// An item on its way on a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// A change, with its delta: what `after` has and `before` has not.
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
    /// What was put in and not yet taken out.
    pub queue: VecDeque<Item>,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Its copy.
    pub copy: Option<Copy>,
    /// For how many ticks its lease still runs.
    pub lease: u8,
    /// Its feed; `None` between a disconnect and the new subscription.
    pub feed: Option<Feed>,
    /// The oldest server that its requests may still go to: what it knows of primaries moves forward only.
    pub server: usize,
    /// Its loads on their way, in no order.
    pub fills: Vec<Fill>,
    /// Its write on its way.
    pub write: Option<OwnWrite>,
    /// Truth: all updates that it has shown to a reader, taken out of its feed or been told that they are done, and that
    /// the store has kept.
    pub seen: Stamp,
    /// Truth: a reader was given an answer that lacked some of those.
    pub misled: bool,
}

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// What each server holds; the last one is the primary, one before it lives on and does not know.
    pub heads: Vec<Stamp>,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// All updates there have been.
    pub issued: Stamp,
    /// Truth: those that a failover lost.
    pub lost: Stamp,
    /// Truth: how many ticks ago each former state was replaced, if that is not more than `max_staleness`.
    pub replaced: BTreeMap<Stamp, u8>,
}

impl State {
    /// A session that is there, and nodes that listen and have nothing.
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

    /// Whether it is the session's state, or was at most `max_staleness` ago.
    pub fn is_recent(&self, content: Stamp) -> bool {
        content == self.heads[self.primary()] || self.replaced.contains_key(&content)
    }
}

/// The nodes are alike, so only one of two states that differ in their order is visited.
impl Representative for State {
    fn representative(&self) -> Self {
        let mut state = self.clone();
        state.nodes.sort();
        state
    }
}
