//! The world: everything except the code under test, behind one lock.

use std::{
    fmt,
    future::poll_fn,
    sync::{Arc, Mutex, PoisonError, Weak},
    task::Poll,
    time::Duration,
};

use session_core::{
    Error, LoadOptions,
    model::{Delta, IdDigest, OpId, Timestamp},
    store::{
        LoadOutcome, Origin, SessionChange, TouchOptions, TouchOutcome,
        machine::{self, Effect, Rules, Step},
    },
};
use tokio::time::{Instant, sleep_until};

use super::{
    Coverage, History, Millis, Settings, StoreMistake,
    forger::Forger,
    jar::Jar,
    node::NodeState,
    server::{Lineages, Replicated, Role, Server, TrackedSlots},
    settings::TOMBSTONE,
    time::server_time,
    trace::Trace,
};
use crate::oracle::Oracle;

/// A handle to the world.
#[derive(Clone)]
pub struct Sim {
    start: Instant,
    world: Arc<Mutex<World>>,
}

/// What a world needs to make handles to itself.
type Handle = (Instant, Weak<Mutex<World>>);

/// Servers, links and nodes, and their history.
#[derive(Debug)]
pub struct World {
    handle: Handle,
    pub(crate) settings: Settings,
    pub(crate) now: Millis,
    pub(crate) rng: fastrand::Rng,
    pub(crate) rules: Rules,
    /// The rule that the servers break, if any.
    pub(crate) mistake: Option<StoreMistake>,
    /// The publisher of forged messages, if there is one.
    pub(crate) forger: Option<Forger>,
    /// Two for each shard `s`: `2s` and `2s + 1`.
    pub(crate) servers: Vec<Server>,
    /// By shard: its primary, as seen by nodes that can reach it.
    pub(crate) primaries: Vec<usize>,
    /// By partition: its shard.
    pub(crate) homes: Vec<usize>,
    /// By shard: whether it is failing over or has not recovered from a failover.
    pub(crate) failing: Vec<bool>,
    /// By shard: until when its replication is stalled.
    pub(crate) stalled: Vec<Millis>,
    pub(crate) nodes: Vec<NodeState>,
    pub(crate) jar: Jar,
    pub(crate) barriers: u64,
    /// The number of faults that have not ended.
    pub(crate) faults: usize,
    /// When the last fault ended.
    pub(crate) calm_since: Millis,
    /// The true history.
    pub history: History,
    /// The judge of the invariants.
    pub oracle: Oracle,
    pub(crate) coverage: Coverage,
    pub(crate) trace: Trace,
}

/// A change: its origin, and what is published about it.
pub(crate) struct Change<'c> {
    pub(crate) origin: Origin,
    pub(crate) partition: u16,
    pub(crate) delta: Option<&'c Delta>,
    pub(crate) op: OpId,
    /// The last moment for it to happen.
    pub(crate) until: Option<Millis>,
}

impl Sim {
    pub(crate) fn new(settings: Settings, mut rng: fastrand::Rng, trace: bool) -> Self {
        let start = Instant::now();
        let world =
            |handle: &Weak<Mutex<World>>| Mutex::new(World::new((start, handle.clone()), settings, &mut rng, trace));
        Self { start, world: Arc::new_cyclic(world) }
    }

    /// Virtual time.
    pub fn now(&self) -> Millis {
        self.start.elapsed().as_millis() as Millis
    }

    /// Reads or changes the world at one moment.
    pub fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.now = self.now();
        work(&mut world)
    }

    /// Waits until this moment.
    pub(crate) async fn sleep_until(&self, at: Millis) {
        sleep_until(self.start + Duration::from_millis(at)).await;
    }

    /// Waits for this time.
    pub(crate) async fn sleep(&self, millis: Millis) {
        self.sleep_until(self.now() + millis).await;
    }

    /// Waits until the node is not paused.
    pub(crate) async fn running(&self, node: usize) {
        poll_fn(|cx| {
            self.with(|world| {
                let state = &mut world.nodes[node];
                if !state.paused {
                    return Poll::Ready(());
                }
                state.waiting.push(cx.waker().clone());
                Poll::Pending
            })
        })
        .await;
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim").finish_non_exhaustive()
    }
}

impl World {
    fn new(handle: Handle, settings: Settings, rng: &mut fastrand::Rng, trace: bool) -> Self {
        let server = |index| {
            let role = if index % 2 == 0 { Role::Primary } else { Role::Replica };
            Server::new(index / 2, role, settings.nodes)
        };
        let mut world = Self {
            handle,
            now: 0,
            rules: Rules { tombstone: TOMBSTONE, indexed: true, ..Rules::default() },
            mistake: None,
            forger: None,
            servers: (0..2 * settings.shards).map(server).collect(),
            primaries: (0..settings.shards).map(|shard| 2 * shard).collect(),
            homes: (0..settings.partitions).map(|partition| usize::from(partition) % settings.shards).collect(),
            failing: vec![false; settings.shards],
            stalled: vec![0; settings.shards],
            nodes: (0..settings.nodes).map(|_| NodeState::new(&settings)).collect(),
            jar: Jar::random(&settings, rng),
            barriers: 0,
            faults: 0,
            calm_since: 0,
            history: History::new(2 * settings.shards),
            oracle: Oracle::new(&settings),
            coverage: Coverage::default(),
            trace: Trace::new(trace),
            rng: rng.fork(),
            settings,
        };
        for partition in 0..world.settings.partitions {
            let primary = world.primaries[world.homes[usize::from(partition)]];
            world.history.open(primary, partition, 0);
            world.restart_sequence(primary, partition);
        }
        world
    }

    /// The handle to this world, for tasks that it starts. The run owns the world.
    pub(crate) fn sim(&self) -> Option<Sim> {
        let (start, world) = &self.handle;
        world.upgrade().map(|world| Sim { start: *start, world })
    }

    /// Adds a line to the trace, which ends at the first violation.
    pub(crate) fn note(&mut self, text: impl FnOnce() -> String) {
        if self.oracle.violation().is_none() {
            self.trace.line(self.now, text);
        }
    }

    pub(crate) fn home(&self, partition: u16) -> usize {
        self.homes[usize::from(partition)]
    }

    /// Starts a sequence with new high bits, as a server does that was emptied.
    pub(crate) fn restart_sequence(&mut self, server: usize, partition: u16) {
        let sequence = (self.rng.u64(..) >> 1) & !0xffff_ffff;
        self.servers[server].contents.sequences.insert(partition, sequence);
    }

    pub(crate) fn server_time(&self) -> Timestamp {
        server_time(self.now)
    }

    /// Changes the slots of a server and records their history.
    fn on_slots<R>(
        &mut self,
        server: usize,
        work: impl FnOnce(&Rules, &mut TrackedSlots<'_>, Timestamp) -> R,
    ) -> (R, Replicated) {
        let (now, time) = (self.now, self.server_time());
        let contents = &mut self.servers[server].contents;
        let mut touched = TrackedSlots { slots: &mut contents.slots, digests: Vec::new() };
        let done = work(&self.rules, &mut touched, time);
        let digests = touched.digests;
        let slots: Vec<_> = digests.iter().filter_map(|id| Some((*id, contents.slots.get(id)?.clone()))).collect();
        for (digest, slot) in &slots {
            self.history.record(server, now, *digest, Some(slot.clone()));
        }
        (done, Replicated { slots, sequence: None, update: None })
    }

    /// [`SessionStore::load`](session_core::store::SessionStore::load) at a server.
    pub(crate) fn load(&mut self, server: usize, digest: &IdDigest, options: LoadOptions) -> LoadOutcome {
        let time = self.server_time();
        let slots = TrackedSlots { slots: &mut self.servers[server].contents.slots, digests: Vec::new() };
        let outcome = machine::load(&slots, time, digest, options);
        self.confirm_by_reading(server, digest, &outcome);
        outcome
    }

    /// [`SessionStore::touch`](session_core::store::SessionStore::touch) at a server.
    pub(crate) fn touch(&mut self, server: usize, digest: &IdDigest, options: TouchOptions) -> TouchOutcome {
        let (outcome, replicated) = self.on_slots(server, |_, slots, now| machine::touch(slots, now, digest, options));
        self.replicate(server, replicated);
        self.confirm_by_the_old_id(server, &outcome);
        outcome
    }

    /// Executes a step of the machine at a server, and replicates and publishes its effect.
    pub(crate) fn mutate<T>(
        &mut self,
        server: usize,
        change: &Change<'_>,
        work: impl FnOnce(&Rules, &mut TrackedSlots<'_>, Timestamp) -> Result<Step<T>, Error>,
    ) -> Result<T, Error> {
        let (step, mut replicated) = self.on_slots(server, work);
        let step = step?;
        let mut announced = Vec::new();
        if let Some(effect) = step.effect {
            announced.push(self.number(server, change, &effect, &mut replicated));
        }
        if let Some(start) = step.start {
            announced.push(self.number(server, &Change { delta: None, ..*change }, &start, &mut replicated));
        }
        self.replicate(server, replicated);
        announced.iter().for_each(|change| self.publish(server, change));
        Ok(step.outcome)
    }

    /// Assigns a change its sequence number in the partition, and adds its update to the lineage of the session.
    fn number(
        &mut self,
        server: usize,
        change: &Change<'_>,
        effect: &Effect,
        replicated: &mut Replicated,
    ) -> SessionChange {
        let contents = &mut self.servers[server].contents;
        let sequence = contents.sequences.entry(change.partition).or_default();
        *sequence += 1;
        let place = (change.partition, *sequence);
        replicated.sequence = Some(place);
        if let (Some(after), true) = (effect.after, effect.before != effect.after) {
            replicated.update = Some((change.partition, after.incarnation(), change.op));
            let lineage = contents.lineages.entry((change.partition, u64::from(after.incarnation()))).or_default();
            self.oracle.updates.happens(lineage, change.op);
            self.oracle.updates.happens_in_time(change.op, change.until, self.now);
            lineage.push(u64::from(change.op));
        }
        let carried = change.delta.filter(|delta| !delta.is_empty() && self.rng.u8(..8) != 0);
        effect.at(place, change.origin, carried.map(|delta| Arc::new(delta.clone())))
    }

    fn replicate(&mut self, server: usize, change: Replicated) {
        let replica = server ^ 1;
        if change.slots.is_empty() || self.servers[replica].role != Role::Replica {
            return;
        }
        let lag = if self.rng.u8(..8) == 0 { self.rng.u64(20..200) } else { self.rng.u64(1..10) };
        let stalled = self.stalled[self.servers[server].shard];
        let due = (self.now + lag).max(stalled);
        let inbox = &mut self.servers[replica].inbox;
        let due = inbox.back().map_or(due, |(last, _)| due.max(*last));
        inbox.push_back((due, change));
        self.servers[replica].receive(self.now);
    }

    /// The delay of a message from or to this node.
    pub(crate) fn delay(&mut self, node: usize, feed: bool) -> Millis {
        let state = &self.nodes[node];
        let slow = if feed { state.slow_feed } else { state.slow_commands } > self.now;
        match self.rng.u8(..100) {
            _ if slow => self.rng.u64(50..600),
            0..70 => self.rng.u64(1..4),
            70..95 => self.rng.u64(2..20),
            95..99 => self.rng.u64(10..80),
            _ => self.rng.u64(50..400),
        }
    }

    /// The updates of every session at its current primary.
    pub(crate) fn lineages(&self) -> Lineages {
        let primaries = self.primaries.iter().map(|primary| &self.servers[*primary].contents.lineages);
        primaries.flatten().map(|(session, ops)| (*session, ops.clone())).collect()
    }
}
