//! Single measurements, and many of them at once.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use session_tiered::Eviction;

use super::{
    belady, ceiling,
    fleet::{Counts, Fleet, Reaction, Settings, runtime},
    lru,
    routing::Routing,
    workload::Workload,
};

const SEED: u64 = 1;

/// One measurement.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The requests.
    pub workload: Arc<Workload>,
    /// The number of nodes.
    pub nodes: u32,
    /// How requests are routed to nodes.
    pub routing: Routing,
    /// The copies that each node may keep, as a share of all sessions; `None` for any number.
    pub room: Option<f64>,
    /// The reaction of nodes to the writes of others.
    pub reaction: Reaction,
    /// The eviction policy of a full cache.
    pub eviction: Eviction,
    /// How long a copy answers without being validated by the store.
    pub max_age: Duration,
    /// The simulated time from one request to the next.
    pub spacing: Duration,
}

impl PartialEq for Cell {
    /// Workloads are compared by their address.
    fn eq(&self, other: &Self) -> bool {
        let settings = |cell: &Self| {
            let Self { nodes, routing, room, reaction, eviction, max_age, spacing, .. } = *cell;
            (nodes, routing, room, reaction, eviction, max_age, spacing)
        };
        Arc::ptr_eq(&self.workload, &other.workload) && settings(self) == settings(other)
    }
}

/// The measurement, and the rates it is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// The counters of the tiered stores.
    pub counts: Counts,
    /// The hit rate of caches of this size that evict the least recently used copy, in which nothing is ever stale.
    pub lru: f64,
    /// The hit rate of caches of this size that know the future, in which nothing is ever stale.
    pub belady: f64,
    /// The hit rate of caches without bounds, in which nothing is ever stale.
    pub ceiling: f64,
}

impl Cell {
    /// The copies that each node may keep.
    pub fn copies(&self) -> Option<u64> {
        self.room.map(|share| (f64::from(self.workload.sessions) * share).ceil() as u64)
    }

    /// Runs the measurement.
    pub fn measure(&self) -> Measured {
        let routes = self.routing.routes(&self.workload, self.nodes, SEED);
        let sequences = routes.sequences(&self.workload);
        let rate = |hits: u64| hits as f64 / self.workload.requests.len() as f64;
        let ceiling = ceiling::hits(&sequences);
        let [lru, belady] =
            [lru::hits, belady::hits].map(|hits| self.copies().map_or(ceiling, |copies| hits(&sequences, copies)));
        let Self { reaction, eviction, max_age, spacing, .. } = *self;
        let settings = Settings { reaction, copies: self.copies(), eviction, max_age, spacing };
        let counts = runtime().block_on(async {
            let mut fleet = Fleet::new(settings, routes.places, self.workload.sessions, SEED);
            let mut ends = routes.ends.iter().peekable();
            for (at, (request, place)) in self.workload.requests.iter().zip(&routes.of_requests).enumerate() {
                while let Some((_, place)) = ends.next_if(|(end, _)| *end == at) {
                    fleet.stop(*place);
                }
                fleet.serve(*place, *request).await;
            }
            fleet.counts()
        });
        Measured { counts, lru: rate(lru), belady: rate(belady), ceiling: rate(ceiling) }
    }
}

/// Runs all measurements, on as many threads as there are cores. The results do not depend on how long they take.
pub fn measure(cells: &[Cell]) -> Vec<Measured> {
    let (next, measured) = (AtomicUsize::new(0), Mutex::new(vec![Measured::default(); cells.len()]));
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(cell) = cells.get(at) else { return };
            let one = cell.measure();
            measured.lock().unwrap_or_else(PoisonError::into_inner)[at] = one;
        }
    };
    thread::scope(|scope| {
        (0..thread::available_parallelism().map_or(1, usize::from)).for_each(|_| _ = scope.spawn(work));
    });
    measured.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(reaction: Reaction) -> Cell {
        Cell {
            workload: Arc::new(Workload::shop(6_000, 3)),
            nodes: 3,
            routing: Routing::Random,
            room: None,
            reaction,
            eviction: Eviction::default(),
            max_age: Duration::from_secs(60),
            spacing: Duration::from_millis(1),
        }
    }

    fn zipf(reaction: Reaction) -> Cell {
        let workload = Arc::new(Workload::zipf((500, 0.9), 6_000, 0.25, 3));
        Cell { workload, ..cell(reaction) }
    }

    /// The basis of the whole study: every node receives every change before the next request, within its lease and its
    /// epoch.
    #[test]
    fn with_room_for_all_patched_caches_reach_the_ceiling_and_are_never_stale() {
        for routing in [Routing::Random, Routing::Sticky, Routing::Failover] {
            for cell in [cell(Reaction::Patch), zipf(Reaction::Patch)] {
                let Measured { counts, ceiling, .. } = Cell { routing, ..cell }.measure();
                assert_eq!(counts.hit_rate(), ceiling, "{routing:?}: {counts:?}");
                assert_eq!((counts.stale, counts.revalidated), (0, 0), "{routing:?}");
                assert!(ceiling < 1.0 && counts.patched + counts.hits > 0);
            }
        }
    }

    #[test]
    fn caches_of_many_nodes_reach_the_ceiling_too() {
        let workload = Arc::new(Workload::zipf((100, 0.9), 2_000, 1.0, 3));
        let Measured { counts, ceiling, .. } = Cell { workload, nodes: 64, ..zipf(Reaction::Patch) }.measure();
        assert_eq!((counts.hit_rate(), counts.stale), (ceiling, 0), "{counts:?}");
        assert!(counts.patched > 10_000, "{counts:?}");
    }

    /// A node has a valid copy if it has loaded the session since another node wrote to it.
    #[test]
    fn evicting_costs_exactly_the_expected_hits() {
        let cell = zipf(Reaction::Evict);
        let routes = cell.routing.routes(&cell.workload, cell.nodes, SEED);
        let (mut valid, mut hits) = (std::collections::HashSet::new(), 0);
        for (request, place) in cell.workload.requests.iter().zip(&routes.of_requests) {
            hits += u64::from(!valid.insert((request.session, *place)));
            if request.act == super::super::workload::Act::Write {
                valid.retain(|(session, at)| *session != request.session || at == place);
            }
        }
        let Measured { counts, .. } = cell.measure();
        assert_eq!((counts.hits, counts.stale), (hits, 0), "{counts:?}");
        assert!(counts.evicted > 1_000 && counts.patched == 0, "{counts:?}");
    }

    #[test]
    fn a_node_without_a_feed_answers_with_stale_copies_until_their_maximum_age() {
        let no_feed = zipf(Reaction::None).measure().counts;
        assert!(no_feed.stale > 500 && no_feed.patched == 0, "{no_feed:?}");
        let spacing = Duration::from_millis(100);
        let young = Cell { spacing, max_age: Duration::from_secs(1), ..zipf(Reaction::None) }.measure().counts;
        assert!(young.stale < no_feed.stale / 5 && young.hits < no_feed.hits, "{young:?}");
        let patched = Cell { spacing, max_age: Duration::from_secs(1), ..zipf(Reaction::Patch) }.measure().counts;
        assert!(patched.stale == 0 && patched.revalidated > 100, "{patched:?}");
    }

    /// The clock counts milliseconds.
    #[test]
    fn pauses_may_be_short() {
        let cell =
            Cell { spacing: Duration::from_micros(100), max_age: Duration::from_secs(1), ..zipf(Reaction::Patch) };
        let Measured { counts, ceiling, .. } = cell.measure();
        assert_eq!((counts.hit_rate(), counts.revalidated), (ceiling, 0), "6,000 requests take 0.6 s");
    }

    #[test]
    fn many_cells_measure_the_same_as_one() {
        let cells = [zipf(Reaction::Patch), zipf(Reaction::Evict), cell(Reaction::Patch)];
        assert_eq!(measure(&cells), cells.each_ref().map(Cell::measure));
    }

    #[test]
    fn a_cache_that_knows_the_future_is_never_worse() {
        let cell = Cell { room: Some(0.3), ..zipf(Reaction::Patch) };
        let Measured { counts, lru, belady, ceiling } = cell.measure();
        assert!(counts.hit_rate().max(lru) < belady && belady < ceiling, "{counts:?}, {lru}, {belady}, {ceiling}");
    }
}
