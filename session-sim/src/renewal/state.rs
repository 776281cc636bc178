//! The state: the store's slots, the browser, messages in flight, and the truth by which the properties are judged.

use std::collections::{BTreeMap, BTreeSet};

/// An id, by the order in which ids were drawn.
pub type Id = usize;

/// The writers of entries, one bit each: 1 for a guest, and the others for principals.
pub type Writers = u8;

/// The bit of entries that were written while this principal was signed in, or nobody.
pub fn writer(principal: Option<u8>) -> Writers {
    1 << principal.map_or(0, |principal| principal + 1)
}

/// A session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session {
    /// The principal who is signed in.
    pub principal: Option<u8>,
    /// The writers of its entries.
    pub entries: Writers,
    /// The ticks for which the sign-in is recent.
    pub recent: u8,
    /// The old id of a renewal that is unconfirmed.
    pub renews: Option<Id>,
    /// The ticks for which a renewal is refused.
    pub refused: u8,
}

/// The content of an id's slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// A session.
    Live(Session),
    /// The session has moved.
    Forward {
        /// Its new id.
        to: Id,
        /// Whether this id still gives access.
        gives_access: bool,
        /// The ticks for which it is kept; `None` until the renewal is confirmed.
        left: Option<u8>,
    },
    /// The session has ended, or the forward has.
    Gone,
}

/// A sign-in that moved a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct First {
    /// The id that it named.
    pub via: Id,
    /// The principal.
    pub principal: u8,
    /// The new id.
    pub to: Id,
    /// The ticks of its grace that remain.
    pub left: u8,
}

/// Broken promises that a client has met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Met {
    /// A sign-in that was refused.
    pub refused: bool,
    /// A second sign-in without the entries of the first.
    pub empty: bool,
    /// Entries of another principal.
    pub foreign: bool,
}

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// By id.
    pub slots: Vec<Slot>,
    /// The slots of an old primary that is isolated with a node.
    pub isolated: Option<Vec<Slot>>,
    /// The browser's cookie.
    pub cookie: Id,
    /// A slow request: the id that it carries, and its age.
    pub slow: Option<(Id, u8)>,
    /// The responses in flight: the id that each carries, and its age.
    pub responses: Vec<(Id, u8)>,
    /// The number of sign-ins.
    pub sign_ins: u8,
    /// Truth: the sign-ins whose grace is not over.
    pub firsts: Vec<First>,
    /// Truth: how long ago the successor of an old id was used, up to the grace.
    pub outlived: BTreeMap<Id, u8>,
    /// Truth: the ids whose session was ended, or left by a sign-in.
    pub ended: BTreeSet<Id>,
    /// Truth: the broken promises.
    pub met: Met,
}

impl State {
    /// A browser with a session of a guest, in which nothing has happened.
    pub fn new() -> Self {
        Self {
            slots: vec![Slot::Live(Session::default())],
            isolated: None,
            cookie: 0,
            slow: None,
            responses: Vec::new(),
            sign_ins: 0,
            firsts: Vec::new(),
            outlived: BTreeMap::new(),
            ended: BTreeSet::new(),
            met: Met::default(),
        }
    }

    /// The id to which an id leads: a renewal forwards, once.
    pub fn locate(&self, id: Id) -> Id {
        locate(&self.slots, id)
    }

    /// The session that an id gives access to.
    pub fn find(&self, id: Id) -> Option<Session> {
        find(&self.slots, id)
    }

    /// The session of a slot, for changes.
    pub fn session(&mut self, at: Id) -> Option<&mut Session> {
        match &mut self.slots[at] {
            Slot::Live(session) => Some(session),
            _ => None,
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

fn locate(slots: &[Slot], id: Id) -> Id {
    match slots[id] {
        Slot::Forward { to, gives_access: true, .. } => to,
        _ => id,
    }
}

/// The session that an id gives access to at a server with these slots.
pub(super) fn find(slots: &[Slot], id: Id) -> Option<Session> {
    match *slots.get(locate(slots, slots.get(id).map(|_| id)?))? {
        Slot::Live(session) => Some(session),
        _ => None,
    }
}
