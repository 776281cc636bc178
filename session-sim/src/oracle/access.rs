//! Which ids give access to which session, according to the answers that clients received.
//!
//! The ids of one session are a *line*: the first one, and those that renewals have added. A step-up and a sign-in begin a new
//! line, since no older id leads there. A request counts from the moment at which it was sent, and the access that it grants
//! from the moment at which it was answered.

use std::collections::{BTreeMap, BTreeSet};

use session_core::{
    Principal,
    model::{IdDigest, OpId, Stamp},
    store::{Rotation, RotationKind},
};

use super::sign_ins::SignIns;
use crate::sim::Millis;

/// The longest that a request may be on its way.
const IN_FLIGHT: Millis = 2_500;
/// The shortest grace of a rotation.
const SHORTEST_GRACE: Millis = 300;

/// A rotation that was acknowledged.
pub(crate) struct Moved {
    /// The id that it named.
    pub(crate) via: IdDigest,
    /// When it was sent first, and answered.
    pub(crate) sent: Millis,
    pub(crate) answered: Millis,
    pub(crate) stamp: Stamp,
}

/// One id.
#[derive(Debug)]
pub(super) struct Id {
    line: usize,
    /// The order in which ids were drawn.
    number: usize,
    /// The id through which a renewal drew it, and the grace of that renewal.
    renews: Option<(IdDigest, Millis)>,
    drawn: Millis,
    /// When the client was told that it is an id of the session.
    pub(super) granted: Option<Millis>,
    /// The moment from which it gives no access, because another id has replaced it.
    pub(super) replaced: Option<Millis>,
    /// The moment from which it gives no access, because its successor was used and the grace is over; and the moment at which
    /// the client had that successor, so that a copy at this id is older.
    pub(super) outlived: Option<(Millis, Millis)>,
}

/// The ids of one session.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) principal: Option<Principal>,
    /// The last acknowledged use was sent at this moment.
    used: Millis,
    /// The store has lost changes of the session, so nothing is known.
    lost: bool,
    threats: Vec<Threat>,
}

/// A request that may end the access of some ids.
#[derive(Clone, Copy, Debug)]
struct Threat {
    at: Millis,
    to: Threatened,
}

#[derive(Clone, Copy, Debug)]
enum Threatened {
    /// An end, a step-up or a sign-in.
    All,
    /// A renewal through this id.
    AllBut(IdDigest),
    /// A use of the id with this number, which may confirm it.
    OlderThan(usize),
    /// The time for the confirmation of a renewal through this id.
    Only(IdDigest),
}

/// The known facts about access.
#[derive(Debug, Default)]
pub(crate) struct Access {
    ids: BTreeMap<IdDigest, Id>,
    lines: Vec<Line>,
    lost: BTreeSet<IdDigest>,
    creates: BTreeSet<IdDigest>,
    pub(super) sign_ins: SignIns,
}

impl Access {
    fn draw(&mut self, digest: IdDigest, line: usize, drawn: Millis, renews: Option<(IdDigest, Millis)>) {
        let number = self.ids.len();
        self.lines[line].lost |= self.lost.contains(&digest);
        self.ids.insert(digest, Id { line, number, renews, drawn, granted: None, replaced: None, outlived: None });
    }

    fn begin(&mut self, principal: Option<Principal>) -> usize {
        self.lines.push(Line { principal, ..Line::default() });
        self.lines.len() - 1
    }

    pub(super) fn known(&self, digest: &IdDigest) -> Option<(&Id, &Line)> {
        let id = self.ids.get(digest)?;
        Some((id, &self.lines[id.line])).filter(|(_, line)| !line.lost)
    }

    fn threaten(&mut self, digest: &IdDigest, at: Millis, to: Threatened) {
        if let Some(id) = self.ids.get(digest) {
            self.lines[id.line].threats.push(Threat { at, to });
        }
    }

    /// A session is to be created. Of two creates with one id, a delayed one may follow the end of the first session.
    pub(crate) fn create_sent(&mut self, digest: &IdDigest) {
        if !self.creates.insert(*digest) {
            self.lose([digest]);
        }
    }

    /// A session was created.
    pub(crate) fn created(&mut self, digest: &IdDigest, (sent, answered): (Millis, Millis)) {
        if self.ids.contains_key(digest) {
            return;
        }
        let line = self.begin(None);
        self.draw(*digest, line, sent, None);
        self.grant(digest, (sent, answered));
    }

    fn grant(&mut self, digest: &IdDigest, (sent, answered): (Millis, Millis)) {
        if let Some(id) = self.ids.get_mut(digest) {
            id.granted.get_or_insert(answered);
            let line = &mut self.lines[id.line];
            line.used = line.used.max(sent);
        }
    }

    /// A touch or an update is sent.
    pub(crate) fn use_sent(&mut self, digest: &IdDigest, now: Millis) {
        if let Some(number) = self.ids.get(digest).map(|id| id.number) {
            self.threaten(digest, now, Threatened::OlderThan(number));
        }
    }

    /// An update is sent.
    pub(crate) fn update_sent(&mut self, digest: &IdDigest, op: OpId, now: Millis) {
        self.use_sent(digest, now);
        let principal = self.known(digest).and_then(|(_, line)| line.principal.clone());
        self.sign_ins.writes(op, principal);
    }

    /// The session is to be ended.
    pub(crate) fn end_sent(&mut self, digest: &IdDigest, now: Millis) {
        self.threaten(digest, now, Threatened::All);
    }

    /// A rotation is sent for the first time.
    pub(super) fn rotation_sent(&mut self, via: &IdDigest, rotation: &Rotation, now: Millis) {
        let to = *rotation.to.digest();
        let line = self.ids.get(via).map(|id| id.line);
        let current = line.and_then(|line| self.lines[line].principal.clone());
        let principal = rotation.sign_in.as_ref().map(|sign_in| sign_in.principal().clone()).or(current);
        self.sign_ins.writes(rotation.write.op, principal.clone());
        match (rotation.kind, line) {
            (RotationKind::Renew, Some(line)) => {
                self.use_sent(via, now);
                self.threaten(via, now, Threatened::AllBut(*via));
                if let Some(within) = rotation.confirm_within {
                    self.threaten(via, now + within.as_millis() as Millis, Threatened::Only(*via));
                }
                self.draw(to, line, now, Some((*via, rotation.grace.as_millis() as Millis)));
            }
            _ => {
                self.threaten(via, now, Threatened::All);
                let line = self.begin(principal);
                self.draw(to, line, now, None);
            }
        }
    }

    /// A rotation was acknowledged. Returns whether it replaced an unused id.
    pub(crate) fn rotated(&mut self, rotation: &Rotation, moved: &Moved) -> bool {
        let to = *rotation.to.digest();
        self.grant(&to, (moved.sent, moved.answered));
        self.sign_ins.signed_in(rotation, moved);
        let Some(line) = self.ids.get(&moved.via).map(|id| id.line) else { return false };
        let renews = rotation.kind == RotationKind::Renew;
        let mut again = false;
        for (digest, id) in &mut self.ids {
            let spared = *digest == to || (renews && *digest == moved.via);
            // A sign-in may not have met the session of the id that it named.
            let met = rotation.sign_in.is_none() || *digest == moved.via;
            let earlier = id.granted.is_some_and(|granted| granted < moved.sent);
            if id.line == line && met && earlier && !spared {
                id.replaced.get_or_insert(moved.answered);
                again |= renews && id.renews.is_some_and(|(from, _)| from == moved.via);
            }
        }
        again
    }

    /// Whether a renewal was sent through this id.
    pub(super) fn was_renewed(&self, digest: &IdDigest) -> bool {
        let renews = |threat: &Threat| matches!(threat.to, Threatened::AllBut(via) if via == *digest);
        self.ids.get(digest).is_some_and(|id| self.lines[id.line].threats.iter().any(renews))
    }

    /// A touch or an update was acknowledged, at the id itself or through a forward.
    pub(crate) fn used(&mut self, digest: &IdDigest, itself: bool, (sent, answered): (Millis, Millis)) {
        let Some(id) = self.ids.get(digest) else { return };
        let (line, renews, granted) = (&mut self.lines[id.line], id.renews, id.granted.unwrap_or(answered));
        line.used = line.used.max(sent);
        if let Some((old, grace)) = renews.filter(|_| itself)
            && let Some(old) = self.ids.get_mut(&old)
        {
            old.outlived.get_or_insert((answered + grace, granted));
        }
    }

    /// The store has lost the last changes of these slots.
    pub(crate) fn lose<'d>(&mut self, digests: impl IntoIterator<Item = &'d IdDigest>) {
        for digest in digests {
            self.lost.insert(*digest);
            if let Some(id) = self.ids.get(digest) {
                self.lines[id.line].lost = true;
            }
        }
    }

    /// Whether an id certainly gives access, from when it was granted until this moment.
    pub(super) fn gives_access(&self, digest: &IdDigest, until: Millis, idle: Millis) -> bool {
        let Some((id, line)) = self.known(digest) else { return false };
        let ends = |threat: &&Threat| match threat.to {
            Threatened::All => true,
            Threatened::AllBut(other) => other != *digest && threat.at + IN_FLIGHT >= id.drawn && !id.drew(threat),
            Threatened::OlderThan(number) => number > id.number && threat.at + SHORTEST_GRACE <= until,
            Threatened::Only(other) => other == *digest,
        };
        // As for I9, three tenths of the timeout leave room for touches that are omitted or shared.
        let expires = line.used + idle * 7 / 10;
        until < expires && !line.threats.iter().any(|threat| threat.at <= until && ends(&threat))
    }

    /// Whether the session of an id certainly is still there under it, with no rotation on its way.
    pub(super) fn is_settled(&self, digest: &IdDigest, until: Millis, idle: Millis) -> bool {
        let rotates = |threat: &Threat| !matches!(threat.to, Threatened::OlderThan(_)) && threat.at <= until;
        let settled = self.known(digest).is_some_and(|(_, line)| !line.threats.iter().any(rotates));
        settled && self.gives_access(digest, until, idle)
    }
}

impl Id {
    /// Whether this is the renewal that drew the id.
    fn drew(&self, threat: &Threat) -> bool {
        matches!((threat.to, self.renews), (Threatened::AllBut(via), Some((from, _))) if via == from && threat.at == self.drawn)
    }
}
