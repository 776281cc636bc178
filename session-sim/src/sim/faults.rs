//! Faults of links and nodes. Faults of servers are in `outages`.

use session_core::store::{FeedItem, GapCause};

use super::{Millis, Sim};

/// How long the effects of a fault may last after its end.
const RECOVERY: Millis = 1_500;

impl Sim {
    /// One random fault, from its beginning to its end.
    pub(crate) async fn fault(&self, rng: &mut fastrand::Rng) {
        self.fault_begins();
        let (nodes, shards) = self.with(|world| (world.nodes.len(), world.primaries.len()));
        let (node, shard) = (rng.usize(..nodes), rng.usize(..shards));
        match rng.u8(..18) {
            0 => self.broken_commands(node, shard),
            1 => self.broken_feed(node, shard),
            2 => self.half_open_commands(node, shard, rng.u64(200..2_500)).await,
            3 => self.half_open_feed(node, shard, rng.u64(200..3_000)).await,
            4 => self.cut_off(node, shard, rng.u64(300..3_000)).await,
            5 => self.paused(node, rng.u64(100..4_000), false).await,
            6 => self.paused(node, rng.u64(50..1_000), true).await,
            7 => self.lost_pushes(node, shard, rng.u32(1..3)),
            8 => self.slow(node, rng.bool(), rng.u64(500..3_000)).await,
            9 => self.flushed(shard),
            10 => self.moved(rng),
            11 => self.ended_feed(node),
            12 | 13 => self.crashed(shard, rng).await,
            14 | 15 => self.fading_feed(node, shard, rng).await,
            _ => self.split_brain(shard, rng).await,
        }
        self.with(|world| {
            world.faults -= 1;
            world.calm_since = world.now + RECOVERY;
        });
    }

    fn fault_begins(&self) {
        self.with(|world| {
            world.faults += 1;
            world.coverage.count("faults");
        });
    }

    pub(crate) fn met(&self, fault: &'static str, particulars: impl FnOnce() -> String) {
        self.with(|world| {
            world.coverage.count(fault);
            world.note(|| format!("FAULT {fault} {}", particulars()));
        });
    }

    fn broken_commands(&self, node: usize, shard: usize) {
        self.met("commands broken", || format!("n{node} s{shard}"));
        self.break_commands(node, shard);
    }

    fn broken_feed(&self, node: usize, shard: usize) {
        self.met("feed broken", || format!("n{node} s{shard}"));
        self.break_feed(node, shard, GapCause::Disconnected);
    }

    /// The stream ends. Its listener has to subscribe again.
    fn ended_feed(&self, node: usize) {
        self.met("feed ended", || format!("n{node}"));
        self.with(|world| {
            let feed = &mut world.nodes[node].feed;
            feed.active = false;
            feed.push_conns.iter_mut().for_each(|push_conn| push_conn.conn.lose());
            feed.waker.take().into_iter().for_each(std::task::Waker::wake);
        });
    }

    async fn half_open_commands(&self, node: usize, shard: usize, millis: Millis) {
        self.met("commands half-open", || format!("n{node} s{shard} for {millis}"));
        self.silence_commands(node, shard);
        self.sleep(millis).await;
        self.break_commands(node, shard);
    }

    async fn half_open_feed(&self, node: usize, shard: usize, millis: Millis) {
        self.met("feed half-open", || format!("n{node} s{shard} for {millis}"));
        self.with(|world| world.nodes[node].feed.push_conns[shard].conn.silent = true);
        self.sleep(millis).await;
        self.break_feed(node, shard, GapCause::Disconnected);
    }

    /// A feed becomes slow, and then carries nothing: its last answers are old when they arrive.
    async fn fading_feed(&self, node: usize, shard: usize, rng: &mut fastrand::Rng) {
        let slow = rng.u64(400..1_500);
        self.met("feed fades", || format!("n{node} s{shard} after {slow}"));
        self.with(|world| world.nodes[node].slow_feed = world.now + slow + 600);
        self.sleep(slow).await;
        self.half_open_feed(node, shard, rng.u64(1_000..3_000)).await;
    }

    pub(crate) fn silence_commands(&self, node: usize, shard: usize) {
        self.with(|world| world.nodes[node].commands[shard].iter_mut().for_each(|conn| conn.silent = true));
    }

    /// No message passes between a node and the servers of a shard.
    async fn cut_off(&self, node: usize, shard: usize, millis: Millis) {
        self.met("node cut off", || format!("n{node} s{shard} for {millis}"));
        let set = |cut| self.with(|world| (0..2).for_each(|of| world.servers[2 * shard + of].cut[node] = cut));
        set(true);
        self.silence(node, shard);
        self.sleep(millis / 2).await;
        self.break_commands(node, shard);
        self.break_feed(node, shard, GapCause::Disconnected);
        self.sleep(millis / 2).await;
        // If an outage has cut the node off meanwhile, that ends here too.
        set(false);
    }

    pub(crate) fn silence(&self, node: usize, shard: usize) {
        self.silence_commands(node, shard);
        self.with(|world| world.nodes[node].feed.push_conns[shard].conn.silent = true);
    }

    /// A virtual machine is stopped while its clock goes on. The buffer of its feed may overflow.
    async fn paused(&self, node: usize, millis: Millis, overflow: bool) {
        self.met(if overflow { "feed overflows" } else { "node paused" }, || format!("n{node} for {millis}"));
        self.with(|world| world.nodes[node].paused = true);
        self.sleep(millis).await;
        self.with(|world| {
            let state = &mut world.nodes[node];
            if overflow && state.feed.began {
                state.feed.queue.retain(|(item, _)| matches!(item, FeedItem::Barrier(..)));
                state.feed.queue.push_front((FeedItem::Gap(None, GapCause::Overflow), 0));
            }
            state.paused = false;
            state.waiting.drain(..).chain(state.feed.waker.take()).for_each(std::task::Waker::wake);
            world.note(|| format!("n{node} goes on"));
        });
    }

    /// Pushes are lost while the connection stays up. Where one connection carries all partitions, the barrier of one covers
    /// all of them, so none may lose a push silently. Neither may any where a forged message could take the place of the one
    /// that is lost.
    fn lost_pushes(&self, node: usize, shard: usize, pushes: u32) {
        if self.with(|world| world.settings.shards == 1 || world.forger.is_some()) {
            return self.broken_feed(node, shard);
        }
        self.met("pushes to be lost", || format!("n{node} s{shard} {pushes}"));
        self.with(|world| world.nodes[node].feed.push_conns[shard].lose_pushes = pushes);
    }

    async fn slow(&self, node: usize, feed: bool, millis: Millis) {
        self.met("slow links", || format!("n{node} feed {feed} for {millis}"));
        self.with(|world| {
            let until = world.now + millis;
            let state = &mut world.nodes[node];
            *(if feed { &mut state.slow_feed } else { &mut state.slow_commands }) = until;
        });
        self.sleep(millis).await;
    }
}
