//! The share of loads that local caches answer.

use std::path::Path;

use crate::{
    claim::{Claim, Figure, Ratio, Target},
    effort::Effort,
    section::{Section, Table},
    study::{
        cells::{Cell, Measured, measure},
        concurrent::{CLIENTS, COPIES, Meeting, SESSIONS},
        fleet::Reaction,
        sweeps::{Base, Sweep},
        workload::Unreadable,
    },
};

const METHOD: &str = "\
Tiered stores in front of one memory store, with the default settings except these: capacities are in entries; the \
memory store has fewer than its 1,024 partitions (64 at full speed, 1 in simulated time), because each costs \
heartbeats and none affects the cached copies; and each table varies one parameter. Each request is a load and, if it \
writes, an update of one field. It may also end the session; a session begins with its first request.\n\nThe claims \
about writes are measured with 8 clients at full speed on two workers: 10,000 sessions in proportion to n^-0.9, room \
for 2,500 copies on each node, a random node for each request. The second half of the requests counts.\n\nEverything \
else is simulated time, in which a run takes 20 s and requests come evenly, with 4 nodes, random routing, room for a \
quarter of all sessions on each node and max_age at 60 s, unless a table says otherwise. The caches are empty at first \
and every load counts. All nodes have received a change before the next request. \"patch\" is the store with its \
defaults. \"evict\" has a feed without deltas, so a change evicts the copy. \"no feed\" \
receives no change, so a copy answers until max_age, current or not. \"By frequency\" is \"patch\" with \
`Eviction::LeastFrequent`. \"Ceiling\": each node misses only a session's first load. \"Belady\": as many copies as \
the cache has, of the sessions whose next use on that node is nearest; the session whose next use is latest is \
evicted, which may be the one just loaded; nothing is ever stale. \"LRU\": as many copies, and the least recently used \
one is evicted. A run with failovers has 8 equal parts: in every second part one node is away, the first and the \
second alternately; the other nodes serve its sessions, and it comes back empty. Sessions do not expire: no run is \
longer than their idle timeout. Routes, ids and writes are the same in each run. moka's housekeeping is not: it uses \
its own clock, and may leave up to 64 copies more than the capacity. So hit rates vary in the third digit, and those \
of small caches are slightly too high.";

const NODES: [usize; 3] = [2, 4, 8];

/// Claims and tables. The simulation uses the trace, if there is one.
///
/// # Errors
/// If the trace cannot be used.
pub fn section(effort: Effort, trace: Option<&Path>) -> Result<Section, Unreadable> {
    let base = Base::new(effort, trace)?;
    let mut section = Section::new("Hit rate", METHOD);
    meetings(effort, &mut section);
    let sweeps = base.sweeps(effort);
    let unbounded = Cell { room: None, nodes: 8, ..base.cell.clone() };
    let study = Study::new(&sweeps, &unbounded);
    let Measured { counts, ceiling, .. } = study.of(&unbounded);
    section.claims.push(Claim {
        id: "hit_rate.ceiling".to_owned(),
        text: "8 nodes with room for all sessions: the writes of other nodes cost no hit".to_owned(),
        ours: Figure::new("hit rate", counts.hit_rate(), ""),
        reference: Figure::new("each node misses a session's first load only", ceiling, ""),
        ratio: Ratio::exact(counts.hit_rate(), ceiling),
        target: Target::AtLeast(1.0),
        missed_because: None,
    });
    section.claims.push(study.current());
    for sweep in &sweeps {
        section.tables.push(sweep.table(|cell| study.of(cell)));
        section.plots.push(sweep.plot(|cell| study.of(cell)));
    }
    Ok(section)
}

/// With N nodes and a write in each request, compared with no writes.
fn meetings(effort: Effort, section: &mut Section) {
    let (rounds, requests) = effort.pick((6, 12_000), (8, 100_000));
    let head = ["nodes", "no writes", "patch", "ratio", "evict", "ratio", "patched", "evicted", "gaps"];
    let title = format!(
        "Hit rate with a write in each request: {SESSIONS} sessions, {COPIES} copies per node, {CLIENTS} clients"
    );
    let mut table = Table::new(title, head);
    for nodes in NODES {
        let once = |writes, seed| Meeting { nodes, writes, requests }.hit_rate(seed);
        let (mut without, mut with, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let mut stats = None;
        for seed in 0..rounds {
            let (still, _) = once(None, seed);
            let (patched, counts) = once(Some(Reaction::Patch), seed);
            without.push(still);
            with.push(patched);
            ratios.push(patched / still);
            stats = Some(counts);
        }
        let (without, with) = (Ratio::of(without).median, Ratio::of(with).median);
        let (evicting, _) = once(Some(Reaction::Evict), 0);
        section.claims.push(Claim {
            id: format!("hit_rate.writes.{nodes}"),
            text: format!("{nodes} nodes, random routing: hit rate with a write in each request, against none"),
            ours: Figure::new("a write in each request", with, ""),
            reference: Figure::new("no writes", without, ""),
            ratio: Ratio::of(ratios),
            target: Target::AtLeast(0.95),
            missed_because: None,
        });
        let mut row = vec![nodes.to_string()];
        row.extend([without, with, with / without, evicting, evicting / without].map(|rate| format!("{rate:.3}")));
        row.extend(stats.iter().flat_map(|stats| [stats.patched, stats.evicted, stats.gaps]).map(|n| n.to_string()));
        table.row(row);
    }
    section.tables.push(table);
}

/// All cells, each measured once.
struct Study {
    cells: Vec<Cell>,
    measured: Vec<Measured>,
}

impl Study {
    fn new(sweeps: &[Sweep], other: &Cell) -> Self {
        let mut cells = vec![other.clone()];
        for cell in sweeps.iter().flat_map(Sweep::cells) {
            if !cells.contains(&cell) {
                cells.push(cell);
            }
        }
        let measured = measure(&cells);
        Self { cells, measured }
    }

    fn of(&self, cell: &Cell) -> Measured {
        let at = self.cells.iter().position(|it| it == cell);
        at.and_then(|at| self.measured.get(at)).copied().unwrap_or_default()
    }

    /// The claim about the answers of all nodes that receive changes.
    fn current(&self) -> Claim {
        let subscribed = self.cells.iter().zip(&self.measured).filter(|(cell, _)| cell.reaction != Reaction::None);
        let (answers, stale) = subscribed.fold((0, 0), |(answers, stale), (_, Measured { counts, .. })| {
            (answers + counts.hits + counts.misses, stale + counts.stale)
        });
        let current = (answers - stale) as f64;
        Claim {
            id: "hit_rate.current".to_owned(),
            text: "Nodes that have received all changes answer with the current state".to_owned(),
            ours: Figure::new("current states", current, ""),
            reference: Figure::new("answers", answers as f64, ""),
            ratio: Ratio::exact(current, answers as f64),
            target: Target::AtLeast(1.0),
            missed_because: None,
        }
    }
}
