//! Reads a number from JSON as a float only if that float is the number, or the nearest one to a float.

use std::{cell::OnceCell, collections::BTreeSet, fmt};

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};

/// A deserializer, or a part of one, that refuses to change a number.
///
/// `serde` reads an integer as a float by rounding it, and a number that is too large for an `f32` as infinity. Here both
/// are errors. Where `serde` buffers a value before it knows the type, it converts the number itself, unchecked.
pub(super) struct Exact<'p, T> {
    inner: T,
    long: &'p LongIntegers<'p>,
}

impl<'p, T> Exact<'p, T> {
    /// A deserializer of the payload that has these integers.
    pub(super) fn new(inner: T, long: &'p LongIntegers<'p>) -> Self {
        Self { inner, long }
    }

    fn wrap<U>(&self, inner: U) -> Exact<'p, U> {
        Exact { inner, long: self.long }
    }
}

/// The integers of a payload that do not fit 64 bits. `serde_json` visits them as floats, already rounded. Only the text
/// tells them from floats, which have a point or an exponent. It is searched once, when a float is that large.
pub(super) struct LongIntegers<'p> {
    payload: &'p [u8],
    /// The floats to which such an integer is rounded without being equal, for each precision, as bits of an `f64`.
    rounded: OnceCell<BTreeSet<(Precision, u64)>>,
}

impl<'p> LongIntegers<'p> {
    pub(super) fn of(payload: &'p [u8]) -> Self {
        Self { payload, rounded: OnceCell::new() }
    }

    fn is_rounded(&self, number: f64, precision: Precision) -> bool {
        number.abs() >= 2f64.powi(63)
            && self.rounded.get_or_init(|| self.find()).contains(&(precision, precision.round(number).to_bits()))
    }

    fn find(&self) -> BTreeSet<(Precision, u64)> {
        let mut found = BTreeSet::new();
        for text in numbers(self.payload) {
            let digits = text.trim_start_matches('-');
            if digits.len() < 19 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                continue;
            }
            for precision in [Precision::Single, Precision::Double] {
                let number = match precision {
                    Precision::Single => text.parse().map(f64::from as fn(f32) -> f64),
                    Precision::Double => text.parse(),
                };
                if let Ok(number) = number
                    && !digits.parse().is_ok_and(|integer| precision.has(integer))
                {
                    found.insert((precision, number.to_bits()));
                }
            }
        }
        found
    }
}

/// The parts of a payload that may be numbers. A string is none, unless it is a name in an object: keys of maps are read as
/// numbers from those.
fn numbers(mut payload: &[u8]) -> impl Iterator<Item = &str> {
    let is_part = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    std::iter::from_fn(move || {
        loop {
            let (part, is_number) = match payload.first()? {
                b'"' => {
                    let (text, rest) = split_string(&payload[1..]);
                    payload = rest;
                    (text, rest.trim_ascii_start().starts_with(b":"))
                }
                byte if is_part(byte) => {
                    let end = payload.iter().position(|byte| !is_part(byte)).unwrap_or(payload.len());
                    let (part, rest) = payload.split_at(end);
                    payload = rest;
                    (part, true)
                }
                _ => {
                    payload = &payload[1..];
                    continue;
                }
            };
            if let (true, Ok(text)) = (is_number, std::str::from_utf8(part)) {
                return Some(text);
            }
        }
    })
}

/// The content of a string whose first quote has been read, and what follows its last one.
fn split_string(payload: &[u8]) -> (&[u8], &[u8]) {
    let mut is_escaped = false;
    let end = payload.iter().position(|byte| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    });
    match end {
        Some(end) => (&payload[..end], &payload[end + 1..]),
        None => (payload, &[]),
    }
}

/// The type of a float.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Precision {
    /// `f32`
    Single,
    /// `f64`
    Double,
}

impl Precision {
    /// Whether the type has this integer.
    fn has(self, integer: u128) -> bool {
        let digits = match self {
            Self::Single => f32::MANTISSA_DIGITS,
            Self::Double => f64::MANTISSA_DIGITS,
        };
        integer == 0 || u128::BITS - integer.leading_zeros() - integer.trailing_zeros() <= digits
    }

    fn round(self, number: f64) -> f64 {
        match self {
            Self::Single => f64::from(number as f32),
            Self::Double => number,
        }
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Exact<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Exact { inner: deserializer, long: self.long })
    }
}

/// Methods whose values have no parts.
macro_rules! forward {
    ($($method:ident),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method(visitor)
        }
    )*};
}

/// Methods whose values may have parts.
macro_rules! wrap {
    ($($method:ident($($argument:ident: $type:ty),*)),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.wrap(visitor);
            self.inner.$method($($argument,)* visitor)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Exact<'_, D> {
    type Error = D::Error;

    forward! {
        deserialize_bool, deserialize_i8, deserialize_i16, deserialize_i32, deserialize_i64, deserialize_i128,
        deserialize_u8, deserialize_u16, deserialize_u32, deserialize_u64, deserialize_u128, deserialize_char,
        deserialize_str, deserialize_string, deserialize_unit, deserialize_identifier, deserialize_ignored_any,
    }

    wrap! {
        deserialize_any(),
        // They may be an array of numbers.
        deserialize_bytes(),
        deserialize_byte_buf(),
        deserialize_option(),
        deserialize_unit_struct(name: &'static str),
        deserialize_newtype_struct(name: &'static str),
        deserialize_seq(),
        deserialize_tuple(len: usize),
        deserialize_tuple_struct(name: &'static str, len: usize),
        deserialize_map(),
        deserialize_struct(name: &'static str, fields: &'static [&'static str]),
        deserialize_enum(name: &'static str, variants: &'static [&'static str]),
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_f32(Float { inner: visitor, long: self.long, precision: Precision::Single })
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_f64(Float { inner: visitor, long: self.long, precision: Precision::Double })
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// Visits the number that is read as a float.
struct Float<'p, V> {
    inner: V,
    long: &'p LongIntegers<'p>,
    precision: Precision,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Float<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<V::Value, E> {
        if !self.precision.has(number.into()) {
            return Err(E::invalid_value(Unexpected::Unsigned(number), &self));
        }
        self.inner.visit_u64(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<V::Value, E> {
        if !self.precision.has(number.unsigned_abs().into()) {
            return Err(E::invalid_value(Unexpected::Signed(number), &self));
        }
        self.inner.visit_i64(number)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<V::Value, E> {
        if self.precision.round(number).is_infinite() || self.long.is_rounded(number, self.precision) {
            return Err(E::invalid_value(Unexpected::Float(number), &self));
        }
        self.inner.visit_f64(number)
    }
}

macro_rules! visit {
    ($($method:ident: $type:ty),* $(,)?) => {$(
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Exact<'_, V> {
    type Value = V::Value;

    visit! {
        visit_bool: bool, visit_i8: i8, visit_i16: i16, visit_i32: i32, visit_i64: i64, visit_i128: i128, visit_u8: u8,
        visit_u16: u16, visit_u32: u32, visit_u64: u64, visit_u128: u128, visit_f32: f32, visit_char: char,
        visit_str: &str, visit_borrowed_str: &'de str, visit_string: String, visit_bytes: &[u8],
        visit_borrowed_bytes: &'de [u8], visit_byte_buf: Vec<u8>,
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    /// The reader takes any number, such as a value that describes itself.
    fn visit_f64<E: Error>(self, number: f64) -> Result<V::Value, E> {
        if self.long.is_rounded(number, Precision::Double) {
            return Err(E::invalid_value(Unexpected::Float(number), &self));
        }
        self.inner.visit_f64(number)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let deserializer = self.wrap(deserializer);
        self.inner.visit_some(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let deserializer = self.wrap(deserializer);
        self.inner.visit_newtype_struct(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let access = self.wrap(access);
        self.inner.visit_seq(access)
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let access = self.wrap(access);
        self.inner.visit_map(access)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let access = self.wrap(access);
        self.inner.visit_enum(access)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Exact<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let seed = self.wrap(seed);
        self.inner.next_element_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Exact<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let seed = self.wrap(seed);
        self.inner.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.wrap(seed);
        self.inner.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, 'p, A: EnumAccess<'de>> EnumAccess<'de> for Exact<'p, A> {
    type Error = A::Error;
    type Variant = Exact<'p, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (value, variant) = self.inner.variant_seed(seed)?;
        Ok((value, Exact { inner: variant, long: self.long }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Exact<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.wrap(seed);
        self.inner.newtype_variant_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.wrap(visitor);
        self.inner.tuple_variant(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.wrap(visitor);
        self.inner.struct_variant(fields, visitor)
    }
}
