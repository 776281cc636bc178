//! Strategies shared by all properties.

use std::time::Duration;

use proptest::{collection::vec, prelude::*, sample::select};
use session_core::{
    Principal,
    model::{Deadlines, Delta, Field, Incarnation, Key, Record, Stamp, State, Timestamp},
};

use crate::naive::{self, NaiveState, Name, Step};

/// A few names, so that steps overlap. One is too long to be stored inline.
const FIELDS: [&str; 4] = ["cart", "roles", "ü", "a field name that is longer than most"];
const KEYS: [&str; 5] = ["", "1", "10", "ключ", "a key that is longer than most of the others"];

/// A name that no step uses, in a field that steps use.
pub(crate) const UNUSED_KEY: &str = "unused";

pub(crate) fn name() -> impl Strategy<Value = Name> {
    (select(&FIELDS[..]), prop::option::weighted(0.75, select(&KEYS[..])))
        .prop_map(|(field, key)| (field.to_owned(), key.map(str::to_owned)))
}

pub(crate) fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just(Vec::new()), vec(any::<u8>(), 1..4), vec(any::<u8>(), 100..200)]
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (name(), value()).prop_map(|(name, value)| Step::Put(name, value)),
        3 => name().prop_map(Step::Take),
        1 => select(&FIELDS[..]).prop_map(|field| Step::Clear(field.to_owned())),
    ]
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 0..12)
}

/// Steps over few names and values, so that two lists often have the same effect.
pub(crate) fn tiny_steps() -> impl Strategy<Value = Vec<Step>> {
    let name = prop_oneof![Just(("cart".to_owned(), None)), Just(("cart".to_owned(), Some("1".to_owned())))];
    let step = prop_oneof![
        (name.clone(), any::<bool>()).prop_map(|(name, byte)| Step::Put(name, vec![u8::from(byte)])),
        name.prop_map(Step::Take),
        Just(Step::Clear("cart".to_owned())),
    ];
    vec(step, 0..5)
}

pub(crate) fn naive_state() -> impl Strategy<Value = NaiveState> {
    prop::collection::btree_map(name(), value(), 0..12)
}

/// Every name, including the unused ones, with a value that no step sets.
pub(crate) fn full_state() -> NaiveState {
    let mut state = NaiveState::new();
    for field in FIELDS {
        let keys = KEYS.iter().chain([&UNUSED_KEY]).map(|key| Some((*key).to_owned()));
        for key in keys.chain([None]) {
            state.insert((field.to_owned(), key), b"a value that no step sets".to_vec());
        }
    }
    state
}

/// Any field name. In contrast to the few above, it can be any allowed name.
pub(crate) fn field() -> impl Strategy<Value = Field> {
    text(1, 255).prop_map(|name| Field::new(&name).unwrap())
}

/// Any key.
pub(crate) fn key() -> impl Strategy<Value = Key> {
    text(0, 1_024).prop_map(|text| Key::new(&text).unwrap())
}

fn text(least: usize, most: usize) -> impl Strategy<Value = String> {
    let short = vec(any::<char>(), least..6);
    let long = (vec(any::<char>(), 1..5), 1..=most);
    prop_oneof![
        4 => short.prop_map(|chars| chars.into_iter().collect::<String>()),
        1 => long.prop_map(|(chars, length)| chars.into_iter().cycle().take(length).collect()),
    ]
    .prop_filter_map("within the limits", move |text: String| (least..=most).contains(&text.len()).then_some(text))
}

/// Any delta: mostly few names that overlap, and some arbitrary ones.
pub(crate) fn delta() -> impl Strategy<Value = Delta> {
    (steps(), vec((field(), key(), value(), 0..5), 0..4)).prop_map(|(steps, extra)| {
        let mut delta = naive::delta(&steps);
        for (field, key, value, what) in extra {
            match what {
                0 => delta.set(field, naive::value(value)),
                1 => delta.remove(field),
                2 => delta.insert(field, key, naive::value(value)),
                3 => delta.remove_key(field, key),
                _ => delta.clear(field),
            }
        }
        delta
    })
}

pub(crate) fn state() -> impl Strategy<Value = State> {
    delta().prop_map(|delta| State::from(&delta))
}

pub(crate) fn stamp() -> impl Strategy<Value = Stamp> {
    (any::<u64>(), number(), any::<u64>())
        .prop_map(|(incarnation, version, tag)| Stamp::from_parts(Incarnation::from(incarnation), version, tag))
}

/// Numbers of every magnitude.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0u32..64).prop_map(|(bits, shift)| bits >> shift)
}

pub(crate) fn moment() -> impl Strategy<Value = Timestamp> {
    number().prop_map(Timestamp::from_millis)
}

pub(crate) fn millis() -> impl Strategy<Value = Duration> {
    number().prop_map(Duration::from_millis)
}

pub(crate) fn deadlines() -> impl Strategy<Value = Deadlines> {
    let idle = prop::option::of((millis(), moment()));
    (idle, moment()).prop_filter_map("a deadline", |(idle, absolute)| Deadlines::from_parts(idle, Some(absolute)))
}

/// Most records have neither a principal nor an unconfirmed renewal.
pub(crate) fn record() -> impl Strategy<Value = Record> {
    let principal = "[a-zé]{1,60}".prop_map(|name| Principal::new(&name).unwrap());
    let signed_in = prop::option::weighted(0.3, (principal, moment()));
    (
        stamp(),
        moment(),
        deadlines(),
        state(),
        signed_in,
        prop::bool::weighted(0.2),
        prop::option::weighted(0.2, any::<u64>()),
    )
        .prop_map(|(stamp, created_at, deadlines, state, signed_in, unconfirmed, bound_to)| {
            let record = Record::new(stamp, created_at, deadlines, state).with_unconfirmed(unconfirmed);
            let record = record.with_bound_to(bound_to.map_or(stamp.incarnation(), Incarnation::from));
            match signed_in {
                Some((principal, at)) => record.with_sign_in(principal, at),
                None => record,
            }
        })
}
