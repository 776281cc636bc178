//! Runs of the real code: how a node is built, and the report of a seed that fails.

use std::{fmt::Write as _, sync::Arc};

use session_tiered_sim::{Capacity, Mutant, Stats, TieredStore};

use crate::sim::{Coverage, NodeSetup, Outcome, SimStore, Subject, Tested, run};

/// The lines of the trace in the report of a seed that fails.
const LINES: usize = 60;

/// A node with the real cache.
#[must_use]
pub fn tiered(node: NodeSetup) -> Tested {
    tested(node, None)
}

/// A node with the real cache and one broken mechanism.
pub fn mutated(mutant: Mutant) -> impl Fn(NodeSetup) -> Tested + Sync {
    move |node| tested(node, Some(mutant))
}

fn tested(node: NodeSetup, mutant: Option<Mutant>) -> Tested {
    let NodeSetup { store, clock, settings, .. } = node;
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
        ("tiered: floors unmet", stats.floors_unmet),
        ("tiered: served stale", stats.served_stale),
        ("tiered: broken circuits", stats.broken_circuits),
        ("tiered: self-checks", stats.self_checks),
        ("tiered: violations", stats.violations),
    ] {
        coverage.add(what, many);
    }
}

/// Runs a seed that failed again, and returns the end of its trace without the heartbeats.
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

/// Whether a self-check of the cache reported a violation. Where the store lost updates, its reports mean nothing: a
/// replaced state can be the current one again.
#[must_use]
pub fn found_fault_with_itself(coverage: &Coverage) -> bool {
    coverage.of("tiered: violations") > 0 && coverage.of("updates lost by the store") == 0
}

/// The events that must occur somewhere in many seeds: runs without them prove nothing.
pub const INTERESTING: &[&str] = &[
    "local hits",
    "local absences",
    "patched hits",
    "conflicts",
    "repeats",
    "unknown outcomes",
    "calls given up",
    "rotations",
    "responses lost",
    "second renewals",
    "promises of access",
    "promises through old ids",
    "sign-ins",
    "forms sent again",
    "second sign-ins",
    "destroys",
    "expired sessions",
    "failover",
    "split brain",
    "node isolated",
    "reads refused",
    "flush",
    "slot moved",
    "feed ended",
    "feed fades",
    "node paused",
    "feed overflows",
    "pushes lost",
    "heartbeats refused",
    "updates lost by the store",
    "stale answers",
    "forgeries received",
    "forged answers",
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
