//! The encoded form: canonical, and safe to decode from untrusted input.

use bytes::Bytes;
use proptest::prelude::*;
use session_core::{
    Error, ErrorKind,
    model::{Delta, Record, State},
};

use crate::strategy::{delta, record};

/// The law for any input: it is refused with a typed error, or encoding the decoded value gives the same bytes.
fn strict(input: &[u8]) -> Result<(), TestCaseError> {
    let input = Bytes::copy_from_slice(input);
    let again = [
        Delta::from_bytes(input.clone()).map(|it| it.to_bytes()),
        Record::from_bytes(input.clone()).map(|it| it.to_bytes()),
    ];
    for written in again {
        match written {
            Ok(written) => prop_assert_eq!(&written, &input),
            Err(error) => is_unreadable(&error)?,
        }
    }
    Ok(())
}

/// No input makes a decoder allocate more than 64 times its length, besides an error.
fn check_allocations(input: &[u8]) -> Result<(), TestCaseError> {
    let bytes = Bytes::copy_from_slice(input);
    for read in [|bytes| drop(Delta::from_bytes(bytes)), |bytes| drop(Record::from_bytes(bytes))] {
        let allocated = allocation_counter::measure(|| read(bytes.clone())).bytes_max;
        prop_assert!(allocated <= 64 * input.len() as u64 + 1_024, "{allocated} for {} bytes", input.len());
    }
    Ok(())
}

/// Nested counts that are as large as the decoder accepts.
fn nested_counts(fields: u16, entries: u16, rest: u16) -> Vec<u8> {
    let varint = |number: u16| match number.to_le_bytes() {
        [low @ 0..0x80, 0] => vec![low],
        // Of a longer number, the lowest bits and one more byte are enough.
        [low, high] => vec![low | 0x80, high.clamp(1, 0x7f)],
    };
    let body = [&varint(fields)[..], b"\x01a", &varint(entries), &vec![b'b'; usize::from(rest)]].concat();
    [b"\x01\x00", &body[..]].concat()
}

fn is_unreadable(error: &Error) -> Result<(), TestCaseError> {
    prop_assert_eq!(error.kind(), ErrorKind::UnreadableField);
    prop_assert!(error.field().is_none() && !error.is_retryable());
    Ok(())
}

#[derive(Clone, Debug)]
enum Damage {
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Delete(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let byte = || prop_oneof![any::<u8>(), Just(0), Just(1), Just(0x80), Just(0xff)];
    prop_oneof![
        (any::<prop::sample::Index>(), byte()).prop_map(|(at, byte)| Damage::Flip(at, byte)),
        (any::<prop::sample::Index>(), byte()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        any::<prop::sample::Index>().prop_map(Damage::Delete),
        (any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(|(a, b)| Damage::Swap(a, b)),
    ]
}

fn damaged(bytes: &[u8], damage: &[Damage]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for damage in damage.iter() {
        let length = bytes.len();
        match damage {
            Damage::Insert(at, byte) => bytes.insert(at.index(length + 1), *byte),
            _ if length == 0 => {}
            Damage::Flip(at, byte) => bytes[at.index(length)] = *byte,
            Damage::Delete(at) => drop(bytes.remove(at.index(length))),
            Damage::Swap(a, b) => bytes.swap(a.index(length), b.index(length)),
        }
    }
    bytes
}

/// The first byte of every encoded form.
const VERSION: u8 = 1;

proptest! {
    #[test]
    fn a_delta_round_trips(delta in delta()) {
        let bytes = delta.to_bytes();
        prop_assert_eq!(bytes[0], VERSION);
        prop_assert_eq!(bytes.len(), delta.encoded_len());
        prop_assert_eq!(Delta::from_bytes(bytes).unwrap(), delta);
    }

    #[test]
    fn a_record_round_trips(record in record()) {
        let bytes = record.to_bytes();
        let is_bound = record.bound_to() != record.stamp().incarnation();
        let is_later = record.principal().is_some() || record.is_unconfirmed() || is_bound;
        prop_assert_eq!(bytes[0], if is_later { 2 } else { VERSION });
        let read = Record::from_bytes(bytes).unwrap();
        let size = |state: &State| (state.len(), state.size_in_bytes());
        prop_assert_eq!(size(read.state()), size(record.state()));
        prop_assert_eq!(read, record);
    }

    #[test]
    fn long_values_are_slices_of_the_input(delta in delta()) {
        let bytes = delta.to_bytes();
        let range = bytes.as_ptr_range();
        let delta = Delta::from_bytes(bytes).unwrap();
        for (_, value) in delta.insertions().filter(|(_, value)| value.as_bytes().len() > 23) {
            let value = value.as_bytes().as_ptr_range();
            prop_assert!(range.start <= value.start && value.end <= range.end);
        }
    }

    #[test]
    fn truncated_input_is_refused(delta in delta(), record in record(), at: prop::sample::Index) {
        let bytes = delta.to_bytes();
        is_unreadable(&Delta::from_bytes(bytes.slice(..at.index(bytes.len()))).unwrap_err())?;
        let bytes = record.to_bytes();
        is_unreadable(&Record::from_bytes(bytes.slice(..at.index(bytes.len()))).unwrap_err())?;
    }

    #[test]
    fn input_with_trailing_bytes_is_refused(delta in delta(), record in record(), more: u8) {
        let longer = |bytes: Bytes| Bytes::from([&bytes[..], &[more]].concat());
        is_unreadable(&Delta::from_bytes(longer(delta.to_bytes())).unwrap_err())?;
        is_unreadable(&Record::from_bytes(longer(record.to_bytes())).unwrap_err())?;
    }

    #[test]
    fn damaged_bytes_are_refused_or_canonical(
        delta in delta(), record in record(), damage in prop::collection::vec(damage(), 1..4),
    ) {
        strict(&damaged(&delta.to_bytes(), &damage))?;
        strict(&damaged(&record.to_bytes(), &damage))?;
    }

    #[test]
    fn any_bytes_are_refused_or_canonical(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0..4u8], 0..64)) {
        strict(&bytes)?;
        strict(&[&[1], &bytes[..]].concat())?;
    }

    #[test]
    fn allocations_are_bounded_by_the_length_of_the_input(
        delta in delta(), record in record(), damage in prop::collection::vec(damage(), 0..4),
        fields: u16, entries: u16, rest: u16,
    ) {
        check_allocations(&damaged(&delta.to_bytes(), &damage))?;
        check_allocations(&damaged(&record.to_bytes(), &damage))?;
        check_allocations(&nested_counts(fields, entries, rest))?;
        check_allocations(&nested_counts(rest / 3, rest / 2, rest))?;
    }

    #[test]
    fn other_versions_are_refused(delta in delta(), version: u8) {
        prop_assume!(version != VERSION);
        let mut bytes = delta.to_bytes().to_vec();
        bytes[0] = version;
        is_unreadable(&Delta::from_bytes(bytes.into()).unwrap_err())?;
    }
}

/// Each input breaks exactly one rule of the layout.
#[test]
fn non_canonical_deltas_are_refused() {
    let refused: [(&str, &[u8]); 14] = [
        ("empty input", b""),
        ("a number not in its shortest form", b"\x01\x80\x00\x00"),
        ("a number of 65 bits", b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
        ("a number of eleven bytes", b"\x01\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
        ("a count of 2^64 - 1", b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01aaaaaaaaaaaaaaa"),
        ("a value of 2^64 - 2 bytes", b"\x01\x01\x01a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"),
        ("scalars out of order", b"\x01\x02\x01b\x00\x01a\x00\x00"),
        ("a scalar twice", b"\x01\x02\x01a\x00\x01a\x01\x00"),
        ("keys out of order", b"\x01\x00\x01\x01a\x04\x01b\x00\x01a\x00"),
        ("keyed fields out of order", b"\x01\x00\x02\x01b\x01\x01a\x01"),
        ("a keyed field without edits", b"\x01\x00\x01\x01a\x00"),
        ("a removal from a field that is cleared", b"\x01\x00\x01\x01a\x03\x01k\x00"),
        ("an empty field name", b"\x01\x01\x00\x00\x00"),
        ("a name that is not UTF-8", b"\x01\x01\x02\xc3\x28\x00\x00"),
    ];
    for (what, bytes) in refused {
        let error = Delta::from_bytes(Bytes::from_static(bytes)).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::UnreadableField, "{what}");
    }
    let long = [b"\x01\x01\x80\x02".to_vec(), vec![b'f'; 256], vec![0, 0]].concat();
    assert!(Delta::from_bytes(long.into()).is_err(), "a field name of 256 bytes");
    let long = [b"\x01\x00\x01\x01a\x02\x81\x08".to_vec(), vec![b'k'; 1_025], vec![0]].concat();
    assert!(Delta::from_bytes(long.into()).is_err(), "a key of 1,025 bytes");
}

#[test]
fn non_canonical_records_are_refused() {
    let head = |deadlines: &[u8], state: &[u8]| {
        Bytes::from([&[1][..], &[0; 8], &[1], &[0; 8], &[0], deadlines, state].concat())
    };
    let (some, empty) = (b"\x00\xfe\xff\xff\xff\xff\xff\xff\x0f", b"\x00\x00");
    assert!(Record::from_bytes(head(some, empty)).is_ok());
    for (what, deadlines) in [
        ("no deadline at all", &b"\x00\xff\xff\xff\xff\xff\xff\xff\x0f"[..]),
        ("2^53 as a timestamp", b"\x01\x05\x06\x80\x80\x80\x80\x80\x80\x80\x10"),
        // Found by the fuzz target: it was decoded, capped, and encoded as another number.
        ("2^64 - 1 as a timeout", b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x05\x06"),
        ("an idle deadline that is neither present nor absent", b"\x02\xff\xff\xff\xff\xff\xff\xff\x0f"),
        ("an idle deadline after the absolute one", b"\x01\x05\x06\x05"),
    ] {
        assert!(Record::from_bytes(head(deadlines, empty)).is_err(), "{what}");
    }
    for (what, state) in [
        ("a keyed field without entries", &b"\x00\x02\x01a\x00\x01b\x01\x00\x04four"[..]),
        ("a keyed field twice", b"\x00\x02\x01a\x01\x00\x00\x01a\x01\x00\x00"),
        ("a key twice", b"\x00\x01\x01a\x02\x00\x00\x00\x00"),
        ("scalars out of order", b"\x02\x01b\x00\x01a\x00\x00"),
    ] {
        assert!(Record::from_bytes(head(some, state)).is_err(), "{what}");
    }
}
