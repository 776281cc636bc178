//! The channel and the sequence key of each partition.

use std::collections::HashMap;

use bytes::Bytes;

use crate::layout::{Layout, Partition};

/// The channel of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Channel {
    /// The cluster slot of all keys of the partition.
    pub(crate) slot: u16,
    /// The name on which the changes are published.
    pub(crate) name: Bytes,
    /// The key that holds the sequence number of the last change.
    pub(crate) sequence_key: Bytes,
}

/// The channels of all partitions.
#[derive(Debug)]
pub(crate) struct Channels {
    sharded: bool,
    of_partition: Box<[Channel]>,
    by_name: HashMap<Bytes, u16>,
}

impl Channels {
    /// The channels of partitions 0, 1, 2 … in this order; their number is a power of two. They are `sharded` on a
    /// cluster, where each primary has the channels of its slots.
    pub(crate) fn new(sharded: bool, channels: impl IntoIterator<Item = Channel>) -> Self {
        let of_partition: Box<[Channel]> = channels.into_iter().collect();
        debug_assert!(of_partition.len().is_power_of_two());
        let by_name = (0..).zip(&of_partition).map(|(partition, channel)| (channel.name.clone(), partition)).collect();
        Self { sharded, of_partition, by_name }
    }

    /// Whether one connection carries all of them.
    pub(crate) fn share_a_connection(&self) -> bool {
        !self.sharded
    }

    /// The channels of a layout.
    pub(crate) fn of(layout: &Layout, sharded: bool) -> Self {
        let channel = |partition: &Partition| Channel {
            slot: partition.slot,
            name: Bytes::copy_from_slice(&partition.channel),
            sequence_key: Bytes::copy_from_slice(&partition.sequence),
        };
        Self::new(sharded, layout.partitions().iter().map(channel))
    }

    pub(crate) fn sharded(&self) -> bool {
        self.sharded
    }

    /// The number of partitions.
    pub(crate) fn len(&self) -> usize {
        self.of_partition.len()
    }

    /// The mask of the partition bits of a digest that select one of these partitions.
    pub(crate) fn mask(&self) -> u16 {
        // A digest can distinguish at most 4,096 partitions.
        (self.of_partition.len() - 1) as u16
    }

    pub(crate) fn get(&self, partition: u16) -> Option<&Channel> {
        self.of_partition.get(usize::from(partition))
    }

    /// The partition of the channel with this name.
    pub(crate) fn partition(&self, name: &[u8]) -> Option<u16> {
        self.by_name.get(name).copied()
    }
}
