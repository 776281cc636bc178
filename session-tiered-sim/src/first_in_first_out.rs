//! First in, first out: an eviction policy that makes the same decisions in each run.

use std::collections::VecDeque;

use parking_lot::Mutex;
use session_core::model::IdDigest;

use crate::policy::{Evict, Policy};

pub(crate) struct FirstInFirstOut {
    capacity: u64,
    queue: Mutex<VecDeque<(IdDigest, u32)>>,
    evict: Evict,
}

impl FirstInFirstOut {
    pub(crate) fn new(capacity: u64, evict: Evict) -> Self {
        Self { capacity, queue: Mutex::default(), evict }
    }
}

impl Policy for FirstInFirstOut {
    fn record_use(&self, _: &IdDigest) {}

    fn insert(&self, digest: IdDigest, weight: u32) {
        let mut evicted = Vec::new();
        {
            let mut queue = self.queue.lock();
            queue.retain(|(other, _)| *other != digest);
            queue.push_back((digest, weight));
            let mut sum: u64 = queue.iter().map(|(_, weight)| u64::from(*weight)).sum();
            while sum > self.capacity
                && let Some((first, weight)) = queue.pop_front()
            {
                sum -= u64::from(weight);
                evicted.push(first);
            }
        }
        evicted.iter().for_each(&self.evict);
    }

    fn remove(&self, digest: &IdDigest) {
        self.queue.lock().retain(|(other, _)| other != digest);
    }
}
