//! The change feed: order, gaps, barriers, origins.

use std::thread;

use futures_util::FutureExt;
use session_core::{
    model::{Delta, EndReason, Field, Format, Value},
    store::{
        ChangeKind, FeedItem, GapCause, RotationKind, SessionChange, SessionStore, Subscription, TouchOptions, Update,
    },
};
use session_memory::MemoryStore;

use crate::given::{create, destroy, id, now, one_field, op, rotate, store, update};

fn subscribe(store: &MemoryStore) -> Subscription {
    now(store.feed().unwrap().subscribe()).unwrap()
}

/// All items that are ready now.
fn drain(subscription: &mut Subscription) -> Vec<FeedItem> {
    std::iter::from_fn(|| subscription.next().now_or_never().flatten()).collect()
}

fn change(item: &FeedItem) -> &SessionChange {
    match item {
        FeedItem::Change(change) => change,
        other => panic!("{other:?} is not a change"),
    }
}

#[test]
fn every_change_is_published_once_in_order_with_its_stamps() {
    let (store, _clock) = store(|it| it);
    let (node, mut id, mut listener) = (store.node(), id(), subscribe(&store));
    create(&store, &id);
    let first = update("a");
    now(node.apply(&id, &first)).unwrap();
    now(node.apply(&id, &first)).unwrap();
    now(node.apply(&id, &Update::new(op(), Delta::new()))).unwrap();
    now(node.touch(&id, TouchOptions::default())).unwrap();
    let old = *id.digest();
    id = rotate(&store, &id, RotationKind::Renew);
    destroy(&node, &id);
    let items = drain(&mut listener);
    let changes: Vec<_> = items.iter().map(change).collect();
    let kinds: Vec<_> = changes.iter().map(|change| change.kind).collect();
    let rotated = ChangeKind::Rotated { to: *id.digest(), kind: RotationKind::Renew };
    assert_eq!(kinds, [ChangeKind::Created, ChangeKind::Applied, rotated, ChangeKind::Destroyed(EndReason::Logout)]);
    assert!(changes.windows(2).all(|pair| pair[0].sequence + 1 == pair[1].sequence));
    assert!(changes.windows(2).all(|pair| pair[0].after == pair[1].before), "the stamps chain");
    assert!(changes.iter().all(|change| u32::from(change.partition) < store.feed().unwrap().partitions()));
    let (here, there) = (store.feed().unwrap().origin(), node.feed().unwrap().origin());
    assert_eq!(changes.iter().map(|change| change.origin).collect::<Vec<_>>(), [here, there, here, there]);
    assert_eq!(changes.iter().map(|change| change.digest).collect::<Vec<_>>(), [old, old, old, *id.digest()]);
    assert_eq!(changes[1].delta.as_deref(), Some(&first.delta));
    assert!(changes[2].delta.is_none() && changes[3].delta.is_none());
}

#[test]
fn large_deltas_are_not_carried() {
    let (store, _clock) = store(|it| it);
    let (id, mut listener) = (id(), subscribe(&store));
    create(&store, &id);
    for size in [4_000, 4_096] {
        let mut delta = Delta::new();
        delta.set(Field::new("f").unwrap(), Value::new(Format::JSON, &vec![b'1'; size]));
        now(store.apply(&id, &Update::new(op(), delta))).unwrap();
    }
    let items = drain(&mut listener);
    assert_eq!(items[1..].iter().map(|item| change(item).delta.is_some()).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn sequences_continue_without_subscribers_and_differ_between_stores() {
    let (first, _clock) = store(|it| it.partitions(1));
    let (second, _clock) = store(|it| it.partitions(1));
    let next = |store: &MemoryStore| {
        let mut listener = subscribe(store);
        create(store, &id());
        change(&drain(&mut listener)[0]).sequence
    };
    let before = next(&first);
    (0..10).for_each(|_| create(&first, &id()));
    assert_eq!(next(&first), before + 11);
    assert_ne!(before >> 32, next(&second) >> 32);
}

#[test]
fn a_slow_subscriber_receives_a_gap() {
    let (store, _clock) = store(|it| it.subscriber_buffer(8).partitions(1));
    let (mut slow, mut quick) = (subscribe(&store), subscribe(&store));
    let mut seen = 0;
    for _ in 0..20 {
        create(&store, &id());
        seen += drain(&mut quick).iter().map(change).count();
    }
    assert_eq!(seen, 20, "one subscriber does not delay another");
    let items = drain(&mut slow);
    assert!(items.len() <= 8);
    assert_eq!(items[0], FeedItem::Gap(None, GapCause::Overflow));
    let rest: Vec<_> = items[1..].iter().map(|item| change(item).sequence).collect();
    assert!(rest.windows(2).all(|pair| pair[0] + 1 == pair[1]), "no other gap");
    create(&store, &id());
    assert_eq!(change(&drain(&mut slow)[0]).sequence, rest[rest.len() - 1] + 1);
}

#[test]
fn a_barrier_follows_everything_published_before_it() {
    let (store, _clock) = store(|it| it.partitions(2));
    let mut listener = subscribe(&store);
    let barriers = listener.barriers().clone();
    create(&store, &id());
    let (first, second) = (now(barriers.barrier(0)).unwrap(), now(barriers.barrier(1)).unwrap());
    create(&store, &id());
    let items = drain(&mut listener);
    assert_eq!(items[1..3], [FeedItem::Barrier(0, first), FeedItem::Barrier(1, second)]);
    assert_eq!(items.len(), 4);
    assert!(now(barriers.barrier(2)).is_err(), "no such partition");
    drop(store);
    assert!(now(barriers.barrier(0)).is_err());
}

#[test]
fn subscriptions_end_when_dropped_and_with_the_store() {
    let (store, _clock) = store(|it| it);
    let (dropped, mut kept) = (subscribe(&store), subscribe(&store));
    assert_eq!(store.stats().subscribers, 2);
    drop(dropped);
    assert_eq!(store.stats().subscribers, 1);
    create(&store, &id());
    let waiting = thread::spawn(move || {
        let first = kept.next().now_or_never().flatten();
        (first.is_some(), pollster::block_on(kept.next()).is_none())
    });
    drop(store);
    assert_eq!(waiting.join().unwrap(), (true, true));
}

/// If changes were published outside the lock under which they are made, two changes of one partition could swap
/// places.
#[test]
fn changes_of_many_threads_are_published_in_order() {
    let (store, _clock) = store(|it| it.partitions(4).subscriber_buffer(100_000));
    let (shared, mut listener) = (id(), subscribe(&store));
    create(&store, &shared);
    thread::scope(|scope| {
        for _ in 0..4 {
            let node = store.node();
            scope.spawn(move || {
                for n in 0..1_000 {
                    create(&node, &id());
                    now(node.apply(&shared, &Update::new(op(), one_field(&format!("f{}", n % 7))))).unwrap();
                }
            });
        }
    });
    let items = drain(&mut listener);
    assert_eq!(items.len(), 1 + 8_000);
    for partition in 0..4 {
        let of_partition = |change: &&SessionChange| change.partition == partition;
        let sequences: Vec<_> = items.iter().map(change).filter(of_partition).map(|change| change.sequence).collect();
        assert!(sequences.windows(2).all(|pair| pair[0] + 1 == pair[1]));
    }
    let stamps: Vec<_> = items
        .iter()
        .map(change)
        .filter(|change| change.digest == *shared.digest())
        .map(|it| (it.before, it.after))
        .collect();
    assert!(stamps.windows(2).all(|pair| pair[0].1 == pair[1].0));
}
