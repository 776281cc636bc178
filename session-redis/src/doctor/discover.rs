//! Finding the servers.

use std::ops::RangeInclusive;

use redis::Value;

use super::{
    deployment::{Deployment, Kind},
    facts::words,
    line::Line,
    notes::Notes,
    reply::{items, text},
};
use crate::net::{Address, Dialer};

/// A server that answers.
pub(super) struct Server {
    pub(super) line: Line,
    /// Its slots, if it is a primary of a cluster.
    pub(super) slots: Vec<RangeInclusive<u16>>,
}

/// A server that should be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) address: Address,
    pub(super) is_primary: bool,
    pub(super) slots: Vec<RangeInclusive<u16>>,
}

impl Expected {
    pub(super) fn primary(address: Address) -> Self {
        Self { address, is_primary: true, slots: Vec::new() }
    }
}

/// Dials all that should be there; the rest is a finding.
pub(super) async fn dial_all(
    dialer: &Dialer,
    expected: Vec<Expected>,
    deployment: &Deployment,
    notes: &mut Notes,
) -> Vec<Server> {
    let mut servers = Vec::new();
    for Expected { address, is_primary, slots } in expected {
        match Line::open(dialer, &address, deployment.call_deadline).await {
            Ok(line) => {
                if is_primary && !line.is_primary && deployment.kind != Kind::Standalone {
                    let found = "it is named as a primary, and says that it is a replica";
                    let remedy = "a failover is under way, or went wrong: see the logs if this does not pass";
                    notes.at(&address).critical("role", found, remedy);
                }
                servers.push(Server { line, slots });
            }
            Err(why) if is_primary => {
                notes.at(&address).critical("connect", why, "no session there can be served until it can be reached");
            }
            Err(why) => {
                notes.at(&address).warning(
                    "connect",
                    why,
                    "bring the replica back: until then a failover has one less to choose",
                );
            }
        }
    }
    if deployment.kind == Kind::Standalone
        && !servers.is_empty()
        && !servers.iter().any(|server| server.line.is_primary)
    {
        let found = "every server in `urls` is a replica, so nothing can be written";
        notes.everywhere().critical("role", found, "name the primary, or use Sentinel");
    }
    servers
}

/// The nodes of a cluster, as the first one tells that answers.
pub(super) async fn cluster(
    dialer: &Dialer,
    seeds: &[Address],
    deployment: &Deployment,
    notes: &mut Notes,
) -> Vec<Expected> {
    for seed in seeds {
        let Ok(mut line) = Line::open(dialer, seed, deployment.call_deadline).await else { continue };
        let told = line.ask("CLUSTER SLOTS", "which nodes there are", &words(&["CLUSTER", "SLOTS"])).await;
        if let Some(nodes) = told.and_then(|told| nodes(&told, seed)) {
            return nodes;
        }
        line.confess(notes);
    }
    seeds.iter().cloned().map(Expected::primary).collect()
}

/// Reads CLUSTER SLOTS; nothing if no slot is served.
fn nodes(told: &Value, asked: &Address) -> Option<Vec<Expected>> {
    let mut nodes: Vec<Expected> = Vec::new();
    for entry in items(told) {
        let [Value::Int(first), Value::Int(last), members @ ..] = items(entry) else { continue };
        let (Ok(first), Ok(last)) = (u16::try_from(*first), u16::try_from(*last)) else { continue };
        for (at, member) in members.iter().enumerate() {
            let [host, Value::Int(port), ..] = items(member) else { continue };
            let Ok(port) = u16::try_from(*port) else { continue };
            let address = Address::reported(&text(host).unwrap_or_default(), port, asked);
            let slots = if at == 0 { Some(first..=last) } else { None };
            match nodes.iter_mut().find(|node| node.address == address) {
                Some(node) => node.slots.extend(slots),
                None => nodes.push(Expected { address, is_primary: at == 0, slots: slots.into_iter().collect() }),
            }
        }
    }
    (!nodes.is_empty()).then_some(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primaries_and_replicas_of_a_cluster() {
        let reply = b"*3\r\n*4\r\n:0\r\n:9\r\n*2\r\n$1\r\na\r\n:1\r\n*2\r\n$1\r\nb\r\n:2\r\n\
            *3\r\n:10\r\n:19\r\n*2\r\n$0\r\n\r\n:3\r\n*3\r\n:20\r\n:29\r\n*2\r\n$1\r\na\r\n:1\r\n";
        let asked = Address::tcp("seed", 9);
        let found = nodes(&redis::parse_redis_value(reply).unwrap(), &asked).unwrap();
        let node = |host, port, is_primary, slots| Expected { address: Address::tcp(host, port), is_primary, slots };
        assert_eq!(
            found,
            [
                node("a", 1, true, vec![0..=9, 20..=29]),
                node("b", 2, false, vec![]),
                node("seed", 3, true, vec![10..=19])
            ]
        );
    }

    #[test]
    fn a_cluster_without_slots() {
        assert_eq!(nodes(&Value::Array(vec![]), &Address::tcp("seed", 9)), None);
    }
}
