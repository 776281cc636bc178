//! The memory store, and the bare maps and the blob that it is compared with.

use std::{collections::BTreeMap, hint::black_box, sync::Arc};

use session_core::{
    LoadOptions, SessionId,
    model::{IdDigest, Record},
    store::{LoadOutcome, SessionStore},
};
use session_memory::MemoryStore;

use crate::{AsIsHasher, create, ready, scalars, shuffle};

/// A function that gets a session's record.
pub type Get<'a> = (&'static str, Box<dyn Fn(&SessionId) -> Arc<Record> + Sync + 'a>);

/// The same records in the memory store and in bare maps.
#[derive(Debug)]
pub struct Loaded {
    store: Arc<dyn SessionStore>,
    /// In an arbitrary order.
    pub ids: Vec<SessionId>,
    papaya: papaya::HashMap<IdDigest, Arc<Record>>,
    papaya_as_is: papaya::HashMap<IdDigest, Arc<Record>, AsIsHasher>,
    dashmap: dashmap::DashMap<IdDigest, Arc<Record>>,
    dashmap_as_is: dashmap::DashMap<IdDigest, Arc<Record>, AsIsHasher>,
}

impl Loaded {
    /// Sessions of three values.
    pub fn new(keys: usize) -> Self {
        let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::new());
        let mut ids: Vec<_> = (0..keys).map(|_| create(&*store, scalars(3, 16)).unwrap()).collect();
        shuffle(&mut ids);
        let loaded = Self {
            store,
            ids,
            papaya: papaya::HashMap::new(),
            papaya_as_is: papaya::HashMap::default(),
            dashmap: dashmap::DashMap::new(),
            dashmap_as_is: dashmap::DashMap::default(),
        };
        for id in &loaded.ids {
            let record = loaded.load(id);
            loaded.papaya.pin().insert(*id.digest(), record.clone());
            loaded.papaya_as_is.pin().insert(*id.digest(), record.clone());
            loaded.dashmap.insert(*id.digest(), record.clone());
            loaded.dashmap_as_is.insert(*id.digest(), record);
        }
        loaded
    }

    fn load(&self, id: &SessionId) -> Arc<Record> {
        match ready(self.store.load(id, LoadOptions::default())).unwrap() {
            LoadOutcome::Found(found) => found.record,
            other => panic!("{other:?}"),
        }
    }

    /// The subjects, the store first.
    pub fn gets(&self) -> [Get<'_>; 5] {
        [
            ("memory store", Box::new(|id| self.load(id))),
            ("papaya", Box::new(|id| self.papaya.pin().get(id.digest()).unwrap().clone())),
            ("dashmap", Box::new(|id| self.dashmap.get(id.digest()).unwrap().clone())),
            ("papaya, no hashing", Box::new(|id| self.papaya_as_is.pin().get(id.digest()).unwrap().clone())),
            ("dashmap, no hashing", Box::new(|id| self.dashmap_as_is.get(id.digest()).unwrap().clone())),
        ]
    }
}

type Fields = BTreeMap<String, Vec<u8>>;

/// A session of 20 fields as one value, which is decoded, changed and encoded for every change.
#[derive(Clone, Debug)]
pub struct Blob(Vec<u8>);

impl Default for Blob {
    fn default() -> Self {
        let fields: Fields = (0..20).map(|n| (format!("field-{n:02}"), vec![n as u8; 16])).collect();
        Self(bincode::encode_to_vec(&fields, bincode::config::standard()).unwrap())
    }
}

impl Blob {
    /// Changes two fields, by bincode's own traits, which copy bytes in one piece.
    pub fn change(&mut self) {
        let config = bincode::config::standard();
        let (mut fields, _) = bincode::decode_from_slice(black_box(&self.0), config).unwrap();
        set_two(&mut fields);
        self.0 = bincode::encode_to_vec(&fields, config).unwrap();
    }

    /// The same through serde, which goes byte by byte.
    pub fn change_by_serde(&mut self) {
        let config = bincode::config::standard();
        let (mut fields, _) = bincode::serde::decode_from_slice(black_box(&self.0), config).unwrap();
        set_two(&mut fields);
        self.0 = bincode::serde::encode_to_vec(&fields, config).unwrap();
    }
}

fn set_two(fields: &mut Fields) {
    for name in ["field-00", "field-01"] {
        fields.insert(name.to_owned(), vec![1; 16]);
    }
}
