//! The CPU time of the servers, and how well the capacity model predicts it.

use capacity::Constants;

pub use crate::fan_out::constants::constants;

use crate::{
    claim::{Claim, Number, Target},
    effort::Effort,
    fan_out::{
        Scenario,
        measured::{INCREMENTS, LONE, Measured, NEAR, modelled},
        scenario::{FITTED, MANY, PREDICTED},
    },
    in_turn::Costs,
    section::{Axis, Drawing, Plot, Section, Series, Table},
};

const METHOD: &str = "\
CPU time of the server per operation, as the difference of used_cpu_user and used_cpu_sys over a batch, without the \
CPU time of an idle server. Sessions of 8 fields of 29 bytes, updates of one field, one server for each number of \
clients, loopback, no persistence; batches in turn. \"Model\" is `server_cpu` of `capacity` itself, \
called with the rate of the batch and the length of its turns of the event loop. Its constants are fitted in each \
round to the batches of five scenarios, and the others are predicted. The claims are about the distance between two \
figures: the median of the rounds' ratios, the larger figure divided by the smaller.";

const DIFFERENCE: &str = "a subscriber adds less to an update than updates vary from batch to batch, so rounds differ; \
                          the medians of both figures are nearer to each other";

/// The server CPU time per operation, per subscriber and per heartbeat, and predictions compared with measurements.
pub fn section(effort: Effort) -> Section {
    let mut section = Section::new("Fan-out and server CPU time", METHOD);
    let found = Measured::once(effort);
    for scenario in PREDICTED {
        let text = format!("Capacity model of the server CPU time per update, {}", scenario.name());
        section.claims.push(near(&found.fan_out, total_id(scenario), &text, &scenario.name()));
    }
    for (name, with, _) in INCREMENTS {
        let text = format!("Capacity model of the server CPU time that each subscriber adds to an update: {name}");
        let claim = near(&found.fan_out, format!("capacity.subscriber.{}", way(with)), &text, name);
        section.claims.push(claim.missed_because(DIFFERENCE, 1.25..=2.0));
    }
    section.claims.push(near(
        &found.operations,
        "capacity.conditional.alone".to_owned(),
        "Capacity model of the server CPU time of a lone conditional load, fitted to those among many and to loads",
        LONE,
    ));
    for operation in ["load", "apply"] {
        section.claims.push(primaries(&found.clusters, operation));
    }
    section.claims.push(found.heartbeats.claim(
        "heartbeat.cpu",
        "Server CPU time per heartbeat, among those of 250 partitions",
        ("heartbeat among 250", "allowed"),
        Target::AtMost(1.0),
    ));
    let operations = "Server CPU time per operation, us, 64 in flight unless stated otherwise";
    section.tables.push(updates(found));
    section.tables.push(figures_of(&found.operations, operations));
    section.tables.push(figures_of(&found.clusters, "CPU time of all primaries per operation, us"));
    section.tables.push(found.heartbeats.table("Server CPU time per heartbeat, us", "heartbeat alone"));
    section.tables.push(figures_of(&found.messages, "Server CPU time per message of 160 B, us"));
    section.tables.push(figures(&constants(effort)));
    section.plots.push(plot(found));
    section
}

fn way(scenario: Scenario) -> &'static str {
    if scenario.at_once == MANY { "together" } else { "alone" }
}

fn total_id(scenario: Scenario) -> String {
    let Scenario { callers, subscribers, .. } = scenario;
    let what = if callers == 1 { "fan_out" } else { "nodes" };
    format!("capacity.{what}.{}.{subscribers}", way(scenario))
}

/// The distance between the model and the measurement, whichever is larger.
fn near(costs: &Costs, id: String, text: &str, name: &str) -> Claim {
    costs.near(id, text, (&modelled(name), name), NEAR)
}

fn primaries(costs: &Costs, operation: &str) -> Claim {
    let (three, one) = (format!("{operation}, 3 primaries"), format!("{operation}, one server"));
    let text = format!("CPU time of 3 primaries per {operation}, against one server");
    costs.near(format!("capacity.cluster.{operation}"), &text, (&three, &one), NEAR)
}

fn updates(found: &Measured) -> Table {
    let title = "Server CPU time per update, us; the model is fitted to the rows marked \"fitted\"";
    let mut table = Table::new(title, ["clients and nodes", "measured", "model", ""]);
    let mut row = |name: &str, is_fitted: bool| {
        let [measured, model] = [name, &modelled(name)].map(|name| Number(found.fan_out.median(name)).to_string());
        table.row([name.to_owned(), measured, model, if is_fitted { "fitted" } else { "" }.to_owned()]);
    };
    FITTED.iter().for_each(|scenario| row(&scenario.name(), true));
    PREDICTED.iter().for_each(|scenario| row(&scenario.name(), false));
    INCREMENTS.iter().for_each(|(name, ..)| row(name, false));
    table
}

/// The measured figures, without those of the model.
fn figures_of(costs: &Costs, title: &str) -> Table {
    let mut table = Table::new(title, ["", "median", "quickest batch"]);
    for name in costs.names().iter().filter(|name| !name.starts_with(&modelled(""))) {
        table.row([name.clone(), Number(costs.median(name)).to_string(), Number(costs.fastest(name)).to_string()]);
    }
    table
}

fn figures(constants: &Constants) -> Table {
    let mut table =
        Table::new(format!("Constants of the capacity model: {}", constants.machine), ["constant", "figure"]);
    let figures = serde_json::to_value(constants).expect("figures");
    for (name, figure) in figures.as_object().into_iter().flatten() {
        if let Some(figure) = figure.as_f64() {
            table.row([name.clone(), Number(figure).to_string()]);
        }
    }
    table
}

fn plot(found: &Measured) -> Plot {
    let mut series = Vec::new();
    for at_once in [MANY, 1] {
        let mut scenarios: Vec<Scenario> = FITTED.into_iter().chain(PREDICTED).collect();
        scenarios.retain(|it| it.callers == 1 && it.at_once == at_once);
        scenarios.sort_by_key(|it| it.subscribers);
        let points = |of: &dyn Fn(&str) -> String| {
            scenarios.iter().map(|it| (it.subscribers as f64, found.fan_out.median(&of(&it.name())))).collect()
        };
        let name = format!("{at_once} in flight");
        series.push(Series { name: format!("measured, {name}"), points: points(&str::to_owned) });
        series.push(Series { name: format!("model, {name}"), points: points(&modelled) });
    }
    Plot {
        name: "fan_out".to_owned(),
        title: "Server CPU time by number of subscribers".to_owned(),
        x: Axis::linear("subscribed nodes"),
        y: Axis::linear("server CPU time per update, us"),
        drawing: Drawing::Lines(series),
    }
}
