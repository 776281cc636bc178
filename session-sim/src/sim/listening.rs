//! The connections behind a feed: how they open, what they carry, and how they end.

use session_core::store::{BarrierId, FeedItem, GapCause, SessionChange};
use tokio::sync::oneshot;

use super::{Sim, World, feed::Push};

impl World {
    /// Pushes a change to every node that listens to this server.
    pub(crate) fn publish(&mut self, server: usize, change: &SessionChange) {
        if let Some(forger) = &mut self.forger {
            forger.hear(change);
        }
        let (shard, version) = (self.servers[server].shard, self.history.version());
        for node in 0..self.nodes.len() {
            let push_conn = &mut self.nodes[node].feed.push_conns[shard];
            if push_conn.conn.server != Some(server) || !push_conn.subscribed.contains(&change.partition) {
                continue;
            }
            if push_conn.lose_pushes > 0 {
                push_conn.lose_pushes -= 1;
                self.coverage.count("pushes lost");
                continue;
            }
            self.push(node, shard, Push::Change(change.clone(), version));
        }
    }

    /// Sends a message on a feed's connection.
    pub(crate) fn push(&mut self, node: usize, shard: usize, push: Push) {
        let delay = self.delay(node, true);
        let conn = &mut self.nodes[node].feed.push_conns[shard].conn;
        let (epoch, at) = (conn.epoch, conn.down(self.now, delay));
        let (Some(sim), id) = (self.sim(), self.nodes[node].feed.id) else { return };
        tokio::spawn(async move {
            sim.sleep_until(at).await;
            let uncarried = sim.with(|world| {
                let feed = &world.nodes[node].feed;
                let conn = &feed.push_conns[shard].conn;
                let arrives = feed.id == id && conn.epoch == epoch && !conn.silent;
                if arrives { world.receive(node, shard, push) } else { Vec::new() }
            });
            for partition in uncarried {
                sim.follow(node, partition, id);
            }
        });
    }

    /// A message arrives. Returns the partitions to subscribe to at another shard.
    fn receive(&mut self, node: usize, shard: usize, push: Push) -> Vec<u16> {
        let server = self.nodes[node].feed.push_conns[shard].conn.server;
        let feed = &mut self.nodes[node].feed;
        match push {
            Push::Change(change, version) => {
                let expected = feed.channel(change.partition).last.map(|last| last + 1);
                feed.compare(shard, change.partition, expected, change.sequence);
                feed.push(FeedItem::Change(change), version);
            }
            Push::Barrier(partition, id, sequence, answer) => {
                let channel = feed.channel(partition);
                if channel.carrier != Some(shard) {
                    return Vec::new();
                }
                let expected = channel.last;
                feed.compare(shard, partition, expected, sequence);
                feed.push(FeedItem::Barrier(partition, id), 0);
                // The task that asked may be gone.
                let _ = answer.send(());
            }
            Push::Subscribed(partitions) => {
                self.subscribed(node, shard, server, &partitions);
                return self.nodes[node].feed.uncarried();
            }
            Push::Unsubscribed(partition) => {
                let channel = feed.channel(partition);
                if channel.carrier == Some(shard) {
                    channel.carrier = None;
                    channel.lost = Some(GapCause::SlotMoved);
                    feed.gap(&[partition], GapCause::SlotMoved);
                }
                return vec![partition];
            }
        }
        Vec::new()
    }

    fn subscribed(&mut self, node: usize, shard: usize, server: Option<usize>, partitions: &[(u16, Option<u64>)]) {
        let feed = &mut self.nodes[node].feed;
        let mut causes = Vec::new();
        for (partition, known) in partitions {
            let channel = feed.channel(*partition);
            let cause = match channel.lost.take() {
                Some(GapCause::SlotMoved) => GapCause::SlotMoved,
                _ if channel.server == server => GapCause::Reconnected,
                _ => GapCause::FailedOver,
            };
            (channel.carrier, channel.server, channel.last) = (Some(shard), server, *known);
            causes.push((*partition, cause));
        }
        match causes.as_slice() {
            [(_, first), others @ ..] if others.iter().all(|(_, cause)| cause == first) => {
                let partitions: Vec<u16> = partitions.iter().map(|(partition, _)| *partition).collect();
                feed.gap(&partitions, *first);
            }
            causes => causes.iter().for_each(|(partition, cause)| feed.gap(&[*partition], *cause)),
        }
    }
}

impl Sim {
    /// A barrier request arrives at the server, unless the connection is gone.
    pub(crate) fn answer_barrier(
        &self,
        node: usize,
        (shard, epoch): (usize, u64),
        partition: u16,
        (id, answer): (BarrierId, oneshot::Sender<()>),
    ) {
        let demoted = self.with(|world| {
            let conn = &world.nodes[node].feed.push_conns[shard].conn;
            let server = conn.server.filter(|_| conn.epoch == epoch && !conn.silent)?;
            if world.home(partition) != shard {
                return None;
            }
            if !world.servers[server].is_primary() {
                return Some(());
            }
            if !world.servers[server].accepts_writes(world.now) {
                world.coverage.count("heartbeats refused");
                return None;
            }
            let sequence = world.servers[server].contents.sequences.get(&partition).copied().unwrap_or(0);
            world.push(node, shard, Push::Barrier(partition, id, sequence, answer));
            None
        });
        if demoted.is_some() {
            self.break_feed(node, shard, GapCause::Demoted);
        }
    }

    /// Breaks the feed's connection to a shard. It reconnects.
    pub(crate) fn break_feed(&self, node: usize, shard: usize, cause: GapCause) {
        let connect = self.with(|world| {
            world.note(|| format!("n{node} feed from shard {shard} breaks: {cause:?}"));
            let feed = &mut world.nodes[node].feed;
            let push_conn = &mut feed.push_conns[shard];
            // If it is down, a task is already reconnecting it.
            let was_up = push_conn.conn.server.is_some();
            push_conn.conn.lose();
            push_conn.subscribed.clear();
            let mut lost = Vec::new();
            for (partition, channel) in (0..).zip(&mut feed.channels) {
                if channel.carrier == Some(shard) {
                    channel.carrier = None;
                    channel.lost = Some(cause);
                    lost.push(partition);
                }
            }
            feed.gap(&lost, cause);
            was_up && feed.active
        });
        if connect {
            self.connect_feed(node, shard);
        }
    }

    /// Connects to the shard's primary as soon as it can be reached, and subscribes.
    pub(crate) fn connect_feed(&self, node: usize, shard: usize) {
        let sim = self.clone();
        let id = sim.with(|world| world.nodes[node].feed.id);
        tokio::spawn(async move {
            loop {
                sim.sleep(sim.with(|world| world.rng.u64(2..200))).await;
                sim.running(node).await;
                match sim.with(|world| world.dial_feed(node, shard, id)) {
                    Dialed::Refused => continue,
                    Dialed::Obsolete => return,
                    Dialed::Connected(epoch, at) => {
                        sim.sleep_until(at).await;
                        return sim.with(|world| world.accept_feed(node, shard, epoch));
                    }
                }
            }
        });
    }

    /// Subscribes to a partition at the shard that it has moved to.
    fn follow(&self, node: usize, partition: u16, id: u64) {
        let sim = self.clone();
        tokio::spawn(async move {
            loop {
                sim.sleep(sim.with(|world| world.rng.u64(2..60))).await;
                sim.running(node).await;
                match sim.with(|world| world.dial_partition(node, partition, id)) {
                    Dialed::Refused => continue,
                    Dialed::Obsolete => return,
                    Dialed::Connected(epoch, at) => {
                        sim.sleep_until(at).await;
                        sim.with(|world| world.accept_partition(node, epoch, partition));
                        sim.sleep(200).await;
                    }
                }
            }
        });
    }
}

enum Dialed {
    Refused,
    /// The connection is no longer wanted.
    Obsolete,
    /// In this epoch; the subscription arrives at this time.
    Connected(u64, super::Millis),
}

impl World {
    /// Connects to the server that the node's commands go to. If the feed listened to a new primary while commands still went
    /// to the old one, the lease would cover fills from the old one, and no cache could notice.
    fn dial_feed(&mut self, node: usize, shard: usize, id: u64) -> Dialed {
        let (primary, delay) = (self.primaries[shard], self.delay(node, true));
        let there = self.nodes[node].commands[shard].iter().all(|conn| conn.server == Some(primary));
        let reached = self.servers[primary].is_primary() && !self.servers[primary].cut[node];
        let feed = &mut self.nodes[node].feed;
        let conn = &mut feed.push_conns[shard].conn;
        if feed.id != id || !feed.active || conn.server.is_some() {
            return Dialed::Obsolete;
        }
        if !reached || !there {
            return Dialed::Refused;
        }
        (conn.server, conn.silent) = (Some(primary), false);
        Dialed::Connected(conn.epoch, conn.up(self.now, delay))
    }

    fn accept_feed(&mut self, node: usize, shard: usize, epoch: u64) {
        let partitions: Vec<u16> =
            (0..self.settings.partitions).filter(|partition| self.home(*partition) == shard).collect();
        let push_conn = &mut self.nodes[node].feed.push_conns[shard];
        if push_conn.conn.epoch == epoch && !push_conn.conn.silent {
            push_conn.subscribed.extend(&partitions);
            self.confirm(node, shard, &partitions);
        }
    }

    fn dial_partition(&mut self, node: usize, partition: u16, id: u64) -> Dialed {
        let (shard, delay) = (self.home(partition), self.delay(node, true));
        let feed = &mut self.nodes[node].feed;
        if feed.id != id || !feed.active || feed.channel(partition).carrier.is_some() {
            return Dialed::Obsolete;
        }
        let conn = &mut feed.push_conns[shard].conn;
        match conn.server {
            None => Dialed::Refused,
            Some(_) => Dialed::Connected(conn.epoch, conn.up(self.now, delay)),
        }
    }

    fn accept_partition(&mut self, node: usize, epoch: u64, partition: u16) {
        let shard = self.home(partition);
        let push_conn = &mut self.nodes[node].feed.push_conns[shard];
        if push_conn.conn.epoch == epoch && !push_conn.conn.silent && push_conn.subscribed.insert(partition) {
            self.confirm(node, shard, &[partition]);
        }
    }

    /// Confirms a subscription, with the sequences of its partitions on the same connection.
    fn confirm(&mut self, node: usize, shard: usize, partitions: &[u16]) {
        let server = self.nodes[node].feed.push_conns[shard].conn.server;
        let sequences = server.map(|server| &self.servers[server].contents.sequences);
        let known = |partition: &u16| sequences.and_then(|sequences| sequences.get(partition).copied());
        let confirmed = partitions.iter().map(|partition| (*partition, known(partition))).collect();
        self.push(node, shard, Push::Subscribed(confirmed));
    }
}
