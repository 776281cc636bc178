//! All of it, measured once in a run.

use std::{
    cell::{Cell, RefCell},
    sync::OnceLock,
};

use tokio::runtime::Runtime;

use super::{Beats, Clusters, Listeners, Operations, Reading, Station, beats::TOGETHER, runtime};
use crate::{
    claim::{Ratio, Target},
    effort::Effort,
    in_turn::{Costs, InTurn},
};

/// Subscribers of the stations.
pub const SUBSCRIBERS: [usize; 5] = [0, 1, 2, 4, 8];
/// The two from which the cost of a subscriber is computed; the others are predicted.
pub const FITTED: [usize; 2] = [1, 4];
/// The two that are predicted.
pub const PREDICTED: [usize; 2] = [2, 8];
/// Updates under way at a time.
pub const AT_ONCE: usize = 64;
/// Nodes that listen.
pub const LISTENERS: usize = 4;
/// The model must be as near to what is measured as this: the larger of both by the smaller.
pub const NEAR: Target = Target::AtMost(1.25);
/// What the design allows a heartbeat to take of a server, in microseconds.
const ALLOWED: f64 = 2.0;

/// What was measured.
#[derive(Debug)]
pub struct Measured {
    /// Updates, [`AT_ONCE`] under way: by number of subscribers, and what the model says.
    pub together: FanOut,
    /// The same, one under way.
    pub alone: FanOut,
    /// Operations.
    pub operations: Costs,
    /// Reads from connections for each operation.
    pub reads: f64,
    /// Heartbeats and PINGs.
    pub beats: Costs,
    /// Of this process: updates with and without listeners.
    pub hearing: Costs,
    /// From the start of an update to its being heard, in microseconds.
    pub heard_after: f64,
    /// Loads and updates on one server and on clusters.
    pub clusters: Costs,
    /// What kind of server it is.
    pub server: String,
}

/// What an update takes of the server, by number of subscribers.
#[derive(Debug)]
pub struct FanOut {
    /// By [`measured`] and by [`modelled`] names.
    pub costs: Costs,
    /// Writes to a subscriber for each message.
    pub writes: f64,
}

impl FanOut {
    /// What each subscriber takes, by the quickest batches.
    pub fn slope(&self) -> f64 {
        let [few, many] = FITTED.map(|subscribers| self.costs.least(&measured(subscribers)));
        (many - few) / (FITTED[1] - FITTED[0]) as f64
    }

    /// What the model says of so many subscribers, by medians.
    pub fn model(&self, subscribers: usize) -> f64 {
        let [few, many] = FITTED.map(|subscribers| self.costs.median(&measured(subscribers)));
        few + (many - few) / (FITTED[1] - FITTED[0]) as f64 * (subscribers as f64 - FITTED[0] as f64)
    }
}

/// The name of what is measured with so many subscribers.
pub fn measured(subscribers: usize) -> String {
    format!("{subscribers} subscribers")
}

/// The name of what the model says of so many.
pub fn modelled(subscribers: usize) -> String {
    format!("model, {subscribers} subscribers")
}

impl Measured {
    /// Measures, the first time; later calls are given the same.
    pub fn once(effort: Effort) -> &'static Self {
        static MEASURED: OnceLock<Measured> = OnceLock::new();
        MEASURED.get_or_init(|| Self::now(effort))
    }

    fn now(effort: Effort) -> Self {
        let runtime = runtime();
        let (together, alone, heard_after) = fan_outs(&runtime, effort);
        let (operations, reads, clusters, server) = operations(&runtime, effort);
        Self {
            together,
            alone,
            operations,
            reads,
            beats: beats(&runtime, effort),
            hearing: hearing(&runtime, effort),
            heard_after,
            clusters,
            server,
        }
    }
}

fn fan_outs(runtime: &Runtime, effort: Effort) -> (FanOut, FanOut, f64) {
    let stations: Vec<_> = SUBSCRIBERS.iter().map(|n| RefCell::new(runtime.block_on(Station::start(*n)))).collect();
    let together = fan_out(runtime, &stations, effort.pick(1_000, 2_000), AT_ONCE, effort);
    let alone = fan_out(runtime, &stations, effort.pick(300, 1_000), 1, effort);
    let mut one = stations[1].borrow_mut();
    let latencies = (0..effort.pick(300, 2_000)).map(|_| runtime.block_on(one.latency())).collect();
    (together, alone, Ratio::of(latencies).median)
}

/// Stations in turn. In each round the model makes a line of what it has last seen of two of them.
fn fan_out(runtime: &Runtime, stations: &[RefCell<Station>], count: usize, at_once: usize, effort: Effort) -> FanOut {
    let seen: Vec<Cell<f64>> = stations.iter().map(|_| Cell::new(0.0)).collect();
    let (writes, messages) = (Cell::new(0.0), Cell::new(0.0));
    let mut comparison = InTurn::new("us");
    for (at, (subscribers, station)) in SUBSCRIBERS.iter().zip(stations).enumerate() {
        let (seen, writes, messages) = (&seen[at], &writes, &messages);
        comparison = comparison.subject(measured(*subscribers), move || {
            let used = runtime.block_on(station.borrow_mut().apply(count, at_once));
            seen.set(used.cpu);
            if *subscribers == FITTED[1] {
                // One write of the answer goes with each read of requests.
                writes.set(writes.get() + used.writes - used.reads);
                messages.set(messages.get() + *subscribers as f64);
            }
            used.cpu
        });
    }
    let at = |subscribers| SUBSCRIBERS.iter().position(|n| *n == subscribers).expect("one of them");
    for subscribers in PREDICTED {
        let [few, many] = FITTED.map(|subscribers| &seen[at(subscribers)]);
        comparison = comparison.subject(modelled(subscribers), move || {
            let each = (many.get() - few.get()) / (FITTED[1] - FITTED[0]) as f64;
            few.get() + each * (subscribers as f64 - FITTED[0] as f64)
        });
        comparison = comparison.until_decided(&modelled(subscribers), &measured(subscribers), NEAR);
    }
    let costs = comparison.run(effort);
    FanOut { costs, writes: (writes.get() / messages.get()).clamp(0.0, 1.0) }
}

fn operations(runtime: &Runtime, effort: Effort) -> (Costs, f64, Costs, String) {
    let batch = effort.pick(1_000, 2_000);
    let station = RefCell::new(runtime.block_on(Operations::start(batch)));
    let reads = RefCell::new(Vec::new());
    let cost = |used: Reading| {
        reads.borrow_mut().push(used.reads);
        used.cpu
    };
    let costs = InTurn::new("us")
        .subject("load", || cost(runtime.block_on(station.borrow_mut().load())))
        .subject("conditional load", || cost(runtime.block_on(station.borrow_mut().conditional())))
        .subject("apply", || cost(runtime.block_on(station.borrow_mut().apply())))
        .subject("touch", || cost(runtime.block_on(station.borrow_mut().touch())))
        .subject("create", || cost(runtime.block_on(station.borrow_mut().create())))
        .subject("destroy", || cost(runtime.block_on(station.borrow_mut().destroy())))
        .run(effort);
    let (one, three) = runtime.block_on(async { tokio::join!(Clusters::start(1), Clusters::start(3)) });
    let (one, three) = (RefCell::new(one), RefCell::new(three));
    let clusters = InTurn::new("us")
        .until_decided("load, 3 primaries", "load, one server", NEAR)
        .until_decided("apply, 3 primaries", "apply, one server", NEAR)
        .subject("load, one server", || runtime.block_on(station.borrow_mut().load()).cpu)
        .subject("load, 1 primary", || runtime.block_on(one.borrow_mut().load(batch)))
        .subject("load, 3 primaries", || runtime.block_on(three.borrow_mut().load(batch)))
        .subject("apply, one server", || runtime.block_on(station.borrow_mut().apply()).cpu)
        .subject("apply, 1 primary", || runtime.block_on(one.borrow_mut().apply(batch)))
        .subject("apply, 3 primaries", || runtime.block_on(three.borrow_mut().apply(batch)))
        .run(effort);
    let server = runtime.block_on(station.borrow().server());
    (costs, Ratio::of(reads.take()).median, clusters, server)
}

fn beats(runtime: &Runtime, effort: Effort) -> Costs {
    let (many, few) = (effort.pick(5_000, 20_000), effort.pick(500, 2_000));
    let station = RefCell::new(runtime.block_on(Beats::start()));
    InTurn::new("us")
        .until_decided("heartbeat among 250", "allowed", Target::AtMost(1.0))
        .subject("allowed", || ALLOWED)
        .subject("heartbeat among 250", || runtime.block_on(station.borrow_mut().beat(many, TOGETHER)).cpu)
        .subject("PING among 250", || runtime.block_on(station.borrow_mut().ping(many, TOGETHER)).cpu)
        .subject("heartbeat alone", || runtime.block_on(station.borrow_mut().beat(few, 1)).cpu)
        .subject("PING alone", || runtime.block_on(station.borrow_mut().ping(few, 1)).cpu)
        .run(effort)
}

fn hearing(runtime: &Runtime, effort: Effort) -> Costs {
    let count = effort.pick(1_000, 3_000);
    let none = runtime.block_on(Listeners::start(0));
    let some = runtime.block_on(Listeners::start(LISTENERS));
    InTurn::new("us")
        .subject("no listeners", || runtime.block_on(none.apply(count)))
        .subject("listeners", || runtime.block_on(some.apply(count)))
        .run(effort)
}
