//! The invariants, one file each.
//!
//! The oracle knows the requests and answers of clients, the items that nodes took from their feeds, and the true history of
//! the store. A failed write is unknown, never "did not happen". If the store loses acknowledged writes (by a failover, a
//! flush, or a primary that others have left), its history shows that by itself: the state of the new primary is a later
//! version, whatever it contains.

mod access;
mod asked;
mod exactly_once;
mod forgeries;
mod i10_no_immortal_copy;
mod i1_bounded_staleness;
mod i2_read_your_writes;
mod i3_monotonic_reads;
mod i4_floor;
mod i5_no_stale_fill;
mod i6_no_silent_gap;
mod i7_destroy_wins;
mod i9_honest_deadlines;
mod lower_bounds;
mod no_chains;
mod no_foreign_entries;
mod no_lost_update;
mod nobody_signed_out;
mod old_id_ends;
mod read_level_store;
mod sign_in_succeeds;
mod sign_ins;
mod truth;
mod updates;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use session_core::{
    Floor,
    model::{IdDigest, Incarnation},
    store::{Rotation, SessionChange},
};

use crate::sim::{History, Millis, Seen, Settings, Window};
pub(crate) use access::{Access, Moved};
pub(crate) use asked::Asked;
use forgeries::Forgeries;
use lower_bounds::LowerBounds;
pub(crate) use updates::Updates;

/// A violation of an invariant.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The invariant, by the name of its file.
    pub invariant: &'static str,
    /// A description.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.text)
    }
}

/// A load and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) node: usize,
    pub(crate) digest: IdDigest,
    /// Whether it was at level `Store`.
    pub(crate) latest: bool,
    /// Its floor, and the version of the history in which that state first existed.
    pub(crate) floor: Option<(Floor, u64)>,
    /// The oracle's order when the call began.
    pub(crate) began: u64,
    pub(crate) called: Millis,
    pub(crate) answered: Millis,
    /// Whether it was answered without waiting.
    pub(crate) local: bool,
    pub(crate) seen: Seen,
}

/// The facts by which the invariants are judged.
#[derive(Debug)]
pub struct Oracle {
    max_staleness: Millis,
    max_age: Millis,
    idle: Millis,
    order: u64,
    /// The acknowledged writes of each node, by id and by session, in the oracle's order.
    wrote: LowerBounds<(usize, IdDigest)>,
    wrote_session: LowerBounds<(usize, u64)>,
    /// The answered reads of each node, likewise.
    read: LowerBounds<(usize, IdDigest)>,
    read_session: LowerBounds<(usize, u64)>,
    /// The changes that each node took from its feed, and the ends of sessions, by time.
    taken: LowerBounds<(usize, IdDigest)>,
    ended: LowerBounds<IdDigest>,
    /// The last gap of a partition that each node took from its feed.
    gaps: BTreeMap<(usize, u16), Millis>,
    gap_of_all: BTreeMap<usize, Millis>,
    pub(crate) access: Access,
    pub(crate) asked: Asked,
    pub(crate) forgeries: Forgeries,
    pub(crate) updates: Updates,
    pub(crate) uses: i9_honest_deadlines::Uses,
    violation: Option<Violation>,
    /// All invariants that the first offending answer violated.
    broken: BTreeSet<&'static str>,
}

type Check = fn(&Oracle, &History, &Load) -> Result<(), String>;

/// In the order in which they are tried. The first that fails names the violation.
const CHECKS: [(&str, Check); 14] = [
    ("i1_bounded_staleness", i1_bounded_staleness::check),
    ("i7_destroy_wins", i7_destroy_wins::check),
    ("i4_floor", i4_floor::check),
    ("i2_read_your_writes", i2_read_your_writes::check),
    ("i3_monotonic_reads", i3_monotonic_reads::check),
    ("i5_no_stale_fill", i5_no_stale_fill::check),
    ("i6_no_silent_gap", i6_no_silent_gap::check),
    ("i10_no_immortal_copy", i10_no_immortal_copy::check),
    ("nobody_signed_out", nobody_signed_out::check),
    ("no_chains", no_chains::check),
    ("old_id_ends", old_id_ends::check),
    ("sign_in_succeeds", sign_in_succeeds::check),
    ("no_foreign_entries", no_foreign_entries::check),
    ("read_level_store", read_level_store::check),
];

impl Oracle {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            max_staleness: settings.max_staleness.as_millis() as Millis,
            max_age: settings.max_age.as_millis() as Millis,
            idle: settings.idle.as_millis() as Millis,
            order: 0,
            wrote: LowerBounds::default(),
            wrote_session: LowerBounds::default(),
            read: LowerBounds::default(),
            read_session: LowerBounds::default(),
            taken: LowerBounds::default(),
            ended: LowerBounds::default(),
            gaps: BTreeMap::new(),
            gap_of_all: BTreeMap::new(),
            access: Access::default(),
            asked: Asked::default(),
            forgeries: Forgeries::default(),
            updates: Updates::default(),
            uses: i9_honest_deadlines::Uses::default(),
            violation: None,
            broken: BTreeSet::new(),
        }
    }

    /// The first violation, if there was one.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref().or(self.updates.violation())
    }

    /// All invariants that the first offending answer violated.
    pub fn broken(&self) -> BTreeSet<&'static str> {
        self.broken.iter().copied().chain(self.violation().map(|violation| violation.invariant)).collect()
    }

    pub(crate) fn violate(&mut self, invariant: &'static str, text: String) {
        self.violation.get_or_insert(Violation { invariant, text });
    }

    /// A call begins: all earlier answers bind its answer.
    pub(crate) fn begin(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    /// A load was answered. Returns whether the answer is a forged state, which binds no later answer.
    pub(crate) fn judge(&mut self, history: &History, load: &Load) -> bool {
        let broken = CHECKS.iter().filter_map(|(name, check)| Some((*name, check(self, history, load).err()?)));
        let broken: Vec<_> = broken.collect();
        if !broken.is_empty() && self.forgeries.is_forged(history, &load.digest, &load.seen, load.answered) {
            if let Err(text) = forgeries::check(self, load) {
                self.broken.insert("forgeries");
                self.violate("forgeries", format!("{text}; {load:?}"));
            }
            return true;
        }
        if let Some((first, text)) = broken.first() {
            self.broken.extend(broken.iter().map(|(name, _)| *name));
            self.violate(first, format!("{text}; {load:?}"));
            return false;
        }
        self.order += 1;
        if let Some(version) = truth::explain(self, history, load, 0) {
            self.read.raise((load.node, load.digest), self.order, version);
        }
        if let Some(stamp) = load.seen.stamp() {
            let born = history.born(stamp).unwrap_or(0);
            self.read_session.raise((load.node, u64::from(stamp.incarnation())), self.order, born);
        }
        false
    }

    /// A write was acknowledged. It left this state at `digest`.
    pub(crate) fn wrote(&mut self, history: &History, node: usize, digest: &IdDigest, seen: &Seen, window: Window) {
        let Some(version) = history.explain(digest, seen, window) else {
            return self.violate(
                "exactly_once",
                format!("node {node} was given an answer that was never true: {digest:?} {seen:?}"),
            );
        };
        self.order += 1;
        self.wrote.raise((node, *digest), self.order, version);
        match seen.stamp() {
            Some(stamp) => {
                let born = history.born(stamp).unwrap_or(0);
                self.wrote_session.raise((node, u64::from(stamp.incarnation())), self.order, born);
            }
            None => self.ended.raise(*digest, window.to, version),
        }
    }

    /// A write moved the session from one id to another. The bounds of the new id bind the old one too.
    pub(crate) fn left(&mut self, node: usize, from: &IdDigest, to: &IdDigest) {
        self.order += 1;
        let version = self.wrote.at(&(node, *to), self.order);
        self.wrote.raise((node, *from), self.order, version);
    }

    pub(crate) fn took_change(&mut self, node: usize, change: &SessionChange, version: u64, now: Millis) {
        self.taken.raise((node, change.digest), now, version);
    }

    pub(crate) fn took_gap(&mut self, node: usize, partition: Option<u16>, now: Millis) {
        match partition {
            Some(partition) => self.gaps.insert((node, partition), now),
            None => self.gap_of_all.insert(node, now),
        };
    }

    /// The moment from which the answer to a load comes at the earliest.
    fn since(&self, load: &Load) -> Millis {
        if load.latest { load.called } else { load.called.saturating_sub(self.max_staleness) }
    }

    /// A rotation is sent for the first time.
    pub(crate) fn rotation_sent(&mut self, via: &IdDigest, rotation: &Rotation, now: Millis) {
        self.access.sign_ins.sent(via, rotation, &self.updates, now);
        self.access.rotation_sent(via, rotation, now);
    }

    /// A rotation was acknowledged. Returns the events to count.
    pub(crate) fn rotated(&mut self, rotation: &Rotation, moved: &Moved) -> Vec<&'static str> {
        let again = self.access.rotated(rotation, moved);
        let copied = self.access.copies(rotation.to.digest(), moved.answered, self.idle);
        let events = [("second renewals", again), ("second sign-ins", copied)];
        events.into_iter().filter(|(_, happened)| *happened).map(|(name, _)| name).collect()
    }

    /// The session of a floor or a stamp.
    fn session(incarnation: Incarnation) -> u64 {
        u64::from(incarnation)
    }
}
