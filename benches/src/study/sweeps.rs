//! The sweeps: one parameter at a time is varied around one base.

use std::{path::Path, sync::Arc, time::Duration};

use session_tiered::Eviction;

use super::{
    cells::{Cell, Measured},
    fleet::Reaction,
    routing::Routing,
    workload::{Unreadable, Workload},
};
use crate::{
    effort::Effort,
    section::{Axis, Drawing, Plot, Series, Table},
};

/// The reactions of nodes to the writes of others.
pub const REACTIONS: [Reaction; 3] = [Reaction::Patch, Reaction::Evict, Reaction::None];
/// The variants of the nodes: eviction by recency and by frequency, and the other reactions.
const VARIANTS: [(Reaction, Eviction); 4] = [
    (Reaction::Patch, Eviction::LeastRecent),
    (Reaction::Patch, Eviction::LeastFrequent),
    (Reaction::Evict, Eviction::LeastRecent),
    (Reaction::None, Eviction::LeastRecent),
];
/// The curves: the nodes, then the rates that they are compared with.
const CURVES: [&str; 7] = ["patch", "patch, by frequency", "evict", "no feed", "Belady", "ceiling", "LRU"];
/// LRU is only in the tables, because its curve nearly coincides with "patch".
const PLOTTED: usize = 6;
/// The share of writes in all requests, as in all sessions of Wikimedia: three reads to a write.
pub const WRITES: f64 = 0.25;
const NODES: u32 = 4;
const ROOM: f64 = 0.25;
const MAX_AGE: Duration = session_tiered::defaults::MAX_AGE;
/// The length of a run, so short that no copy reaches its maximum age …
const SHORT: Duration = Duration::from_secs(20);
/// … unless its age is the varied parameter.
const LONG: Duration = Duration::from_secs(600);
const SEED: u64 = 1;

/// Measurements that differ in one parameter.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// The name of the plot.
    pub name: &'static str,
    /// The title, which names the varied parameter.
    pub title: String,
    /// The horizontal axis.
    pub axis: Axis,
    /// The points, from left to right.
    pub points: Vec<Point>,
    /// Whether copies reach their maximum age in it.
    pub has_ages: bool,
}

/// One value of the parameter, with a cell for each reaction.
#[derive(Clone, Debug)]
pub struct Point {
    /// Its label.
    pub label: String,
    /// Its place on the axis; none if values have only names.
    pub at: Option<f64>,
    cell: Cell,
}

/// The base cell, and the workloads to compare.
#[derive(Debug)]
pub struct Base {
    /// The base cell.
    pub cell: Cell,
    workloads: Vec<Arc<Workload>>,
    shop: Arc<Workload>,
}

impl Base {
    /// From a trace, or from requests that follow Zipf's law.
    ///
    /// # Errors
    /// If the trace cannot be used.
    pub fn new(effort: Effort, trace: Option<&Path>) -> Result<Self, Unreadable> {
        let requests = effort.pick(20_000, 200_000);
        let zipf = |alpha: f64| Workload::zipf((requests / 20, alpha), requests, WRITES, SEED);
        let lines = u32::try_from(requests).unwrap_or(u32::MAX);
        let workloads = match trace {
            None => vec![zipf(0.9), zipf(0.6), zipf(1.2)],
            Some(path) => {
                let traced = Workload::read(path, lines, SEED)?;
                let written = |share, ratio| traced.with_writes(share, SEED).named(format!("{}, {ratio}", traced.name));
                let (rarely, often) =
                    (written(1.0 / 8.0, "7 reads to a write"), written(2.0 / 3.0, "2 writes to a read"));
                vec![traced.clone(), rarely, often, zipf(0.9)]
            }
        };
        let shop = Arc::new(Workload::shop(lines, SEED));
        let workloads: Vec<_> = workloads.into_iter().map(Arc::new).chain([shop.clone()]).collect();
        let cell = Cell {
            workload: workloads[0].clone(),
            nodes: NODES,
            routing: Routing::Random,
            room: Some(ROOM),
            reaction: Reaction::Patch,
            eviction: session_tiered::defaults::EVICTION,
            max_age: MAX_AGE,
            spacing: spacing(&workloads[0], SHORT),
        };
        Ok(Self { cell, workloads, shop })
    }

    fn point(&self, label: impl Into<String>, at: f64, change: impl FnOnce(&mut Cell)) -> Point {
        let mut cell = self.cell.clone();
        change(&mut cell);
        Point { label: label.into(), at: Some(at), cell }
    }

    /// All sweeps.
    pub fn sweeps(&self, effort: Effort) -> Vec<Sweep> {
        vec![
            self.nodes(effort),
            self.room(),
            self.room_for_shop(),
            self.writes(),
            self.ages(),
            self.routings(),
            self.kinds(),
        ]
    }

    fn sweep(&self, name: &'static str, title: &str, axis: Axis, points: Vec<Point>) -> Sweep {
        let title = format!("Hit rate by {title}: {}", self.cell.workload.name);
        Sweep { name, title, axis, points, has_ages: false }
    }

    fn nodes(&self, effort: Effort) -> Sweep {
        let counts: &[u32] = effort.pick(&[1, 2, 4, 8, 16, 64], &[1, 2, 4, 8, 16, 32, 64]);
        let point = |count: &u32| self.point(count.to_string(), f64::from(*count), |cell| cell.nodes = *count);
        let points = counts.iter().map(point).collect();
        self.sweep("hit_rate_nodes", "number of nodes", Axis::logarithmic("nodes"), points)
    }

    fn room(&self) -> Sweep {
        let point = |share: f64| self.point(percent(share), 100.0 * share, |cell| cell.room = Some(share));
        self.sweep("hit_rate_room", "cache size", room_axis(), [0.05, 0.1, 0.25, 0.5, 1.0].map(point).into())
    }

    /// Most of a shop's sessions are over: about one in a hundred is active.
    fn room_for_shop(&self) -> Sweep {
        let point = |share: f64| {
            self.point(percent(share), 100.0 * share, |cell| {
                cell.workload = self.shop.clone();
                cell.spacing = spacing(&self.shop, SHORT);
                cell.room = Some(share);
            })
        };
        let points = [0.02, 0.05, 0.1, 0.25, 0.5].map(point).into();
        let sweep = self.sweep("hit_rate_room_shop", "cache size", room_axis(), points);
        Sweep { title: "Hit rate by cache size: shop".to_owned(), ..sweep }
    }

    fn writes(&self) -> Sweep {
        let point = |share: f64| {
            self.point(percent(share), 100.0 * share, |cell| {
                cell.workload = Arc::new(self.cell.workload.with_writes(share, SEED));
            })
        };
        let points = [0.0, 1.0 / 8.0, 0.25, 2.0 / 3.0, 1.0].map(point).into();
        self.sweep("hit_rate_writes", "share of writes", Axis::linear("requests that write (%)"), points)
    }

    fn ages(&self) -> Sweep {
        let point = |seconds: u32| {
            self.point(format!("{seconds} s"), f64::from(seconds), |cell| {
                cell.max_age = Duration::from_secs(seconds.into());
                cell.spacing = spacing(&cell.workload, LONG);
            })
        };
        let points = [1, 5, 15, 60, 300].map(point).into();
        let sweep = self.sweep(
            "hit_rate_max_age",
            "max_age, in a run of ten minutes",
            Axis::logarithmic("max_age (s)"),
            points,
        );
        Sweep { has_ages: true, ..sweep }
    }

    fn routings(&self) -> Sweep {
        let point =
            |routing: Routing| Point { at: None, ..self.point(routing.name(), 0.0, |cell| cell.routing = routing) };
        let points = [Routing::Random, Routing::Sticky, Routing::Failover].map(point).into();
        self.sweep("hit_rate_routing", "routing", Axis::linear("routing"), points)
    }

    fn kinds(&self) -> Sweep {
        let point = |workload: &Arc<Workload>| {
            let point = self.point(workload.name.clone(), 0.0, |cell| {
                cell.workload = workload.clone();
                cell.spacing = spacing(workload, SHORT);
            });
            Point { at: None, ..point }
        };
        let points = self.workloads.iter().map(point).collect();
        let sweep = self.sweep("hit_rate_workloads", "workload", Axis::linear("workload"), points);
        Sweep { title: "Hit rate by workload".to_owned(), ..sweep }
    }
}

/// The time from one request to the next, in a run of this length.
fn spacing(workload: &Workload, run: Duration) -> Duration {
    run / u32::try_from(workload.requests.len()).unwrap_or(u32::MAX).max(1)
}

fn room_axis() -> Axis {
    Axis::logarithmic("capacity of a node (copies, % of all sessions)")
}

fn percent(share: f64) -> String {
    format!("{} %", crate::claim::Number(100.0 * share))
}

impl Sweep {
    /// The cells to measure.
    pub fn cells(&self) -> impl Iterator<Item = Cell> {
        self.points.iter().flat_map(|point| VARIANTS.map(|variant| point.with(variant)))
    }

    /// The results as a table.
    pub fn table(&self, measured: impl Fn(&Cell) -> Measured) -> Table {
        let head =
            [&self.axis.label, "writes"].into_iter().chain(CURVES).chain(["patch/Belady", "no feed: stale answers"]);
        let ages = ["patch: revalidated", "no feed: revalidated"].into_iter().filter(|_| self.has_ages);
        let mut table = Table::new(&self.title, head.chain(ages));
        for point in &self.points {
            let [patch, _, _, no_feed] = VARIANTS.map(|variant| measured(&point.with(variant)));
            let mut cells = vec![point.label.clone(), percent(point.cell.workload.write_share())];
            cells.extend(point.rates(&measured).map(rate));
            cells.push(rate(patch.counts.hit_rate() / patch.belady));
            cells.push(percent(no_feed.counts.share(no_feed.counts.stale)));
            if self.has_ages {
                cells.extend([patch, no_feed].map(|one| percent(one.counts.share(one.counts.revalidated))));
            }
            table.row(cells);
        }
        table
    }

    /// The results as a plot: lines over numbers, bars over names.
    pub fn plot(&self, measured: impl Fn(&Cell) -> Measured) -> Plot {
        let rates: Vec<[f64; CURVES.len()]> = self.points.iter().map(|point| point.rates(&measured)).collect();
        let drawing = if self.points.iter().all(|point| point.at.is_some()) {
            let points = |curve: usize| {
                let over = |(point, rates): (&Point, &[f64; CURVES.len()])| Some((point.at?, rates[curve]));
                self.points.iter().zip(&rates).filter_map(over).collect()
            };
            let series = |(curve, name): (usize, &&str)| Series { name: (*name).to_owned(), points: points(curve) };
            Drawing::Lines(CURVES.iter().enumerate().take(PLOTTED).map(series).collect())
        } else {
            let groups = self.points.iter().map(|point| point.label.clone()).collect();
            let bars = |curve: usize| rates.iter().map(|rates| rates[curve]).collect();
            let series = CURVES
                .iter()
                .enumerate()
                .take(PLOTTED)
                .map(|(curve, name)| ((*name).to_owned(), bars(curve)))
                .collect();
            Drawing::Bars { groups, series }
        };
        let y = Axis::linear("hit rate (share of loads)");
        Plot { name: self.name.to_owned(), title: self.title.clone(), x: self.axis.clone(), y, drawing }
    }
}

impl Point {
    fn with(&self, (reaction, eviction): (Reaction, Eviction)) -> Cell {
        Cell { reaction, eviction, ..self.cell.clone() }
    }

    /// The rates in the order of [`CURVES`].
    fn rates(&self, measured: impl Fn(&Cell) -> Measured) -> [f64; CURVES.len()] {
        let [patch, frequent, evict, no_feed] = VARIANTS.map(|variant| measured(&self.with(variant)));
        let hits = |one: Measured| one.counts.hit_rate();
        [hits(patch), hits(frequent), hits(evict), hits(no_feed), patch.belady, patch.ceiling, patch.lru]
    }
}

fn rate(rate: f64) -> String {
    format!("{rate:.3}")
}
