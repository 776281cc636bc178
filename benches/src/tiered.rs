//! The tiered store and the bare caches that it is compared with, all of them with the same sessions.

use std::{collections::HashMap, fmt, hint::black_box, sync::Arc, time::Duration};

use session_core::{
    LoadOptions, SessionId,
    codec::{Codecs, Json, Location},
    model::{Delta, Entry, Field, IdDigest, Incarnation, Record},
    store::{LoadOutcome, SessionStore},
};
use session_memory::MemoryStore;
use session_tiered::{Capacity, TieredStore};
use tokio::runtime::Runtime;

use crate::{AsIsHasher, create, ready, shuffle};

/// A function that gets a session's record.
pub type Get<'a> = (&'static str, Box<dyn Fn(&SessionId) + Sync + 'a>);

fn codecs() -> Codecs {
    Codecs::new(Json)
}

fn location<'a>(incarnation: Incarnation, field: &'a Field) -> Location<'a> {
    Location { incarnation, entry: Entry::Scalar(field) }
}

/// Eight texts that take 29 bytes each when encoded, including the format byte.
fn texts() -> Delta {
    let mut delta = Delta::new();
    for n in 0..8 {
        let field = Field::new(&format!("field-{n:02}")).unwrap();
        let value = codecs().encode(&"7".repeat(27), &location(Incarnation::from(0), &field)).unwrap();
        assert_eq!(value.payload().len(), 29);
        delta.set(field, value);
    }
    delta
}

/// All values of a record, as a cache of whole sessions returns them.
#[must_use]
pub fn decoded(record: &Record) -> HashMap<String, String> {
    let (codecs, incarnation) = (codecs(), record.stamp().incarnation());
    let decode = |field, value| codecs.decode(value, &location(incarnation, field)).unwrap();
    record.state().scalars().map(|(field, value)| (field.as_str().to_owned(), decode(field, value))).collect()
}

/// A tiered store over the memory store, and its copies in bare maps of equal capacity.
pub struct Loaded {
    tiered: TieredStore<MemoryStore>,
    /// The same store, as an application has it.
    pub store: Arc<dyn SessionStore>,
    /// In an arbitrary order.
    pub ids: Vec<SessionId>,
    moka: moka::sync::Cache<IdDigest, Arc<Record>>,
    moka_as_is: moka::sync::Cache<IdDigest, Arc<Record>, AsIsHasher>,
    quick: quick_cache::sync::Cache<IdDigest, Arc<Record>>,
    papaya: papaya::HashMap<IdDigest, Arc<Record>, AsIsHasher>,
    /// The runtime of the listener, which keeps the leases.
    _runtime: Runtime,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("sessions", &self.ids.len()).finish_non_exhaustive()
    }
}

impl Loaded {
    /// Hits and misses so far.
    pub fn counts(&self) -> (u64, u64) {
        let stats = self.tiered.stats();
        (stats.hits, stats.misses)
    }

    /// With this many sessions of eight fields of 29 bytes, all of them in the cache.
    pub fn new(sessions: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let memory = MemoryStore::new();
        let mut ids: Vec<_> = (0..sessions).map(|_| create(&memory, texts()).unwrap()).collect();
        shuffle(&mut ids);
        // moka's window admits rarely used entries only while there is room.
        let capacity = 2 * sessions as u64;
        let tiered = TieredStore::builder(memory)
            .capacity(Capacity::entries(capacity))
            // A million copies are validated when they are loaded, and the measurement takes more than a minute.
            .max_age(Duration::from_secs(3_600))
            .build();
        let loaded = Self {
            store: Arc::new(tiered.clone()),
            tiered,
            ids,
            moka: moka::sync::Cache::new(capacity),
            moka_as_is: moka::sync::Cache::builder().max_capacity(capacity).build_with_hasher(AsIsHasher::default()),
            quick: quick_cache::sync::Cache::new(2 * sessions),
            papaya: papaya::HashMap::default(),
            _runtime: runtime,
        };
        loaded.warm_up();
        loaded
    }

    /// Loads until every load is a hit: the first loads come before the listener is subscribed.
    fn warm_up(&self) {
        let _context = self._runtime.enter();
        loop {
            let before = self.tiered.stats().misses;
            for id in &self.ids {
                self.hit(id);
            }
            if self.tiered.stats().misses == before {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        for id in &self.ids {
            let record = self.hit(id);
            self.moka.insert(*id.digest(), record.clone());
            self.moka_as_is.insert(*id.digest(), record.clone());
            self.quick.insert(*id.digest(), record.clone());
            self.papaya.pin().insert(*id.digest(), record);
        }
        self.moka.run_pending_tasks();
        self.moka_as_is.run_pending_tasks();
    }

    /// The subjects, the tiered store first.
    pub fn gets(&self) -> [Get<'_>; 5] {
        [
            ("tiered", Box::new(|id| drop(black_box(self.hit(id))))),
            ("moka, digest as hash", Box::new(|id| drop(black_box(self.moka_as_is.get(id.digest()).unwrap())))),
            ("moka, default hasher", Box::new(|id| drop(black_box(self.moka.get(id.digest()).unwrap())))),
            ("quick_cache", Box::new(|id| drop(black_box(self.quick.get(id.digest()).unwrap())))),
            ("papaya", Box::new(|id| drop(black_box(self.papaya.pin().get(id.digest()).unwrap().clone())))),
        ]
    }

    /// A load as an application makes it. Later loads come from threads outside the runtime, so the self-check, which
    /// needs one, does not take part.
    pub fn hit(&self, id: &SessionId) -> Arc<Record> {
        match ready(self.store.load(id, LoadOptions::default())).unwrap() {
            LoadOutcome::Found(found) => found.record,
            other => panic!("{other:?}"),
        }
    }
}
