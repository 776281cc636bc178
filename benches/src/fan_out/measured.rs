//! All of it, measured once in a run.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    sync::OnceLock,
};

use session_examples::capacity::Constants;
use tokio::runtime::Runtime;

use super::{
    Beats, Clusters, Listeners, Loaded, Operations, Reading, Scenario, Station,
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
pub const NEAR: Target = Target::AtMost(1.25);
/// Stands for complete agreement, with which is compared how far figures are from each other.
pub const AGREED: &str = "agreed";
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

/// The name of how far two figures are from each other.
pub fn apart(name: &str) -> String {
    format!("apart: {name}")
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
            hearing: hearing(&runtime, effort),
            heard_after,
            clusters: clusters(&runtime, &station, effort),
            server: runtime.block_on(station.borrow().server()),
        }
    }
}

/// Two subjects, and a third one: how far they are from each other in this round, which is claimed.
fn compared<'a>(comparison: InTurn<'a>, name: &str, ours: &'a Cell<f64>, reference: &'a Cell<f64>) -> InTurn<'a> {
    comparison.subject(apart(name), move || Ratio::folded(ours.get(), reference.get())).until_decided(
        &apart(name),
        AGREED,
        NEAR,
    )
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
    let mut comparison = InTurn::new("us").subject(AGREED, || 1.0);
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
        comparison = comparison.subject(modelled(&name), model);
        if PREDICTED.contains(scenario) {
            comparison = comparison
                .subject(apart(&name), move || Ratio::folded(model(), last(batches, *scenario).cpu))
                .until_decided(&apart(&name), AGREED, NEAR);
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
        comparison = comparison
            .subject(name, measured)
            .subject(modelled(name), model)
            .subject(apart(name), move || Ratio::folded(model(), measured()));
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

/// A load by itself is predicted by loads among many, and by what a PING by itself takes more than one among many.
pub const LONE_LOAD: &str = "load, 1 under way";
/// Both of them.
pub const PINGS: [&str; 2] = ["PING", "PING, 1 under way"];

fn operations(runtime: &Runtime, station: &RefCell<Operations>, effort: Effort) -> (Costs, BTreeMap<String, f64>) {
    let subjects: [(&str, Operation); 11] = [
        ("load", |it| Box::pin(it.load(Loaded::Small, MANY))),
        (LONE_LOAD, |it| Box::pin(it.load(Loaded::Small, 1))),
        ("load of 64 fields", |it| Box::pin(it.load(Loaded::Wide, MANY))),
        ("load of 8 KB", |it| Box::pin(it.load(Loaded::Large, MANY))),
        ("conditional load", |it| Box::pin(it.conditional())),
        ("apply", |it| Box::pin(it.apply(MANY))),
        ("apply, 1 under way", |it| Box::pin(it.apply(1))),
        ("touch", |it| Box::pin(it.touch())),
        ("create", |it| Box::pin(it.create(8))),
        ("create of 64 fields", |it| Box::pin(it.create(WIDE))),
        ("destroy", |it| Box::pin(it.destroy())),
    ];
    let names = subjects.iter().map(|(name, _)| *name).chain(PINGS);
    let readings: BTreeMap<&str, RefCell<Vec<Reading>>> = names.map(|name| (name, RefCell::default())).collect();
    let pings = RefCell::new(runtime.block_on(Beats::start()));
    let last = |name: &str| readings[name].borrow().last().copied().unwrap_or_default();
    let mut comparison = InTurn::new("us").subject(AGREED, || 1.0);
    for (name, operation) in subjects {
        let seen = &readings[name];
        comparison = comparison.subject(name, move || {
            let reading = runtime.block_on(operation(&mut station.borrow_mut()));
            seen.borrow_mut().push(reading);
            reading.cpu
        });
    }
    for (name, count, at_once) in [(PINGS[0], effort.pick(5_000, 20_000), TOGETHER), (PINGS[1], 250, 1)] {
        let (pings, seen) = (&pings, &readings[name]);
        comparison = comparison.subject(name, move || {
            let reading = runtime.block_on(pings.borrow_mut().ping(count, at_once));
            seen.borrow_mut().push(reading);
            reading.cpu
        });
    }
    let model = || lone_load([last("load"), last(PINGS[0]), last(PINGS[1]), last(LONE_LOAD)]);
    let costs = comparison
        .subject(modelled(LONE_LOAD), model)
        .subject(apart(LONE_LOAD), || Ratio::folded(model(), last(LONE_LOAD).cpu))
        .until_decided(&apart(LONE_LOAD), AGREED, NEAR)
        .run(effort);
    let reads = |seen: &RefCell<Vec<Reading>>| Ratio::of(seen.borrow().iter().map(|it| it.reads).collect()).median;
    let reads = readings.iter().map(|(name, seen)| ((*name).to_owned(), reads(seen))).collect();
    (costs, reads)
}

fn lone_load([load, ping, lone_ping, lone]: [Reading; 4]) -> f64 {
    let call_us = lone_read(ping.cpu, lone_ping.cpu);
    let load_us = (load.cpu - load.reads * call_us).max(0.0);
    let fitted = Constants { load_us, load_entry_us: 0.0, load_byte_us: 0.0, ..Constants::default() };
    Scenario::load(&Constants { call_us, turn_us: 0.0, ..fitted }, lone.micros)
}

/// What a read in a turn of its own takes, where no script runs.
pub(super) fn lone_read(ping: f64, lone_ping: f64) -> f64 {
    (lone_ping - ping).max(0.0)
}

fn clusters(runtime: &Runtime, station: &RefCell<Operations>, effort: Effort) -> Costs {
    let batch = effort.pick(1_000, 2_000);
    let (one, three) = runtime.block_on(async { tokio::join!(Clusters::start(1), Clusters::start(3)) });
    let (one, three) = (RefCell::new(one), RefCell::new(three));
    let [load, loads, apply, applies] = [(); 4].map(|()| Cell::new(0.0));
    let noted = |figure: f64, cell: &Cell<f64>| {
        cell.set(figure);
        figure
    };
    let comparison = InTurn::new("us")
        .subject(AGREED, || 1.0)
        .subject("load, one server", || {
            noted(runtime.block_on(station.borrow_mut().load(Loaded::Small, MANY)).cpu, &load)
        })
        .subject("load, 1 primary", || runtime.block_on(one.borrow_mut().load(batch)))
        .subject("load, 3 primaries", || noted(runtime.block_on(three.borrow_mut().load(batch)), &loads))
        .subject("apply, one server", || noted(runtime.block_on(station.borrow_mut().apply(MANY)).cpu, &apply))
        .subject("apply, 1 primary", || runtime.block_on(one.borrow_mut().apply(batch)))
        .subject("apply, 3 primaries", || noted(runtime.block_on(three.borrow_mut().apply(batch)), &applies));
    let comparison = compared(comparison, "load, 3 primaries", &loads, &load);
    compared(comparison, "apply, 3 primaries", &applies, &apply).run(effort)
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
