//! Faults of servers: lost data, failovers, moved slots.

use session_core::store::GapCause;

use super::{
    Millis, Sim, World,
    feed::Push,
    server::{Contents, Role},
    settings::MIN_REPLICAS_LAG,
};

impl Sim {
    /// A shard loses all data, including the sequences.
    pub(crate) fn flushed(&self, shard: usize) {
        if self.with(|world| world.failing[shard]) {
            return self.met("nothing", || "the shard is failing over".to_owned());
        }
        self.met("flush", || format!("s{shard}"));
        self.with(|world| {
            let primary = world.primaries[shard];
            let had = std::mem::take(&mut world.servers[primary].contents);
            let lost = world.oracle.updates.lose(&had.lineages, &Default::default());
            world.coverage.add("updates lost by the store", lost as u64);
            world.oracle.access.lose(had.slots.keys());
            for partition in world.partitions_of(shard) {
                world.restart_sequence(primary, partition);
            }
            world.resynchronise(primary);
            world.record_snapshot(primary);
        });
    }

    /// A partition moves to another shard.
    pub(crate) fn moved(&self, rng: &mut fastrand::Rng) {
        let partition = self.with(|world| rng.u16(..world.settings.partitions));
        let moves = self.with(|world| world.primaries.len() > 1 && !world.failing.contains(&true));
        if !moves {
            return self.met("nothing", || "no slot can move".to_owned());
        }
        self.met("slot moved", || format!("p{partition}"));
        self.with(|world| {
            let (from, to) = (world.home(partition), 1 - world.home(partition));
            let (source, target) = (world.primaries[from], world.primaries[to]);
            let contents = world.servers[source].contents.split_off(partition);
            world.servers[target].contents.merge(contents);
            world.history.stop_leading(source, partition, world.now);
            world.homes[usize::from(partition)] = to;
            world.resynchronise(source);
            world.resynchronise(target);
            let slots = &world.servers[target].contents.slots;
            world.history.snapshot(target, world.now, partition, slots);
            world.history.open(target, partition, world.now);
            for node in 0..world.nodes.len() {
                let push_conn = &mut world.nodes[node].feed.push_conns[from];
                if push_conn.subscribed.remove(&partition) {
                    world.push(node, from, Push::Unsubscribed(partition));
                }
            }
        });
    }

    /// The primary dies, and its replica takes over with the data that has arrived.
    pub(crate) async fn crashed(&self, shard: usize, rng: &mut fastrand::Rng) {
        if self.with(|world| std::mem::replace(&mut world.failing[shard], true)) {
            return self.met("nothing", || "the shard is failing over".to_owned());
        }
        if rng.bool() {
            let stall = rng.u64(100..900);
            self.with(|world| world.stalled[shard] = world.now + 2 * stall);
            self.sleep(stall).await;
        }
        self.met("primary crashed", || format!("s{shard}"));
        let (old, now, nodes) = self.with(|world| {
            let old = world.primaries[shard];
            world.servers[old].role = Role::Dead;
            world.stop_leading(old);
            (old, world.now, world.nodes.len())
        });
        for node in 0..nodes {
            self.silence(node, shard);
            if rng.bool() {
                // The machine is up and refuses connections.
                self.break_all(node, shard);
            }
        }
        self.sleep(rng.u64(MIN_REPLICAS_LAG + 100..1_500)).await;
        self.promote(old ^ 1, now);
        for node in 0..nodes {
            self.sleep(rng.u64(..300)).await;
            self.break_if_with(old, node, shard);
        }
        self.sleep(rng.u64(300..2_000)).await;
        self.with(|world| world.rejoin(old));
    }

    /// The primary loses its replica and some of the nodes, and stays up. Its replica takes over. In half of the cases the
    /// other nodes are on the side of the old primary: they reach no new one until it is demoted.
    pub(crate) async fn split_brain(&self, shard: usize, rng: &mut fastrand::Rng) {
        if self.with(|world| std::mem::replace(&mut world.failing[shard], true)) {
            return self.met("nothing", || "the shard is failing over".to_owned());
        }
        self.met("split brain", || format!("s{shard}"));
        let (old, now, nodes) = self.with(|world| {
            let old = world.primaries[shard];
            // Without acknowledgements from its replica it soon stops accepting writes and heartbeats.
            world.servers[old].accepts_writes_until = world.now + MIN_REPLICAS_LAG;
            (old, world.now, world.nodes.len())
        });
        self.divide(old, shard, rng);
        self.sleep(MIN_REPLICAS_LAG + rng.u64(20..1_200)).await;
        self.promote(old ^ 1, now);
        for node in 0..nodes {
            // Some nodes notice soon, each connection for itself; others when the old primary is demoted.
            self.sleep(rng.u64(..250)).await;
            let (cut, isolated) = self.with(|world| (world.servers[old].cut[node], world.servers[old ^ 1].cut[node]));
            if cut || (rng.bool() && !isolated) {
                self.break_commands_if_with(old, node, shard);
            }
            if cut || (rng.bool() && !isolated) {
                self.break_feed_if_with(old, node, shard, GapCause::Disconnected);
            }
        }
        self.sleep(rng.u64(200..2_000)).await;
        self.met("old primary demoted", || format!("s{shard}"));
        self.with(|world| {
            world.stop_leading(old);
            world.servers[old].role = Role::Dead;
            world.servers[old ^ 1].cut.fill(false);
        });
        (0..nodes).for_each(|node| self.break_if_with(old, node, shard));
        self.with(|world| world.rejoin(old));
    }

    /// Cuts some nodes off from this primary, and perhaps the others from its replica.
    fn divide(&self, primary: usize, shard: usize, rng: &mut fastrand::Rng) {
        let isolated = rng.bool();
        for node in 0..self.with(|world| world.nodes.len()) {
            if rng.bool() {
                self.with(|world| world.servers[primary].cut[node] = true);
                self.silence(node, shard);
            } else if isolated {
                self.met("node isolated", || format!("n{node} with the primary of s{shard}"));
                self.with(|world| world.servers[primary ^ 1].cut[node] = true);
            }
        }
    }

    /// The replica becomes the primary, with the data that had arrived until then.
    fn promote(&self, server: usize, until: Millis) {
        self.met("failover", || format!("to server {server}"));
        self.with(|world| {
            let (old, shard) = (server ^ 1, world.servers[server].shard);
            let dropped = world.servers[server].catch_up(until);
            world.oracle.access.lose(&dropped);
            world.servers[server].role = Role::Primary;
            world.servers[server].accepts_writes_until = Millis::MAX;
            world.primaries[shard] = server;
            let (had, has) = (&world.servers[old].contents.lineages, &world.servers[server].contents.lineages);
            let lost = world.oracle.updates.lose(had, has);
            world.coverage.add("updates lost by the store", lost as u64);
            world.record_snapshot(server);
            for partition in world.partitions_of(shard) {
                // The old primary's data is the current state until now: no writes were accepted in between.
                world.history.stop_leading(old, partition, world.now);
                world.history.open(server, partition, world.now);
            }
        });
    }

    fn break_all(&self, node: usize, shard: usize) {
        self.break_commands(node, shard);
        self.break_feed(node, shard, GapCause::Disconnected);
    }

    fn break_if_with(&self, server: usize, node: usize, shard: usize) {
        self.break_commands_if_with(server, node, shard);
        self.break_feed_if_with(server, node, shard, GapCause::Demoted);
    }

    fn break_commands_if_with(&self, server: usize, node: usize, shard: usize) {
        if self.with(|world| world.nodes[node].commands[shard].iter().any(|conn| conn.server == Some(server))) {
            self.break_commands(node, shard);
        }
    }

    fn break_feed_if_with(&self, server: usize, node: usize, shard: usize, cause: GapCause) {
        if self.with(|world| world.nodes[node].feed.push_conns[shard].conn.server == Some(server)) {
            self.break_feed(node, shard, cause);
        }
    }
}

impl World {
    pub(crate) fn partitions_of(&self, shard: usize) -> Vec<u16> {
        (0..self.settings.partitions).filter(|partition| self.home(*partition) == shard).collect()
    }

    /// Records the data of a server in the history.
    fn record_snapshot(&mut self, server: usize) {
        for partition in self.partitions_of(self.servers[server].shard) {
            self.history.snapshot(server, self.now, partition, &self.servers[server].contents.slots);
        }
    }

    fn stop_leading(&mut self, server: usize) {
        for partition in self.partitions_of(self.servers[server].shard) {
            self.history.stop_leading(server, partition, self.now);
        }
    }

    /// Gives the replica of this primary a full copy.
    fn resynchronise(&mut self, primary: usize) {
        let contents: Contents = self.servers[primary].contents.clone();
        let replica = &mut self.servers[primary ^ 1];
        replica.contents = contents;
        replica.inbox.clear();
    }

    /// A former primary becomes the replica of the current one.
    fn rejoin(&mut self, server: usize) {
        let shard = self.servers[server].shard;
        self.servers[server].role = Role::Replica;
        self.servers[server].cut.fill(false);
        self.servers[server].accepts_writes_until = Millis::MAX;
        self.resynchronise(server ^ 1);
        self.failing[shard] = false;
    }
}
