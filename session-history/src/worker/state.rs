//! The meaning of a session's entries: a set of elements, a register, a counter.

use session_core::{
    Error,
    model::{Delta, Field, Format, Key, Record, Stamp, Value},
};

use crate::history::{Op, SeenStamp, State};

const ELEMENTS: &str = "elements";
const REGISTER: &str = "register";
const COUNTER: &str = "counter";

/// The delta of an update. Other requests have none.
pub(super) fn delta_of(op: Op) -> Result<Delta, Error> {
    let mut delta = Delta::new();
    match op {
        Op::Add { element } => delta.insert(Field::new(ELEMENTS)?, key(element)?, Value::MEMBER),
        Op::Remove { element } => delta.remove_key(Field::new(ELEMENTS)?, key(element)?),
        Op::Set { value } => delta.set(Field::new(REGISTER)?, number(value)),
        _ => {}
    }
    Ok(delta)
}

/// The delta that writes the counter.
pub(super) fn count(value: u64) -> Result<Delta, Error> {
    let mut delta = Delta::new();
    delta.set(Field::new(COUNTER)?, number(value));
    Ok(delta)
}

/// The counter of a record.
pub(super) fn counter_of(record: &Record) -> u64 {
    record.state().get(COUNTER).and_then(read).unwrap_or(0)
}

/// The state that a record shows. An element that cannot be read shows as the greatest number, which no client sends.
pub(super) fn state_of(record: &Record) -> State {
    let elements = record.state().keyed(ELEMENTS).map(|(key, _)| key.decode::<u64>().unwrap_or(u64::MAX));
    let mut elements: Vec<u64> = elements.collect();
    elements.sort_unstable();
    let register = record.state().get(REGISTER).map(|value| read(value).unwrap_or(u64::MAX));
    State { stamp: seen(record.stamp()), elements, register, counter: counter_of(record) }
}

pub(super) fn seen(stamp: Stamp) -> SeenStamp {
    SeenStamp { incarnation: stamp.incarnation().into(), version: stamp.version() }
}

fn key(element: u64) -> Result<Key, Error> {
    Key::encode(&element)
}

fn number(value: u64) -> Value {
    Value::new(Format::JSON, value.to_string().as_bytes())
}

fn read(value: &Value) -> Option<u64> {
    std::str::from_utf8(value.payload()).ok()?.parse().ok()
}
