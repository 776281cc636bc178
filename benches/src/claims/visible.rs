//! The time from a commit on one node until another node serves it.

use std::cell::RefCell;

use crate::{
    claim::{Claim, Figure, Number, Ratio, Reason, Target},
    effort::Effort,
    in_turn::InTurn,
    section::{Axis, Drawing, Plot, Section, Series, Table},
    visible::Pairs,
};

/// The requests of one turn, one per millisecond.
const TURN: usize = 500;
const PERCENTILES: [f64; 6] = [0.1, 0.5, 0.9, 0.95, 0.99, 0.999];
const TARGET: Target = Target::AtMost(2.0);
const OURS: &str = "commit to visible";
const REFERENCE: &str = "PUBLISH to received";

/// Compared with a bare `PUBLISH`.
pub fn section(effort: Effort) -> Section {
    let method = "1,000 requests a second on one server, over loopback: commits and bare messages of 160 B in turn, \
                  half a second each, in one process on two workers. All connections speak RESP3. Times start before \
                  the request is sent, so a commit includes its script. A commit's time ends when the other node's \
                  listener has applied the change and polls for the next one, a bare message's when the subscriber has \
                  received it. A claim's percentile is the median over turns of the turn's percentile, of 500 \
                  requests; the table's percentiles are of all requests together.";
    let mut section = Section::new("Commit to visible", method);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let pairs = runtime.block_on(Pairs::start());
    let (commits, messages) = (Turns::default(), Turns::default());
    let _ = InTurn::new("us")
        .subject(OURS, || commits.note(runtime.block_on(pairs.commits(TURN))))
        .subject(REFERENCE, || messages.note(runtime.block_on(pairs.messages(TURN))))
        .until_decided(OURS, REFERENCE, TARGET)
        .run(effort);
    runtime.block_on(pairs.verify());
    let turns: Vec<_> = commits.counted().into_iter().zip(messages.counted()).collect();
    section.claims.extend([0.5, 0.99].map(|share| claim(&turns, share)));
    let (commits, messages): (Vec<_>, Vec<_>) = turns.into_iter().unzip();
    let [commits, messages] = [commits, messages].map(|all| {
        let mut all = all.concat();
        all.sort_by(f64::total_cmp);
        all
    });
    let mut table = Table::new("Time until delivery, us", ["percentile", OURS, REFERENCE]);
    for share in PERCENTILES {
        let cells = [100.0 * share, percentile(&commits, share), percentile(&messages, share)];
        table.row(cells.map(|number| Number(number).to_string()));
    }
    section.tables.push(table);
    section.plots.push(distribution(&commits, &messages));
    section
}

/// The times of each turn, sorted.
#[derive(Default)]
struct Turns(RefCell<Vec<Vec<f64>>>);

impl Turns {
    /// The p99 of a turn, which decides how long to go on.
    fn note(&self, sorted: Vec<f64>) -> f64 {
        let p99 = percentile(&sorted, 0.99);
        self.0.borrow_mut().push(sorted);
        p99
    }

    /// All turns but the first, which warms up.
    fn counted(self) -> Vec<Vec<f64>> {
        self.0.into_inner().split_off(1)
    }
}

/// The ratio of percentiles, turn by turn.
fn claim(turns: &[(Vec<f64>, Vec<f64>)], share: f64) -> Claim {
    let ours: Vec<f64> = turns.iter().map(|(commits, _)| percentile(commits, share)).collect();
    let reference: Vec<f64> = turns.iter().map(|(_, messages)| percentile(messages, share)).collect();
    let ratios = ours.iter().zip(&reference).map(|(ours, reference)| ours / reference).collect();
    let percent = Number(100.0 * share);
    Claim {
        id: format!("visible.p{percent}"),
        text: format!(
            "Commit on one node to visible on another at 1,000 a second, p{percent}, against a bare PUBLISH until it is received"
        ),
        ours: Figure::new(OURS, Ratio::of(ours).median, "us"),
        reference: Figure::new(REFERENCE, Ratio::of(reference).median, "us"),
        ratio: Ratio::of(ratios),
        target: TARGET,
        missed_because: (share > 0.9).then(|| {
            Reason::new(
                "a commit runs a script and PUBLISH runs one command, and its message goes to two nodes, including the \
             writer, while the bare message goes to one subscriber",
                2.0..=2.3,
            )
        }),
    }
}

/// A percentile of sorted numbers.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    sorted.get(((sorted.len().saturating_sub(1)) as f64 * share) as usize).copied().unwrap_or(f64::NAN)
}

fn distribution(commits: &[f64], messages: &[f64]) -> Plot {
    let line = |name: &str, sorted: &[f64]| Series {
        name: name.to_owned(),
        points: (1..=999)
            .map(|n| f64::from(n) / 1_000.0)
            .map(|share| (percentile(sorted, share), 100.0 * share))
            .collect(),
    };
    Plot {
        name: "visible".to_owned(),
        title: "Commit to visible, and PUBLISH to received, 1,000 a second".to_owned(),
        x: Axis::logarithmic("microseconds"),
        y: Axis::linear("percent that arrived within"),
        drawing: Drawing::Lines(vec![line(OURS, commits), line(REFERENCE, messages)]),
    }
}
