//! The owners of all slots.

use std::{collections::BTreeMap, sync::Arc};

use redis::Value;

use super::{Address, HashSlot, Primary, node::Node, reply::text};

/// A range of slots and the address of its primary, as reported by a node of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SlotRange {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) address: Address,
}

/// Reads the reply to CLUSTER SLOTS. The host is missing if the node was asked under a name that it does not know.
pub(super) fn read_slots(reply: &Value, asked: &Address) -> Option<Vec<SlotRange>> {
    let Value::Array(entries) = reply else { return None };
    let mut ranges = entries.iter().map(|entry| read_range(entry, asked)).collect::<Option<Vec<_>>>()?;
    ranges.sort_unstable_by_key(|range| range.first);
    let in_order = ranges.windows(2).all(|pair| pair[0].last < pair[1].first);
    (in_order && !ranges.is_empty()).then_some(ranges)
}

fn read_range(entry: &Value, asked: &Address) -> Option<SlotRange> {
    let Value::Array(parts) = entry else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = parts.as_slice() else { return None };
    let [host, Value::Int(port), ..] = primary.as_slice() else { return None };
    let host = if *host == Value::Nil { "" } else { text(host)? };
    let address = Address::reported(host, u16::try_from(*port).ok()?, asked);
    let (first, last) = (u16::try_from(*first).ok()?, u16::try_from(*last).ok()?);
    (first <= last && last < HashSlot::COUNT).then_some(SlotRange { first, last, address })
}

/// The owners of all slots.
#[derive(Clone, Default)]
pub(super) struct SlotMap {
    ranges: Vec<(SlotRange, Arc<Node>)>,
    /// The redirections received since.
    moved: BTreeMap<u16, (Address, Arc<Node>)>,
}

impl SlotMap {
    pub(super) fn new(ranges: Vec<(SlotRange, Arc<Node>)>) -> Self {
        Self { ranges, moved: BTreeMap::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub(super) fn owner(&self, slot: HashSlot) -> Option<&Arc<Node>> {
        let slot = slot.number();
        if !self.moved.is_empty()
            && let Some((_, node)) = self.moved.get(&slot)
        {
            return Some(node);
        }
        let after = self.ranges.partition_point(|(range, _)| range.first <= slot);
        let (range, node) = self.ranges.get(after.checked_sub(1)?)?;
        (slot <= range.last).then_some(node)
    }

    /// Records a redirection.
    pub(super) fn record_move(&mut self, slot: HashSlot, address: Address, node: Arc<Node>) {
        self.moved.insert(slot.number(), (address, node));
    }

    /// Whether it equals these ranges, without redirections.
    pub(super) fn matches(&self, ranges: &[SlotRange]) -> bool {
        self.moved.is_empty() && self.ranges.iter().map(|(range, _)| range).eq(ranges)
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.ranges.iter().map(|(_, node)| node)
    }

    /// Each primary with its slots.
    pub(super) fn primaries(&self) -> Vec<Primary> {
        let mut primaries: Vec<Primary> = Vec::new();
        for range in self.effective_ranges() {
            match primaries.iter_mut().find(|primary| primary.address == range.address) {
                Some(primary) => primary.slots.push(range.first..=range.last),
                None => primaries.push(Primary { address: range.address, slots: vec![range.first..=range.last] }),
            }
        }
        primaries
    }

    /// The ranges, split by the redirections since.
    fn effective_ranges(&self) -> Vec<SlotRange> {
        let mut effective = Vec::with_capacity(self.ranges.len());
        for (range, _) in &self.ranges {
            let mut first = range.first;
            for (&slot, (address, _)) in self.moved.range(range.first..=range.last) {
                if first < slot {
                    effective.push(SlotRange { first, last: slot - 1, address: range.address.clone() });
                }
                effective.push(SlotRange { first: slot, last: slot, address: address.clone() });
                first = slot + 1;
            }
            if first <= range.last {
                effective.push(SlotRange { first, last: range.last, address: range.address.clone() });
            }
        }
        effective
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Option<Vec<SlotRange>> {
        read_slots(&redis::parse_redis_value(text).unwrap(), &Address::tcp("seed", 7000))
    }

    #[test]
    fn ranges_are_read_and_sorted() {
        let reply = b"*2\r\n*3\r\n:8192\r\n:16383\r\n*3\r\n$2\r\nn2\r\n:7002\r\n$2\r\nid\r\n\
            *4\r\n:0\r\n:8191\r\n*3\r\n$0\r\n\r\n:7001\r\n$2\r\nid\r\n*3\r\n$2\r\nn3\r\n:7003\r\n$2\r\nid\r\n";
        let range = |first, last, host, port| SlotRange { first, last, address: Address::tcp(host, port) };
        assert_eq!(read(reply), Some(vec![range(0, 8191, "seed", 7001), range(8192, 16383, "n2", 7002)]));
    }

    #[test]
    fn nonsense_is_no_map() {
        for reply in [
            "*0\r\n",
            "+OK\r\n",
            "*1\r\n*2\r\n:0\r\n:1\r\n",
            "*1\r\n*3\r\n:5\r\n:1\r\n*2\r\n$1\r\na\r\n:1\r\n",
            "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\na\r\n:1\r\n",
            "*1\r\n*3\r\n:0\r\n:-1\r\n*2\r\n$1\r\na\r\n:1\r\n",
            "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n:99999\r\n",
            "*2\r\n*3\r\n:0\r\n:9\r\n*2\r\n$1\r\na\r\n:1\r\n*3\r\n:9\r\n:10\r\n*2\r\n$1\r\na\r\n:1\r\n",
        ] {
            assert_eq!(read(reply.as_bytes()), None, "{reply}");
        }
    }
}
