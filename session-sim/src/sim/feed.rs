//! The change feed of a node, as [`session_core::store::ChangeFeed`] specifies it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::Stream;
use session_core::{
    Error, ErrorKind,
    store::{BarrierId, Barriers, ChangeFeed, FeedItem, Origin, SessionChange, Subscription, async_trait},
};
use tokio::sync::oneshot;

use super::{Sim, SimStore, World, forger::FORGED, node::FeedState, settings::CALL_DEADLINE};

/// A message of a server on a feed's connection.
#[derive(Debug)]
pub(crate) enum Push {
    /// A change, and the version of the history that it created.
    Change(SessionChange, u64),
    /// The sequence of a partition, in reply to a barrier request.
    Barrier(u16, BarrierId, u64, oneshot::Sender<()>),
    /// The server pushes the changes of these partitions from now on; these are their sequences.
    Subscribed(Vec<(u16, Option<u64>)>),
    /// The server no longer pushes changes of a partition that has moved away.
    Unsubscribed(u16),
}

#[async_trait]
impl ChangeFeed for SimStore {
    fn origin(&self) -> Origin {
        self.own_origin()
    }

    fn partitions(&self) -> u32 {
        self.sim.with(|world| u32::from(world.settings.partitions))
    }

    async fn subscribe(&self) -> Result<Subscription, Error> {
        let (sim, node) = (self.sim.clone(), self.node);
        let (id, shards) = sim.with(|world| {
            let feed = &mut world.nodes[node].feed;
            *feed = FeedState { active: true, ..FeedState::new(&world.settings, feed.id + 1) };
            (feed.id, world.settings.shards)
        });
        // Dropping this future ends the subscription.
        let items = Items { sim: sim.clone(), node, id };
        (0..shards).for_each(|shard| sim.connect_feed(node, shard));
        let deadline = sim.now() + CALL_DEADLINE;
        while !sim.with(|world| world.begin(node)) {
            if sim.now() >= deadline {
                return Err(Error::new(ErrorKind::Unavailable, "nothing to listen to"));
            }
            sim.sleep(5).await;
        }
        sim.running(node).await;
        Ok(Subscription::new(items, Arc::new(SimBarriers { sim, node, id })))
    }
}

impl World {
    /// The subscription begins when all partitions are carried. Earlier items are not part of it.
    fn begin(&mut self, node: usize) -> bool {
        let feed = &mut self.nodes[node].feed;
        feed.began = feed.channels.iter().all(|channel| channel.carrier.is_some());
        if feed.began {
            feed.queue.clear();
        }
        feed.began
    }
}

/// The stream of one subscription. Dropping it ends the subscription.
struct Items {
    sim: Sim,
    node: usize,
    id: u64,
}

impl Stream for Items {
    type Item = FeedItem;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<FeedItem>> {
        self.sim.with(|world| {
            let state = &mut world.nodes[self.node];
            if state.paused {
                state.waiting.push(cx.waker().clone());
                return Poll::Pending;
            }
            if state.feed.id != self.id || !state.feed.active {
                return Poll::Ready(None);
            }
            let Some((item, version)) = state.feed.queue.pop_front() else {
                state.feed.waker = Some(cx.waker().clone());
                return Poll::Pending;
            };
            world.taken(self.node, &item, version);
            Poll::Ready(Some(item))
        })
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        self.sim.with(|world| {
            let feed = &mut world.nodes[self.node].feed;
            if feed.id == self.id {
                feed.active = false;
                feed.push_conns.iter_mut().for_each(|push_conn| push_conn.conn.lose());
            }
        });
    }
}

impl World {
    /// The node's listener has taken an item out of the stream.
    fn taken(&mut self, node: usize, item: &FeedItem, version: u64) {
        self.note(|| match item {
            FeedItem::Change(change) => {
                let (p, after) = (change.partition, change.after.map(|stamp| stamp.version()));
                let delta = if change.delta.is_some() { " +delta" } else { "" };
                format!("n{node} takes p{p} #{} {:?} v{after:?}{delta}", change.sequence & 0xffff, change.kind)
            }
            other => format!("n{node} takes {other:?}"),
        });
        match item {
            FeedItem::Change(change) if version == FORGED => self.took_forgery(node, change.digest, self.now),
            FeedItem::Change(change) => self.oracle.took_change(node, change, version, self.now),
            FeedItem::Gap(partition, _) => {
                self.coverage.count("gaps");
                self.oracle.took_gap(node, *partition, self.now);
            }
            _ => self.coverage.count("barriers"),
        }
    }
}

#[derive(Debug)]
struct SimBarriers {
    sim: Sim,
    node: usize,
    id: u64,
}

#[async_trait]
impl Barriers for SimBarriers {
    async fn barrier(&self, partition: u16) -> Result<BarrierId, Error> {
        let (sim, node) = (&self.sim, self.node);
        sim.running(node).await;
        let failed = || Error::new(ErrorKind::Unavailable, "no barrier");
        let (id, reply, eager) = sim.with(|world| self.ask(sim, world, partition)).ok_or_else(failed)?;
        if eager {
            return Ok(id);
        }
        let deadline = sim.now() + CALL_DEADLINE;
        let answered = tokio::select! {
            biased;
            answered = reply => answered.is_ok(),
            () = sim.sleep_until(deadline) => false,
        };
        sim.running(node).await;
        if answered { Ok(id) } else { Err(failed()) }
    }

    fn spans_partitions(&self) -> bool {
        self.sim.with(|world| world.settings.shards == 1)
    }
}

impl SimBarriers {
    /// Sends a barrier request, if a connection carries the partition.
    fn ask(&self, sim: &Sim, world: &mut World, partition: u16) -> Option<(BarrierId, oneshot::Receiver<()>, bool)> {
        let (node, delay) = (self.node, world.delay(self.node, true));
        let feed = &mut world.nodes[node].feed;
        if feed.id != self.id || !feed.active {
            return None;
        }
        let shard = feed.channel(partition).carrier?;
        let conn = &mut feed.push_conns[shard].conn;
        conn.server?;
        let (epoch, at) = (conn.epoch, conn.up(world.now, delay));
        world.barriers += 1;
        let id = BarrierId::from(world.barriers);
        let (answer, reply) = oneshot::channel();
        let sim = sim.clone();
        tokio::spawn(async move {
            sim.sleep_until(at).await;
            sim.answer_barrier(node, (shard, epoch), partition, (id, answer));
        });
        Some((id, reply, world.settings.eager_barriers))
    }
}
