//! A load that the local cache answers.

mod sessions;

use crate::{
    Batches,
    claim::{Number, Target},
    effort::Effort,
    in_turn::{Costs, InTurn},
    section::{Axis, Drawing, Plot, Section},
    tiered::Loaded,
};

/// A number of sessions that fits the processor's caches.
const SMALL: usize = 1_000;

/// Compares hits with bare caches, and with caches of whole sessions.
pub fn section(effort: Effort) -> Section {
    let method = "Loads through `Arc<dyn SessionStore>` of sessions of 8 fields of 29 B, all of them in the local \
                  cache, in front of the memory store, with the machine's clock and a listener that keeps the leases. \
                  Only the capacity (equal to moka's) and `max_age` differ from the defaults, because measuring a \
                  million copies takes longer than a minute. Bare caches use the same digest as key and return a clone \
                  of an `Arc`; \"digest as hash\" and papaya hash nothing, like the tiered store. An untimed pass over \
                  1,000 sessions precedes each batch; threads begin together.\n\nThe last table has awaited loads, \
                  one after another, of 1,000 sessions in a shuffled order, against other caches in front of Redis. \
                  None of them sends a request to the server meanwhile. They return different values: the tiered store \
                  an `Arc` of a record whose values are still encoded; `CachingSessionStore` a clone of a \
                  `HashMap<String, serde_json::Value>`; the client-side cache of redis-rs 0.32 (`cache-aio`; the \
                  stores use redis-rs 1) a new `HashMap<String, Vec<u8>>`, converted from the reply. \"All 8 fields \
                  decoded\" also decodes the record into a `HashMap<String, String>`, like a request that reads every \
                  field.";
    let mut section = Section::new("Local hit", method);
    let mut plotted = Vec::new();
    for sessions in [SMALL, effort.pick(100_000, 1_000_000)] {
        let loaded = Loaded::new(sessions);
        for threads in [1, 2] {
            let name = format!("{} sessions, {threads} thread(s)", Number(sessions as f64));
            plotted.push((name, against_caches(&mut section, &loaded, threads, effort)));
        }
    }
    section.plots.push(bars(&plotted));
    let costs = sessions::against(&mut section, effort);
    section.plots.push(beside(&costs));
    section
}

fn against_caches(section: &mut Section, loaded: &Loaded, threads: usize, effort: Effort) -> Costs {
    let gets = loaded.gets();
    let sessions = loaded.ids.len();
    // At least two milliseconds, for the store and for the reference.
    let batch = if sessions == SMALL { effort.pick(20_000, 100_000) } else { effort.pick(10_000, 20_000) };
    let target = Target::AtMost(1.0);
    let mut comparison = InTurn::new("ns").until_decided("tiered", "moka, digest as hash", target);
    for (at, (name, get)) in gets.iter().enumerate() {
        // The subjects start far apart, so that none finds in the processor's cache what another has just loaded.
        let mut batches = Batches { first: at * sessions / gets.len(), threads, gets: batch };
        comparison = comparison.subject(*name, move || batches.next(&loaded.ids, get));
    }
    let (_, before) = loaded.counts();
    let costs = comparison.run(effort);
    let (_, after) = loaded.counts();
    assert_eq!(after, before, "all counted loads are hits");
    section.claims.push(costs.claim(
        format!("tiered.hit.{}.{threads}", if sessions == SMALL { "small" } else { "large" }),
        &format!(
            "A local hit among {} sessions on {threads} thread(s), against a get from bare moka that returns the same `Arc`",
            Number(sessions as f64)
        ),
        ("tiered", "moka, digest as hash"),
        target,
    ));
    let title = format!("Time of a hit, ns: {} sessions, {threads} thread(s)", Number(sessions as f64));
    section.tables.push(costs.table(&title, "tiered"));
    costs
}

fn bars(of: &[(String, Costs)]) -> Plot {
    let names = of.first().map(|(_, costs)| costs.names()).unwrap_or_default();
    Plot {
        name: "tiered-hit".to_owned(),
        title: "A hit in the local cache and in bare caches".to_owned(),
        x: Axis::linear(""),
        y: Axis::linear("nanoseconds"),
        drawing: Drawing::Bars {
            groups: of.iter().map(|(name, _)| name.clone()).collect(),
            series: names
                .iter()
                .map(|name| (name.clone(), of.iter().map(|(_, costs)| costs.median(name)).collect()))
                .collect(),
        },
    }
}

/// One bar per group, because the names are long.
fn beside(costs: &Costs) -> Plot {
    let medians = costs.names().iter().map(|name| costs.median(name)).collect();
    Plot {
        name: "tiered-hit-sessions".to_owned(),
        title: "A hit, awaited, in caches of whole sessions".to_owned(),
        x: Axis::linear(""),
        y: Axis::linear("nanoseconds"),
        drawing: Drawing::Bars {
            groups: costs.names().to_vec(),
            series: vec![("1,000 sessions of 8 fields of 29 B".to_owned(), medians)],
        },
    }
}
