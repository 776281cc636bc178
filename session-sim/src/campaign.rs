//! Seeds on the real code: how a node is made of it, and what is told of a seed that fails.

use std::{fmt::Write as _, sync::Arc};

use session_tiered_sim::{Capacity, Mutant, Stats, TieredStore};

use crate::sim::{Coverage, Node, Outcome, SimStore, Subject, Tested, run};

/// So many lines of the trace are told of a seed that fails.
const LINES: usize = 60;

/// A node with the real cache.
#[must_use]
pub fn tiered(node: Node) -> Tested {
    tested(node, None)
}

/// A node with the real cache, and one of its mechanisms broken.
pub fn mutated(mutant: Mutant) -> impl Fn(Node) -> Tested + Sync {
    move |node| tested(node, Some(mutant))
}

fn tested(node: Node, mutant: Option<Mutant>) -> Tested {
    let Node { store, clock, settings, .. } = node;
    let builder = TieredStore::builder(store)
        .max_staleness(settings.max_staleness)
        .max_age(settings.max_age)
        .heartbeat(settings.heartbeat)
        .capacity(Capacity::entries(settings.capacity))
        .absent_capacity(settings.capacity)
        .self_check(settings.self_check)
        .clock(clock);
    let store = match mutant {
        Some(mutant) => builder.mutant(mutant).build(),
        None => builder.build(),
    };
    let store: Arc<TieredStore<SimStore>> = Arc::new(store);
    let counted = store.clone();
    Tested { store, count: Box::new(move |coverage| count(&counted.stats(), coverage)) }
}

fn count(stats: &Stats, coverage: &mut Coverage) {
    for (what, many) in [
        ("tiered: hits", stats.hits),
        ("tiered: joined", stats.joined),
        ("tiered: patched", stats.patched),
        ("tiered: evicted", stats.evicted),
        ("tiered: displaced", stats.displaced),
        ("tiered: revalidated", stats.revalidated),
        ("tiered: fills rejected", stats.fills_rejected),
        ("tiered: resurrections refused", stats.resurrections_refused),
        ("tiered: epochs ended", stats.epochs_ended),
        ("tiered: lease losses", stats.lease_losses),
        ("tiered: history lost", stats.history_lost),
        ("tiered: served stale", stats.served_stale),
        ("tiered: broken circuits", stats.broken_circuits),
        ("tiered: self-checks", stats.self_checks),
        ("tiered: violations", stats.violations),
    ] {
        coverage.add(what, many);
    }
}

/// A seed that failed, run again for the end of its trace, without the heartbeats.
#[must_use]
pub fn explain(outcome: &Outcome, subject: Subject<'_>) -> String {
    let again = run(outcome.seed, subject, true);
    let mut text = String::new();
    let lines: Vec<&String> = again.trace.iter().filter(|line| !line.contains("takes Barrier")).collect();
    for line in lines.iter().take(1).chain(&lines[lines.len().saturating_sub(LINES)..]) {
        let _ = writeln!(text, "{line}");
    }
    if let Some(violation) = &outcome.violation {
        let _ = write!(text, "seed {}: {violation}", outcome.seed);
    }
    text
}

/// Whether the cache found fault with itself. What it finds says nothing where the store lost updates: a state that it
/// was right to miss can be the present one again.
#[must_use]
pub fn found_fault_with_itself(coverage: &Coverage) -> bool {
    coverage.of("tiered: violations") > 0 && coverage.of("updates lost by the store") == 0
}

/// What must have been met in many seeds: a run in which none of it happens proves nothing.
pub const INTERESTING: &[&str] = &[
    "local hits",
    "local absences",
    "patched hits",
    "conflicts",
    "repeats",
    "unknown outcomes",
    "calls given up",
    "rotations",
    "destroys",
    "expired sessions",
    "failover",
    "split brain",
    "flush",
    "slot moved",
    "feed ended",
    "node paused",
    "feed overflows",
    "pushes lost",
    "heartbeats refused",
    "updates lost by the store",
    "stale answers",
    "tiered: joined",
    "tiered: patched",
    "tiered: evicted",
    "tiered: displaced",
    "tiered: revalidated",
    "tiered: fills rejected",
    "tiered: resurrections refused",
    "tiered: epochs ended",
    "tiered: lease losses",
    "tiered: history lost",
    "tiered: self-checks",
];
