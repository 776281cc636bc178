//! First in, first out: for simulations, which moka's own clock and threads would make unrepeatable.

use std::collections::VecDeque;

use parking_lot::Mutex;
use session_core::model::IdDigest;

use crate::keeper::Evict;

pub(crate) struct QueuePolicy {
    total: u64,
    queue: Mutex<VecDeque<(IdDigest, u32)>>,
    evict: Evict,
}

impl QueuePolicy {
    pub(crate) fn new(total: u64, evict: Evict) -> Self {
        Self { total, queue: Mutex::default(), evict }
    }

    pub(crate) fn insert(&self, digest: IdDigest, weight: u32) {
        let mut evicted = Vec::new();
        {
            let mut queue = self.queue.lock();
            queue.retain(|(other, _)| *other != digest);
            queue.push_back((digest, weight));
            let mut sum: u64 = queue.iter().map(|(_, weight)| u64::from(*weight)).sum();
            while sum > self.total
                && let Some((first, weight)) = queue.pop_front()
            {
                sum -= u64::from(weight);
                evicted.push(first);
            }
        }
        evicted.iter().for_each(&self.evict);
    }

    pub(crate) fn remove(&self, digest: &IdDigest) {
        self.queue.lock().retain(|(other, _)| other != digest);
    }
}
