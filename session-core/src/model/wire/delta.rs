//! The encoded form of deltas.

use bytes::Bytes;

use super::{
    VERSION,
    read::{Reader, out_of_order, unreadable},
    write::{self, Encode, Sink},
};
use crate::{
    Error,
    model::edit::KeyedDelta,
    model::sorted::SortedMap,
    model::{Delta, Edit, Value},
};

impl Delta {
    /// The [encoded form](crate::model::wire).
    pub fn to_bytes(&self) -> Bytes {
        self.encode()
    }

    /// The length of the encoded form, computed without encoding: for a limit on the size of a message.
    pub fn encoded_len(&self) -> usize {
        self.length()
    }

    /// Reads the [encoded form](crate::model::wire). Values are slices of `bytes`.
    ///
    /// # Errors
    /// [`UnreadableField`](crate::ErrorKind::UnreadableField) for any input that [`to_bytes`](Self::to_bytes) does not
    /// write.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, Error> {
        Reader::read_all(bytes, VERSION, |reader, _| read(reader))
    }
}

impl Encode for Delta {
    fn body(&self, sink: &mut impl Sink) {
        write::count(sink, self.scalars.len());
        self.scalars.iter().for_each(|(field, edit)| {
            write::field(sink, field);
            write_edit(sink, edit);
        });
        write::count(sink, self.maps.len());
        self.maps.iter().for_each(|(field, keyed)| {
            write::field(sink, field);
            write::varint(sink, 2 * keyed.entries.len() as u64 + u64::from(keyed.clear));
            keyed.entries.iter().for_each(|(key, edit)| {
                write::key(sink, key);
                write_edit(sink, edit);
            });
        });
    }
}

fn write_edit(sink: &mut impl Sink, edit: &Edit) {
    match edit {
        Edit::Remove => write::varint(sink, 0),
        Edit::Set(value) => {
            write::varint(sink, value.len() as u64 + 1);
            sink.put(value.as_bytes());
        }
    }
}

/// The minimum bytes of a scalar edit and of a keyed edit: a name of one byte, its length, and one more byte.
const LEAST_FIELD: usize = 3;
/// The minimum bytes of an entry of a keyed edit: the empty key's length, and one more byte.
const LEAST_ENTRY: usize = 2;

fn read(reader: &mut Reader) -> Result<Delta, Error> {
    let count = reader.count(LEAST_FIELD)?;
    let mut scalars = SortedMap::with_capacity(count);
    for _ in 0..count {
        if !scalars.push_last(reader.field()?, read_edit(reader)?) {
            return Err(out_of_order());
        }
    }
    let count = reader.count(LEAST_FIELD)?;
    let mut maps = SortedMap::with_capacity(count);
    for _ in 0..count {
        if !maps.push_last(reader.field()?, read_keyed(reader)?) {
            return Err(out_of_order());
        }
    }
    Ok(Delta::from_parts(scalars.into(), maps.into()))
}

fn read_keyed(reader: &mut Reader) -> Result<KeyedDelta, Error> {
    let head = reader.varint()?;
    if head == 0 {
        return Err(unreadable("a keyed field has no edits"));
    }
    let clear = head % 2 == 1;
    let count = reader.check_count(head / 2, LEAST_ENTRY)?;
    let mut entries = SortedMap::with_capacity(count);
    for _ in 0..count {
        let (key, edit) = (reader.key()?, read_edit(reader)?);
        if clear && edit == Edit::Remove {
            return Err(unreadable("a key of a cleared field is removed"));
        }
        if !entries.push_last(key, edit) {
            return Err(out_of_order());
        }
    }
    Ok(KeyedDelta { clear, entries: entries.into() })
}

fn read_edit(reader: &mut Reader) -> Result<Edit, Error> {
    match reader.varint()?.checked_sub(1) {
        None => Ok(Edit::Remove),
        Some(length) => Ok(Edit::Set(Value::from(reader.bytes(length)?))),
    }
}
