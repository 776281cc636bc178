//! The encoded form of records and their parts.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    RECORD_VERSION, VERSION,
    read::{Reader, out_of_order, unreadable},
    write::{self, Encode, Sink},
};
use crate::{
    Error,
    clock::millis,
    model::sorted::SortedMap,
    model::state::Keyed,
    model::{Deadlines, Incarnation, Record, Size, Stamp, State, Timestamp},
};

impl Record {
    /// The [encoded form](crate::model::wire).
    pub fn to_bytes(&self) -> Bytes {
        self.encode()
    }

    /// Reads the [encoded form](crate::model::wire). Values are slices of `bytes`.
    ///
    /// # Errors
    /// [`UnreadableField`](crate::ErrorKind::UnreadableField) for any input that [`to_bytes`](Self::to_bytes) does not
    /// write.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, Error> {
        Reader::read_all(bytes, RECORD_VERSION, |reader, version| {
            let record =
                Self::new(read_stamp(reader)?, reader.timestamp()?, read_deadlines(reader)?, read_state(reader)?);
            if version == VERSION { Ok(record) } else { read_later_parts(reader, record) }
        })
    }
}

/// Reads the parts that version 1 does not have.
fn read_later_parts(reader: &mut Reader, record: Record) -> Result<Record, Error> {
    let signed_in = match reader.peek()? {
        0 => reader.byte().map(|_| None)?,
        _ => Some((reader.principal()?, reader.timestamp()?)),
    };
    let unconfirmed = match reader.byte()? {
        0 => false,
        1 => true,
        _ => return Err(unreadable("a record is neither confirmed nor unconfirmed")),
    };
    let bound_to = match reader.byte()? {
        0 => None,
        1 => match Incarnation::from(reader.u64()?) {
            own if own == record.stamp().incarnation() => {
                return Err(unreadable("the values of a record are bound to its own incarnation"));
            }
            other => Some(other),
        },
        _ => return Err(unreadable("the values of a record are bound to no incarnation")),
    };
    let record = Record { signed_in, unconfirmed, bound_to, ..record };
    if record.version() == VERSION { Err(unreadable("a record is not in its earliest version")) } else { Ok(record) }
}

impl Encode for Record {
    fn version(&self) -> u8 {
        if self.signed_in.is_some() || self.unconfirmed || self.bound_to.is_some() { RECORD_VERSION } else { VERSION }
    }

    fn body(&self, sink: &mut impl Sink) {
        write_stamp(sink, self.stamp());
        write::varint(sink, self.created_at().as_millis());
        write_deadlines(sink, &self.deadlines());
        write_state(sink, self.state());
        if self.version() == VERSION {
            return;
        }
        match &self.signed_in {
            Some((principal, at)) => {
                write::text(sink, principal.as_str());
                write::varint(sink, at.as_millis());
            }
            None => sink.put_one(0),
        }
        sink.put_one(u8::from(self.unconfirmed));
        sink.put_one(u8::from(self.bound_to.is_some()));
        if let Some(incarnation) = self.bound_to {
            sink.put(&u64::from(incarnation).to_be_bytes());
        }
    }
}

fn write_stamp(sink: &mut impl Sink, stamp: Stamp) {
    sink.put(&u64::from(stamp.incarnation()).to_be_bytes());
    write::varint(sink, stamp.version());
    sink.put(&stamp.tag().to_be_bytes());
}

fn read_stamp(reader: &mut Reader) -> Result<Stamp, Error> {
    let incarnation = Incarnation::from(reader.u64()?);
    Ok(Stamp::from_parts(incarnation, reader.varint()?, reader.u64()?))
}

fn write_deadlines(sink: &mut impl Sink, deadlines: &Deadlines) {
    match deadlines.idle() {
        Some((timeout, idle)) => {
            sink.put(&[1]);
            write::varint(sink, millis(timeout));
            write::varint(sink, idle.as_millis());
        }
        None => sink.put(&[0]),
    }
    write::varint(sink, deadlines.absolute().unwrap_or(Timestamp::MAX).as_millis());
}

fn read_deadlines(reader: &mut Reader) -> Result<Deadlines, Error> {
    let idle = match reader.byte()? {
        0 => None,
        // A timeout has the range of a timestamp.
        1 => Some((Duration::from_millis(reader.timestamp()?.as_millis()), reader.timestamp()?)),
        _ => return Err(unreadable("the idle deadline is neither present nor absent")),
    };
    let absolute = reader.timestamp()?;
    if idle.is_some_and(|(_, idle)| idle > absolute) {
        return Err(unreadable("the idle deadline is after the absolute deadline"));
    }
    Deadlines::from_parts(idle, Some(absolute)).ok_or_else(|| unreadable("the record has no deadline"))
}

fn write_state(sink: &mut impl Sink, state: &State) {
    write::count(sink, state.scalars.len());
    for (field, value) in state.scalars.iter() {
        write::field(sink, field);
        write::value(sink, value);
    }
    write::count(sink, state.maps.len());
    for (field, keyed) in state.maps.iter() {
        write::field(sink, field);
        write::count(sink, keyed.entries.len());
        for (key, value) in keyed.entries.iter() {
            write::key(sink, key);
            write::value(sink, value);
        }
    }
}

/// The minimum bytes of a scalar: a name of one byte, its length, and the empty value's length.
const LEAST_SCALAR: usize = 3;
/// The minimum bytes of a keyed entry: the lengths of the empty key and of the empty value.
const LEAST_ENTRY: usize = 2;
/// The minimum bytes of a keyed field: a name of one byte, its length, a count and an entry.
const LEAST_KEYED: usize = 3 + LEAST_ENTRY;

fn read_state(reader: &mut Reader) -> Result<State, Error> {
    let mut size = Size::default();
    let count = reader.count(LEAST_SCALAR)?;
    let mut scalars = SortedMap::with_capacity(count);
    for _ in 0..count {
        let (field, value) = (reader.field()?, reader.value()?);
        size.entries += 1;
        size.bytes += field.as_str().len() + value.len();
        if !scalars.push_last(field, value) {
            return Err(out_of_order());
        }
    }
    let count = reader.count(LEAST_KEYED)?;
    let mut maps = SortedMap::with_capacity(count);
    for _ in 0..count {
        let (field, keyed) = (reader.field()?, read_keyed(reader)?);
        size.entries += keyed.entries.len();
        size.bytes += field.as_str().len() * keyed.entries.len() + keyed.bytes;
        if !maps.push_last(field, Arc::new(keyed)) {
            return Err(out_of_order());
        }
    }
    Ok(State { scalars, maps, size })
}

fn read_keyed(reader: &mut Reader) -> Result<Keyed, Error> {
    let count = reader.count(LEAST_ENTRY)?;
    if count == 0 {
        return Err(unreadable("a keyed field has no entry"));
    }
    let (mut entries, mut bytes) = (SortedMap::with_capacity(count), 0);
    for _ in 0..count {
        let (key, value) = (reader.key()?, reader.value()?);
        bytes += key.as_str().len() + value.len();
        if !entries.push_last(key, value) {
            return Err(out_of_order());
        }
    }
    Ok(Keyed { entries: entries.into(), bytes })
}
