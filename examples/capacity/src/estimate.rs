//! The whole estimate.

use super::{
    Constants, Invalid, Limits, Topology, Workload,
    breaks::{Break, breaks},
    hits::{Hits, hits},
    popularity::{Class, zipf},
    resources::{ServerCpu, Use, natural_turn, primaries_needed, server_cpu, uses},
    traffic::{Hottest, Traffic},
};

/// The largest number of nodes that is considered.
const MOST_NODES: f64 = 1e6;
/// The number of steps from one node to the most.
const STEPS: u32 = 120;

/// The needs of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Shares of loads by who answers them.
    pub hits: Hits,
    /// The traffic of the servers.
    pub traffic: Traffic,
    /// The smallest number of primaries that keeps every server's resources within their limits, if there is one.
    pub primaries_needed: Option<u32>,
    /// The number of primaries that the rest assumes: the number given or, without one, the number needed. If no number is
    /// enough, it is a guess: a quarter of the number of partitions.
    pub primaries: u32,
    /// The minimum processor time of the fullest primary, with turns of [`Limits::turn`].
    pub server_cpu: ServerCpu,
    /// Its processor time with a turn for each request. If this exceeds a core, the turns grow.
    pub unhurried_cpu: ServerCpu,
    /// The length of its turns, in seconds: 0 while there is time for a turn for each request; infinite if even the longest
    /// allowed turns are too short.
    pub turn: f64,
    /// The use of each resource.
    pub uses: [Use; 6],
    /// The resources in the order in which they run out.
    pub breaks: Vec<Break>,
    /// The number of nodes up to which local caches save the servers more processor time than they cost.
    pub worthwhile_nodes: f64,
    /// The typical staleness of an answer, in seconds: the mean time from the start of an update until the last node
    /// receives it; infinite if a server is overloaded.
    pub typical_staleness: f64,
}

/// Computes the estimate.
///
/// # Errors
/// If a figure makes no sense.
pub fn estimate(workload: &Workload, constants: &Constants, limits: &Limits) -> Result<Estimate, Invalid> {
    workload.validate()?;
    limits.validate()?;
    let classes = zipf(workload.sessions, workload.requests, workload.popularity);
    let hits = hits(workload, &classes);
    let traffic = |primaries: u32| Traffic::of(workload, &classes, &hits, f64::from(primaries));
    let needed = primaries_needed(workload, constants, limits, traffic);
    let primaries = workload.primaries.or(needed).unwrap_or_else(|| guessed_primaries(workload));
    let traffic = traffic(primaries);
    let cpu = |turn| server_cpu(workload, constants, turn, &traffic, primaries);
    let turn = natural_turn(limits.turn, |turn| cpu(turn).total());
    Ok(Estimate {
        hits,
        traffic,
        primaries_needed: needed,
        primaries,
        server_cpu: cpu(limits.turn),
        unhurried_cpu: cpu(0.0),
        turn,
        uses: uses(workload, constants, limits, &traffic, primaries),
        breaks: breaks(workload, constants, limits, primaries),
        worthwhile_nodes: worthwhile_nodes(workload, constants, limits, &classes, primaries),
        typical_staleness: typical_staleness(workload, constants, limits, (cpu(0.0).total(), turn)),
    })
}

fn guessed_primaries(workload: &Workload) -> u32 {
    match workload.topology {
        Topology::Standalone => 1,
        Topology::Cluster => (workload.partitions / 4).max(1),
    }
}

/// With caches the servers answer fewer loads, but send every change to every node and answer heartbeats; without caches
/// they answer every load. This is the largest number of nodes for which caches need less of the fullest primary. Several
/// nodes may gain where one does not, because their copies then outlast the sessions' pauses.
fn worthwhile_nodes(
    workload: &Workload,
    constants: &Constants,
    limits: &Limits,
    classes: &[Class],
    primaries: u32,
) -> f64 {
    let gain = |nodes: f64| {
        let workload = Workload { nodes, ..workload.clone() };
        let with = Traffic::of(&workload, classes, &hits(&workload, classes), f64::from(primaries));
        let hottest = Hottest { loads: with.hottest.requests, conditional: 0.0, ..with.hottest };
        let loads = workload.requests;
        let without = Traffic { loads, conditional: 0.0, heartbeats: 0.0, subscribers: 0.0, hottest, ..with };
        let needs = |traffic| server_cpu(&workload, constants, limits.turn, traffic, primaries).total();
        needs(&without) - needs(&with)
    };
    let steps = |at: u32| (MOST_NODES.ln() * f64::from(at) / f64::from(STEPS)).exp();
    let Some(last) = (0..=STEPS).rev().find(|at| gain(steps(*at)) > 0.0) else { return 0.0 };
    let (mut low, mut high) = (steps(last), steps(last + 1));
    for _ in 0..30 {
        let middle = f64::midpoint(low, high);
        if gain(middle) > 0.0 { low = middle } else { high = middle }
    }
    low.floor().min(MOST_NODES)
}

/// The sum of the time of an update on an idle server, half the time to send it to all nodes, and the wait for a busy
/// server. While there is time for a turn for each request, and the server is busy for a share ρ of the time with work of
/// length s, the wait is ρs / 2(1 - ρ) (Pollaczek and Khinchine, equal lengths), and at most that of the longest turns.
/// With grown turns it is half a turn until the update is read, and the next turn until its messages are sent.
fn typical_staleness(workload: &Workload, constants: &Constants, limits: &Limits, (busy, turn): (f64, f64)) -> f64 {
    let to_all = workload.nodes * (constants.message_us + constants.write_us) * 1e-6;
    let wait = if turn > 0.0 {
        1.5 * turn
    } else {
        let work = constants.apply_us * 1e-6 + to_all;
        (busy * work / (2.0 * (1.0 - busy))).min(1.5 * limits.turn)
    };
    constants.heard_after_us * 1e-6 + to_all / 2.0 + wait
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Routing, resources::Resource};

    fn of(workload: &Workload) -> Estimate {
        estimate(workload, &Constants::of_tests(), &Limits::default()).unwrap()
    }

    fn large() -> Workload {
        Workload { sessions: 100e6, requests: 1e6, nodes: 500.0, ..Workload::default() }
    }

    fn used(estimate: &Estimate, resource: Resource) -> f64 {
        estimate.uses.iter().find(|it| it.resource == resource).unwrap().used
    }

    #[test]
    fn more_nodes_take_more_of_everything_but_memory() {
        let fixed = |nodes| Workload { nodes, primaries: Some(16), touch_share: Some(0.1), ..large() };
        let estimates: Vec<_> = [10.0, 100.0, 500.0, 2_000.0].into_iter().map(|nodes| of(&fixed(nodes))).collect();
        for two in estimates.windows(2) {
            for resource in [Resource::ServerCpu, Resource::ServerNetwork, Resource::ServerConnections] {
                assert!(used(&two[0], resource) < used(&two[1], resource), "{resource:?}");
            }
            assert_eq!(used(&two[0], Resource::ServerMemory), used(&two[1], Resource::ServerMemory));
            assert_eq!(used(&two[0], Resource::ReceivingCpu), used(&two[1], Resource::ReceivingCpu));
        }
    }

    #[test]
    fn more_primaries_take_work_off_each_but_not_off_the_nodes() {
        let with = |primaries| of(&Workload { primaries: Some(primaries), ..large() });
        let (few, many) = (with(8), with(64));
        assert!(used(&few, Resource::ServerCpu) > used(&many, Resource::ServerCpu));
        assert!(used(&few, Resource::ServerMemory) > used(&many, Resource::ServerMemory));
        assert_eq!(used(&few, Resource::ServerConnections), used(&many, Resource::ServerConnections));
        assert_eq!(used(&few, Resource::ReceivingCpu), used(&many, Resource::ReceivingCpu));
    }

    #[test]
    fn what_is_needed_is_enough_and_one_fewer_is_not() {
        let workload = Workload { nodes: 20.0, requests: 1e5, ..large() };
        let needed = of(&workload).primaries_needed.unwrap();
        let fits = |primaries| {
            let estimate = of(&Workload { primaries: Some(primaries), ..workload.clone() });
            estimate.uses.iter().filter(|it| it.resource.is_of_a_server()).all(|it| it.share() <= 1.0)
        };
        assert!(needed > 1 && fits(needed) && !fits(needed - 1));
    }

    #[test]
    fn a_write_costs_more_than_a_read_where_there_are_many_nodes() {
        let writes = |write_share| Workload { write_share, primaries: Some(16), ..large() };
        assert!(used(&of(&writes(0.2)), Resource::ServerCpu) > used(&of(&writes(0.1)), Resource::ServerCpu));
        assert!(used(&of(&writes(0.2)), Resource::ReceivingCpu) > used(&of(&writes(0.1)), Resource::ReceivingCpu));
    }

    #[test]
    fn caches_pay_for_few_nodes_and_longer_with_sticky_routing() {
        let large = || Workload { primaries: Some(64), ..large() };
        let random = of(&large()).worthwhile_nodes;
        let sticky = of(&Workload { routing: Routing::Sticky, ..large() }).worthwhile_nodes;
        let reads = of(&Workload { write_share: 0.0, ..large() }).worthwhile_nodes;
        assert!(sticky >= random && reads > random, "{random}, {sticky}, {reads}");
    }

    #[test]
    fn staleness_grows_with_nodes_and_has_no_figure_for_what_cannot_be() {
        let with = |nodes| of(&Workload { nodes, primaries: Some(256), requests: 1e4, ..large() }).typical_staleness;
        assert!(with(10.0) < with(500.0));
        let hopeless = of(&Workload { topology: Topology::Standalone, ..large() });
        assert_eq!(hopeless.typical_staleness, f64::INFINITY);
        assert_eq!((hopeless.primaries, hopeless.primaries_needed), (1, None));
    }

    /// The minimum processor time and the time with a turn for each request differ, and so does the wait of users.
    #[test]
    fn a_server_that_saves_system_calls_lets_users_wait() {
        let busy = of(&Workload { primaries: Some(128), ..large() });
        assert!(busy.unhurried_cpu.total() > 1.0 && busy.server_cpu.total() < 1.0, "{busy:?}");
        assert!(busy.turn > 0.0 && busy.typical_staleness > 1.5 * busy.turn);
        let idle = of(&Workload { primaries: Some(4), ..Workload::default() });
        assert_eq!(idle.turn, 0.0);
        assert!(idle.unhurried_cpu.total() > idle.server_cpu.total());
    }

    /// The hottest session's updates go to one primary, whatever their number.
    #[test]
    fn primaries_do_not_divide_the_hottest_session() {
        let skewed = Workload { popularity: 1.4, requests: 1e6, write_share: 0.5, ..large() };
        assert_eq!(of(&skewed).primaries_needed, None);
    }

    /// An update whose delta is not published evicts the copies on all other nodes.
    #[test]
    fn deltas_that_do_not_travel_cost_hits() {
        let with = |delta_bytes| {
            let workload = Workload { delta_bytes, session_bytes: 8_192.0, write_share: 0.3, ..Workload::default() };
            of(&Workload { local_bytes: 1e12, ..workload })
        };
        let (published, too_large) = (with(4_096.0), with(4_097.0));
        assert!(too_large.hits.hits < 0.8 * published.hits.hits, "{:?} {:?}", too_large.hits, published.hits);
        assert!(used(&too_large, Resource::ReceivingNetwork) < 0.2 * used(&published, Resource::ReceivingNetwork));
    }
}
