//! The naive model: a state is a map by name, and a delta is a list of steps.

use std::collections::BTreeMap;

use session_core::model::{Delta, Field, Key, Selector, State, Value};

/// A field and, for a keyed entry, its key.
pub(crate) type Name = (String, Option<String>);
pub(crate) type NaiveState = BTreeMap<Name, Vec<u8>>;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Put(Name, Vec<u8>),
    Take(Name),
    Clear(String),
}

pub(crate) fn apply(state: &mut NaiveState, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Put(name, value) => drop(state.insert(name.clone(), value.clone())),
            Step::Take(name) => drop(state.remove(name)),
            Step::Clear(field) => state.retain(|(of, key), _| of != field || key.is_none()),
        }
    }
}

pub(crate) fn applied(state: &NaiveState, steps: &[Step]) -> NaiveState {
    let mut state = state.clone();
    apply(&mut state, steps);
    state
}

impl Step {
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Clear(a), Self::Clear(b)) => a == b,
            (Self::Clear(field), Self::Put(name, _) | Self::Take(name))
            | (Self::Put(name, _) | Self::Take(name), Self::Clear(field)) => name.0 == *field && name.1.is_some(),
            (Self::Put(a, _) | Self::Take(a), Self::Put(b, _) | Self::Take(b)) => a == b,
        }
    }
}

pub(crate) fn overlap(a: &[Step], b: &[Step]) -> bool {
    a.iter().any(|a| b.iter().any(|b| a.overlaps(b)))
}

/// The steps as a delta of the crate.
pub(crate) fn delta(steps: &[Step]) -> Delta {
    let mut delta = Delta::new();
    for step in steps {
        match step.clone() {
            Step::Put((f, None), v) => delta.set(field(&f), value(v)),
            Step::Put((f, Some(k)), v) => delta.insert(field(&f), key(&k), value(v)),
            Step::Take((f, None)) => delta.remove(field(&f)),
            Step::Take((f, Some(k))) => delta.remove_key(field(&f), key(&k)),
            Step::Clear(f) => delta.clear(field(&f)),
        }
    }
    delta
}

/// The formula of the contract, computed from the parts of a delta: (S − D) ∪ U.
pub(crate) fn difference_then_union(state: &NaiveState, delta: &Delta) -> NaiveState {
    let mut state = state.clone();
    for selector in delta.removals() {
        match selector {
            Selector::Scalar(field) => drop(state.remove(&(field.to_string(), None))),
            Selector::Keyed(field, key) => drop(state.remove(&(field.to_string(), Some(key.as_str().to_owned())))),
            Selector::All(field) => state.retain(|(of, key), _| of != field.as_str() || key.is_none()),
        }
    }
    for (entry, value) in delta.insertions() {
        state.insert(name(entry), value.as_bytes().to_vec());
    }
    state
}

pub(crate) fn name(entry: session_core::model::Entry<'_>) -> Name {
    match entry {
        session_core::model::Entry::Scalar(field) => (field.to_string(), None),
        session_core::model::Entry::Keyed(field, key) => (field.to_string(), Some(key.as_str().to_owned())),
    }
}

/// Reads the crate's state through its public functions.
pub(crate) fn read(state: &State) -> NaiveState {
    let mut naive = NaiveState::new();
    for (field, value) in state.scalars() {
        naive.insert((field.to_string(), None), value.as_bytes().to_vec());
    }
    for field in state.keyed_fields() {
        for (key, value) in state.keyed(field.as_str()) {
            naive.insert((field.to_string(), Some(key.as_str().to_owned())), value.as_bytes().to_vec());
        }
    }
    naive
}

/// The crate's state with these entries.
pub(crate) fn state(naive: &NaiveState) -> State {
    let steps: Vec<Step> = naive.iter().map(|(name, value)| Step::Put(name.clone(), value.clone())).collect();
    State::from(&delta(&steps))
}

/// The number of entries and bytes, recounted.
pub(crate) fn count(state: &NaiveState) -> (usize, usize) {
    let bytes =
        |((field, key), value): (&Name, &Vec<u8>)| field.len() + key.as_ref().map_or(0, String::len) + value.len();
    (state.len(), state.iter().map(bytes).sum())
}

pub(crate) fn parts(state: &State) -> (usize, usize) {
    (state.len(), state.size_in_bytes())
}

pub(crate) fn field(name: &str) -> Field {
    Field::new(name).unwrap()
}

pub(crate) fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

pub(crate) fn value(bytes: Vec<u8>) -> Value {
    Value::from(bytes)
}
