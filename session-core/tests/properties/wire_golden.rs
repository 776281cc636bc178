//! Golden files of every format version are decoded to the expected values and encoded again byte for byte.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use session_core::{
    Principal,
    model::{Deadlines, Delta, Format, Incarnation, Record, Stamp, State, Timestamp, Value},
};

use crate::naive::{field, key, value};

/// The bytes of a golden file.
fn golden(name: &str) -> Bytes {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let digits: String = text
        .lines()
        .flat_map(|line| line.split('#').next())
        .flat_map(str::chars)
        .filter(|c| !c.is_whitespace())
        .collect();
    assert!(digits.is_ascii() && digits.len().is_multiple_of(2), "{name}");
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

#[track_caller]
fn is_delta(name: &str, expected: &Delta) {
    let bytes = golden(name);
    assert_eq!(&Delta::from_bytes(bytes.clone()).unwrap(), expected);
    assert_eq!(expected.to_bytes(), bytes);
}

#[track_caller]
fn is_record(name: &str, expected: &Record) {
    let bytes = golden(name);
    assert_eq!(&Record::from_bytes(bytes.clone()).unwrap(), expected);
    assert_eq!(expected.to_bytes(), bytes);
}

#[test]
fn delta_v1() {
    is_delta("delta-v1-empty.hex", &Delta::new());

    let mut delta = Delta::new();
    delta.remove(field("coupon"));
    delta.set(field("lang"), Value::new(Format::JSON, b"7\""));
    delta.set(field("müsli"), Value::MEMBER);
    delta.clear(field("cart"));
    delta.insert(field("cart"), key(""), value(vec![255]));
    delta.insert(field("cart"), key("sku-1"), Value::from(vec![1, 2]));
    delta.remove_key(field("roles"), key("admin"));
    delta.insert(field("roles"), key("editor"), Value::MEMBER);
    delta.clear(field("viewed"));
    is_delta("delta-v1-all.hex", &delta);

    let mut delta = Delta::new();
    delta.set(field(&"f".repeat(255)), Value::new(Format::SEALED, &[0x5a; 299]));
    delta.remove_key(field("m"), key(&"k".repeat(1_024)));
    is_delta("delta-v1-long.hex", &delta);
}

#[test]
fn record_v1() {
    let stamp = Stamp::from_parts(Incarnation::from(0), 1, 0);
    let deadlines = Deadlines::from_parts(None, Some(Timestamp::from_millis(1))).unwrap();
    is_record("record-v1-empty.hex", &Record::new(stamp, Timestamp::from_millis(0), deadlines, State::default()));

    let stamp = Stamp::from_parts(Incarnation::from(u64::MAX), u64::MAX, u64::MAX);
    let deadlines = Deadlines::from_parts(Some((Duration::ZERO, Timestamp::MAX)), None).unwrap();
    let created_at = Timestamp::from_millis(Timestamp::MAX.as_millis() - 1);
    is_record("record-v1-idle.hex", &Record::new(stamp, created_at, deadlines, State::default()));

    let stamp = Stamp::from_parts(Incarnation::from(0x0123_4567_89ab_cdef), 300, 0xfedc_ba98_7654_3210);
    let created_at = Timestamp::from_millis(1_767_225_600_000);
    let idle = Duration::from_secs(30 * 60);
    let absolute = created_at.after(Duration::from_secs(24 * 60 * 60));
    let deadlines = Deadlines::from_parts(Some((idle, created_at.after(idle))), Some(absolute)).unwrap();
    let mut entries = Delta::new();
    entries.set(field("lang"), Value::new(Format::JSON, b"\"en\""));
    entries.set(field("user"), Value::from(vec![1, 7]));
    entries.insert(field("cart"), key("sku-1"), Value::from(vec![2, 1]));
    entries.insert(field("cart"), key("sku-2"), Value::new(Format::custom(128).unwrap(), &[42]));
    entries.insert(field("roles"), key("admin"), Value::MEMBER);
    is_record("record-v1-all.hex", &Record::new(stamp, created_at, deadlines, State::from(&entries)));
}

/// A record has the first version that has all of its parts.
#[test]
fn record_v2() {
    let stamp = Stamp::from_parts(Incarnation::from(7), 2, 9);
    let deadlines = Deadlines::from_parts(None, Some(Timestamp::from_millis(300))).unwrap();
    let bare = Record::new(stamp, Timestamp::from_millis(1), deadlines, State::default());
    let signed_in = bare.clone().with_sign_in(Principal::new("ada").unwrap(), Timestamp::from_millis(200));
    is_record("record-v2-unconfirmed.hex", &bare.clone().with_unconfirmed(true));
    is_record("record-v2-signed-in.hex", &signed_in);
    is_record("record-v2-both.hex", &signed_in.clone().with_unconfirmed(true));
    is_record("record-v2-bound.hex", &signed_in.with_bound_to(Incarnation::from(3)));

    // Version 2 without a part of its own is not in the earliest version.
    let mut bytes = bare.to_bytes().to_vec();
    bytes[0] = 2;
    bytes.extend_from_slice(&[0, 0, 0]);
    assert!(Record::from_bytes(bytes.into()).is_err());
}
