//! A strict reader: every function accepts exactly what its counterpart in `write` writes.

use bytes::{Buf, Bytes};

use super::VERSION;
use crate::{
    Error, ErrorKind, Principal,
    model::{Field, Key, Timestamp, Value},
};

/// The remaining input.
pub(super) struct Reader(Bytes);

impl Reader {
    /// Reads all of `input` with `body`, from the byte after the version byte to the last byte. `body` has the version,
    /// which is at most `latest`.
    pub(super) fn read_all<T>(
        input: Bytes,
        latest: u8,
        body: impl FnOnce(&mut Self, u8) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut reader = Self(input);
        let version = reader.byte()?;
        if !(VERSION..=latest).contains(&version) {
            return Err(unreadable("unsupported format version"));
        }
        let value = body(&mut reader, version)?;
        if reader.0.is_empty() { Ok(value) } else { Err(unreadable("trailing bytes")) }
    }

    pub(super) fn byte(&mut self) -> Result<u8, Error> {
        self.0.try_get_u8().map_err(|_| truncated())
    }

    /// The next byte, which stays to be read.
    pub(super) fn peek(&self) -> Result<u8, Error> {
        self.0.first().copied().ok_or_else(truncated)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Error> {
        self.0.try_get_u64().map_err(|_| truncated())
    }

    pub(super) fn varint(&mut self) -> Result<u64, Error> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                let shortest = byte != 0 || shift == 0;
                return if shortest { Ok(value) } else { Err(unreadable("a number is not in its shortest form")) };
            }
        }
        Err(unreadable("a number has more than 64 bits"))
    }

    /// Reads a count of parts that have at least `least` bytes each. Fails if the remaining input cannot hold that
    /// many.
    pub(super) fn count(&mut self, least: usize) -> Result<usize, Error> {
        let count = self.varint()?;
        self.check_count(count, least)
    }

    /// Checks a count that was already read, in the same way.
    pub(super) fn check_count(&self, count: u64, least: usize) -> Result<usize, Error> {
        let most = self.0.len() / least;
        usize::try_from(count).ok().filter(|count| *count <= most).ok_or_else(truncated)
    }

    pub(super) fn bytes(&mut self, length: u64) -> Result<Bytes, Error> {
        let length = self.check_count(length, 1)?;
        Ok(self.0.split_to(length))
    }

    pub(super) fn field(&mut self) -> Result<Field, Error> {
        self.name(|text| {
            Field::new(text).map_err(|error| unreadable("a field name is too short or too long").with_source(error))
        })
    }

    pub(super) fn key(&mut self) -> Result<Key, Error> {
        self.name(|text| Key::new(text).map_err(|error| unreadable("a key is too long").with_source(error)))
    }

    /// Names are copied, so no slice of the input is made for them.
    fn name<T>(&mut self, of: impl FnOnce(&str) -> Result<T, Error>) -> Result<T, Error> {
        let length = self.count(1)?;
        let name = of(utf8(&self.0[..length])?)?;
        self.0.advance(length);
        Ok(name)
    }

    pub(super) fn principal(&mut self) -> Result<Principal, Error> {
        self.name(|text| {
            Principal::new(text).map_err(|error| unreadable("a principal is too short or too long").with_source(error))
        })
    }

    pub(super) fn value(&mut self) -> Result<Value, Error> {
        let length = self.varint()?;
        self.bytes(length).map(Value::from)
    }

    pub(super) fn timestamp(&mut self) -> Result<Timestamp, Error> {
        let millis = self.varint()?;
        let moment = Timestamp::from_millis(millis);
        if moment.as_millis() == millis { Ok(moment) } else { Err(unreadable("a timestamp is out of range")) }
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    // The source is omitted: the position of the fault within the name helps no one.
    std::str::from_utf8(bytes).map_err(|_| unreadable("a name is not UTF-8"))
}

pub(super) fn truncated() -> Error {
    unreadable("the input is truncated")
}

pub(super) fn out_of_order() -> Error {
    unreadable("the parts are out of order or duplicated")
}

pub(super) fn unreadable(why: &'static str) -> Error {
    Error::new(ErrorKind::UnreadableField, why).with_operation("decode")
}
