//! All measurements of this section, made once per run.

use std::{cell::RefCell, collections::BTreeMap, sync::OnceLock};

use capacity::Constants;
use tokio::runtime::Runtime;

use super::{
    Clusters, Heartbeats, Listeners, Loaded, Messages, Operations, Reading, Scenario, SubscribedServer,
    heartbeats::TOGETHER,
    operations::WIDE,
    runtime,
    scenario::{FITTED, Fitted, MANY, Observed, PREDICTED},
};
use crate::{
    claim::{Ratio, Target},
    effort::Effort,
    in_turn::{Costs, InTurn},
};

/// The number of subscribed nodes.
pub const NODES: usize = 4;
/// The accuracy that the model must have: the larger figure divided by the smaller.
pub const NEAR: f64 = 1.25;
/// The design's limit for the server CPU time of a heartbeat, in microseconds.
const ALLOWED: f64 = 2.0;

/// The measurements.
#[derive(Debug)]
pub struct Measured {
    /// The server CPU time of an update in each [`Scenario`], by its name, and the prediction of the model, by
    /// [`modelled`] names.
    pub fan_out: Costs,
    /// The inputs of the model for that, by medians.
    pub fitted: Fitted,
    /// Operations.
    pub operations: Costs,
    /// Reads from connections per operation, by name: medians.
    pub reads: BTreeMap<String, f64>,
    /// Heartbeats and PINGs.
    pub heartbeats: Costs,
    /// Messages alone, with and without subscribers.
    pub messages: Costs,
    /// The CPU time of this process: updates with and without subscribed nodes.
    pub receiving: Costs,
    /// The time from the start of an update until all have received it, in microseconds.
    pub received_after: f64,
    /// Loads and updates on one server and on clusters.
    pub clusters: Costs,
    /// The kind of the server.
    pub server: String,
}

/// The name of the model's prediction for a subject.
pub fn modelled(name: &str) -> String {
    format!("model: {name}")
}

/// What each of 8 subscribers adds: a name, the scenario with them, and the one without.
pub const INCREMENTS: [(&str, Scenario, Scenario); 2] = [
    ("each of 8 subscribers, 1 in flight", PREDICTED[2], FITTED[0]),
    ("each of 8 subscribers, 64 in flight", PREDICTED[5], FITTED[2]),
];

impl Measured {
    /// Measures on the first call; later calls return the same.
    pub fn once(effort: Effort) -> &'static Self {
        static MEASURED: OnceLock<Measured> = OnceLock::new();
        MEASURED.get_or_init(|| Self::now(effort))
    }

    fn now(effort: Effort) -> Self {
        let runtime = runtime();
        let (fan_out, fitted, received_after) = fan_out(&runtime, effort);
        let server = RefCell::new(runtime.block_on(Operations::start(effort.pick(1_000, 2_000))));
        let (operations, reads) = operations(&runtime, &server, effort);
        Self {
            fan_out,
            fitted,
            operations,
            reads,
            heartbeats: heartbeats(&runtime, effort),
            messages: messages(&runtime, effort),
            receiving: receiving(&runtime, effort),
            received_after,
            clusters: clusters(&runtime, &server, effort),
            server: runtime.block_on(server.borrow().server()),
        }
    }
}

/// The observations of each scenario, batch by batch.
type Batches = [(Scenario, RefCell<Vec<Observed>>)];

fn last(batches: &Batches, scenario: Scenario) -> Observed {
    let found =
        batches.iter().find(|(it, _)| *it == scenario).and_then(|(_, observed)| observed.borrow().last().copied());
    found.unwrap_or_default()
}

/// The constants of the model, from the latest observations.
fn fitted_now(batches: &Batches) -> Constants {
    Fitted::of(FITTED.map(|scenario| last(batches, scenario))).constants(&Constants::default())
}

/// Runs the servers in turn. In each round the model is fitted to the latest observations of some scenarios, and
/// predicts all.
fn fan_out(runtime: &Runtime, effort: Effort) -> (Costs, Fitted, f64) {
    let all: Vec<Scenario> = FITTED.into_iter().chain(PREDICTED).collect();
    let mut servers: BTreeMap<(usize, usize), RefCell<SubscribedServer>> = BTreeMap::new();
    for Scenario { callers, subscribers, .. } in &all {
        let start = || RefCell::new(runtime.block_on(SubscribedServer::of(*callers, *subscribers)));
        servers.entry((*callers, *subscribers)).or_insert_with(start);
    }
    let batches: Vec<(Scenario, RefCell<Vec<Observed>>)> = all.iter().map(|it| (*it, RefCell::default())).collect();
    let mut comparison = InTurn::new("us");
    for (scenario, observed) in &batches {
        let server = &servers[&(scenario.callers, scenario.subscribers)];
        let count = if scenario.at_once == MANY { effort.pick(1_000, 2_000) } else { effort.pick(300, 1_000) };
        comparison = comparison.subject(scenario.name(), move || {
            let batch = runtime.block_on(server.borrow_mut().apply(count, scenario.at_once));
            observed.borrow_mut().push(scenario.observed(batch));
            batch.cpu
        });
    }
    let costs = increments(predictions(comparison, &batches), &batches).run(effort);
    let fitted = Fitted::of(FITTED.map(|scenario| median(&batches, scenario)));
    let mut one = servers[&(1, 1)].borrow_mut();
    let latencies = (0..effort.pick(300, 2_000)).map(|_| runtime.block_on(one.latency())).collect();
    (costs, fitted, Ratio::of(latencies).median)
}

fn predictions<'a>(mut comparison: InTurn<'a>, batches: &'a Batches) -> InTurn<'a> {
    for (scenario, _) in batches {
        let name = scenario.name();
        let model = move || scenario.model(&fitted_now(batches), &last(batches, *scenario));
        comparison = comparison.derived(modelled(&name), model);
        if PREDICTED.contains(scenario) {
            comparison = comparison.until_near(&modelled(&name), &name, NEAR);
        }
    }
    comparison
}

/// Adds differences of figures that vary. The number of rounds does not depend on them.
fn increments<'a>(mut comparison: InTurn<'a>, batches: &'a Batches) -> InTurn<'a> {
    for (name, with, without) in INCREMENTS {
        let each = move |of: &dyn Fn(Scenario) -> f64| (of(with) - of(without)) / with.subscribers as f64;
        let measured = move || each(&|scenario| last(batches, scenario).cpu);
        let model = move || each(&|scenario| scenario.model(&fitted_now(batches), &last(batches, scenario)));
        comparison = comparison.derived(name, measured).derived(modelled(name), model);
    }
    comparison
}

fn median(batches: &Batches, scenario: Scenario) -> Observed {
    let observed = batches
        .iter()
        .find(|(it, _)| *it == scenario)
        .map(|(_, observed)| observed.borrow().clone())
        .unwrap_or_default();
    let of = |figure: fn(&Observed) -> f64| Ratio::of(observed.iter().map(figure).collect()).median;
    Observed { cpu: of(|it| it.cpu), reads: of(|it| it.reads), turns: of(|it| it.turns), micros: of(|it| it.micros) }
}

type Operation = fn(&mut Operations) -> std::pin::Pin<Box<dyn Future<Output = Reading> + '_>>;

/// A lone conditional load is predicted from those among many, and from the extra cost of a lone load over one among
/// many.
pub const LONE: &str = "conditional load, 1 in flight";
/// A load among many, and a lone one.
pub const LOADS: [&str; 2] = ["load", "load, 1 in flight"];
const CONDITIONAL: &str = "conditional load";

fn operations(runtime: &Runtime, server: &RefCell<Operations>, effort: Effort) -> (Costs, BTreeMap<String, f64>) {
    let subjects: [(&str, Operation); 12] = [
        (LOADS[0], |it| Box::pin(it.load(Loaded::Small, MANY))),
        (LOADS[1], |it| Box::pin(it.load(Loaded::Small, 1))),
        ("load of 64 fields", |it| Box::pin(it.load(Loaded::Wide, MANY))),
        ("load of 8 KB", |it| Box::pin(it.load(Loaded::Large, MANY))),
        (CONDITIONAL, |it| Box::pin(it.conditional(MANY))),
        (LONE, |it| Box::pin(it.conditional(1))),
        ("apply", |it| Box::pin(it.apply(MANY))),
        ("apply, 1 in flight", |it| Box::pin(it.apply(1))),
        ("touch", |it| Box::pin(it.touch())),
        ("create", |it| Box::pin(it.create(8))),
        ("create of 64 fields", |it| Box::pin(it.create(WIDE))),
        ("destroy", |it| Box::pin(it.destroy())),
    ];
    let names = subjects.iter().map(|(name, _)| *name);
    let readings: BTreeMap<&str, RefCell<Vec<Reading>>> = names.map(|name| (name, RefCell::default())).collect();
    let last = |name: &str| readings[name].borrow().last().copied().unwrap_or_default();
    let mut comparison = InTurn::new("us");
    for (name, operation) in subjects {
        let observed = &readings[name];
        comparison = comparison.subject(name, move || {
            let reading = runtime.block_on(operation(&mut server.borrow_mut()));
            observed.borrow_mut().push(reading);
            reading.cpu
        });
    }
    let model = || lone(LOADS.map(last), last(CONDITIONAL), last(LONE).micros);
    let costs = comparison.derived(modelled(LONE), model).until_near(&modelled(LONE), LONE, NEAR).run(effort);
    let reads =
        |observed: &RefCell<Vec<Reading>>| Ratio::of(observed.borrow().iter().map(|it| it.reads).collect()).median;
    let reads = readings.iter().map(|(name, observed)| ((*name).to_owned(), reads(observed))).collect();
    (costs, reads)
}

/// The model's prediction for a lone conditional load, with one request per `micros` microseconds.
fn lone(loads: [Reading; 2], conditional: Reading, micros: f64) -> f64 {
    let call_us = lone_read(loads.map(|it| (it.cpu, it.reads)));
    let load_us = (conditional.cpu - conditional.reads * call_us).max(0.0);
    let fitted = Constants { load_us, load_entry_us: 0.0, load_byte_us: 0.0, ..Constants::default() };
    Scenario::load(&Constants { call_us, turn_us: 0.0, ..fitted }, micros)
}

/// The cost of a read in a turn of its own, where no script runs: from the CPU time and the reads of a load, among many
/// and alone. A `PING` cannot serve, because alone it finds data in the processor's caches that a load does not find.
pub(super) fn lone_read([among, by_itself]: [(f64, f64); 2]) -> f64 {
    ((by_itself.0 - among.0) / (by_itself.1 - among.1)).max(0.0)
}

fn clusters(runtime: &Runtime, server: &RefCell<Operations>, effort: Effort) -> Costs {
    let batch = effort.pick(1_000, 2_000);
    let (one, three) = runtime.block_on(async { tokio::join!(Clusters::start(1), Clusters::start(3)) });
    let (one, three) = (RefCell::new(one), RefCell::new(three));
    let (on_one, on_three) =
        (|operation: &str| format!("{operation}, one server"), |it: &str| format!("{it}, 3 primaries"));
    ["load", "apply"]
        .into_iter()
        .fold(InTurn::new("us"), |comparison, it| comparison.until_near(&on_three(it), &on_one(it), NEAR))
        .subject(on_one("load"), || runtime.block_on(server.borrow_mut().load(Loaded::Small, MANY)).cpu)
        .subject("load, 1 primary", || runtime.block_on(one.borrow_mut().load(batch)))
        .subject(on_three("load"), || runtime.block_on(three.borrow_mut().load(batch)))
        .subject(on_one("apply"), || runtime.block_on(server.borrow_mut().apply(MANY)).cpu)
        .subject("apply, 1 primary", || runtime.block_on(one.borrow_mut().apply(batch)))
        .subject(on_three("apply"), || runtime.block_on(three.borrow_mut().apply(batch)))
        .run(effort)
}

fn heartbeats(runtime: &Runtime, effort: Effort) -> Costs {
    let (many, few) = (effort.pick(5_000, 20_000), effort.pick(500, 2_000));
    let server = RefCell::new(runtime.block_on(Heartbeats::start()));
    InTurn::new("us")
        .until_decided("heartbeat among 250", "allowed", Target::AtMost(1.0))
        .subject("allowed", || ALLOWED)
        .subject("heartbeat among 250", || runtime.block_on(server.borrow_mut().beat(many, TOGETHER)).cpu)
        .subject("PING among 250", || runtime.block_on(server.borrow_mut().ping(many, TOGETHER)).cpu)
        .subject("heartbeat alone", || runtime.block_on(server.borrow_mut().beat(few, 1)).cpu)
        .subject("PING alone", || runtime.block_on(server.borrow_mut().ping(few, 1)).cpu)
        .run(effort)
}

/// The names of the two subjects: without subscribers, and with `SUBSCRIBED` of them.
pub const PUBLISHED: [&str; 2] = ["PUBLISH among 250, no subscriber", "PUBLISH among 250, 8 subscribed"];
/// The number of subscribers of the second subject.
pub(super) const SUBSCRIBED: usize = 8;

fn messages(runtime: &Runtime, effort: Effort) -> Costs {
    let count = effort.pick(5_000, 20_000);
    let [none, some] = [0, SUBSCRIBED].map(|count| RefCell::new(runtime.block_on(Messages::start(count))));
    InTurn::new("us")
        .subject(PUBLISHED[0], || runtime.block_on(none.borrow_mut().publish(count)).cpu)
        .subject(PUBLISHED[1], || runtime.block_on(some.borrow_mut().publish(count)).cpu)
        .run(effort)
}

fn receiving(runtime: &Runtime, effort: Effort) -> Costs {
    let count = effort.pick(1_000, 3_000);
    let none = runtime.block_on(Listeners::start(0));
    let some = runtime.block_on(Listeners::start(NODES));
    InTurn::new("us")
        .subject("no listeners", || runtime.block_on(none.apply(count)))
        .subject("listeners", || runtime.block_on(some.apply(count)))
        .run(effort)
}
