//! The connections behind a feed: how they are made, what they carry, and how they end.

use session_core::store::{BarrierId, FeedItem, GapCause, SessionChange};
use tokio::sync::oneshot;

use super::{Sim, World, feed::Push};

impl World {
    /// Tells every node that listens to this server.
    pub(crate) fn publish(&mut self, server: usize, change: &SessionChange) {
        let (shard, version) = (self.servers[server].shard, self.history.version());
        for node in 0..self.nodes.len() {
            let ear = &mut self.nodes[node].feed.ears[shard];
            if ear.conn.server != Some(server) || !ear.subscribed.contains(&change.partition) {
                continue;
            }
            if ear.lose_pushes > 0 {
                ear.lose_pushes -= 1;
                self.coverage.count("pushes lost");
                continue;
            }
            self.push(node, shard, Push::Change(change.clone(), version));
        }
    }

    /// Sends something down a feed's connection.
    pub(crate) fn push(&mut self, node: usize, shard: usize, push: Push) {
        let delay = self.delay(node, true);
        let conn = &mut self.nodes[node].feed.ears[shard].conn;
        let (epoch, at) = (conn.epoch, conn.down(self.now, delay));
        let (Some(sim), id) = (self.sim(), self.nodes[node].feed.id) else { return };
        tokio::spawn(async move {
            sim.sleep_until(at).await;
            let adrift = sim.with(|world| {
                let feed = &world.nodes[node].feed;
                let conn = &feed.ears[shard].conn;
                let arrives = feed.id == id && conn.epoch == epoch && !conn.silent;
                if arrives { world.hear(node, shard, push) } else { Vec::new() }
            });
            for partition in adrift {
                sim.follow(node, partition, id);
            }
        });
    }

    /// Something arrives. Returns partitions that are to be followed elsewhere.
    fn hear(&mut self, node: usize, shard: usize, push: Push) -> Vec<u16> {
        let server = self.nodes[node].feed.ears[shard].conn.server;
        let feed = &mut self.nodes[node].feed;
        match push {
            Push::Change(change, version) => {
                let expected = feed.lane(change.partition).last.map(|last| last + 1);
                feed.compare(shard, change.partition, expected, change.sequence);
                feed.push(FeedItem::Change(change), version);
            }
            Push::Barrier(partition, id, sequence, answer) => {
                let lane = feed.lane(partition);
                if lane.carrier != Some(shard) {
                    return Vec::new();
                }
                let expected = lane.last;
                feed.compare(shard, partition, expected, sequence);
                feed.push(FeedItem::Barrier(partition, id), 0);
                // Whoever asked may have gone.
                let _ = answer.send(());
            }
            Push::Subscribed(partitions) => {
                self.subscribed(node, shard, server, &partitions);
                return self.nodes[node].feed.adrift();
            }
            Push::Withdrawn(partition) => {
                let lane = feed.lane(partition);
                if lane.carrier == Some(shard) {
                    lane.carrier = None;
                    lane.lost = Some(GapCause::SlotMoved);
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
            let lane = feed.lane(*partition);
            let cause = match lane.lost.take() {
                Some(GapCause::SlotMoved) => GapCause::SlotMoved,
                _ if lane.server == server => GapCause::Reconnected,
                _ => GapCause::FailedOver,
            };
            (lane.carrier, lane.server, lane.last) = (Some(shard), server, *known);
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
    /// A question for a barrier has arrived at the server, if the connection still stands.
    pub(crate) fn answer_barrier(
        &self,
        node: usize,
        (shard, epoch): (usize, u64),
        partition: u16,
        (id, answer): (BarrierId, oneshot::Sender<()>),
    ) {
        let demoted = self.with(|world| {
            let conn = &world.nodes[node].feed.ears[shard].conn;
            let server = conn.server.filter(|_| conn.epoch == epoch && !conn.silent)?;
            if world.home(partition) != shard {
                return None;
            }
            if !world.servers[server].is_primary() {
                return Some(());
            }
            if !world.servers[server].is_acting(world.now) {
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

    /// Breaks the feed's connection to a shard; it is made anew.
    pub(crate) fn break_feed(&self, node: usize, shard: usize, cause: GapCause) {
        let connect = self.with(|world| {
            world.note(|| format!("n{node} feed from shard {shard} breaks: {cause:?}"));
            let feed = &mut world.nodes[node].feed;
            let ear = &mut feed.ears[shard];
            // While it is not there, somebody is making it already.
            let was_up = ear.conn.server.is_some();
            ear.conn.lose();
            ear.subscribed.clear();
            let mut lost = Vec::new();
            for (partition, lane) in (0..).zip(&mut feed.lanes) {
                if lane.carrier == Some(shard) {
                    lane.carrier = None;
                    lane.lost = Some(cause);
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

    /// Connects to the shard's primary as soon as there is one to be reached, and subscribes.
    pub(crate) fn connect_feed(&self, node: usize, shard: usize) {
        let sim = self.clone();
        let id = sim.with(|world| world.nodes[node].feed.id);
        tokio::spawn(async move {
            loop {
                sim.sleep(sim.with(|world| world.rng.u64(2..200))).await;
                sim.running(node).await;
                match sim.with(|world| world.dial_feed(node, shard, id)) {
                    Dialed::Refused => continue,
                    Dialed::Dead => return,
                    Dialed::Connected(epoch, at) => {
                        sim.sleep_until(at).await;
                        return sim.with(|world| world.accept_feed(node, shard, epoch));
                    }
                }
            }
        });
    }

    /// Follows a partition to the shard that it has moved to.
    fn follow(&self, node: usize, partition: u16, id: u64) {
        let sim = self.clone();
        tokio::spawn(async move {
            loop {
                sim.sleep(sim.with(|world| world.rng.u64(2..60))).await;
                sim.running(node).await;
                match sim.with(|world| world.dial_partition(node, partition, id)) {
                    Dialed::Refused => continue,
                    Dialed::Dead => return,
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
    /// Nobody wants it any more.
    Dead,
    /// In this epoch; the subscription arrives then.
    Connected(u64, super::Millis),
}

impl World {
    /// Dials the server that the node's commands go to. A feed that listened to a new primary while commands still went
    /// to the old one would vouch for fills that the old one gives: no cache could tell.
    fn dial_feed(&mut self, node: usize, shard: usize, id: u64) -> Dialed {
        let (primary, delay) = (self.primaries[shard], self.delay(node, true));
        let there = self.nodes[node].commands[shard].iter().all(|conn| conn.server == Some(primary));
        let reached = self.servers[primary].is_primary() && !self.servers[primary].cut[node];
        let feed = &mut self.nodes[node].feed;
        let conn = &mut feed.ears[shard].conn;
        if feed.id != id || !feed.active || conn.server.is_some() {
            return Dialed::Dead;
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
        let ear = &mut self.nodes[node].feed.ears[shard];
        if ear.conn.epoch == epoch && !ear.conn.silent {
            ear.subscribed.extend(&partitions);
            self.confirm(node, shard, &partitions);
        }
    }

    fn dial_partition(&mut self, node: usize, partition: u16, id: u64) -> Dialed {
        let (shard, delay) = (self.home(partition), self.delay(node, true));
        let feed = &mut self.nodes[node].feed;
        if feed.id != id || !feed.active || feed.lane(partition).carrier.is_some() {
            return Dialed::Dead;
        }
        let conn = &mut feed.ears[shard].conn;
        match conn.server {
            None => Dialed::Refused,
            Some(_) => Dialed::Connected(conn.epoch, conn.up(self.now, delay)),
        }
    }

    fn accept_partition(&mut self, node: usize, epoch: u64, partition: u16) {
        let shard = self.home(partition);
        let ear = &mut self.nodes[node].feed.ears[shard];
        if ear.conn.epoch == epoch && !ear.conn.silent && ear.subscribed.insert(partition) {
            self.confirm(node, shard, &[partition]);
        }
    }

    /// The subscription stands; the sequences are asked for on the same connection.
    fn confirm(&mut self, node: usize, shard: usize, partitions: &[u16]) {
        let server = self.nodes[node].feed.ears[shard].conn.server;
        let sequences = server.map(|server| &self.servers[server].contents.sequences);
        let known = |partition: &u16| sequences.and_then(|sequences| sequences.get(partition).copied());
        let confirmed = partitions.iter().map(|partition| (*partition, known(partition))).collect();
        self.push(node, shard, Push::Subscribed(confirmed));
    }
}
