//! The state of a subscription, without a network.

use session_core::store::{BarrierId, FeedItem, GapCause};

use super::{
    super::{
        board::{Board, LinkId, Unplaced},
        message::Message,
    },
    announcement::Announcement,
};
use crate::net::Address;

fn address(port: u16) -> Address {
    Address::tcp("127.0.0.1", port)
}

fn board() -> Board {
    Board::new(2, 64, 1 << 20)
}

/// A board of two partitions on one link.
fn carried() -> (Board, LinkId) {
    let mut board = board();
    let link = board.open(address(1));
    board.join(link, &[0, 1]);
    assert!(!board.begin());
    assert!(board.carry(link, &[0, 1]));
    assert!(board.begin());
    (board, link)
}

fn hear(board: &mut Board, link: LinkId, partition: u16, sequence: u64) {
    let bytes = Announcement::applied(partition, sequence).bytes();
    board.hear(link, partition, Some(Message::read(bytes, partition, 1).unwrap()));
}

/// What a subscriber hears, in short.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Change(u16, u64),
    Gap(Option<u16>, GapCause),
    Barrier(u64),
}
use Heard::{Barrier, Change, Gap};

fn drain(board: &mut Board) -> Vec<Heard> {
    let items = std::iter::from_fn(|| board.pop().flatten());
    items
        .map(|item| match item {
            FeedItem::Change(change) => Change(change.partition, change.sequence),
            FeedItem::Gap(partition, cause) => Gap(partition, cause),
            FeedItem::Barrier(_, id) => Barrier(id.0),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn the_first_change_sets_the_sequence_and_each_partition_has_its_own() {
    let (mut board, link) = carried();
    for (partition, sequence) in [(0, 7), (1, 100), (0, 8), (1, 101)] {
        hear(&mut board, link, partition, sequence);
    }
    assert_eq!(drain(&mut board), [Change(0, 7), Change(1, 100), Change(0, 8), Change(1, 101)]);
}

#[test]
fn a_hole_a_jump_back_and_a_repetition_are_gaps() {
    let (mut board, link) = carried();
    for sequence in [7, 9, 3, 3, 4] {
        hear(&mut board, link, 0, sequence);
    }
    let missed = || Gap(Some(0), GapCause::Missed);
    assert_eq!(
        drain(&mut board),
        [Change(0, 7), missed(), Change(0, 9), missed(), Change(0, 3), missed(), Change(0, 3), Change(0, 4)]
    );
}

#[test]
fn nothing_follows_the_last_number_there_is() {
    let (mut board, link) = carried();
    hear(&mut board, link, 0, u64::MAX);
    hear(&mut board, link, 0, 0);
    assert_eq!(drain(&mut board), [Change(0, u64::MAX), Gap(Some(0), GapCause::Missed), Change(0, 0)]);
}

#[test]
fn what_cannot_be_read_is_a_gap_and_takes_no_number() {
    let (mut board, link) = carried();
    hear(&mut board, link, 0, 7);
    board.hear(link, 0, None);
    hear(&mut board, link, 0, 8);
    board.hear(link, 0, None);
    hear(&mut board, link, 0, 10);
    let unreadable = || Gap(Some(0), GapCause::Unreadable);
    assert_eq!(
        drain(&mut board),
        [Change(0, 7), unreadable(), Change(0, 8), unreadable(), Gap(Some(0), GapCause::Missed), Change(0, 10)]
    );
}

/// A barrier: last seen when it is asked for, changes that come before its answer, the answer.
fn barrier(seen: Option<u64>, meanwhile: &[u64], answer: Option<u64>) -> (Vec<Heard>, Option<u64>) {
    let (mut board, link) = carried();
    if let Some(sequence) = seen {
        hear(&mut board, link, 0, sequence);
    }
    let sent = board.carrier(0).unwrap().1;
    assert_eq!(sent, seen);
    meanwhile.iter().for_each(|sequence| hear(&mut board, link, 0, *sequence));
    drain(&mut board);
    board.answer(link, 0, sent, answer).unwrap();
    board.place(0, BarrierId(1)).unwrap();
    (drain(&mut board), board.carrier(0).unwrap().1)
}

#[test]
fn a_barrier_compares_sequences() {
    let fine = |last| (vec![Barrier(1)], last);
    let missed = |last| (vec![Gap(Some(0), GapCause::Missed), Barrier(1)], last);
    assert_eq!(barrier(None, &[], None), fine(None));
    assert_eq!(barrier(None, &[], Some(5)), fine(Some(5)), "nothing was seen: the answer tells");
    assert_eq!(barrier(Some(5), &[], Some(5)), fine(Some(5)));
    assert_eq!(barrier(Some(5), &[6, 7], Some(6)), fine(Some(7)), "a change behind the answer");
    assert_eq!(barrier(Some(5), &[], Some(6)), missed(Some(6)), "a hole");
    assert_eq!(barrier(Some(5), &[6], Some(8)), missed(Some(8)), "a hole");
    assert_eq!(barrier(Some(5), &[], None), missed(None), "flushed");
    assert_eq!(barrier(Some(5), &[6], Some(4)), missed(Some(4)), "restored");
    assert_eq!(barrier(Some(5), &[2, 3], Some(3)), fine(Some(3)), "restored, and the changes have shown it");
}

#[test]
fn the_change_after_a_barrier_that_told_the_sequence_must_follow_it() {
    let (mut board, link) = carried();
    board.answer(link, 0, None, Some(5)).unwrap();
    hear(&mut board, link, 0, 7);
    assert_eq!(drain(&mut board), [Gap(Some(0), GapCause::Missed), Change(0, 7)]);
}

#[test]
fn a_lost_link_is_one_gap_at_once_and_one_behind_the_new_subscription() {
    let (mut board, link) = carried();
    hear(&mut board, link, 0, 7);
    assert!(board.lose(link, GapCause::Disconnected));
    assert!(!board.lose(link, GapCause::Disconnected), "told once");
    assert_eq!(drain(&mut board), [Change(0, 7), Gap(None, GapCause::Disconnected)]);
    assert_eq!((board.carrier(0), board.adrift()), (None, vec![0, 1]));
    hear(&mut board, link, 0, 8);
    assert_eq!(board.answer(link, 0, Some(7), Some(8)), Err(Unplaced::NotCarried));

    let next = board.open(address(1));
    board.join(next, &[0, 1]);
    hear(&mut board, next, 0, 9);
    assert_eq!(drain(&mut board), [], "what comes before all is subscribed is before the gap");
    assert!(board.carry(next, &[0, 1]));
    hear(&mut board, next, 0, 10);
    assert_eq!(drain(&mut board), [Gap(None, GapCause::Reconnected), Change(0, 10)]);
}

/// A server that has lost everything after the subscription shows at the first question, though no change was heard.
#[test]
fn what_is_learned_on_joining_shows_a_loss() {
    let (mut board, link) = carried();
    board.lose(link, GapCause::Disconnected);
    let next = board.open(address(1));
    board.join(next, &[0, 1]);
    board.learn(next, 0, Some(7));
    board.learn(next, 1, None);
    hear(&mut board, next, 0, 8);
    assert!(board.carry(next, &[0, 1]));
    drain(&mut board);
    assert_eq!(board.carrier(0), Some((next, Some(8))));
    board.answer(next, 0, Some(8), None).unwrap();
    assert_eq!(drain(&mut board), [Gap(Some(0), GapCause::Missed)]);
    hear(&mut board, next, 1, 12);
    assert_eq!(drain(&mut board), [Change(1, 12)], "where there was nothing, nothing was missed");
}

#[test]
fn arrivals_tell_what_had_happened() {
    for (lost, port, arrived) in [
        (GapCause::Disconnected, 1, GapCause::Reconnected),
        (GapCause::Disconnected, 2, GapCause::FailedOver),
        (GapCause::Demoted, 2, GapCause::FailedOver),
        (GapCause::Demoted, 1, GapCause::Reconnected),
    ] {
        let (mut board, link) = carried();
        board.lose(link, lost);
        let next = board.open(address(port));
        board.join(next, &[0, 1]);
        board.carry(next, &[0, 1]);
        assert_eq!(drain(&mut board), [Gap(None, lost), Gap(None, arrived)]);
    }
}

#[test]
fn a_slot_that_moves_is_a_gap_when_it_leaves_and_when_it_arrives() {
    let (mut board, link) = carried();
    board.withdraw(link, 1, GapCause::SlotMoved);
    board.withdraw(link, 1, GapCause::SlotMoved);
    hear(&mut board, link, 0, 7);
    hear(&mut board, link, 1, 7);
    let other = board.open(address(2));
    board.join(other, &[0, 1]);
    board.carry(other, &[1]);
    hear(&mut board, link, 0, 8);
    hear(&mut board, other, 1, 8);
    let moved = || Gap(Some(1), GapCause::SlotMoved);
    assert_eq!(drain(&mut board), [moved(), Change(0, 7), moved(), Change(0, 8), Change(1, 8)]);
    assert_eq!((board.carried_by(link), board.carried_by(other)), (vec![0], vec![1]));

    board.lose(link, GapCause::Disconnected);
    assert_eq!(drain(&mut board), [Gap(Some(0), GapCause::Disconnected)], "the other carries the rest");
}

#[test]
fn a_subscription_that_is_withdrawn_while_others_are_made_is_not_counted() {
    let mut board = board();
    let link = board.open(address(1));
    board.join(link, &[0, 1]);
    board.withdraw(link, 1, GapCause::SlotMoved);
    assert!(board.carry(link, &[0, 1]));
    assert_eq!(board.adrift(), [1]);
    assert!(!board.begin());
}

#[test]
fn a_link_that_is_lost_while_it_subscribes_carries_nothing() {
    let mut board = board();
    let link = board.open(address(1));
    board.join(link, &[0, 1]);
    board.lose(link, GapCause::Disconnected);
    assert!(!board.carry(link, &[0, 1]));
    assert_eq!((board.adrift(), drain(&mut board)), (vec![0, 1], vec![]));
}

#[test]
fn an_overflow_is_a_gap_and_not_the_last_word() {
    let (mut board, link) = carried();
    (0..64).for_each(|sequence| hear(&mut board, link, 0, sequence));
    board.lose(link, GapCause::Disconnected);
    assert_eq!(drain(&mut board), [Gap(None, GapCause::Overflow), Gap(None, GapCause::Disconnected)]);
}

#[test]
fn a_closed_board_tells_the_rest_and_ends() {
    let (mut board, link) = carried();
    hear(&mut board, link, 0, 7);
    board.close();
    hear(&mut board, link, 0, 8);
    assert!(matches!(board.pop(), Some(Some(FeedItem::Change(_)))));
    assert_eq!(board.pop(), Some(None));
    assert_eq!(board.carrier(0), None);
}
