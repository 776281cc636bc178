//! The true history of the store: which state existed when, at which server.
//!
//! Every change of a slot at any server gets the next *version* of the whole history. A version explains an answer if the
//! reference machine would have given that answer at that server, in that version, at that time. So "is this true?",
//! "how old is it?" and "is it older than that one?" are one question.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use session_core::{
    LoadOptions,
    model::{IdDigest, Record, Stamp},
    store::{
        Absent, LoadOutcome,
        machine::{self, Slot, Slots},
    },
};

use super::{Millis, time::server_time};

/// The answer that a client received about a session.
#[derive(Clone, Debug)]
pub enum Seen {
    /// This record.
    Record(Arc<Record>),
    /// The session has this stamp.
    Stamp(Stamp),
    /// There is no session.
    Absent,
    /// The id was replaced.
    Superseded,
}

/// Where and when an answer may have been true.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// From this moment.
    pub from: Millis,
    /// Until this moment.
    pub to: Millis,
    /// Not before this version of the history.
    pub least: u64,
}

/// All servers' histories.
#[derive(Debug, Default)]
pub struct History {
    version: u64,
    servers: Vec<OfServer>,
    born: BTreeMap<(u64, u64, u64), (u64, Millis)>,
}

#[derive(Debug, Default)]
struct OfServer {
    slots: BTreeMap<IdDigest, Vec<Entry>>,
    /// By partition: when the server was the only primary. No other may answer, since a read is believed only of a
    /// primary that could still write.
    leading: BTreeMap<u16, Vec<Span>>,
}

#[derive(Debug)]
struct Entry {
    version: u64,
    at: Millis,
    slot: Option<Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    from: Millis,
    to: Millis,
}

impl History {
    pub(crate) fn new(servers: usize) -> Self {
        Self { servers: (0..servers).map(|_| OfServer::default()).collect(), ..Self::default() }
    }

    /// The latest version.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Records the new state of a slot at a server.
    pub(crate) fn record(&mut self, server: usize, at: Millis, digest: IdDigest, slot: Option<Slot>) {
        self.version += 1;
        let version = self.version;
        if let Some(Slot::Live(live)) = &slot {
            self.born.entry(key(live.record().stamp())).or_insert((version, at));
        }
        self.servers[server].slots.entry(digest).or_default().push(Entry { version, at, slot });
    }

    /// The version in which a stamp first existed.
    pub fn born(&self, stamp: Stamp) -> Option<u64> {
        self.born.get(&key(stamp)).map(|(version, _)| *version)
    }

    /// The time at which a stamp first existed.
    pub fn born_at(&self, stamp: Stamp) -> Option<Millis> {
        self.born.get(&key(stamp)).map(|(_, at)| *at)
    }

    /// Records that a partition consists of exactly these slots from now on.
    pub(crate) fn snapshot(&mut self, server: usize, at: Millis, partition: u16, slots: &BTreeMap<IdDigest, Slot>) {
        let known = self.servers[server].slots.keys().chain(slots.keys());
        let digests: BTreeSet<IdDigest> = known.filter(|id| id.partition() == partition).copied().collect();
        for digest in digests {
            self.record(server, at, digest, slots.get(&digest).cloned());
        }
    }

    /// The server begins to serve a partition as its primary.
    pub(crate) fn open(&mut self, server: usize, partition: u16, at: Millis) {
        let span = Span { from: at, to: Millis::MAX };
        self.servers[server].leading.entry(partition).or_default().push(span);
    }

    /// The server stops serving the partition, or another one becomes its primary.
    pub(crate) fn stop_leading(&mut self, server: usize, partition: u16, at: Millis) {
        if let Some(span) = self.servers[server].leading.entry(partition).or_default().last_mut() {
            span.to = span.to.min(at);
        }
    }

    /// The earliest version that explains an answer, if there is one.
    pub fn explain(&self, digest: &IdDigest, seen: &Seen, window: Window) -> Option<u64> {
        (0..self.servers.len()).filter_map(|server| self.explain_at(server, digest, seen, window)).min()
    }

    fn explain_at(&self, server: usize, digest: &IdDigest, seen: &Seen, window: Window) -> Option<u64> {
        let history = &self.servers[server];
        let spans = history.leading.get(&digest.partition()).map(Vec::as_slice).unwrap_or_default();
        let points = history.points(digest);
        let explained = spans.iter().filter_map(|span| {
            let (from, to) = (window.from.max(span.from), window.to.min(span.to));
            (from <= to).then(|| history.explain_in(&points, digest, seen, Window { from, to, ..window })).flatten()
        });
        explained.min()
    }
}

fn key(stamp: Stamp) -> (u64, u64, u64) {
    (u64::from(stamp.incarnation()), stamp.version(), stamp.tag())
}

impl OfServer {
    /// All changes that a read of this digest depends on, in order.
    fn points(&self, digest: &IdDigest) -> Vec<(u64, Millis)> {
        let mut digests = vec![*digest];
        let own = self.slots.get(digest).map(Vec::as_slice).unwrap_or_default();
        for entry in own {
            match &entry.slot {
                Some(Slot::Forward(forward)) if !digests.contains(&forward.to) => digests.push(forward.to),
                _ => {}
            }
        }
        let entries = digests.iter().filter_map(|digest| self.slots.get(digest)).flatten();
        let mut points: Vec<_> = entries.map(|entry| (entry.version, entry.at)).chain([(0, 0)]).collect();
        points.sort_unstable();
        points
    }

    fn explain_in(&self, points: &[(u64, Millis)], digest: &IdDigest, seen: &Seen, window: Window) -> Option<u64> {
        points.iter().enumerate().find_map(|(index, (version, at))| {
            let (next, until) = points.get(index + 1).copied().unwrap_or((u64::MAX, Millis::MAX));
            let (from, to) = (window.from.max(*at), window.to.min(until));
            if next <= window.least || from > to {
                return None;
            }
            let then = At { server: self, version: *version };
            // A session can expire in between without a change. An answer that is true at neither end is true nowhere.
            let holds = |at| seen.is(&machine::load(&then, server_time(at), digest, LoadOptions::default()));
            (holds(from) || holds(to)).then_some(window.least.max(*version))
        })
    }
}

/// The slots of a server as they were at a version.
struct At<'h> {
    server: &'h OfServer,
    version: u64,
}

impl Slots for At<'_> {
    fn get(&self, id: &IdDigest) -> Option<&Slot> {
        let entries = self.server.slots.get(id)?;
        let next = entries.partition_point(|entry| entry.version <= self.version);
        entries.get(next.checked_sub(1)?)?.slot.as_ref()
    }

    fn get_mut(&mut self, _: &IdDigest) -> Option<&mut Slot> {
        None
    }

    fn put(&mut self, _: IdDigest, _: Slot) -> Option<Slot> {
        None
    }
}

impl Seen {
    /// Whether the store's answer says the same.
    fn is(&self, truth: &LoadOutcome) -> bool {
        match (self, truth) {
            (Self::Record(record), LoadOutcome::Found(found)) => {
                let same_principal = record.principal() == found.record.principal();
                record.stamp() == found.record.stamp() && record.state() == found.record.state() && same_principal
            }
            (Self::Stamp(stamp), LoadOutcome::Found(found)) => *stamp == found.record.stamp(),
            (Self::Absent, LoadOutcome::Absent(Absent::NotFound(_)))
            | (Self::Superseded, LoadOutcome::Absent(Absent::Superseded)) => true,
            _ => false,
        }
    }

    /// The stamp in the answer.
    pub fn stamp(&self) -> Option<Stamp> {
        match self {
            Self::Record(record) => Some(record.stamp()),
            Self::Stamp(stamp) => Some(*stamp),
            Self::Absent | Self::Superseded => None,
        }
    }
}
