//! From a commit on one node to its being visible on another.

use crate::{
    claim::{Claim, Figure, Number, Ratio, Target},
    effort::Effort,
    section::{Axis, Drawing, Plot, Section, Series, Table},
    visible::Pairs,
};

/// Requests of one turn, one in every millisecond.
const TURN: usize = 500;
const PERCENTILES: [f64; 6] = [0.1, 0.5, 0.9, 0.95, 0.99, 0.999];

/// Against a bare `PUBLISH`.
pub fn section(effort: Effort) -> Section {
    let method = "1,000 requests a second on one server, over loopback, commits and bare messages of 160 B in turn, half a second each, in one \
                  process on two workers. The time runs from before the request is sent, so a commit includes its script; until the other node's \
                  listener has taken the change in and asks for the next one, and until the bare subscriber has its message.";
    let mut section = Section::new("Commit to visible", method);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let rounds = effort.pick(16, 60);
    let turns = runtime.block_on(async {
        let pairs = Pairs::start().await;
        let mut turns = Vec::new();
        for _ in 0..=rounds {
            turns.push((pairs.commits(TURN).await, pairs.messages(TURN).await));
        }
        pairs.verify().await;
        // The first ones warm up.
        turns.split_off(1)
    });
    for (share, target) in [(0.5, Target::AtMost(2.0)), (0.99, Target::AtMost(2.0))] {
        section.claims.push(claim(&turns, share, target));
    }
    let (commits, messages): (Vec<_>, Vec<_>) = turns.into_iter().unzip();
    let [commits, messages] = [commits, messages].map(|all| {
        let mut all = all.concat();
        all.sort_by(f64::total_cmp);
        all
    });
    let mut table = Table::new("Time until it is there, us", ["percentile", "commit to visible", "PUBLISH to received"]);
    for share in PERCENTILES {
        let cells = [100.0 * share, percentile(&commits, share), percentile(&messages, share)];
        table.row(cells.map(|number| Number(number).to_string()));
    }
    section.tables.push(table);
    section.plots.push(distribution(&commits, &messages));
    section
}

/// The ratio of percentiles, turn by turn.
fn claim(turns: &[(Vec<f64>, Vec<f64>)], share: f64, target: Target) -> Claim {
    let of = |which: fn(&(Vec<f64>, Vec<f64>)) -> &Vec<f64>| turns.iter().map(|turn| percentile(which(turn), share)).collect();
    let (ours, reference): (Vec<f64>, Vec<f64>) = (of(|turn| &turn.0), of(|turn| &turn.1));
    let ratios = ours.iter().zip(&reference).map(|(ours, reference)| ours / reference).collect();
    let percent = Number(100.0 * share);
    Claim {
        id: format!("visible.p{percent}"),
        text: format!("Commit on one node to visible on another at 1,000 a second, p{percent}, against a bare PUBLISH to its being received"),
        ours: Figure::new("commit to visible", Ratio::of(ours).median, "us"),
        reference: Figure::new("PUBLISH to received", Ratio::of(reference).median, "us"),
        ratio: Ratio::of(ratios),
        target,
        missed_because: (share > 0.9).then_some(
            "a commit runs a script where PUBLISH runs a command, and a change wakes two tasks of the reader where a message wakes one",
        ),
    }
}

/// Of sorted numbers.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    sorted.get(((sorted.len().saturating_sub(1)) as f64 * share) as usize).copied().unwrap_or(f64::NAN)
}

fn distribution(commits: &[f64], messages: &[f64]) -> Plot {
    let line = |name: &str, sorted: &[f64]| Series {
        name: name.to_owned(),
        points: (1..=999).map(|n| f64::from(n) / 1_000.0).map(|share| (percentile(sorted, share), 100.0 * share)).collect(),
    };
    Plot {
        name: "visible".to_owned(),
        title: "Commit to visible, and PUBLISH to received, 1,000 a second".to_owned(),
        x: Axis::logarithmic("microseconds"),
        y: Axis::linear("percent that arrived within"),
        drawing: Drawing::Lines(vec![line("commit to visible", commits), line("PUBLISH to received", messages)]),
    }
}
