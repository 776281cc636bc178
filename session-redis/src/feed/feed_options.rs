//! The settings of a feed.

use std::time::Duration;

use crate::defaults;

/// The settings of a feed.
#[derive(Clone, Debug)]
pub(crate) struct FeedOptions {
    /// The most items that wait for a subscriber; at least twice the number of partitions.
    pub(crate) queue_items: usize,
    /// The most bytes of deltas that wait for a subscriber.
    pub(crate) queue_bytes: usize,
    /// How long one request to a server may take.
    pub(crate) deadline: Duration,
    /// How long a subscription may take to start.
    pub(crate) start_deadline: Duration,
    /// How often each connection is asked for a sign of life.
    pub(crate) health_interval: Duration,
    /// The pause after the first attempt to reconnect.
    pub(crate) first_pause: Duration,
    /// The longest pause between two attempts to reconnect.
    pub(crate) longest_pause: Duration,
}

impl Default for FeedOptions {
    fn default() -> Self {
        Self {
            queue_items: defaults::SUBSCRIBER_BUFFER,
            queue_bytes: 16 * 1_024 * 1_024,
            deadline: Duration::from_secs(1),
            start_deadline: Duration::from_secs(5),
            health_interval: defaults::HEALTH_INTERVAL,
            first_pause: Duration::from_millis(50),
            longest_pause: Duration::from_secs(1),
        }
    }
}
