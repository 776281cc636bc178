//! The layout of the metadata.

use super::*;
use crate::layout::SCALAR;

/// However much is removed or added, nothing is read and nothing panics.
#[test]
fn only_whole_fields_are_read() {
    let forward = [b"\x01FR".as_slice(), &[7; 8], &[0; 6], &[3], &[0; 6], &[4], &[9; 18]].concat();
    let (until, kept_until) = (Timestamp::from_millis(3), Timestamp::from_millis(4));
    let expected = KeyState::Forward { to: IdDigest::from(&[9; 18]), gives_access: true, until, kept_until };
    assert_eq!(KeyState::read(&forward), Some(expected));
    for length in 0..forward.len() {
        assert_eq!(KeyState::read(&forward[..length]), None);
    }
    assert_eq!(KeyState::read(&[forward.as_slice(), b"x"].concat()), None);
    let newer = [b"\x02".as_slice(), &forward[1..]].concat();
    assert_eq!(KeyState::read(&newer), None);
}

/// The last number that can be read, and the first that cannot. Scripts have the same rules.
#[test]
fn numbers_that_no_script_writes_are_not_read() {
    let state = |version: u64, tag: &[u8; 16], idle: u64| {
        let mut field = b"\x01S\0\0\0\0\0\0\0\x01".to_vec();
        put::<8>(&mut field, version);
        field.extend_from_slice(tag);
        put::<7>(&mut field, idle);
        KeyState::read(&[&field[..], &[0; 9]].concat()).is_some()
    };
    let tag = b"0123456789abcdef";
    assert!(state(NEVER, tag, NEVER));
    assert!(!state(NEVER + 1, tag, 0) && !state(u64::MAX, tag, 0));
    assert!(!state(1, tag, NEVER + 1) && !state(1, tag, u64::MAX));
    assert!(!state(1, b"0123456789ABCDEF", 0) && !state(1, b"0123456789abcde ", 0));
    let constants = |timeout: u64, absolute: u64| {
        let mut field = vec![1; 7];
        put::<7>(&mut field, timeout);
        put::<7>(&mut field, absolute);
        let constants = Constants::read(&[&field[..], &[0; 22]].concat());
        constants.is_some_and(|constants| constants.deadlines(Timestamp::MAX).is_some())
    };
    assert!(constants(NEVER + 2, NEVER) && constants(0, NEVER - 1));
    assert!(!constants(NEVER + 3, 0) && !constants(u64::MAX, 0));
    assert!(!constants(1, NEVER + 1) && !constants(1, u64::MAX));
    assert!(!constants(0, NEVER), "no deadline at all");
}

#[test]
fn a_tombstone_for_an_unknown_reason_is_a_revocation() {
    for (byte, expected) in [
        (0, EndReason::Revoked),
        (1, EndReason::Logout),
        (2, EndReason::Revoked),
        (3, EndReason::Limit),
        (4, EndReason::Replaced),
        (5, EndReason::Renewed),
        (6, EndReason::Revoked),
        (0xff, EndReason::Revoked),
    ] {
        let field = [b"\x01T".as_slice(), &[7; 8], &[byte], &[0; 13]].concat();
        let Some(KeyState::Tombstone { reason, .. }) = KeyState::read(&field) else { panic!("{field:?}") };
        assert_eq!(reason, expected);
        assert_eq!(ended(&[&[byte], [0; 12].as_slice()].concat()).unwrap().reason, expected);
    }
}

fn constant(name: &str) -> &'static str {
    LUA_CONSTANTS.iter().find(|(constant, _)| constant[1..] == *name).unwrap().1
}

/// The positions at which the parts of a format end.
fn ends(format: &str) -> Vec<usize> {
    let mut rest = constant(format).trim_matches(['\'', '>']);
    let (mut end, mut ends) = (0, Vec::new());
    while !rest.is_empty() {
        let digits: String = rest[1..].chars().take_while(char::is_ascii_digit).collect();
        end += digits.parse().unwrap_or(1);
        ends.push(end);
        rest = &rest[1 + digits.len()..];
    }
    ends
}

/// Scripts and clients agree on the layout, and its constants with each other.
#[test]
fn the_constants_of_scripts_are_those_of_clients() {
    let number = |name: &str| constant(name).parse::<usize>().unwrap();
    let range =
        |name: &str| constant(name).split_once(", ").map(|(from, to)| (from.parse().unwrap(), to.parse().unwrap()));
    for (part, length) in [("STATE", STATE), ("TOMBSTONE", TOMBSTONE), ("FORWARD", FORWARD), ("CONSTANTS", CONSTANTS)] {
        assert_eq!(ends(&format!("{part}_FORMAT")).last(), Some(&length), "{part}");
        assert_eq!(number(&format!("{part}_LENGTH")), length, "{part}");
    }
    for (part, letter) in [("SESSION", 'S'), ("TOMBSTONE", 'T'), ("FORWARD", 'F')] {
        assert_eq!(number(&format!("{part}_TYPE")), 256 + letter as usize);
        assert_eq!(constant(&format!("{part}_HEAD")), format!("'\\1{letter}'"));
    }
    let (state, tombstone, forward) = (ends("STATE_FORMAT"), ends("TOMBSTONE_FORMAT"), ends("FORWARD_FORMAT"));
    assert_eq!(range("STAMP_RANGE"), Some((state[0] + 1, state[0] + STAMP)));
    assert_eq!(range("INCARNATION_RANGE"), Some((state[0] + 1, state[1])));
    assert_eq!((number("IDLE_AT"), state[0] + STAMP), (state[3] + 1, state[3]));
    assert_eq!(number("VERSION_AT"), state[1] + 1);
    assert_eq!(range("TOMBSTONE_OP_RANGE"), Some((tombstone[0] + 1, tombstone[1])));
    assert_eq!(range("FORWARD_OP_RANGE"), Some((forward[1] + 1, forward[2])));
    assert_eq!((number("FORWARD_TILL_AT"), number("FORWARD_DIGEST_AT")), (forward[2] + 1, forward[4] + 1));
    assert_eq!(Some(&number("RENEWAL_LENGTH")), ends("RENEWAL_FORMAT").last());
    let reason = |name: &str| end_reason(u8::try_from(number(name)).unwrap());
    assert_eq!((reason("REASON_REPLACED"), reason("REASON_RENEWED")), (EndReason::Replaced, EndReason::Renewed));
    let (constants, lock) = (ends("CONSTANTS_FORMAT"), ends("LOCK_FORMAT"));
    let starts = ["TIMEOUT_AT", "ABSOLUTE_AT", "LISTED_AT"].map(number);
    assert_eq!(starts, [constants[1] + 1, constants[2] + 1, constants[3] + 1]);
    assert_eq!(range("MOVED_BY_RANGE"), Some((constants[4] + 1, constants[5])));
    assert_eq!(number("RENEWED_AT"), constants[5] + 1);
    assert_eq!(number("PRINCIPAL_AT"), ends("PRINCIPAL_FORMAT")[2] + 1);
    assert_eq!(range("TOKEN_RANGE"), Some((lock[0] + 1, lock[2])));
    assert_eq!((number("LEASE_AT"), number("LOCK_LENGTH")), (lock[2] + 1, lock[3]));
    let left = 1 + number("LEFT_KEPT") / DIGEST_LEN;
    assert_eq!(number("LEFT_KEPT") % DIGEST_LEN, 0);
    assert_eq!(number("LEFT_DIGESTS_AT"), number("LEFT_TIME_AT") + NOW);
    assert!(number("LEFT_DIGESTS_AT") - 1 + left * DIGEST_LEN <= 64, "a longer field has no compact encoding");
    assert_eq!(Duration::from_millis(number("LEFT_FOR") as u64), crate::recent_destroys::REMEMBERED);
    assert_eq!(number("LISTING_LENGTH"), ends("LISTING_FORMAT")[2]);
    assert_eq!(number("NEVER") as u64, Timestamp::MAX.as_millis());
    assert_eq!(number("RING_KEPT"), (number("REMEMBERED") / 2 - 1) * 8);
    assert_eq!(number("SCALAR"), usize::from(SCALAR));
    assert_eq!(constant("REVOCATION").trim_matches('\'').as_bytes(), REVOCATION_FIELD);
}
