//! The state of a subscription, without a network.

use session_core::store::{BarrierId, FeedItem, GapCause};

use super::{
    super::{
        feed_state::{BarrierError, ConnectionId, FeedState},
        message::Message,
    },
    announcement::Announcement,
};
use crate::net::Address;

fn address(port: u16) -> Address {
    Address::tcp("127.0.0.1", port)
}

fn state() -> FeedState {
    FeedState::new(2, 64, 1 << 20)
}

/// A state of two partitions on one connection.
fn carried() -> (FeedState, ConnectionId) {
    let mut state = state();
    let connection = state.open(address(1));
    state.begin_subscribing(connection, &[0, 1]);
    assert!(!state.begin());
    assert!(state.carry(connection, &[0, 1]));
    assert!(state.begin());
    (state, connection)
}

fn receive(state: &mut FeedState, connection: ConnectionId, partition: u16, sequence: u64) {
    let bytes = Announcement::applied(partition, sequence).bytes();
    state.receive(connection, partition, Some(Message::read(bytes, partition, 1).unwrap()));
}

/// The items of a subscriber, in short.
#[derive(Debug, PartialEq, Eq)]
enum Item {
    Change(u16, u64),
    Gap(Option<u16>, GapCause),
    Barrier(BarrierId),
}
use Item::{Barrier, Change, Gap};

fn drain(state: &mut FeedState) -> Vec<Item> {
    let items = std::iter::from_fn(|| state.pop().flatten());
    items
        .map(|item| match item {
            FeedItem::Change(change) => Change(change.partition, change.sequence),
            FeedItem::Gap(partition, cause) => Gap(partition, cause),
            FeedItem::Barrier(_, id) => Barrier(id),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn the_first_change_sets_the_sequence_and_each_partition_has_its_own() {
    let (mut state, connection) = carried();
    for (partition, sequence) in [(0, 7), (1, 100), (0, 8), (1, 101)] {
        receive(&mut state, connection, partition, sequence);
    }
    assert_eq!(drain(&mut state), [Change(0, 7), Change(1, 100), Change(0, 8), Change(1, 101)]);
}

#[test]
fn a_hole_a_jump_back_and_a_repetition_are_gaps() {
    let (mut state, connection) = carried();
    for sequence in [7, 9, 3, 3, 4] {
        receive(&mut state, connection, 0, sequence);
    }
    let missed = || Gap(Some(0), GapCause::Missed);
    assert_eq!(
        drain(&mut state),
        [Change(0, 7), missed(), Change(0, 9), missed(), Change(0, 3), missed(), Change(0, 3), Change(0, 4)]
    );
}

#[test]
fn nothing_follows_the_last_number_there_is() {
    let (mut state, connection) = carried();
    receive(&mut state, connection, 0, u64::MAX);
    receive(&mut state, connection, 0, 0);
    assert_eq!(drain(&mut state), [Change(0, u64::MAX), Gap(Some(0), GapCause::Missed), Change(0, 0)]);
}

#[test]
fn an_unreadable_message_is_a_gap_and_takes_no_number() {
    let (mut state, connection) = carried();
    receive(&mut state, connection, 0, 7);
    state.receive(connection, 0, None);
    receive(&mut state, connection, 0, 8);
    state.receive(connection, 0, None);
    receive(&mut state, connection, 0, 10);
    let unreadable = || Gap(Some(0), GapCause::Unreadable);
    assert_eq!(
        drain(&mut state),
        [Change(0, 7), unreadable(), Change(0, 8), unreadable(), Gap(Some(0), GapCause::Missed), Change(0, 10)]
    );
}

/// A barrier: the last sequence when it is requested, the changes before its answer, and the answer.
fn barrier(seen: Option<u64>, meanwhile: &[u64], answer: Option<u64>) -> (Vec<Item>, Option<u64>) {
    let (mut state, connection) = carried();
    if let Some(sequence) = seen {
        receive(&mut state, connection, 0, sequence);
    }
    let sent = state.carrier(0).unwrap().1;
    assert_eq!(sent, seen);
    meanwhile.iter().for_each(|sequence| receive(&mut state, connection, 0, *sequence));
    drain(&mut state);
    state.record_sequence(connection, 0, sent, answer).unwrap();
    state.push_barrier(0, BarrierId::from(1)).unwrap();
    (drain(&mut state), state.carrier(0).unwrap().1)
}

#[test]
fn a_barrier_compares_sequences() {
    let fine = |last| (vec![Barrier(1.into())], last);
    let missed = |last| (vec![Gap(Some(0), GapCause::Missed), Barrier(1.into())], last);
    assert_eq!(barrier(None, &[], None), fine(None));
    assert_eq!(barrier(None, &[], Some(5)), fine(Some(5)), "nothing was seen: the answer sets the sequence");
    assert_eq!(barrier(Some(5), &[], Some(5)), fine(Some(5)));
    assert_eq!(barrier(Some(5), &[6, 7], Some(6)), fine(Some(7)), "a change behind the answer");
    assert_eq!(barrier(Some(5), &[], Some(6)), missed(Some(6)), "a hole");
    assert_eq!(barrier(Some(5), &[6], Some(8)), missed(Some(8)), "a hole");
    assert_eq!(barrier(Some(5), &[], None), missed(None), "flushed");
    assert_eq!(barrier(Some(5), &[6], Some(4)), missed(Some(4)), "restored");
    assert_eq!(barrier(Some(5), &[2, 3], Some(3)), fine(Some(3)), "restored, and the changes have shown it");
}

#[test]
fn the_change_after_a_barrier_must_follow_its_sequence() {
    let (mut state, connection) = carried();
    state.record_sequence(connection, 0, None, Some(5)).unwrap();
    receive(&mut state, connection, 0, 7);
    assert_eq!(drain(&mut state), [Gap(Some(0), GapCause::Missed), Change(0, 7)]);
}

#[test]
fn a_lost_connection_is_one_gap_at_once_and_one_after_the_new_subscription() {
    let (mut state, connection) = carried();
    receive(&mut state, connection, 0, 7);
    assert!(state.lose(connection, GapCause::Disconnected));
    assert!(!state.lose(connection, GapCause::Disconnected), "reported once");
    assert_eq!(drain(&mut state), [Change(0, 7), Gap(None, GapCause::Disconnected)]);
    assert_eq!((state.carrier(0), state.uncarried()), (None, vec![0, 1]));
    receive(&mut state, connection, 0, 8);
    assert_eq!(state.record_sequence(connection, 0, Some(7), Some(8)), Err(BarrierError::NotCarried));

    let next = state.open(address(1));
    state.begin_subscribing(next, &[0, 1]);
    receive(&mut state, next, 0, 9);
    assert_eq!(drain(&mut state), [], "changes received while subscribing precede the gap");
    assert!(state.carry(next, &[0, 1]));
    receive(&mut state, next, 0, 10);
    assert_eq!(drain(&mut state), [Gap(None, GapCause::Reconnected), Change(0, 10)]);
}

/// A server that lost everything after the subscription is detected by the first check, even before a change arrives.
#[test]
fn the_baseline_shows_a_loss() {
    let (mut state, connection) = carried();
    state.lose(connection, GapCause::Disconnected);
    let next = state.open(address(1));
    state.begin_subscribing(next, &[0, 1]);
    state.set_baseline(next, 0, Some(7));
    state.set_baseline(next, 1, None);
    receive(&mut state, next, 0, 8);
    assert!(state.carry(next, &[0, 1]));
    drain(&mut state);
    assert_eq!(state.carrier(0), Some((next, Some(8))));
    state.record_sequence(next, 0, Some(8), None).unwrap();
    assert_eq!(drain(&mut state), [Gap(Some(0), GapCause::Missed)]);
    receive(&mut state, next, 1, 12);
    assert_eq!(drain(&mut state), [Change(1, 12)], "a partition without a sequence missed nothing");
}

#[test]
fn the_gap_of_a_return_has_the_cause() {
    for (lost, port, arrived) in [
        (GapCause::Disconnected, 1, GapCause::Reconnected),
        (GapCause::Disconnected, 2, GapCause::FailedOver),
        (GapCause::Demoted, 2, GapCause::FailedOver),
        (GapCause::Demoted, 1, GapCause::Reconnected),
    ] {
        let (mut state, connection) = carried();
        state.lose(connection, lost);
        let next = state.open(address(port));
        state.begin_subscribing(next, &[0, 1]);
        state.carry(next, &[0, 1]);
        assert_eq!(drain(&mut state), [Gap(None, lost), Gap(None, arrived)]);
    }
}

#[test]
fn a_slot_that_moves_is_a_gap_when_it_leaves_and_when_it_arrives() {
    let (mut state, connection) = carried();
    state.unsubscribed(connection, 1, GapCause::SlotMoved);
    state.unsubscribed(connection, 1, GapCause::SlotMoved);
    receive(&mut state, connection, 0, 7);
    receive(&mut state, connection, 1, 7);
    let other = state.open(address(2));
    state.begin_subscribing(other, &[0, 1]);
    state.carry(other, &[1]);
    receive(&mut state, connection, 0, 8);
    receive(&mut state, other, 1, 8);
    let moved = || Gap(Some(1), GapCause::SlotMoved);
    assert_eq!(drain(&mut state), [moved(), Change(0, 7), moved(), Change(0, 8), Change(1, 8)]);
    assert_eq!((state.carried_by(connection), state.carried_by(other)), (vec![0], vec![1]));

    state.lose(connection, GapCause::Disconnected);
    assert_eq!(drain(&mut state), [Gap(Some(0), GapCause::Disconnected)], "the other carries the rest");
}

#[test]
fn a_subscription_that_ends_while_others_are_made_is_not_counted() {
    let mut state = state();
    let connection = state.open(address(1));
    state.begin_subscribing(connection, &[0, 1]);
    state.unsubscribed(connection, 1, GapCause::SlotMoved);
    assert!(state.carry(connection, &[0, 1]));
    assert_eq!(state.uncarried(), [1]);
    assert!(!state.begin());
}

#[test]
fn a_connection_that_is_lost_while_it_subscribes_carries_nothing() {
    let mut state = state();
    let connection = state.open(address(1));
    state.begin_subscribing(connection, &[0, 1]);
    state.lose(connection, GapCause::Disconnected);
    assert!(!state.carry(connection, &[0, 1]));
    assert_eq!((state.uncarried(), drain(&mut state)), (vec![0, 1], vec![]));
}

#[test]
fn items_after_an_overflow_are_queued() {
    let (mut state, connection) = carried();
    (0..64).for_each(|sequence| receive(&mut state, connection, 0, sequence));
    state.lose(connection, GapCause::Disconnected);
    assert_eq!(drain(&mut state), [Gap(None, GapCause::Overflow), Gap(None, GapCause::Disconnected)]);
}

#[test]
fn a_closed_state_delivers_the_rest_and_ends() {
    let (mut state, connection) = carried();
    receive(&mut state, connection, 0, 7);
    state.close();
    receive(&mut state, connection, 0, 8);
    assert!(matches!(state.pop(), Some(Some(FeedItem::Change(_)))));
    assert_eq!(state.pop(), Some(None));
    assert_eq!(state.carrier(0), None);
}
