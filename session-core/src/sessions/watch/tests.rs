//! The table of watchers, compared with a list.

use std::{collections::HashMap, sync::Arc, task::Waker};

use proptest::prelude::*;

use super::{
    WatchEnd,
    table::{Polled, Table, WatcherId},
};
use crate::{
    model::{EndReason, Ended, IdDigest, Incarnation, OpId, Stamp},
    store::{ChangeKind, FeedItem, GapCause, Origin, RotationKind, SessionChange},
};

/// Four partitions.
const MASK: u16 = 3;

#[derive(Clone, Debug)]
enum Step {
    Insert(u8),
    Remove(prop::sample::Index),
    Relocate(prop::sample::Index, u8),
    Rotate(u8, u8),
    Destroy(u8),
    Unknown(u8),
    Update(u8),
    SetDeadlines(u8),
    Gap(Option<u16>),
}

fn step() -> impl Strategy<Value = Step> {
    let session = || 0u8..12;
    prop_oneof![
        6 => session().prop_map(Step::Insert),
        3 => any::<prop::sample::Index>().prop_map(Step::Remove),
        2 => (any::<prop::sample::Index>(), session()).prop_map(|(at, to)| Step::Relocate(at, to)),
        3 => (session(), session()).prop_map(|(from, to)| Step::Rotate(from, to)),
        2 => session().prop_map(Step::Destroy),
        1 => session().prop_map(Step::Unknown),
        1 => session().prop_map(Step::Update),
        3 => session().prop_map(Step::SetDeadlines),
        1 => prop::option::of(0u16..4).prop_map(Step::Gap),
    ]
}

/// The digest of a session, in the partition of its two low bits.
fn digest(session: u8) -> IdDigest {
    let mut bytes = [session; 18];
    bytes[0] = 0;
    IdDigest::from(&bytes)
}

fn change(session: u8, kind: ChangeKind) -> FeedItem {
    let stamp = Some(Stamp::first(Incarnation::from(1), OpId::from(1)));
    FeedItem::Change(SessionChange {
        partition: digest(session).partition() & MASK,
        sequence: 1,
        digest: digest(session),
        before: stamp,
        after: stamp,
        origin: Origin::from(1),
        kind,
        op: None,
        delta: None,
    })
}

/// What the table should hold: where each watcher's session is, or the watcher's end. The flags: whether the session has
/// moved, and whether its deadlines have been replaced since the last poll.
#[derive(Default)]
struct Model(HashMap<u32, (Result<IdDigest, WatchEnd>, bool, bool)>);

impl Model {
    fn end(&mut self, end: WatchEnd, is_met: impl Fn(&IdDigest) -> bool) -> usize {
        self.0.values_mut().filter(|(state, ..)| state.as_ref().is_ok_and(&is_met)).map(|it| it.0 = Err(end)).count()
    }

    fn apply(&mut self, item: &FeedItem) -> usize {
        match item {
            FeedItem::Change(SessionChange { digest, kind: ChangeKind::Destroyed(reason), .. }) => {
                let end = WatchEnd::Ended(Ended { reason: *reason, age: std::time::Duration::ZERO });
                self.end(end, |at| at == digest)
            }
            FeedItem::Change(SessionChange { digest, kind: ChangeKind::Unknown, .. }) => {
                self.end(WatchEnd::Interrupted(Some(GapCause::Unreadable)), |at| at == digest)
            }
            FeedItem::Change(SessionChange { digest, kind: ChangeKind::Rotated { to, .. }, .. }) => {
                let moving = self.0.values_mut().filter(|(state, ..)| *state == Ok(*digest));
                moving.for_each(|it| (it.0, it.1) = (Ok(*to), true));
                0
            }
            FeedItem::Change(SessionChange { digest, kind: ChangeKind::Applied, delta: None, .. }) => {
                let met = self.0.values_mut().filter(|(state, moved, _)| *state == Ok(*digest) && !moved);
                met.map(|it| it.2 = true).count()
            }
            FeedItem::Gap(partition, cause) => self.end(WatchEnd::Interrupted(Some(*cause)), |at| {
                partition.is_none_or(|partition| at.partition() & MASK == partition)
            }),
            _ => 0,
        }
    }
}

fn end(polled: Polled) -> Option<WatchEnd> {
    match polled {
        Polled::Ended(end) => Some(end),
        Polled::Waiting { .. } => None,
    }
}

struct Both {
    table: Table,
    watchers: Vec<WatcherId>,
    model: Model,
}

impl Both {
    fn step(&mut self, step: Step) {
        let number = |watcher: WatcherId| watcher.number();
        match step {
            Step::Insert(session) => {
                let watcher = self.table.insert(digest(session));
                assert_eq!(end(self.table.poll(watcher, Waker::noop())), None);
                let inserted = (Ok(digest(session)), false, false);
                assert!(self.model.0.insert(number(watcher), inserted).is_none(), "an id in use");
                self.watchers.push(watcher);
            }
            Step::Remove(at) if !self.watchers.is_empty() => {
                let watcher = self.watchers.swap_remove(at.index(self.watchers.len()));
                let state = self.model.0.remove(&number(watcher));
                assert_eq!(self.table.remove(watcher).is_some(), state.is_some_and(|(state, ..)| state.is_ok()));
            }
            Step::Relocate(at, session) if !self.watchers.is_empty() => {
                let watcher = self.watchers[at.index(self.watchers.len())];
                self.table.relocate(watcher, digest(session));
                let state = self.model.0.get_mut(&number(watcher)).unwrap();
                state.0 = state.0.map(|_| digest(session));
                state.1 = true;
            }
            Step::Remove(_) | Step::Relocate(..) => {}
            Step::Rotate(from, to) => {
                let rotated = ChangeKind::Rotated { to: digest(to), kind: RotationKind::Renew };
                if from != to {
                    self.apply(&change(from, rotated));
                }
            }
            Step::Destroy(session) => self.apply(&change(session, ChangeKind::Destroyed(EndReason::Logout))),
            Step::Unknown(session) => self.apply(&change(session, ChangeKind::Unknown)),
            Step::Update(session) => {
                let mut item = change(session, ChangeKind::Applied);
                if let FeedItem::Change(change) = &mut item {
                    change.delta = Some(Arc::default());
                }
                assert!(!Table::is_concerned(&item));
                self.apply(&item);
            }
            Step::SetDeadlines(session) => self.apply(&change(session, ChangeKind::Applied)),
            Step::Gap(partition) => self.apply(&FeedItem::Gap(partition, GapCause::Missed)),
        }
        self.check();
    }

    fn apply(&mut self, item: &FeedItem) {
        let woken = self.table.apply(item, MASK).len();
        assert_eq!(woken, self.model.apply(item), "only the watchers that it concerns are woken");
        assert!(woken == 0 || Table::is_concerned(item));
    }

    fn check(&mut self) {
        for watcher in &self.watchers {
            let (state, moved, rescheduled) = self.model.0.get_mut(&watcher.number()).unwrap();
            assert_eq!(self.table.place(*watcher), state.ok().map(|digest| (digest, *moved)));
            let polled = self.table.poll(*watcher, Waker::noop());
            let expected = std::mem::take(rescheduled) && state.is_ok();
            assert_eq!(matches!(polled, Polled::Waiting { rescheduled: true, .. }), expected);
            assert_eq!(end(polled), state.err());
        }
        assert_eq!(self.table.waiting(), self.model.0.values().filter(|(state, ..)| state.is_ok()).count());
    }
}

proptest! {
    #[test]
    fn the_table_equals_a_list_of_watchers(steps in prop::collection::vec(step(), 0..80)) {
        let mut both = Both { table: Table::default(), watchers: Vec::new(), model: Model::default() };
        steps.into_iter().for_each(|step| both.step(step));
    }
}

#[test]
fn a_rotation_to_another_session_is_not_followed() {
    let mut table = Table::default();
    let watcher = table.insert(digest(1));
    let mut item = change(1, ChangeKind::Rotated { to: digest(2), kind: RotationKind::Privilege });
    if let FeedItem::Change(change) = &mut item {
        change.after = Some(Stamp::first(Incarnation::from(2), OpId::from(1)));
    }
    let _ = table.apply(&item, MASK);
    assert_eq!(end(table.poll(watcher, Waker::noop())), Some(WatchEnd::Superseded));
}

/// A waker may own a watch, whose drop locks the table. So the table never drops a waker itself.
#[test]
fn a_replaced_waker_is_returned() {
    struct Counted;
    impl std::task::Wake for Counted {
        fn wake(self: Arc<Self>) {}
    }
    let (mut table, first) = (Table::default(), Arc::new(Counted));
    let watcher = table.insert(digest(1));
    assert_eq!(end(table.poll(watcher, &first.clone().into())), None);
    let Polled::Waiting { replaced, .. } = table.poll(watcher, Waker::noop()) else { panic!("the watch has ended") };
    assert_eq!((Arc::strong_count(&first), replaced.is_some()), (2, true));
    assert!(table.remove(watcher).is_some());
}
