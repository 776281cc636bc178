//! Reading, strictly: every function accepts what its twin in `write` writes, and nothing else.

use bytes::{Buf, Bytes};

use super::VERSION;
use crate::{
    Error, ErrorKind,
    model::{Field, Key, Timestamp, Value},
};

/// What is left of the input.
pub(super) struct Reader(Bytes);

impl Reader {
    /// Reads all of `input` with `body`, from behind the version byte to the last byte.
    pub(super) fn whole<T>(input: Bytes, body: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let mut reader = Self(input);
        match reader.byte()? {
            VERSION => {}
            _ => return Err(unreadable("it is of a format version that this version of the software does not know")),
        }
        let value = body(&mut reader)?;
        if reader.0.is_empty() { Ok(value) } else { Err(unreadable("bytes follow its end")) }
    }

    pub(super) fn byte(&mut self) -> Result<u8, Error> {
        self.0.try_get_u8().map_err(|_| cut_short())
    }

    pub(super) fn u64(&mut self) -> Result<u64, Error> {
        self.0.try_get_u64().map_err(|_| cut_short())
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
                return if shortest { Ok(value) } else { Err(unreadable("a number is longer than it need be")) };
            }
        }
        Err(unreadable("a number has more than 64 bits"))
    }

    /// A number of parts of which each has `least` bytes or more; an error if so many cannot follow.
    pub(super) fn count(&mut self, least: usize) -> Result<usize, Error> {
        let count = self.varint()?;
        self.believe(count, least)
    }

    /// The same for a count that was read.
    pub(super) fn believe(&self, count: u64, least: usize) -> Result<usize, Error> {
        let most = self.0.len() / least;
        usize::try_from(count).ok().filter(|count| *count <= most).ok_or_else(cut_short)
    }

    pub(super) fn bytes(&mut self, length: u64) -> Result<Bytes, Error> {
        let length = self.believe(length, 1)?;
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

    /// Read where it stands: names are copied, so no slice of the input is made for them.
    fn name<T>(&mut self, of: impl FnOnce(&str) -> Result<T, Error>) -> Result<T, Error> {
        let length = self.count(1)?;
        let name = of(utf8(&self.0[..length])?)?;
        self.0.advance(length);
        Ok(name)
    }

    pub(super) fn value(&mut self) -> Result<Value, Error> {
        let length = self.varint()?;
        self.bytes(length).map(Value::from_bytes)
    }

    pub(super) fn timestamp(&mut self) -> Result<Timestamp, Error> {
        let millis = self.varint()?;
        let moment = Timestamp::from_millis(millis);
        if moment.as_millis() == millis { Ok(moment) } else { Err(unreadable("a moment is out of range")) }
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    // The source is left out: it says where in the name the fault is, which helps nobody.
    std::str::from_utf8(bytes).map_err(|_| unreadable("a name is not UTF-8"))
}

pub(super) fn cut_short() -> Error {
    unreadable("it is cut short")
}

pub(super) fn out_of_order() -> Error {
    unreadable("its parts are not in order, or one is there twice")
}

pub(super) fn unreadable(why: &'static str) -> Error {
    Error::new(ErrorKind::UnreadableField, why).with_operation("decode")
}
