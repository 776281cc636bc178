//! The state of an application node in the world.

use std::{
    collections::{BTreeSet, VecDeque},
    task::Waker,
};

use session_core::store::{FeedItem, GapCause};

use super::{Millis, Settings, link::Conn};

/// Command connections to one shard. There are several, so that commands can overtake each other.
pub(crate) const COMMAND_CONNS: usize = 2;

#[derive(Debug)]
pub(crate) struct NodeState {
    pub(crate) paused: bool,
    /// Tasks that wait for the end of the pause.
    pub(crate) waiting: Vec<Waker>,
    /// Until when its links are slow.
    pub(crate) slow_commands: Millis,
    pub(crate) slow_feed: Millis,
    /// By shard, then by connection.
    pub(crate) commands: Vec<[Conn; COMMAND_CONNS]>,
    /// The shard of each partition, as the node knows it.
    pub(crate) routes: Vec<usize>,
    pub(crate) feed: FeedState,
}

/// One subscription of a node.
#[derive(Debug, Default)]
pub(crate) struct FeedState {
    /// Incremented by each subscription. Messages for an older one are ignored.
    pub(crate) id: u64,
    pub(crate) active: bool,
    /// All partitions have been subscribed to once. From then on gaps are reported.
    pub(crate) began: bool,
    /// By shard.
    pub(crate) push_conns: Vec<PushConn>,
    /// By partition.
    pub(crate) channels: Vec<Channel>,
    /// Items that have arrived, with the version of the history that a change created.
    pub(crate) queue: VecDeque<(FeedItem, u64)>,
    pub(crate) waker: Option<Waker>,
}

/// The feed's connection to a shard.
#[derive(Debug, Default)]
pub(crate) struct PushConn {
    pub(crate) conn: Conn,
    /// At the server: the partitions whose changes it pushes.
    pub(crate) subscribed: BTreeSet<u16>,
    /// How many of the next pushes are lost.
    pub(crate) lose_pushes: u32,
}

/// The channel of one partition, as its listener knows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Channel {
    /// The shard whose connection carries the channel.
    pub(crate) carrier: Option<usize>,
    /// The server that carried the channel last.
    pub(crate) server: Option<usize>,
    /// The sequence of the last change.
    pub(crate) last: Option<u64>,
    /// Why the channel was lost.
    pub(crate) lost: Option<GapCause>,
}

impl NodeState {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            paused: false,
            waiting: Vec::new(),
            slow_commands: 0,
            slow_feed: 0,
            commands: (0..settings.shards).map(|_| Default::default()).collect(),
            routes: (0..settings.partitions).map(|partition| usize::from(partition) % settings.shards).collect(),
            feed: FeedState::new(settings, 0),
        }
    }
}

impl FeedState {
    pub(crate) fn new(settings: &Settings, id: u64) -> Self {
        Self {
            id,
            push_conns: (0..settings.shards).map(|_| PushConn::default()).collect(),
            channels: vec![Channel::default(); usize::from(settings.partitions)],
            ..Self::default()
        }
    }

    pub(crate) fn push(&mut self, item: FeedItem, version: u64) {
        self.queue.push_back((item, version));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Reports a gap of these partitions, as one item if they are all.
    pub(crate) fn gap(&mut self, partitions: &[u16], cause: GapCause) {
        if !self.began {
            return;
        }
        if partitions.len() == self.channels.len() {
            return self.push(FeedItem::Gap(None, cause), 0);
        }
        partitions.iter().for_each(|partition| self.push(FeedItem::Gap(Some(*partition), cause), 0));
    }

    /// Records the sequence of a partition. An unexpected sequence shows a gap. New high bits show that the server was
    /// emptied or restored, with all of its partitions.
    pub(crate) fn compare(&mut self, shard: usize, partition: u16, expected: Option<u64>, sequence: u64) {
        let is_restart = |expected: u64| expected >> 32 != sequence >> 32;
        match expected {
            Some(expected) if is_restart(expected) => {
                let carried = (0..).zip(&mut self.channels).filter(|(_, channel)| channel.carrier == Some(shard));
                let gaps: Vec<u16> = carried.map(|(partition, channel)| (partition, channel.last = None).0).collect();
                self.gap(&gaps, GapCause::Missed);
            }
            Some(expected) if expected != sequence => self.gap(&[partition], GapCause::Missed),
            _ => {}
        }
        self.channel(partition).last = Some(sequence);
    }

    pub(crate) fn channel(&mut self, partition: u16) -> &mut Channel {
        &mut self.channels[usize::from(partition)]
    }

    /// The partitions that no connection carries, once the subscription has begun.
    pub(crate) fn uncarried(&self) -> Vec<u16> {
        let channels = (0..).zip(&self.channels).filter(|(_, channel)| self.began && channel.carrier.is_none());
        channels.map(|(partition, _)| partition).collect()
    }
}
