//! The routing of requests to nodes.

use replay::trace::Rng;

use super::workload::Workload;

/// How requests are routed to nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    /// A random node for each request.
    Random,
    /// A session stays on its node.
    Sticky,
    /// Like `Sticky`, but two nodes alternately go away and come back empty; meanwhile their sessions are spread over
    /// the others. The run has [`PARTS`] equal parts; in every second one a node is away.
    Failover,
}

/// The parts of a run with failovers.
pub const PARTS: usize = 8;

impl Routing {
    /// The name of the routing.
    pub fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Sticky => "sticky",
            Self::Failover => "sticky, with failovers",
        }
    }

    /// The route of each request of a workload.
    pub fn routes(self, workload: &Workload, nodes: u32, seed: u64) -> Routes {
        let mut rng = Rng::new(seed ^ 0x726f_7574_6573);
        // The place of each running node.
        let mut up: Vec<u32> = (0..nodes).collect();
        let mut routes = Routes { places: nodes, of_requests: Vec::new(), ends: Vec::new() };
        let (mut away, mut part) = (None, 0);
        for (at, request) in workload.requests.iter().enumerate() {
            let now = at * PARTS / workload.requests.len().max(1);
            if self == Self::Failover && nodes > 1 && now != part {
                part = now;
                away = routes.turn(at, part, &mut up);
            }
            let node = match self {
                Self::Random => rng.below(nodes),
                Self::Sticky | Self::Failover => home(request.session, nodes, away),
            };
            routes.of_requests.push(up[node as usize]);
        }
        routes
    }
}

/// The route of each request. A node that comes back is another place, because its copies are lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes {
    /// The number of places.
    pub places: u32,
    /// The place of each request.
    pub of_requests: Vec<u32>,
    /// The request before which a place goes away.
    pub ends: Vec<(usize, u32)>,
}

impl Routes {
    /// Begins a part of the run. Returns the node that is away in it, if any.
    fn turn(&mut self, at: usize, part: usize, up: &mut [u32]) -> Option<u32> {
        let node = ((part - 1) / 2) % up.len().min(2);
        if part.is_multiple_of(2) {
            up[node] = self.places;
            self.places += 1;
            return None;
        }
        self.ends.push((at, up[node]));
        u32::try_from(node).ok()
    }

    /// The sessions that are requested at each place, in order.
    pub fn sequences(&self, workload: &Workload) -> Vec<Vec<u32>> {
        let mut sequences = vec![Vec::new(); self.places as usize];
        for (place, request) in self.of_requests.iter().zip(&workload.requests) {
            sequences[*place as usize].push(request.session);
        }
        sequences
    }
}

/// Rendezvous hashing: when a node goes away, only its own sessions move.
fn home(session: u32, nodes: u32, away: Option<u32>) -> u32 {
    let weight = |node: &u32| Rng::new((u64::from(session) << 32) | u64::from(*node)).bits();
    (0..nodes).filter(|node| Some(*node) != away).max_by_key(weight).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload() -> Workload {
        Workload::zipf((500, 0.9), 8_000, 0.0, 1)
    }

    #[test]
    fn sticky_sessions_stay_and_are_spread_evenly() {
        let (workload, mut homes) = (workload(), [0; 4]);
        let routes = Routing::Sticky.routes(&workload, 4, 1);
        for (place, request) in routes.of_requests.iter().zip(&workload.requests) {
            assert_eq!(*place, home(request.session, 4, None));
        }
        (0..workload.sessions).for_each(|session| homes[home(session, 4, None) as usize] += 1);
        assert!(homes.iter().all(|homes| (90..160).contains(homes)), "{homes:?}");
    }

    #[test]
    fn a_node_that_was_away_comes_back_as_another_place_and_only_its_sessions_moved() {
        let workload = workload();
        let routes = Routing::Failover.routes(&workload, 2, 1);
        assert_eq!(routes.ends, [(1_000, 0), (3_000, 1), (5_000, 2), (7_000, 3)]);
        assert_eq!(routes.places, 5);
        let part = |from: usize| &routes.of_requests[from..from + 1_000];
        assert!(part(1_000).iter().all(|place| *place == 1));
        assert!(part(2_000).iter().all(|place| [1, 2].contains(place)));
        for (place, request) in part(2_000).iter().zip(&workload.requests[2_000..]) {
            assert_eq!(*place == 1, home(request.session, 2, None) == 1, "a session that did not move keeps its place");
        }
        assert!(part(7_000).iter().all(|place| *place == 4));
    }

    #[test]
    fn one_seed_gives_one_route_over_all_nodes() {
        let workload = workload();
        let routes = Routing::Random.routes(&workload, 64, 1);
        assert_eq!(routes, Routing::Random.routes(&workload, 64, 1));
        assert_ne!(routes, Routing::Random.routes(&workload, 64, 2));
        assert!(routes.sequences(&workload).iter().all(|sequence| sequence.len() > 60));
    }
}
