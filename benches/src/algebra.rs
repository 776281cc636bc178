//! Deltas, and the alternatives to them.

use std::collections::BTreeMap;

use bytes::Bytes;
use session_core::model::{Delta, Field, Format, Key, State, Value};

use crate::scalars;

/// A session with one map of many entries: as a state, and as a map of the standard library.
#[derive(Clone, Debug)]
pub struct Cart {
    /// The session's state.
    pub state: State,
    /// The same entries.
    pub map: BTreeMap<String, Vec<u8>>,
    /// A change of one existing entry.
    pub change: Delta,
}

impl Cart {
    /// A map of this many entries of 16 bytes.
    pub fn new(entries: usize) -> Self {
        let field = Field::new("cart").unwrap();
        let names: Vec<String> = (0..entries).map(|n| format!("sku-{n:06}")).collect();
        let (mut state, mut all, mut change) = (State::default(), Delta::new(), Delta::new());
        for name in &names {
            all.insert(field.clone(), Key::new(name).unwrap(), Value::new(Format::BINCODE, &[7; 16]));
        }
        all.apply_to(&mut state);
        let key = Key::new(&names[entries / 2]).unwrap();
        change.insert(field, key, Value::new(Format::BINCODE, &[8; 16]));
        Self { state, map: names.into_iter().map(|name| (name, vec![7; 16])).collect(), change }
    }

    /// Makes a new state, while the old one is still read.
    #[must_use]
    pub fn changed(&self) -> State {
        let mut state = self.state.clone();
        self.change.apply_to(&mut state);
        state
    }

    /// The same with the map of the standard library.
    #[must_use]
    pub fn copied(&self) -> BTreeMap<String, Vec<u8>> {
        let mut map = self.map.clone();
        let middle = format!("sku-{:06}", map.len() / 2);
        map.insert(middle, vec![8; 16]);
        map
    }
}

type Pairs = Vec<(String, Vec<u8>)>;

/// Eight fields of 29 bytes: as a delta, and as pairs for bincode.
#[derive(Clone, Debug)]
pub struct Message {
    /// The delta.
    pub delta: Delta,
    /// Its canonical encoding.
    pub bytes: Bytes,
    /// The input of bincode.
    pub pairs: Pairs,
    /// The pairs as encoded by bincode.
    pub blob: Vec<u8>,
}

impl Default for Message {
    fn default() -> Self {
        let delta = scalars(8, 29);
        let pairs: Pairs = (0..8).map(|n| (format!("field-{n:02}"), vec![n as u8; 30])).collect();
        let blob = bincode::encode_to_vec(&pairs, bincode::config::standard()).unwrap();
        Self { bytes: delta.to_bytes(), delta, pairs, blob }
    }
}

impl Message {
    /// Encodes the pairs by bincode's own traits, which copy bytes in one piece.
    #[must_use]
    pub fn encoded(&self) -> Vec<u8> {
        bincode::encode_to_vec(&self.pairs, bincode::config::standard()).unwrap()
    }

    /// Decodes the pairs by bincode's own traits.
    #[must_use]
    pub fn decoded(&self) -> Pairs {
        bincode::decode_from_slice(&self.blob, bincode::config::standard()).unwrap().0
    }

    /// Encodes the pairs by bincode through serde, which goes byte by byte.
    #[must_use]
    pub fn encoded_by_serde(&self) -> Vec<u8> {
        bincode::serde::encode_to_vec(&self.pairs, bincode::config::standard()).unwrap()
    }

    /// Decodes the pairs by bincode through serde.
    #[must_use]
    pub fn decoded_by_serde(&self) -> Pairs {
        bincode::serde::decode_from_slice(&self.blob, bincode::config::standard()).unwrap().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_bincode_agree() {
        let message = Message::default();
        assert_eq!(message.encoded(), message.encoded_by_serde());
        assert_eq!((message.decoded(), message.decoded_by_serde()), (message.pairs.clone(), message.pairs.clone()));
        assert_eq!(Delta::from_bytes(message.bytes).unwrap(), message.delta);
    }
}
