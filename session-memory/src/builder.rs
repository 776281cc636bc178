//! The settings of a store.

use std::{sync::Arc, time::Duration};

use session_core::{
    Clock, Error, ErrorKind, Limits, SystemClock,
    defaults::{CALL_DEADLINE, TOMBSTONE, TOMBSTONE_CALLS},
    store::machine::Rules,
};

use crate::{MemoryStore, data::Data, defaults, quota::Quotas, store::BACKEND};

/// The most partitions that an id can distinguish.
const MAX_PARTITIONS: u32 = 1 << 12;

/// Settings of a [`MemoryStore`], each with a default.
#[derive(Clone, Debug)]
#[must_use]
pub struct MemoryStoreBuilder {
    clock: Arc<dyn Clock>,
    limits: Limits,
    tombstone: Duration,
    capacity: usize,
    ended_capacity: usize,
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
            ended_capacity: defaults::ENDED_CAPACITY,
            partitions: defaults::PARTITIONS,
            subscriber_buffer: defaults::SUBSCRIBER_BUFFER,
        }
    }
}

impl MemoryStoreBuilder {
    /// The source of time: the machine's clock by default, a [`ManualClock`](session_core::ManualClock) in tests. The
    /// store reads it while it holds the lock of a shard, so the clock must not call the store.
    pub fn clock(self, clock: impl Clock + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// The size limits. Anything larger is refused.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// How long the store remembers a destroyed session: [`TOMBSTONE`] by default. A longer time holds memory for
    /// longer. It must be at least [ten](TOMBSTONE_CALLS) call deadlines.
    pub fn tombstone(self, tombstone: Duration) -> Self {
        Self { tombstone, ..self }
    }

    /// The largest number of live sessions: [1,000,000](defaults::CAPACITY) by default. A create beyond it is refused with
    /// [`LimitExceeded`](ErrorKind::LimitExceeded); a live session is never evicted to make room. It counts sessions and
    /// not their bytes, which [`limits`](Self::limits) bounds. `usize::MAX` is no limit.
    pub fn capacity(self, sessions: usize) -> Self {
        Self { capacity: sessions, ..self }
    }

    /// The number of tombstones and forwards from which a create is refused with
    /// [`LimitExceeded`](ErrorKind::LimitExceeded): [1,000,000](defaults::ENDED_CAPACITY) by default, about 160 MB. From
    /// twice that number on, a rotation is refused too. `usize::MAX` is no limit.
    ///
    /// None of them is forgotten early to make room. Without its tombstone, an ended session could be created again by a
    /// request that was delayed. A destroy and a revocation are never refused, so that a session can always be ended;
    /// there can be one tombstone more for each live session. Rotations have the larger bound, so that clients without an
    /// account, who can create sessions and end them, cannot keep users from signing in.
    pub fn ended_capacity(self, ended: usize) -> Self {
        Self { ended_capacity: ended, ..self }
    }

    /// The number of shards, which are also the partitions of the feed: a power of two up to 4,096; 1,024 by default.
    /// More shards reduce contention; each takes 128 bytes, empty or not.
    pub fn partitions(self, partitions: u32) -> Self {
        Self { partitions, ..self }
    }

    /// How many items may be queued for one subscriber of the feed: 8,192 by default, at least 4. A subscriber that
    /// falls further behind receives a gap in place of the changes it missed. An item takes up to 5 KiB; most take 200
    /// bytes.
    pub fn subscriber_buffer(self, items: usize) -> Self {
        Self { subscriber_buffer: items, ..self }
    }

    /// Builds the store.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) when a setting is out of range.
    pub fn build(self) -> Result<MemoryStore, Error> {
        let shortest = CALL_DEADLINE * TOMBSTONE_CALLS;
        if self.tombstone < shortest {
            return Err(refused(format!("the tombstone lifetime must be at least {} s", shortest.as_secs())));
        }
        if !self.partitions.is_power_of_two() || self.partitions > MAX_PARTITIONS {
            return Err(refused(format!("the number of partitions must be a power of two up to {MAX_PARTITIONS}")));
        }
        Ok(self.build_checked())
    }

    /// Builds a store from settings that are known to be in range.
    pub(crate) fn build_checked(self) -> MemoryStore {
        let rules = Rules { limits: self.limits, tombstone: self.tombstone, indexed: true };
        let quotas = Quotas::new(self.capacity, self.ended_capacity);
        let data = Data::new(rules, self.clock, self.partitions, quotas, self.subscriber_buffer);
        MemoryStore::from_data(data)
    }
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::Configuration, message).with_context(BACKEND, "build")
}
