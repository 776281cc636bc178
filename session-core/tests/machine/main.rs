//! Tests of the reference machine on slots that can be inspected. The trait of a store does not show these details.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::{cell::Cell, collections::HashMap, time::Duration};

use session_core::{
    Expiry, Principal, SessionId, SignIn,
    model::{Delta, EndReason, Field, Format, IdDigest, OpId, Timestamp, Value},
    store::{
        Absent, CreateOutcome, Destroy, DestroyOutcome, NewSession, RotateOutcome, Rotation, RotationKind,
        TouchOptions, TouchOutcome, Update,
        machine::{self, Rules, Slot, Slots, Step},
    },
};

const IDLE: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(10);
const BOTH: [RotationKind; 2] = [RotationKind::Renew, RotationKind::Privilege];

#[derive(Default)]
struct Table {
    slots: HashMap<IdDigest, Slot>,
    lookups: Cell<usize>,
}

impl Slots for Table {
    fn get(&self, id: &IdDigest) -> Option<&Slot> {
        self.lookups.set(self.lookups.get() + 1);
        self.slots.get(id)
    }

    fn get_mut(&mut self, id: &IdDigest) -> Option<&mut Slot> {
        self.lookups.set(self.lookups.get() + 1);
        self.slots.get_mut(id)
    }

    fn put(&mut self, id: IdDigest, slot: Slot) -> Option<Slot> {
        self.slots.insert(id, slot)
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + seconds * 1_000)
}

fn op() -> OpId {
    OpId::generate().unwrap()
}

fn principal(name: &str) -> Principal {
    Principal::new(name).unwrap()
}

impl Table {
    fn create(&mut self, now: u64, id: &SessionId, who: Option<&str>) -> Step<CreateOutcome> {
        let new = NewSession {
            sign_in: who.map(|who| SignIn::new(principal(who))),
            ..NewSession::generate(Expiry::idle(IDLE)).unwrap()
        };
        let step = Rules { indexed: true, ..Rules::default() }.create(self, at(now), id.digest(), &new).unwrap();
        assert!(matches!(step.outcome, CreateOutcome::Created(_)), "{:?}", step.outcome);
        step
    }

    fn rotate(&mut self, now: u64, id: &SessionId, rotation: &Rotation) -> Step<RotateOutcome> {
        Rules { indexed: true, ..Rules::default() }.rotate(self, at(now), id.digest(), rotation).unwrap()
    }

    fn moved(&mut self, now: u64, id: &SessionId, rotation: &Rotation) -> Step<RotateOutcome> {
        let step = self.rotate(now, id, rotation);
        assert!(matches!(step.outcome, RotateOutcome::Rotated(applied) if !applied.repeated), "{:?}", step.outcome);
        step
    }

    fn revoke(&mut self, now: u64, who: &str, id: &SessionId) -> Step<bool> {
        let destroy = Destroy::new(op(), EndReason::Revoked);
        Rules { indexed: true, ..Rules::default() }.revoke(self, at(now), (&principal(who), id.digest()), &destroy)
    }

    fn is_live(&self, now: u64, id: &SessionId) -> bool {
        matches!(self.slots.get(id.digest()), Some(slot @ Slot::Live(_)) if slot.ends_at() > at(now))
    }

    fn signed_in_at(&self, id: &SessionId) -> Option<Timestamp> {
        let Some(Slot::Live(live)) = self.slots.get(id.digest()) else { panic!("no session") };
        live.record().signed_in_at()
    }
}

fn rotation(from: &SessionId, kind: RotationKind) -> Rotation {
    Rotation { grace: GRACE, ..Rotation::new(op(), from.generate_sibling().unwrap(), kind) }
}

fn as_user(rotation: Rotation, who: &str) -> Rotation {
    Rotation { sign_in: Some(SignIn::new(principal(who))), ..rotation }
}

/// The old id is forgotten at the time of the retry, swept or not. The session at the new id remembers the rotation.
#[test]
fn a_rotation_repeated_after_its_grace_is_rotated() {
    for (kind, swept) in BOTH.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
        let (mut table, id) = (Table::default(), SessionId::generate().unwrap());
        table.create(0, &id, None);
        let rotation = rotation(&id, kind);
        table.moved(1, &id, &rotation);
        if swept {
            table.slots.remove(id.digest());
        }
        let again = table.rotate(30, &id, &rotation);
        assert!(matches!(again.outcome, RotateOutcome::Rotated(applied) if applied.repeated), "{:?}", again.outcome);
        assert!(again.effect.is_none() && again.index_addition.is_none() && again.index_removals.is_empty());
        let another = table.rotate(30, &id, &self::rotation(&id, kind)).outcome;
        if kind == RotationKind::Renew && !swept {
            // The new id was not used, so the old one still leads to the session.
            assert!(matches!(another, RotateOutcome::Rotated(applied) if !applied.repeated), "{another:?}");
        } else {
            assert_eq!(another, RotateOutcome::Absent(Absent::NotFound(None)), "another op id");
        }
    }
}

/// After a later rotation, an expiry or a destroy, the session is no longer at the new id.
#[test]
fn a_repeat_does_not_report_a_session_that_is_gone() {
    let gone = |end: fn(&mut Table, &SessionId)| {
        let (mut table, id) = (Table::default(), SessionId::generate().unwrap());
        table.create(0, &id, None);
        let rotation = rotation(&id, RotationKind::Privilege);
        table.moved(1, &id, &rotation);
        end(&mut table, &rotation.to);
        table.rotate(61, &id, &rotation).outcome
    };
    let moved_on = |table: &mut Table, at: &SessionId| {
        table.moved(20, at, &rotation(at, RotationKind::Privilege));
    };
    let destroyed = |table: &mut Table, id: &SessionId| {
        let destroy = Destroy::new(op(), EndReason::Logout);
        let step = Rules::default().destroy(table, at(20), id.digest(), &destroy);
        assert_eq!(step.outcome, DestroyOutcome::Destroyed { replicas: None, forwarded: None });
    };
    for end in [moved_on, destroyed, |_: &mut Table, _: &SessionId| {}] {
        assert_eq!(gone(end), RotateOutcome::Absent(Absent::NotFound(None)));
    }
}

/// The session moves one or more times between the listing and the revocation.
#[test]
fn a_revocation_follows_a_session_that_moved_more_than_once() {
    for moves in [1, 2, 3, 8] {
        let (mut table, first) = (Table::default(), SessionId::generate().unwrap());
        table.create(0, &first, Some("ada"));
        let mut id = first;
        for _ in 0..moves {
            let rotation = rotation(&id, RotationKind::Privilege);
            table.moved(1, &id, &rotation);
            id = rotation.to;
        }
        assert!(!table.revoke(2, "bob", &first).outcome && table.is_live(2, &id));
        let step = table.revoke(2, "ada", &first);
        assert!(step.outcome, "{moves} moves");
        assert_eq!(step.index_removals, [(principal("ada"), *id.digest())]);
        assert!(!table.is_live(2, &id));
        assert!(!table.revoke(2, "ada", &first).outcome, "twice");
    }
}

/// This machine never makes a cycle of forwards. A store that has one must not hang.
#[test]
fn a_revocation_terminates_after_any_number_of_moves() {
    let (mut table, first) = (Table::default(), SessionId::generate().unwrap());
    table.create(0, &first, Some("ada"));
    let mut id = first;
    for _ in 0..9 {
        let rotation = rotation(&id, RotationKind::Privilege);
        table.moved(1, &id, &rotation);
        id = rotation.to;
    }
    table.lookups.set(0);
    assert!(!table.revoke(2, "ada", &first).outcome);
    assert!(table.is_live(2, &id) && table.lookups.get() <= 10);
}

/// Otherwise an index that applies the steps would list the expired session forever.
#[test]
fn an_expired_session_at_the_new_id_leaves_the_index() {
    for who in ["ada", "bob"] {
        let (mut table, from) = (Table::default(), SessionId::generate().unwrap());
        let rotation = rotation(&from, RotationKind::Renew);
        table.create(0, &rotation.to, Some("ada"));
        table.create(60, &from, Some(who));
        let step = table.moved(60, &from, &rotation);
        let expected = [(principal(who), *from.digest()), (principal("ada"), *rotation.to.digest())];
        assert_eq!(step.index_removals, expected);
        assert_eq!(step.index_addition, Some((principal(who), *rotation.to.digest())));
    }
}

#[test]
fn the_sign_in_time_is_that_of_the_last_sign_in() {
    let (mut table, mut id) = (Table::default(), SessionId::generate().unwrap());
    table.create(0, &id, None);
    assert_eq!(table.signed_in_at(&id), None);
    for (now, who, since) in [(5, Some("ada"), 5), (6, None, 5), (7, Some("ada"), 7), (8, Some("bob"), 8)] {
        let plain = rotation(&id, RotationKind::Privilege);
        let rotation = who.map_or(plain.clone(), |who| as_user(plain, who));
        table.moved(now, &id, &rotation);
        id = rotation.to;
        assert_eq!(table.signed_in_at(&id), Some(at(since)), "at {now}");
    }
}

/// Every lookup costs a hash and a cache miss.
#[test]
fn a_change_takes_two_lookups() {
    let (mut table, id) = (Table::default(), SessionId::generate().unwrap());
    table.create(0, &id, None);
    let mut delta = Delta::new();
    delta.set(Field::new("theme").unwrap(), Value::new(Format::JSON, b"1"));
    table.lookups.set(0);
    Rules::default().apply(&mut table, at(1), id.digest(), &Update::new(op(), delta)).unwrap();
    assert_eq!(table.lookups.take(), 2, "apply");
    let touched = machine::touch(&mut table, at(1), id.digest(), TouchOptions::default());
    assert!(matches!(touched, TouchOutcome::Touched(_)));
    assert_eq!(table.lookups.take(), 2, "touch");
}
