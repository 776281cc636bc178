//! What to do about it.

use super::{Constants, Estimate, Limits, Routing, Topology, Workload, breaks::Break, resources::Resource};

/// A heartbeat or a message is worth a word from this share of a primary's processor.
const NOTEWORTHY: f64 = 0.2;

/// In plain sentences, the most important first.
pub fn advice(workload: &Workload, constants: &Constants, limits: &Limits, estimate: &Estimate) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some(first) = estimate.breaks.first() {
        sentences.push(where_it_breaks(first));
        sentences.push(remedy(first.resource, workload, estimate));
    }
    sentences.extend(cells(workload, estimate));
    sentences.extend(caches(workload, estimate));
    sentences.extend(heartbeats(workload, estimate));
    sentences.extend(servers(workload, estimate));
    sentences.extend(hit_rate(workload, constants, limits, estimate));
    sentences
}

fn where_it_breaks(first: &Break) -> String {
    let (name, factor) = (first.resource.name(), first.factor);
    if factor.is_infinite() {
        return "Nothing breaks, however large the service grows.".to_owned();
    }
    if factor < 1.0 {
        return format!("It breaks: the {name} carries {factor:.2} times this service.");
    }
    format!("What breaks first is the {name}, at {factor:.2} times this service.")
}

fn remedy(resource: Resource, workload: &Workload, estimate: &Estimate) -> String {
    let cpu = &estimate.server_cpu;
    let most = cpu.fan_out.max(cpu.operations + cpu.calls).max(cpu.heartbeats);
    match resource {
        Resource::ServerCpu if most == cpu.fan_out => {
            "Most of a primary's processor goes into telling every node of every change. More primaries share that, each \
             change still goes to every node: write less often (one commit a request, nothing that did not change), \
             or let fewer, larger nodes do the work."
                .to_owned()
        }
        Resource::ServerCpu if most == cpu.heartbeats => {
            "Most of a primary's processor goes into heartbeats: take a longer `max_staleness`, or fewer partitions before \
             the first session is stored."
                .to_owned()
        }
        Resource::ServerCpu => match workload.topology {
            Topology::Standalone => "Most of the server's processor goes into operations: take a cluster.".to_owned(),
            Topology::Cluster => {
                "Most of a primary's processor goes into operations: take more primaries, larger local caches, or sticky \
                 routing."
                    .to_owned()
            }
        },
        Resource::ServerMemory => "Take more primaries or larger ones, smaller sessions, or a shorter idle timeout.".to_owned(),
        Resource::ServerNetwork => {
            "Take more primaries; keep what is large and seldom changes out of what is often written.".to_owned()
        }
        Resource::ServerConnections => {
            "Each node keeps two connections to each primary, so more primaries do not help: raise `maxclients`, or take \
             fewer, larger nodes."
                .to_owned()
        }
        Resource::HearingCpu | Resource::HearingNetwork => {
            "Every node hears every change, however many primaries there are: write less often, or take cells.".to_owned()
        }
    }
}

/// A service that is divided into cells is so many smaller services: a cell has its own primaries, or its own prefix, its own
/// nodes, and its share of the sessions.
fn cells(workload: &Workload, estimate: &Estimate) -> Option<String> {
    let breaks = |it: &&Break| !matches!(it.resource, Resource::ServerMemory) && it.factor < 1.0;
    let factor = estimate.breaks.iter().find(breaks)?.factor;
    let cells = (1.0 / factor).ceil();
    if cells > workload.nodes {
        return Some("A single node has more to do than it can: smaller cells do not help.".to_owned());
    }
    let nodes = (workload.nodes / cells).ceil();
    Some(format!(
        "Cells: divide nodes and sessions into {cells:.0} groups of {nodes:.0} nodes, each with {} primaries of its own \
         (or fewer: compute one cell), and send each session's requests to its group. A change then goes to {nodes:.0} \
         nodes instead of {:.0}.",
        estimate.primaries, workload.nodes
    ))
}

fn caches(workload: &Workload, estimate: &Estimate) -> Option<String> {
    let worthwhile = estimate.worthwhile_nodes;
    if workload.nodes <= worthwhile {
        return None;
    }
    Some(format!(
        "Up to {worthwhile:.0} nodes, local caches save the servers more than they cost; with {:.0} they cost more, and buy \
         only the latency of the hits. `RedisStore` alone has no fan-out, no heartbeats, and reads its primary.",
        workload.nodes
    ))
}

fn heartbeats(workload: &Workload, estimate: &Estimate) -> Option<String> {
    let share = estimate.server_cpu.heartbeats / estimate.server_cpu.total();
    (share > NOTEWORTHY).then(|| {
        format!(
            "Heartbeats take {:.0} % of a primary's processor: a `max_staleness` of {} s halves that.",
            share * 100.0,
            workload.max_staleness * 2.0
        )
    })
}

fn servers(workload: &Workload, estimate: &Estimate) -> Option<String> {
    let (needed, partitions) = (estimate.primaries_needed, workload.partitions);
    match (needed, workload.primaries) {
        (None, _) if workload.topology == Topology::Standalone => {
            Some("One server is not enough: give `--topology cluster`.".to_owned())
        }
        (None, _) => Some(format!("No number of primaries up to {partitions}, the number of partitions, is enough.")),
        (Some(needed), Some(given)) if given < needed => Some(format!("{needed} primaries are needed, not {given}.")),
        (Some(needed), _) if needed * 4 > partitions && needed > 1 => Some(format!(
            "Take {} partitions at least, four for each primary, before the first session is stored.",
            (needed * 4).next_power_of_two()
        )),
        _ => None,
    }
}

/// What the other routing would bring, if it is much.
fn hit_rate(workload: &Workload, constants: &Constants, limits: &Limits, estimate: &Estimate) -> Option<String> {
    if workload.routing == Routing::Sticky {
        return None;
    }
    let sticky = Workload { routing: Routing::Sticky, ..workload.clone() };
    let sticky = super::estimate(&sticky, constants, limits).ok()?;
    let (random, sticky) = (estimate.hits.hits, sticky.hits.hits);
    (sticky > random + 0.05).then(|| {
        format!(
            "Sticky routing would raise the hit rate from {:.0} % to {:.0} %; a session may still be answered anywhere when \
             its node is gone.",
            random * 100.0,
            sticky * 100.0
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::estimate;

    fn of(workload: &Workload) -> String {
        let (constants, limits) = (Constants::default(), Limits::default());
        advice(workload, &constants, &limits, &estimate(workload, &constants, &limits).unwrap()).join("\n")
    }

    fn small() -> Workload {
        Workload { sessions: 1e5, requests: 1e3, nodes: 4.0, ..Workload::default() }
    }

    #[test]
    fn a_small_service_is_told_how_far_it_can_grow() {
        let text = of(&small());
        assert!(text.starts_with("What breaks first is the "), "{text}");
        assert!(!text.contains("Cells"), "{text}");
    }

    #[test]
    fn what_is_too_much_for_every_node_is_divided_into_cells() {
        let workload = Workload { sessions: 1e8, requests: 2e6, nodes: 1_000.0, write_share: 0.5, ..small() };
        let text = of(&workload);
        assert!(text.contains("It breaks: ") && text.contains("Cells: "), "{text}");
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
        assert!(of(&workload).contains("raise `maxclients`"), "{}", of(&workload));
    }
}
