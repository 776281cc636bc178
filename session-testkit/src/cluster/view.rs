//! One node's view of the cluster.

use crate::{Reply, Server, cluster::SLOTS};

/// A range of slots and the ids of the nodes that serve it: the primary, then its replicas in the order of their ids.
#[derive(Debug, PartialEq, Eq)]
struct Range {
    first: i64,
    last: i64,
    ids: Vec<String>,
}

/// One node's table of slots.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct View {
    ranges: Vec<Range>,
}

impl View {
    /// The table of a node, if it answers and considers the cluster healthy.
    pub(super) async fn of(server: &Server) -> Option<Self> {
        let info = server.try_command(&["CLUSTER", "INFO"]).await.ok()?;
        if !info.text().contains("cluster_state:ok") {
            return None;
        }
        Some(Self::parse(&server.try_command(&["CLUSTER", "SLOTS"]).await.ok()?))
    }

    fn parse(slots: &Reply) -> Self {
        let mut ranges: Vec<Range> = slots.items().iter().map(|range| Range::parse(range.items())).collect();
        ranges.sort_by_key(|range| range.first);
        // Nodes may split the same table at different places.
        ranges.dedup_by(|next, range| {
            let one = range.last + 1 == next.first && range.ids == next.ids;
            if one {
                range.last = next.last;
            }
            one
        });
        Self { ranges }
    }

    pub(super) fn primary(&self, slot: u16) -> Option<&str> {
        self.range(slot).and_then(|range| range.ids.first()).map(String::as_str)
    }

    pub(super) fn replicas(&self, slot: u16) -> &[String] {
        self.range(slot).and_then(|range| range.ids.get(1..)).unwrap_or_default()
    }

    /// Whether every slot is served.
    pub(super) fn is_complete(&self) -> bool {
        let served: i64 = self.ranges.iter().map(|range| range.last - range.first + 1).sum();
        served == i64::from(SLOTS)
    }

    /// The number of nodes that serve slots, as primaries or replicas.
    pub(super) fn serving(&self) -> usize {
        let mut ids: Vec<&String> = self.ranges.iter().flat_map(|range| &range.ids).collect();
        ids.sort();
        ids.dedup();
        ids.len()
    }

    fn range(&self, slot: u16) -> Option<&Range> {
        let slot = i64::from(slot);
        self.ranges.iter().find(|range| (range.first..=range.last).contains(&slot))
    }
}

impl Range {
    fn parse(parts: &[Reply]) -> Self {
        let [first, last, nodes @ ..] = parts else { panic!("a range of slots has two ends, but came as {parts:?}") };
        // A node is its address, its port, its id.
        let mut ids: Vec<String> = nodes.iter().filter_map(|node| Some(node.items().get(2)?.text())).collect();
        if let Some(replicas) = ids.get_mut(1..) {
            replicas.sort();
        }
        Self { first: first.int(), last: last.int(), ids }
    }
}
