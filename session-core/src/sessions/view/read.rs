//! Reading: a serde deserializer over a state.

use serde::{
    Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor, value::BorrowedStrDeserializer},
};

use super::{ViewError, plan::Plan};
use crate::{
    Error,
    codec::Codecs,
    model::key_text,
    model::{Field, Key, State, Value},
};

/// Reads the whole state as a struct.
#[derive(Clone, Copy)]
pub(super) struct Reader<'de> {
    pub(super) state: &'de State,
    pub(super) codecs: &'de Codecs,
    pub(super) plan: &'de Plan,
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = ViewError;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ViewError> {
        let names = self.plan.names(fields, self.state);
        visitor.visit_map(Fields { reader: self, names, current: None })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ViewError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ViewError> {
        Err(ViewError::Shape("a view is a struct with named fields, without #[serde(flatten)]"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map enum identifier ignored_any
    }
}

/// All fields of the struct, present or not. The value of an absent field depends on its type.
struct Fields<'de> {
    reader: Reader<'de>,
    names: std::vec::IntoIter<&'static str>,
    current: Option<&'static str>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = ViewError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ViewError> {
        self.current = self.names.next();
        let Some(name) = self.current else { return Ok(None) };
        self.reader.plan.set_last(name);
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ViewError> {
        let name = self.current.take().ok_or(ViewError::Serde)?;
        let Reader { state, codecs, plan } = self.reader;
        let source = plan.source(name, state);
        let field = Field::new(source)?;
        let part = FieldReader { state, codecs, name, source };
        seed.deserialize(part).map_err(|error| error.at_field(&field))
    }
}

/// One field of the struct.
#[derive(Clone, Copy)]
struct FieldReader<'de> {
    state: &'de State,
    codecs: &'de Codecs,
    name: &'static str,
    /// The name under which the field is stored.
    source: &'static str,
}

impl<'de> FieldReader<'de> {
    fn scalar(&self) -> Result<super::scalar::Scalar<'de>, ViewError> {
        let value = self.state.get(self.source).ok_or(ViewError::Absent(self.name))?;
        Ok(super::scalar::Scalar { value, codecs: self.codecs })
    }
}

macro_rules! scalars {
    ($($method:ident($($argument:ident: $type:ty),*);)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, ViewError> {
            self.scalar()?.$method($($argument,)* visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for FieldReader<'de> {
    type Error = ViewError;

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ViewError> {
        match self.scalar() {
            Ok(scalar) => visitor.visit_some(scalar),
            Err(_) => visitor.visit_none(),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ViewError> {
        let entries = self.state.keyed_entries(self.source);
        visitor.visit_map(Entries { codecs: self.codecs, entries, value: None })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ViewError> {
        visitor.visit_seq(Members { entries: self.state.keyed_entries(self.source) })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ViewError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ViewError> {
        visitor.visit_unit()
    }

    scalars! {
        deserialize_any(); deserialize_bool(); deserialize_char(); deserialize_str(); deserialize_string();
        deserialize_bytes(); deserialize_byte_buf(); deserialize_unit(); deserialize_identifier();
        deserialize_i8(); deserialize_i16(); deserialize_i32(); deserialize_i64(); deserialize_i128();
        deserialize_u8(); deserialize_u16(); deserialize_u32(); deserialize_u64(); deserialize_u128();
        deserialize_f32(); deserialize_f64();
        deserialize_unit_struct(name: &'static str);
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }
}

type KeyedEntries<'de> = crate::model::chunks::Iter<'de, Key, Value>;

/// The entries of a keyed field, for a map.
struct Entries<'de> {
    codecs: &'de Codecs,
    entries: KeyedEntries<'de>,
    value: Option<&'de Value>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = ViewError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ViewError> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some(value);
        read_key(key, seed).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ViewError> {
        let value = self.value.take().ok_or(ViewError::Serde)?;
        seed.deserialize(super::scalar::Scalar { value, codecs: self.codecs })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

/// The keys of a keyed field, for a set.
struct Members<'de> {
    entries: KeyedEntries<'de>,
}

impl<'de> SeqAccess<'de> for Members<'de> {
    type Error = ViewError;

    fn next_element_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ViewError> {
        self.entries.next().map(|(key, _)| read_key(key, seed)).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

fn read_key<'de, K: DeserializeSeed<'de>>(key: &'de Key, seed: K) -> Result<K::Value, ViewError> {
    seed.deserialize(key_text::Reader(key.as_str())).map_err(|_| {
        ViewError::Core(Error::new(crate::ErrorKind::UnreadableField, "the key is not of the requested type"))
    })
}
