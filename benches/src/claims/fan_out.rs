//! What the servers do, and what the capacity model says that they do.

use session_examples::capacity::Constants;

pub use crate::fan_out::constants::constants;

use crate::{
    claim::{Claim, Number, Target},
    effort::Effort,
    fan_out::measured::{AT_ONCE, FanOut, Measured, NEAR, PREDICTED, SUBSCRIBERS, measured, modelled},
    in_turn::Costs,
    section::{Axis, Drawing, Plot, Section, Series, Table},
};

/// The server's processor by operation, by subscriber and by heartbeat; predictions against measurements.
pub fn section(effort: Effort) -> Section {
    let method = "Processor time of the server, as the difference of used_cpu_user and used_cpu_sys over a batch, by operation. Sessions of 8 \
                  fields of 29 bytes, updates of one field, one server for each number of subscribers, loopback, no persistence; \
                  batches in turn. The model makes a line through 1 and 4 subscribers; 2 and 8 are predicted by it. What is \
                  claimed of the model is the larger of both figures by the smaller.";
    let mut section = Section::new("Fan-out and the servers' processors", method);
    let found = Measured::once(effort);
    for (name, id, fan_out) in [("64 under way", "together", &found.together), ("one under way", "alone", &found.alone)]
    {
        for subscribers in PREDICTED {
            section.claims.push(near(
                &fan_out.costs,
                format!("capacity.fan_out.{id}.{subscribers}"),
                &format!("The model of the server's processor for an update with {subscribers} subscribers, {name}"),
                (&modelled(subscribers), &measured(subscribers)),
            ));
        }
    }
    for operation in ["load", "apply"] {
        section.claims.push(near(
            &found.clusters,
            format!("capacity.cluster.{operation}"),
            &format!("Processor time of 3 primaries for one {operation}, against one server"),
            (&format!("{operation}, 3 primaries"), &format!("{operation}, one server")),
        ));
    }
    section.claims.push(found.beats.claim(
        "heartbeat.cpu",
        "Processor time of the server for a heartbeat, among those of 250 partitions",
        ("heartbeat among 250", "allowed"),
        Target::AtMost(1.0),
    ));
    section.tables.push(subscribers(found));
    section
        .tables
        .push(found.operations.table("Processor time of the server for one operation, us, 64 under way", "apply"));
    section
        .tables
        .push(found.clusters.table("Processor time of all primaries for one operation, us", "load, one server"));
    section.tables.push(found.beats.table("Processor time of the server for a sign of life, us", "heartbeat alone"));
    section.tables.push(figures(&constants(effort)));
    section.plots.push(plot(found));
    section
}

/// Both ways: the larger figure by the smaller.
fn near(costs: &Costs, id: String, text: &str, pair: (&str, &str)) -> Claim {
    let is_more = costs.ratio(pair.0, pair.1).median >= 1.0;
    let mut claim = costs.claim(id, text, pair, NEAR);
    if !is_more {
        claim.ratio = claim.ratio.inverse();
    }
    claim
}

fn subscribers(found: &Measured) -> Table {
    let title = "Processor time of the server for one update, us";
    let mut table = Table::new(title, ["subscribers", "64 under way", "model", "one under way", "model"]);
    for subscribers in SUBSCRIBERS {
        let cells = |fan_out: &FanOut| {
            [fan_out.costs.median(&measured(subscribers)), fan_out.model(subscribers)].map(|us| Number(us).to_string())
        };
        let ([together, its_model], [alone, alone_model]) = (cells(&found.together), cells(&found.alone));
        table.row([subscribers.to_string(), together, its_model, alone, alone_model]);
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
    for (name, fan_out) in
        [(format!("{AT_ONCE} under way"), &found.together), ("one under way".to_owned(), &found.alone)]
    {
        let points = |of: &dyn Fn(usize) -> f64| SUBSCRIBERS.iter().map(|n| (*n as f64, of(*n))).collect();
        let medians: Vec<(f64, f64)> = points(&|n| fan_out.costs.median(&measured(n)));
        series.push(Series { name: format!("measured, {name}"), points: medians });
        series.push(Series { name: format!("model, {name}"), points: points(&|n| fan_out.model(n)) });
    }
    Plot {
        name: "fan_out".to_owned(),
        title: "What subscribers take of the server".to_owned(),
        x: Axis::linear("subscribed nodes"),
        y: Axis::linear("processor time of the server for one update, us"),
        drawing: Drawing::Lines(series),
    }
}
