//! The same sessions in the tiered store and in bare maps.

use std::{sync::Arc, time::Duration};

use session_benches::{AsIsHasher, create, ready, scalars, shuffle};
use session_core::{IdDigest, LoadOptions, LoadOutcome, Record, SessionId, SessionStore};
use session_memory::MemoryStore;
use session_tiered::{Capacity, TieredStore};
use tokio::runtime::Runtime;

/// A tiered store over the memory store, and its copies in bare maps of equal capacity.
pub(crate) struct Loaded {
    pub(crate) tiered: TieredStore<MemoryStore>,
    /// The same one.
    pub(crate) store: Arc<dyn SessionStore>,
    pub(crate) ids: Vec<SessionId>,
    pub(crate) moka: moka::sync::Cache<IdDigest, Arc<Record>>,
    pub(crate) moka_as_is: moka::sync::Cache<IdDigest, Arc<Record>, AsIsHasher>,
    pub(crate) papaya: papaya::HashMap<IdDigest, Arc<Record>, AsIsHasher>,
    /// The listener's, which keeps the leases.
    _runtime: Runtime,
}

impl Loaded {
    pub(crate) fn new(sessions: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let memory = MemoryStore::new();
        let mut ids: Vec<_> = (0..sessions).map(|_| create(&memory, scalars(8, 29)).unwrap()).collect();
        shuffle(&mut ids);
        // moka's window admits what it has seen little of only while there is room.
        let capacity = 2 * sessions as u64;
        let tiered = TieredStore::builder(memory)
            .capacity(Capacity::entries(capacity))
            // A million copies are vouched for when they are loaded, and the measurement takes more than a minute.
            .max_age(Duration::from_secs(3_600))
            .build();
        let loaded = Self {
            store: Arc::new(tiered.clone()),
            tiered,
            ids,
            moka: moka::sync::Cache::new(capacity),
            moka_as_is: moka::sync::Cache::builder().max_capacity(capacity).build_with_hasher(AsIsHasher::default()),
            papaya: papaya::HashMap::default(),
            _runtime: runtime,
        };
        loaded.warm_up();
        loaded
    }

    /// Until every load is a hit: the first ones come before the listener has heard anything.
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
            self.papaya.pin().insert(*id.digest(), record);
        }
        self.moka.run_pending_tasks();
        self.moka_as_is.run_pending_tasks();
    }

    /// A load as an application makes it. Later ones come from threads outside the runtime, so the self-check, which
    /// needs one, does not take part.
    pub(crate) fn hit(&self, id: &SessionId) -> Arc<Record> {
        match ready(self.store.load(id, LoadOptions::default())).unwrap() {
            LoadOutcome::Found(found) => found.record,
            other => panic!("{other:?}"),
        }
    }
}
