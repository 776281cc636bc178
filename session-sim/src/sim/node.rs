//! What the world knows of an application node.

use std::{
    collections::{BTreeSet, VecDeque},
    task::Waker,
};

use session_core::store::{FeedItem, GapCause};

use super::{Millis, Settings, link::Conn};

/// Command connections to one shard: several, so that commands overtake each other.
pub(crate) const LANES: usize = 2;

#[derive(Debug)]
pub(crate) struct NodeState {
    pub(crate) paused: bool,
    /// Who waits for the end of the pause.
    pub(crate) waiting: Vec<Waker>,
    /// Until when the node's links are slow.
    pub(crate) slow_commands: Millis,
    pub(crate) slow_feed: Millis,
    /// By shard, then lane.
    pub(crate) commands: Vec<[Conn; LANES]>,
    /// Where the node believes each partition to be.
    pub(crate) routes: Vec<usize>,
    pub(crate) feed: FeedState,
}

/// One subscription of a node.
#[derive(Debug, Default)]
pub(crate) struct FeedState {
    /// Grows with each subscription; what belongs to an older one is dead.
    pub(crate) id: u64,
    pub(crate) active: bool,
    /// All partitions were carried once: from then on gaps are told.
    pub(crate) began: bool,
    /// By shard.
    pub(crate) ears: Vec<Ear>,
    /// By partition.
    pub(crate) lanes: Vec<Lane>,
    /// Items that arrived, with the version of the history that a change made.
    pub(crate) queue: VecDeque<(FeedItem, u64)>,
    pub(crate) waker: Option<Waker>,
}

/// The feed's connection to a shard.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    pub(crate) conn: Conn,
    /// At the server: the partitions whose changes are pushed.
    pub(crate) subscribed: BTreeSet<u16>,
    /// The next so many pushes are lost.
    pub(crate) lose_pushes: u32,
}

/// One partition, as its listener knows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lane {
    /// The shard whose connection carries it.
    pub(crate) carrier: Option<usize>,
    /// The server that carried it last.
    pub(crate) server: Option<usize>,
    /// The sequence of the last change.
    pub(crate) last: Option<u64>,
    /// Why it was lost.
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
            ears: (0..settings.shards).map(|_| Ear::default()).collect(),
            lanes: vec![Lane::default(); usize::from(settings.partitions)],
            ..Self::default()
        }
    }

    pub(crate) fn push(&mut self, item: FeedItem, version: u64) {
        self.queue.push_back((item, version));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Gaps of these partitions: one if they are all.
    pub(crate) fn gap(&mut self, partitions: &[u16], cause: GapCause) {
        if !self.began {
            return;
        }
        if partitions.len() == self.lanes.len() {
            return self.push(FeedItem::Gap(None, cause), 0);
        }
        partitions.iter().for_each(|partition| self.push(FeedItem::Gap(Some(*partition), cause), 0));
    }

    /// Takes note of a partition's sequence. One that is not the expected one shows a hole; one that begins anew shows
    /// that the server was emptied or restored, with all partitions that it has.
    pub(crate) fn compare(&mut self, shard: usize, partition: u16, expected: Option<u64>, sequence: u64) {
        let is_restart = |expected: u64| expected >> 32 != sequence >> 32;
        match expected {
            Some(expected) if is_restart(expected) => {
                let carried = (0..).zip(&mut self.lanes).filter(|(_, lane)| lane.carrier == Some(shard));
                let gaps: Vec<u16> = carried.map(|(partition, lane)| (partition, lane.last = None).0).collect();
                self.gap(&gaps, GapCause::Missed);
            }
            Some(expected) if expected != sequence => self.gap(&[partition], GapCause::Missed),
            _ => {}
        }
        self.lane(partition).last = Some(sequence);
    }

    pub(crate) fn lane(&mut self, partition: u16) -> &mut Lane {
        &mut self.lanes[usize::from(partition)]
    }

    /// Once it began: the partitions that no connection carries.
    pub(crate) fn adrift(&self) -> Vec<u16> {
        let lanes = (0..).zip(&self.lanes).filter(|(_, lane)| self.began && lane.carrier.is_none());
        lanes.map(|(partition, _)| partition).collect()
    }
}
