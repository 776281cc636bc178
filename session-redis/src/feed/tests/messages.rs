//! Reading messages.

use std::sync::Arc;

use proptest::prelude::*;
use session_core::{
    model::{EndReason, OpId},
    store::{ChangeKind, Origin, RotationKind, SessionChange},
};

use super::{
    super::message::{HEADER, Message},
    announcement::{Announcement, OP, ORIGIN, delta, digest, stamp},
};

const PARTITION: u16 = 5;
const MASK: u16 = 7;

fn read(bytes: Vec<u8>) -> Option<SessionChange> {
    Message::read(bytes, PARTITION, MASK).map(|message| message.change)
}

fn kind_of(announcement: &Announcement) -> ChangeKind {
    read(announcement.bytes()).unwrap().kind
}

/// The header as specified, byte by byte: it must never change.
const GOLDEN: &[u8] = b"\x01\x02\x03\x00\
    \x00\x00\x00\x00\x00\x01\x02\x03\
    \x00\x0d\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\
    \x01\x02\x03\x04\x05\x06\x07\x08\
    \xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\x00\x00\x00\x00\x00\x00\x00\x010123456789abcdef\
    \xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\x00\x00\x00\x00\x00\x00\x00\x020123456789abcdef\
    \x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\
    \x01\x01\x05theme\x03\x031\x00";

#[test]
fn the_frozen_header() {
    let change = read(GOLDEN.to_vec()).unwrap();
    assert_eq!((change.partition, change.sequence), (PARTITION, 0x01_0203));
    assert_eq!(change.digest, digest(13), "partition 13 of more is partition 5 of eight");
    assert_eq!(change.origin, Origin::from(ORIGIN));
    assert_eq!((change.before, change.after), (Some(stamp(1)), Some(stamp(2))));
    assert_eq!((change.kind, change.op), (ChangeKind::Applied, Some(OpId::from(OP))));
    assert_eq!(change.delta, Some(Arc::new(delta())));
}

#[test]
fn kinds() {
    let applied = Announcement::applied(PARTITION, 1);
    let body = delta().to_bytes().to_vec();
    let created = Announcement { kind: 1, flags: 2, body, ..applied.clone() };
    assert_eq!(kind_of(&created), ChangeKind::Created);
    assert_eq!(read(created.bytes()).unwrap().before, None);
    for (kind, rotation) in [(3, RotationKind::Renew), (4, RotationKind::Privilege)] {
        let to = digest(PARTITION + 8);
        for body in [to.to_bytes().to_vec(), [&to.to_bytes()[..], &delta().to_bytes()].concat()] {
            let carried = (body.len() > 18).then(|| Arc::new(delta()));
            let change = read(Announcement { kind, body, ..applied.clone() }.bytes()).unwrap();
            assert_eq!(change.kind, ChangeKind::Rotated { to, kind: rotation });
            assert_eq!(change.delta, carried);
        }
    }
    let reasons = [
        (1, EndReason::Logout),
        (2, EndReason::Revoked),
        (3, EndReason::Limit),
        (4, EndReason::Replaced),
        (5, EndReason::Renewed),
    ];
    for (reason, end) in reasons {
        for flags in [0, 1] {
            let ended = Announcement { kind: 5, flags, reason, body: vec![], ..applied.clone() };
            assert_eq!(kind_of(&ended), ChangeKind::Destroyed(end));
        }
    }
}

/// The session has ended in any case. A tombstone with an unknown reason reads the same.
#[test]
fn a_destroy_for_an_unknown_reason_is_a_revocation() {
    for reason in [0, 6, 0xff] {
        let applied = Announcement::applied(PARTITION, 1);
        let ended = Announcement { kind: 5, flags: 1, reason, body: vec![], ..applied };
        assert_eq!(kind_of(&ended), ChangeKind::Destroyed(EndReason::Revoked));
    }
}

#[test]
fn a_message_of_a_later_version_is_an_unknown_change_of_a_known_session() {
    let applied = Announcement::applied(PARTITION, 9);
    let unknown = [
        Announcement { kind: 6, ..applied.clone() },
        Announcement { kind: 0, ..applied.clone() },
        Announcement { flags: 0b111, ..applied.clone() },
        Announcement { flags: 1, ..applied.clone() },
        Announcement { reason: 1, ..applied.clone() },
        Announcement { kind: 5, flags: 3, reason: 1, body: vec![], ..applied.clone() },
        Announcement { body: b"\x02\x00\x00".to_vec(), ..applied.clone() },
        Announcement { body: delta().to_bytes().to_vec(), ..applied.clone() },
        Announcement { kind: 3, body: digest(PARTITION).to_bytes()[..17].to_vec(), ..applied.clone() },
        Announcement { kind: 4, body: digest(PARTITION + 1).to_bytes().to_vec(), ..applied.clone() },
    ];
    for announcement in unknown {
        let change = read(announcement.bytes()).unwrap();
        assert_eq!((change.kind, change.delta), (ChangeKind::Unknown, None));
        assert_eq!((change.sequence, change.digest), (9, digest(PARTITION)));
    }
}

#[test]
fn a_header_that_is_not_ours_is_unreadable() {
    let applied = Announcement::applied(PARTITION, 9);
    let mut upper_case = applied.clone();
    upper_case.stamps[1][31] = b'F';
    for announcement in [
        Announcement { version: 0, ..applied.clone() },
        Announcement { version: 2, ..applied.clone() },
        Announcement { digest: digest(PARTITION + 1), ..applied.clone() },
        upper_case,
    ] {
        assert_eq!(read(announcement.bytes()), None);
    }
}

#[test]
fn cut_short_at_every_length() {
    const WITH_OP: usize = HEADER + 8;
    for length in 0..GOLDEN.len() {
        let change = read(GOLDEN[..length].to_vec());
        match length {
            0..HEADER => assert_eq!(change, None, "{length}"),
            // After the op id, the delta is not carried.
            WITH_OP => assert_eq!(change.map(|change| change.kind), Some(ChangeKind::Applied)),
            _ => assert_eq!(change.map(|change| change.kind), Some(ChangeKind::Unknown), "{length}"),
        }
    }
}

#[test]
fn an_enormous_delta_is_not_kept() {
    let body = vec![0; 8 + (1 << 20) + 1];
    let message = Message::read(Announcement { body, ..Announcement::applied(PARTITION, 1) }.bytes(), PARTITION, MASK);
    let message = message.unwrap();
    assert_eq!((message.change.kind, message.change.delta, message.weight), (ChangeKind::Applied, None, 0));
}

proptest! {
    #[test]
    fn nothing_that_is_published_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(bytes);
    }

    #[test]
    fn nothing_behind_a_good_start_makes_it_panic(at in 0..GOLDEN.len(), byte: u8, more in proptest::collection::vec(any::<u8>(), 0..40)) {
        let mut bytes = GOLDEN.to_vec();
        bytes[at] = byte;
        bytes.extend(more);
        let _ = read(bytes);
    }
}
