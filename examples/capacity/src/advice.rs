//! Recommendations.

use super::{
    Constants, Estimate, Limits, Routing, Topology, Workload,
    breaks::Break,
    resources::{Resource, server_cpu},
    traffic::{LARGEST_DELTA, Traffic, is_published},
    workload::MAX_PARTITIONS,
};

/// Heartbeats and the hottest session are mentioned from this share of a primary's processor.
const NOTEWORTHY: f64 = 0.2;

/// Recommendations as sentences, the most important first.
pub fn advice(workload: &Workload, constants: &Constants, limits: &Limits, estimate: &Estimate) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some(first) = estimate.breaks.first() {
        sentences.push(where_it_breaks(first));
        sentences.push(remedy(first.resource, workload, estimate));
    }
    sentences.extend(servers(workload, estimate));
    sentences.extend(hottest(workload, constants, limits, estimate));
    sentences.extend(cells(workload, estimate));
    sentences.extend(caches(workload, estimate));
    sentences.extend(deltas(workload));
    sentences.extend(heartbeats(workload, estimate));
    sentences.extend(hit_rate(workload, constants, limits, estimate));
    sentences
}

fn where_it_breaks(first: &Break) -> String {
    let (name, factor) = (first.resource.name(), first.factor);
    if factor.is_infinite() {
        return "No resource runs out, however large the service grows.".to_owned();
    }
    if factor < 1.0 {
        return format!("This is too much: the {name} is enough for {factor:.2} times this service.");
    }
    format!("The {name} runs out first, at {factor:.2} times this service.")
}

fn remedy(resource: Resource, workload: &Workload, estimate: &Estimate) -> String {
    let cpu = &estimate.server_cpu;
    let most = cpu.fan_out.max(cpu.operations + cpu.calls).max(cpu.heartbeats);
    match resource {
        Resource::ServerCpu if most == cpu.fan_out => {
            "Most of a primary's processor sends every change to every node. More primaries share that work, but each \
             change still goes to every node: write less often (one commit per request, and no fields that did not \
             change), or use fewer, larger nodes."
                .to_owned()
        }
        Resource::ServerCpu if most == cpu.heartbeats => {
            let flag = beat_flag(workload);
            format!(
                "Most of a primary's processor answers heartbeats: use a longer `{flag}`, or choose fewer partitions before \
                 the first session is stored."
            )
        }
        Resource::ServerCpu => match workload.topology {
            Topology::Standalone => "Most of the server's processor executes operations: use a cluster.".to_owned(),
            Topology::Cluster => {
                "Most of a primary's processor executes operations: use more primaries, larger local caches, or sticky \
                 routing."
                    .to_owned()
            }
        },
        Resource::ServerMemory => "Use more or larger primaries, smaller sessions, or a shorter idle timeout.".to_owned(),
        Resource::ServerNetwork => {
            "Use more primaries; keep large values that seldom change apart from values that are often written.".to_owned()
        }
        Resource::ServerConnections => {
            "Each node keeps two connections to each primary, so more primaries do not help: raise `maxclients`, or use \
             fewer, larger nodes."
                .to_owned()
        }
        Resource::ReceivingCpu | Resource::ReceivingNetwork => {
            "Every node receives every change, whatever the number of primaries: write less often, or divide the service into cells.".to_owned()
        }
    }
}

/// The flag that sets the heartbeat interval: the one that was given.
fn beat_flag(workload: &Workload) -> &'static str {
    if workload.heartbeat.is_some() { "--heartbeat" } else { "--max-staleness" }
}

/// A service that is divided into cells is several smaller services: a cell has its own primaries or its own prefix, its
/// own nodes, and its share of the sessions. Cells help where more primaries do not.
fn cells(workload: &Workload, estimate: &Estimate) -> Option<String> {
    use Resource::{ReceivingCpu, ReceivingNetwork, ServerConnections};
    let is_for_cells = |it: &&Break| {
        let is_everywhere = matches!(it.resource, ReceivingCpu | ReceivingNetwork | ServerConnections);
        it.factor < 1.0 && (is_everywhere || estimate.primaries_needed.is_none())
    };
    let Break { resource, factor } = *estimate.breaks.iter().find(is_for_cells)?;
    let (cells, name) = ((1.0 / factor).ceil(), resource.name());
    if cells > workload.nodes {
        return Some(format!("The {name} is not enough even with a single node: smaller cells do not help."));
    }
    let nodes = (workload.nodes / cells).ceil();
    Some(format!(
        "Cells, for the {name}: divide nodes and sessions into {cells:.0} groups of {nodes:.0} nodes, each with its own {} \
         primaries (or fewer: compute one cell), and route each session's requests to its group. A change then goes to \
         {nodes:.0} nodes instead of {:.0}.",
        estimate.primaries, workload.nodes
    ))
}

/// No number of primaries divides one session.
fn hottest(workload: &Workload, constants: &Constants, limits: &Limits, estimate: &Estimate) -> Option<String> {
    let hottest = estimate.traffic.hottest;
    let share = hottest.requests / workload.requests;
    let alone = Traffic {
        loads: hottest.loads,
        conditional: hottest.conditional,
        applies: hottest.applies,
        touches: hottest.touches,
        subscribers: estimate.traffic.subscribers,
        hottest,
        ..Traffic::default()
    };
    let cpu = server_cpu(workload, constants, limits.turn, &alone, estimate.primaries).total();
    (cpu > NOTEWORTHY.max(estimate.server_cpu.total() / 2.0)).then(|| {
        format!(
            "The hottest session gets {:.1} % of the requests and needs {cpu:.2} cores of its primary, which more primaries \
             do not divide: write to it less often, or divide it into several sessions.",
            share * 100.0
        )
    })
}

fn caches(workload: &Workload, estimate: &Estimate) -> Option<String> {
    let worthwhile = estimate.worthwhile_nodes;
    if workload.nodes <= worthwhile {
        return None;
    }
    Some(format!(
        "Up to {worthwhile:.0} nodes, local caches save the servers more work than they cost. With {:.0} they cost more and \
         only reduce the latency of hits. `RedisStore` alone has no fan-out and no heartbeats, and reads from its primary.",
        workload.nodes
    ))
}

fn deltas(workload: &Workload) -> Option<String> {
    (workload.write_share > 0.0 && !is_published(workload.delta_bytes)).then(|| {
        format!(
            "Deltas of more than {LARGEST_DELTA:.0} B are not published, so each such update evicts the copies on all other \
             nodes: change less at a time, or raise `message_delta_bytes`."
        )
    })
}

fn heartbeats(workload: &Workload, estimate: &Estimate) -> Option<String> {
    let share = estimate.server_cpu.heartbeats / estimate.server_cpu.total();
    let twice = 2.0 * workload.heartbeat.unwrap_or(workload.max_staleness);
    (share > NOTEWORTHY).then(|| {
        format!(
            "Heartbeats use {:.0} % of a primary's processor: a `{}` of {twice} s halves that.",
            share * 100.0,
            beat_flag(workload)
        )
    })
}

fn servers(workload: &Workload, estimate: &Estimate) -> Option<String> {
    let (needed, partitions) = (estimate.primaries_needed, workload.partitions);
    let wanted = |primaries: u32| (primaries * 4).next_power_of_two().min(MAX_PARTITIONS);
    match (needed, workload.primaries) {
        (None, _) if workload.topology == Topology::Standalone => {
            Some("One server is not enough: use `--topology cluster`.".to_owned())
        }
        (None, _) => Some(format!("Even {partitions} primaries, one for each partition, are not enough.")),
        (Some(needed), Some(given)) if given < needed => Some(format!("{needed} primaries are needed, not {given}.")),
        (Some(needed), _) if needed > 1 && wanted(needed) > partitions => Some(format!(
            "Choose at least {} partitions, four for each primary, before the first session is stored.",
            wanted(needed)
        )),
        _ => None,
    }
}

/// The gain of sticky routing, if it is large.
fn hit_rate(workload: &Workload, constants: &Constants, limits: &Limits, estimate: &Estimate) -> Option<String> {
    if workload.routing == Routing::Sticky {
        return None;
    }
    let sticky = Workload { routing: Routing::Sticky, ..workload.clone() };
    let sticky = super::estimate(&sticky, constants, limits).ok()?;
    let (random, sticky) = (estimate.hits.hits, sticky.hits.hits);
    (sticky > random + 0.05).then(|| {
        format!(
            "Sticky routing would raise the hit rate from {:.0} % to {:.0} %; any node can still answer when a session's own \
             node is gone.",
            random * 100.0,
            sticky * 100.0
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate;

    fn of(workload: &Workload) -> String {
        let (constants, limits) = (Constants::of_tests(), Limits::default());
        advice(workload, &constants, &limits, &estimate(workload, &constants, &limits).unwrap()).join("\n")
    }

    fn small() -> Workload {
        Workload { sessions: 1e5, requests: 1e3, nodes: 4.0, ..Workload::default() }
    }

    #[test]
    fn a_small_service_is_told_how_far_it_can_grow() {
        let text = of(&small());
        assert!(text.starts_with("The ") && text.contains(" runs out first, at "), "{text}");
        assert!(!text.contains("Cells"), "{text}");
    }

    #[test]
    fn what_is_too_much_for_every_node_is_divided_into_cells() {
        let workload = Workload { sessions: 1e8, requests: 2e6, nodes: 1_000.0, write_share: 0.5, ..small() };
        let text = of(&workload);
        assert!(text.contains("This is too much: ") && text.contains("Cells, for the "), "{text}");
        assert!(text.contains("`RedisStore` alone"), "{text}");
    }

    #[test]
    fn one_server_that_is_not_enough_is_said_to_be_one() {
        let workload = Workload { requests: 1e6, nodes: 100.0, topology: Topology::Standalone, ..small() };
        assert!(of(&workload).contains("One server is not enough"));
        let workload = Workload { requests: 2e5, nodes: 20.0, sessions: 5e7, primaries: Some(1), ..small() };
        assert!(of(&workload).contains(" primaries are needed, not 1."), "{}", of(&workload));
    }

    #[test]
    fn connections_are_not_helped_by_primaries() {
        let workload = Workload { nodes: 6_000.0, requests: 10.0, sessions: 100.0, write_share: 0.0, ..small() };
        let text = of(&workload);
        assert!(text.contains("raise `maxclients`") && text.contains("Cells, for the connections"), "{text}");
    }

    /// If more primaries are enough, the advice does not mention cells.
    #[test]
    fn primaries_come_before_cells() {
        let workload = Workload { requests: 2e5, nodes: 20.0, sessions: 5e7, primaries: Some(1), ..small() };
        let text = of(&workload);
        assert!(text.contains(" primaries are needed, not 1.") && !text.contains("Cells"), "{text}");
    }

    #[test]
    fn the_hottest_session_is_named_where_it_decides() {
        let workload = Workload { sessions: 1e8, requests: 1e6, nodes: 50.0, popularity: 1.3, ..small() };
        assert!(of(&workload).contains("The hottest session gets "), "{}", of(&workload));
        assert!(!of(&small()).contains("hottest"));
    }

    #[test]
    fn the_flag_that_was_given_is_the_one_to_change() {
        let base = || Workload { requests: 10.0, nodes: 100.0, ..small() };
        let (derived, given) = (of(&base()), of(&Workload { heartbeat: Some(0.2), ..base() }));
        assert!(derived.contains("a `--max-staleness` of 2 s halves that"), "{derived}");
        assert!(given.contains("a `--heartbeat` of 0.4 s halves that"), "{given}");
    }

    #[test]
    fn no_more_partitions_are_advised_than_there_can_be() {
        let many = Workload { sessions: 1e12, partitions: 4_096, nodes: 10.0, ..small() };
        assert!(!of(&many).contains("Choose at least "), "{}", of(&many));
        let few = Workload { sessions: 3e9, nodes: 10.0, ..small() };
        assert!(of(&few).contains("Choose at least "), "{}", of(&few));
    }

    #[test]
    fn updates_that_do_not_travel_are_named() {
        let large = Workload { delta_bytes: 5_000.0, ..small() };
        assert!(of(&large).contains("are not published") && !of(&small()).contains("are not published"));
    }
}
