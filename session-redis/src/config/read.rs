//! Reading the configuration by serde.
//!
//! The errors of formats and of serde quote a value of the wrong type, and it may be a password or a URL with one. So no
//! such error is passed on: each is replaced by one that says what is expected. The name of an unknown field is quoted only
//! if it looks like the name of a field.

use std::{collections::BTreeMap, fmt, marker::PhantomData, path::PathBuf, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IntoDeserializer as _, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{RedisConfig, Sentinel, Topology};
use crate::{credentials::SharedProvider, secret::Secret, tls::TlsConfig};

/// The type of a field, with what a document must have there.
trait Expected {
    const EXPECTED: &'static str;
}

macro_rules! expected {
    ($($type:ty: $expected:literal),* $(,)?) => {
        $(impl Expected for $type {
            const EXPECTED: &'static str = $expected;
        })*
    };
}

expected! {
    String: "expected text, in quotes",
    Option<String>: "expected text, in quotes",
    Option<Secret>: "expected text, in quotes",
    Option<PathBuf>: "expected the path of a file, in quotes",
    Vec<String>: "expected a list of URLs, each in quotes",
    u32: "expected a whole number",
    Option<u32>: "expected a whole number",
    u64: "expected a whole number",
    usize: "expected a whole number",
    BTreeMap<String, String>: "expected pairs of addresses, each in quotes",
    RedisConfig: "expected a table with the fields of `RedisConfig`, such as `urls`",
    Sentinel: "expected a table with the fields `master`, `username` and `password`",
    TlsConfig: "expected a table with fields such as `ca_file`, `client_certificate_file` and `client_key_file`",
    Topology: "expected \"standalone\", \"cluster\", or { \"sentinel\": { … } } with the field `master` and, if the \
               sentinels require them, `username` and `password`, each text in quotes",
}

/// Reads a value, with an error that does not quote it.
fn value<'de, T: Deserialize<'de> + Expected, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(deserializer).map_err(|_| D::Error::custom(T::EXPECTED))
}

fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    value(deserializer).map(Duration::from_millis)
}

fn some_millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    millis(deserializer).map(Some)
}

/// A structure that is read from a table: pairs of a field and its value. Errors within the table are those of its fields.
trait Table<'de>: Expected + Sized {
    fn read<A: MapAccess<'de>>(fields: MapAccessDeserializer<A>) -> Result<Self, A::Error>;
}

/// The fields of a table. A name that cannot be one is an error that does not quote it.
struct Fields<A>(A);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Fields<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let is_name = |name: &String| name.len() <= 40 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        match self.0.next_key::<String>() {
            Ok(None) => Ok(None),
            Ok(Some(name)) if is_name(&name) => seed.deserialize(name.into_deserializer()).map(Some),
            Ok(Some(_)) => {
                Err(A::Error::custom("unknown field; names of fields consist of lower-case letters and `_`"))
            }
            Err(_) => Err(A::Error::custom("expected the name of a field, or the end of the table")),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.0.next_value_seed(seed)
    }
}

/// A table that may be left out.
fn some_table<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Table<'de> + Deserialize<'de>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_option(OptionVisitor(PhantomData))
}

/// Refuses all scalars. The methods that serde provides quote them.
macro_rules! refuse_scalars {
    () => {
        refuse_scalars! {
            visit_bool: bool,
            visit_i64: i64,
            visit_i128: i128,
            visit_u64: u64,
            visit_u128: u128,
            visit_f64: f64,
            visit_char: char,
            visit_str: &str,
            visit_bytes: &[u8],
        }
    };
    ($($method:ident: $type:ty),* $(,)?) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(T::EXPECTED.trim_start_matches("expected "))
        }

        $(fn $method<E: Error>(self, _: $type) -> Result<Self::Value, E> {
            Err(E::custom(T::EXPECTED))
        })*
    };
}

struct TableVisitor<T>(PhantomData<T>);

impl<'de, T: Table<'de>> Visitor<'de> for TableVisitor<T> {
    type Value = T;

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
        T::read(MapAccessDeserializer::new(Fields(fields)))
    }

    refuse_scalars!();
}

struct OptionVisitor<T>(PhantomData<T>);

impl<'de, T: Table<'de> + Deserialize<'de>> Visitor<'de> for OptionVisitor<T> {
    type Value = Option<T>;

    fn visit_none<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        T::deserialize(deserializer).map(Some)
    }

    refuse_scalars!();
}

macro_rules! tables {
    ($($type:ty as $fields:ident),* $(,)?) => {
        $(impl<'de> Table<'de> for $type {
            fn read<A: MapAccess<'de>>(fields: MapAccessDeserializer<A>) -> Result<Self, A::Error> {
                $fields::deserialize(fields)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                // With any other method the format itself reports another type, and quotes it.
                deserializer.deserialize_any(TableVisitor(PhantomData))
            }
        })*
    };
}

tables! {
    RedisConfig as RedisConfigFields,
    Sentinel as SentinelFields,
    TlsConfig as TlsConfigFields,
}

impl<'de> Deserialize<'de> for Topology {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        TopologyVariants::deserialize(deserializer).map_err(|_| D::Error::custom(Self::EXPECTED))
    }
}

#[derive(Deserialize)]
#[serde(remote = "Topology", rename_all = "snake_case", deny_unknown_fields)]
enum TopologyVariants {
    Standalone,
    Sentinel(Sentinel),
    Cluster,
}

#[derive(Deserialize)]
#[serde(remote = "Sentinel", deny_unknown_fields)]
struct SentinelFields {
    #[serde(deserialize_with = "value")]
    master: String,
    #[serde(default, deserialize_with = "value")]
    username: Option<String>,
    #[serde(default, deserialize_with = "value")]
    password: Option<Secret>,
}

#[derive(Deserialize)]
#[serde(remote = "TlsConfig", default = "TlsConfig::default", deny_unknown_fields)]
struct TlsConfigFields {
    #[serde(deserialize_with = "value")]
    ca: Option<String>,
    #[serde(deserialize_with = "value")]
    ca_file: Option<PathBuf>,
    #[serde(deserialize_with = "value")]
    client_certificate: Option<String>,
    #[serde(deserialize_with = "value")]
    client_certificate_file: Option<PathBuf>,
    #[serde(deserialize_with = "value")]
    client_key: Option<Secret>,
    #[serde(deserialize_with = "value")]
    client_key_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(remote = "RedisConfig", default = "RedisConfig::default", deny_unknown_fields)]
struct RedisConfigFields {
    #[serde(deserialize_with = "value")]
    urls: Vec<String>,
    topology: Topology,
    #[serde(deserialize_with = "value")]
    username: Option<String>,
    #[serde(deserialize_with = "value")]
    password: Option<Secret>,
    #[serde(deserialize_with = "value")]
    database: Option<u32>,
    #[serde(deserialize_with = "some_table")]
    tls: Option<TlsConfig>,
    #[serde(deserialize_with = "value")]
    prefix: String,
    #[serde(deserialize_with = "value")]
    partitions: u32,
    #[serde(rename = "call_deadline_ms", deserialize_with = "millis")]
    call_deadline: Duration,
    #[serde(rename = "connect_deadline_ms", deserialize_with = "millis")]
    connect_deadline: Duration,
    #[serde(rename = "start_deadline_ms", deserialize_with = "some_millis")]
    start_deadline: Option<Duration>,
    #[serde(rename = "health_interval_ms", deserialize_with = "millis")]
    health_interval: Duration,
    #[serde(deserialize_with = "value")]
    max_in_flight: usize,
    #[serde(deserialize_with = "value")]
    durable_connections: usize,
    #[serde(deserialize_with = "value")]
    address_map: BTreeMap<String, String>,
    #[serde(skip)]
    credentials_provider: Option<SharedProvider>,
}
