//! Who owns which slot.

use std::{collections::BTreeMap, sync::Arc};

use redis::Value;

use super::{Address, Primary, Slot, dialer::text, node::Node};

/// A run of slots and where its primary is, as a node of the cluster tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) address: Address,
}

/// Reads the answer to CLUSTER SLOTS. A node that is asked under a name which it does not know itself leaves the host
/// out.
pub(super) fn read_runs(reply: &Value, asked: &Address) -> Option<Vec<Run>> {
    let Value::Array(entries) = reply else { return None };
    let mut runs = entries.iter().map(|entry| read_run(entry, asked)).collect::<Option<Vec<_>>>()?;
    runs.sort_unstable_by_key(|run| run.first);
    let in_order = runs.windows(2).all(|pair| pair[0].last < pair[1].first);
    (in_order && !runs.is_empty()).then_some(runs)
}

fn read_run(entry: &Value, asked: &Address) -> Option<Run> {
    let Value::Array(parts) = entry else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = parts.as_slice() else { return None };
    let [host, Value::Int(port), ..] = primary.as_slice() else { return None };
    let host = if *host == Value::Nil { "" } else { text(host)? };
    let address = Address::reported(host, u16::try_from(*port).ok()?, asked);
    let (first, last) = (u16::try_from(*first).ok()?, u16::try_from(*last).ok()?);
    (first <= last && last < Slot::COUNT).then_some(Run { first, last, address })
}

/// Who owns which slot.
#[derive(Clone, Default)]
pub(super) struct SlotMap {
    runs: Vec<(Run, Arc<Node>)>,
    /// What redirections have told since.
    moved: BTreeMap<u16, (Address, Arc<Node>)>,
}

impl SlotMap {
    pub(super) fn new(runs: Vec<(Run, Arc<Node>)>) -> Self {
        Self { runs, moved: BTreeMap::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub(super) fn owner(&self, slot: Slot) -> Option<&Arc<Node>> {
        let slot = slot.number();
        if !self.moved.is_empty()
            && let Some((_, node)) = self.moved.get(&slot)
        {
            return Some(node);
        }
        let after = self.runs.partition_point(|(run, _)| run.first <= slot);
        let (run, node) = self.runs.get(after.checked_sub(1)?)?;
        (slot <= run.last).then_some(node)
    }

    /// Notes a redirection.
    pub(super) fn note(&mut self, slot: Slot, address: Address, node: Arc<Node>) {
        self.moved.insert(slot.number(), (address, node));
    }

    /// Whether it says just this.
    pub(super) fn is(&self, runs: &[Run]) -> bool {
        self.moved.is_empty() && self.runs.iter().map(|(run, _)| run).eq(runs)
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.runs.iter().map(|(_, node)| node)
    }

    /// Each primary with its slots.
    pub(super) fn primaries(&self) -> Vec<Primary> {
        let mut primaries: Vec<Primary> = Vec::new();
        for run in self.told() {
            match primaries.iter_mut().find(|primary| primary.address == run.address) {
                Some(primary) => primary.slots.push(run.first..=run.last),
                None => primaries.push(Primary { address: run.address, slots: vec![run.first..=run.last] }),
            }
        }
        primaries
    }

    /// The runs, cut up by the redirections since.
    fn told(&self) -> Vec<Run> {
        let mut told = Vec::with_capacity(self.runs.len());
        for (run, _) in &self.runs {
            let mut first = run.first;
            for (&slot, (address, _)) in self.moved.range(run.first..=run.last) {
                if first < slot {
                    told.push(Run { first, last: slot - 1, address: run.address.clone() });
                }
                told.push(Run { first: slot, last: slot, address: address.clone() });
                first = slot + 1;
            }
            if first <= run.last {
                told.push(Run { first, last: run.last, address: run.address.clone() });
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Option<Vec<Run>> {
        read_runs(&redis::parse_redis_value(text).unwrap(), &Address::tcp("seed", 7000))
    }

    #[test]
    fn runs_are_read_and_sorted() {
        let reply = b"*2\r\n*3\r\n:8192\r\n:16383\r\n*3\r\n$2\r\nn2\r\n:7002\r\n$2\r\nid\r\n\
            *4\r\n:0\r\n:8191\r\n*3\r\n$0\r\n\r\n:7001\r\n$2\r\nid\r\n*3\r\n$2\r\nn3\r\n:7003\r\n$2\r\nid\r\n";
        let run = |first, last, host, port| Run { first, last, address: Address::tcp(host, port) };
        assert_eq!(read(reply), Some(vec![run(0, 8191, "seed", 7001), run(8192, 16383, "n2", 7002)]));
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
