//! Settings of a store.

use std::{sync::Arc, time::Duration};

use session_core::{
    Clock, Error, ErrorKind, Limits, SystemClock,
    defaults::{CALL_DEADLINE, TOMBSTONE, TOMBSTONE_CALLS},
    store::machine::Rules,
};

use crate::{MemoryStore, data::Data, defaults, store::BACKEND};

/// The most partitions that ids tell apart.
const MOST_PARTITIONS: u32 = 1 << 16;

/// Settings of a [`MemoryStore`], each with a default.
#[derive(Clone, Debug)]
#[must_use]
pub struct MemoryStoreBuilder {
    clock: Arc<dyn Clock>,
    limits: Limits,
    tombstone: Duration,
    capacity: Option<usize>,
    partitions: u32,
    subscriber_buffer: usize,
}

impl Default for MemoryStoreBuilder {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            limits: Limits::default(),
            tombstone: TOMBSTONE,
            capacity: defaults::CAPACITY,
            partitions: defaults::PARTITIONS,
            subscriber_buffer: defaults::SUBSCRIBER_BUFFER,
        }
    }
}

impl MemoryStoreBuilder {
    /// Where time comes from: the machine's clock by default, a [`ManualClock`](session_core::ManualClock) in tests.
    /// It is read under the lock of a shard, so it must not call the store.
    pub fn clock(self, clock: impl Clock + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// What is refused as too large.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// How long a destroyed session is remembered: [`TOMBSTONE`] by default. Longer takes memory for longer; it must
    /// outlast [ten](TOMBSTONE_CALLS) call deadlines.
    pub fn tombstone(self, tombstone: Duration) -> Self {
        Self { tombstone, ..self }
    }

    /// How many live sessions there may be; any number by default. A create beyond that is refused with
    /// [`LimitExceeded`](ErrorKind::LimitExceeded), and no live session is ever forgotten in its favour. Costs one
    /// counter that all creates and destroys share.
    pub fn capacity(self, sessions: usize) -> Self {
        Self { capacity: Some(sessions), ..self }
    }

    /// How many shards there are, which are also the partitions of the feed: a power of two up to 65,536; 1,024 by
    /// default. More shards, less waiting; each takes 128 bytes, empty or not.
    pub fn partitions(self, partitions: u32) -> Self {
        Self { partitions, ..self }
    }

    /// How many items may wait for one subscriber of the feed: 8,192 by default, at least 4. One that falls behind
    /// further gets a gap in their place. An item takes up to 5 KiB, most take 200 bytes.
    pub fn subscriber_buffer(self, items: usize) -> Self {
        Self { subscriber_buffer: items, ..self }
    }

    /// Makes the store.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) when a setting is out of its range.
    pub fn build(self) -> Result<MemoryStore, Error> {
        let least = CALL_DEADLINE * TOMBSTONE_CALLS;
        if self.tombstone < least {
            return Err(refused(format!("a tombstone must stand for at least {} s", least.as_secs())));
        }
        if !self.partitions.is_power_of_two() || self.partitions > MOST_PARTITIONS {
            return Err(refused(format!("the number of partitions must be a power of two up to {MOST_PARTITIONS}")));
        }
        Ok(self.make())
    }

    /// Makes a store of settings that are in range.
    pub(crate) fn make(self) -> MemoryStore {
        let rules = Rules::default().with_limits(self.limits).with_tombstone(self.tombstone).with_index();
        let data = Data::new(rules, self.clock, self.partitions, self.capacity, self.subscriber_buffer);
        MemoryStore::from_data(data)
    }
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::Configuration, message).with_backend(BACKEND).with_operation("build")
}
