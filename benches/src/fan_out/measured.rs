//! All of it, measured once in a run.

use std::{cell::RefCell, collections::BTreeMap, sync::OnceLock};

use capacity::Constants;
use tokio::runtime::Runtime;

use super::{
    Beats, Clusters, Listeners, Loaded, Messages, Operations, Reading, Scenario, Station,
    beats::TOGETHER,
    operations::WIDE,
    runtime,
    scenario::{FITTED, Fitted, MANY, PREDICTED, Seen},
};
use crate::{
    claim::{Ratio, Target},
    effort::Effort,
    in_turn::{Costs, InTurn},
};

/// Nodes that listen.
pub const LISTENERS: usize = 4;
/// The model must be as near to what is measured as this: the larger of both by the smaller.
pub const NEAR: f64 = 1.25;
/// What the design allows a heartbeat to take of a server, in microseconds.
const ALLOWED: f64 = 2.0;

/// What was measured.
#[derive(Debug)]
pub struct Measured {
    /// What an update takes of the server in each [`Scenario`], by its name, and what the model says of it, by
    /// [`modelled`] names.
    pub fan_out: Costs,
    /// What the model needs to know for that, by medians.
    pub fitted: Fitted,
    /// Operations.
    pub operations: Costs,
    /// Reads from connections for each of them, by name: medians.
    pub reads: BTreeMap<String, f64>,
    /// Heartbeats and PINGs.
    pub beats: Costs,
    /// Messages by themselves, with subscribers and without.
    pub messages: Costs,
    /// Of this process: updates with and without listeners.
    pub hearing: Costs,
    /// From the start of an update to its being heard, in microseconds.
    pub heard_after: f64,
    /// Loads and updates on one server and on clusters.
    pub clusters: Costs,
    /// What kind of server it is.
    pub server: String,
}

/// The name of what the model says of a subject.
pub fn modelled(name: &str) -> String {
    format!("model: {name}")
}

/// What each of 8 subscribers adds, by name, and where to look: with them, and without.
pub const INCREMENTS: [(&str, Scenario, Scenario); 2] = [
    ("each of 8 hearing, 1 under way", PREDICTED[2], FITTED[0]),
    ("each of 8 hearing, 64 under way", PREDICTED[5], FITTED[2]),
];

impl Measured {
    /// Measures, the first time; later calls are given the same.
    pub fn once(effort: Effort) -> &'static Self {
        static MEASURED: OnceLock<Measured> = OnceLock::new();
        MEASURED.get_or_init(|| Self::now(effort))
    }

    fn now(effort: Effort) -> Self {
        let runtime = runtime();
        let (fan_out, fitted, heard_after) = fan_out(&runtime, effort);
        let station = RefCell::new(runtime.block_on(Operations::start(effort.pick(1_000, 2_000))));
        let (operations, reads) = operations(&runtime, &station, effort);
        Self {
            fan_out,
            fitted,
            operations,
            reads,
            beats: beats(&runtime, effort),
            messages: messages(&runtime, effort),
            hearing: hearing(&runtime, effort),
            heard_after,
            clusters: clusters(&runtime, &station, effort),
            server: runtime.block_on(station.borrow().server()),
        }
    }
}

/// What was seen of each scenario, batch by batch.
type Batches = [(Scenario, RefCell<Vec<Seen>>)];

fn last(batches: &Batches, scenario: Scenario) -> Seen {
    let found = batches.iter().find(|(it, _)| *it == scenario).and_then(|(_, seen)| seen.borrow().last().copied());
    found.unwrap_or_default()
}

/// The constants of the model, by what was last seen.
fn fitted_now(batches: &Batches) -> Constants {
    Fitted::of(FITTED.map(|scenario| last(batches, scenario))).constants(&Constants::default())
}

/// Stations in turn. In each round the model is fitted by what was last seen of some, and computes all.
fn fan_out(runtime: &Runtime, effort: Effort) -> (Costs, Fitted, f64) {
    let all: Vec<Scenario> = FITTED.into_iter().chain(PREDICTED).collect();
    let mut stations: BTreeMap<(usize, usize), RefCell<Station>> = BTreeMap::new();
    for Scenario { callers, subscribers, .. } in &all {
        let start = || RefCell::new(runtime.block_on(Station::of(*callers, *subscribers)));
        stations.entry((*callers, *subscribers)).or_insert_with(start);
    }
    let batches: Vec<(Scenario, RefCell<Vec<Seen>>)> = all.iter().map(|it| (*it, RefCell::default())).collect();
    let mut comparison = InTurn::new("us");
    for (scenario, seen) in &batches {
        let station = &stations[&(scenario.callers, scenario.subscribers)];
        let count = if scenario.at_once == MANY { effort.pick(1_000, 2_000) } else { effort.pick(300, 1_000) };
        comparison = comparison.subject(scenario.name(), move || {
            let batch = runtime.block_on(station.borrow_mut().apply(count, scenario.at_once));
            seen.borrow_mut().push(scenario.seen(batch));
            batch.cpu
        });
    }
    let costs = increments(predictions(comparison, &batches), &batches).run(effort);
    let fitted = Fitted::of(FITTED.map(|scenario| median(&batches, scenario)));
    let mut one = stations[&(1, 1)].borrow_mut();
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

/// Differences of figures that vary: rounds do not go on until these are decided.
fn increments<'a>(mut comparison: InTurn<'a>, batches: &'a Batches) -> InTurn<'a> {
    for (name, with, without) in INCREMENTS {
        let each = move |of: &dyn Fn(Scenario) -> f64| (of(with) - of(without)) / with.subscribers as f64;
        let measured = move || each(&|scenario| last(batches, scenario).cpu);
        let model = move || each(&|scenario| scenario.model(&fitted_now(batches), &last(batches, scenario)));
        comparison = comparison.derived(name, measured).derived(modelled(name), model);
    }
    comparison
}

fn median(batches: &Batches, scenario: Scenario) -> Seen {
    let seen =
        batches.iter().find(|(it, _)| *it == scenario).map(|(_, seen)| seen.borrow().clone()).unwrap_or_default();
    let of = |figure: fn(&Seen) -> f64| Ratio::of(seen.iter().map(figure).collect()).median;
    Seen { cpu: of(|it| it.cpu), reads: of(|it| it.reads), turns: of(|it| it.turns), micros: of(|it| it.micros) }
}

type Operation = fn(&mut Operations) -> std::pin::Pin<Box<dyn Future<Output = Reading> + '_>>;

/// A conditional load by itself is predicted: by those among many, and by what a load by itself takes more than one
/// among many.
pub const LONE: &str = "conditional load, 1 under way";
/// Among many and by itself.
pub const LOADS: [&str; 2] = ["load", "load, 1 under way"];
const CONDITIONAL: &str = "conditional load";

fn operations(runtime: &Runtime, station: &RefCell<Operations>, effort: Effort) -> (Costs, BTreeMap<String, f64>) {
    let subjects: [(&str, Operation); 12] = [
        (LOADS[0], |it| Box::pin(it.load(Loaded::Small, MANY))),
        (LOADS[1], |it| Box::pin(it.load(Loaded::Small, 1))),
        ("load of 64 fields", |it| Box::pin(it.load(Loaded::Wide, MANY))),
        ("load of 8 KB", |it| Box::pin(it.load(Loaded::Large, MANY))),
        (CONDITIONAL, |it| Box::pin(it.conditional(MANY))),
        (LONE, |it| Box::pin(it.conditional(1))),
        ("apply", |it| Box::pin(it.apply(MANY))),
        ("apply, 1 under way", |it| Box::pin(it.apply(1))),
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
        let seen = &readings[name];
        comparison = comparison.subject(name, move || {
            let reading = runtime.block_on(operation(&mut station.borrow_mut()));
            seen.borrow_mut().push(reading);
            reading.cpu
        });
    }
    let model = || lone(LOADS.map(last), last(CONDITIONAL), last(LONE).micros);
    let costs = comparison.derived(modelled(LONE), model).until_near(&modelled(LONE), LONE, NEAR).run(effort);
    let reads = |seen: &RefCell<Vec<Reading>>| Ratio::of(seen.borrow().iter().map(|it| it.reads).collect()).median;
    let reads = readings.iter().map(|(name, seen)| ((*name).to_owned(), reads(seen))).collect();
    (costs, reads)
}

/// What the model says of a conditional load by itself, one in so many microseconds.
fn lone(loads: [Reading; 2], conditional: Reading, micros: f64) -> f64 {
    let call_us = lone_read(loads.map(|it| (it.cpu, it.reads)));
    let load_us = (conditional.cpu - conditional.reads * call_us).max(0.0);
    let fitted = Constants { load_us, load_entry_us: 0.0, load_byte_us: 0.0, ..Constants::default() };
    Scenario::load(&Constants { call_us, turn_us: 0.0, ..fitted }, micros)
}

/// What a read in a turn of its own takes, where no script runs: from what a load takes of the processor, and of reads,
/// among many and by itself. A `PING` would not do: by itself it finds in the processor's caches what a load does not.
pub(super) fn lone_read([among, by_itself]: [(f64, f64); 2]) -> f64 {
    ((by_itself.0 - among.0) / (by_itself.1 - among.1)).max(0.0)
}

fn clusters(runtime: &Runtime, station: &RefCell<Operations>, effort: Effort) -> Costs {
    let batch = effort.pick(1_000, 2_000);
    let (one, three) = runtime.block_on(async { tokio::join!(Clusters::start(1), Clusters::start(3)) });
    let (one, three) = (RefCell::new(one), RefCell::new(three));
    let (on_one, on_three) =
        (|operation: &str| format!("{operation}, one server"), |it: &str| format!("{it}, 3 primaries"));
    ["load", "apply"]
        .into_iter()
        .fold(InTurn::new("us"), |comparison, it| comparison.until_near(&on_three(it), &on_one(it), NEAR))
        .subject(on_one("load"), || runtime.block_on(station.borrow_mut().load(Loaded::Small, MANY)).cpu)
        .subject("load, 1 primary", || runtime.block_on(one.borrow_mut().load(batch)))
        .subject(on_three("load"), || runtime.block_on(three.borrow_mut().load(batch)))
        .subject(on_one("apply"), || runtime.block_on(station.borrow_mut().apply(MANY)).cpu)
        .subject("apply, 1 primary", || runtime.block_on(one.borrow_mut().apply(batch)))
        .subject(on_three("apply"), || runtime.block_on(three.borrow_mut().apply(batch)))
        .run(effort)
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

/// Nobody is subscribed, and so many are.
pub const PUBLISHED: [&str; 2] = ["PUBLISH among 250, nobody subscribed", "PUBLISH among 250, 8 subscribed"];
/// Those of the second one.
pub(super) const SUBSCRIBED: usize = 8;

fn messages(runtime: &Runtime, effort: Effort) -> Costs {
    let count = effort.pick(5_000, 20_000);
    let [none, some] = [0, SUBSCRIBED].map(|count| RefCell::new(runtime.block_on(Messages::start(count))));
    InTurn::new("us")
        .subject(PUBLISHED[0], || runtime.block_on(none.borrow_mut().publish(count)).cpu)
        .subject(PUBLISHED[1], || runtime.block_on(some.borrow_mut().publish(count)).cpu)
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
