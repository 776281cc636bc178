//! Discovery of the servers.

use std::ops::RangeInclusive;

use redis::Value;

use super::{
    deployment::{Deployment, Kind},
    findings::Findings,
    internals::{Address, Dialer},
    probe::{Probe, command},
    reply::{items, text},
};

/// A server that answers.
pub(super) struct Server {
    pub(super) probe: Probe,
    /// The slots of a cluster's primary.
    pub(super) slots: Vec<RangeInclusive<u16>>,
}

/// A server that should exist.
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

/// Connects to all expected servers. Each failure is a finding.
pub(super) async fn connect_all(
    dialer: &Dialer,
    expected: Vec<Expected>,
    deployment: &Deployment,
    findings: &mut Findings,
) -> Vec<Server> {
    let mut servers = Vec::new();
    for Expected { address, is_primary, slots } in expected {
        match Probe::connect(dialer, &address, deployment.call_deadline).await {
            Ok(probe) => {
                if is_primary && !probe.is_primary && deployment.kind != Kind::Standalone {
                    findings.at(&address).critical(
                        "role",
                        "the server is listed as a primary, but reports that it is a replica",
                        "a failover is in progress or has failed: check the logs if this persists",
                    );
                }
                servers.push(Server { probe, slots });
            }
            Err(reason) if is_primary => {
                let remedy = "make the server reachable: it serves no session until then";
                findings.at(&address).critical("connect", reason, remedy);
            }
            Err(reason) => {
                let remedy = "bring the replica back: a failover has one candidate fewer until then";
                findings.at(&address).warning("connect", reason, remedy);
            }
        }
    }
    let is_writable = servers.iter().any(|server| server.probe.is_primary);
    if deployment.kind == Kind::Standalone && !servers.is_empty() && !is_writable {
        let found = "every server in `urls` is a replica, so all writes are refused";
        findings.deployment().critical("role", found, "name the primary, or use Sentinel");
    }
    servers
}

/// The nodes of a cluster, as reported by the first seed that answers.
pub(super) async fn cluster(
    dialer: &Dialer,
    seeds: &[Address],
    deployment: &Deployment,
    findings: &mut Findings,
) -> Vec<Expected> {
    for seed in seeds {
        let Ok(mut probe) = Probe::connect(dialer, seed, deployment.call_deadline).await else { continue };
        let reply = probe.ask("CLUSTER SLOTS", "the list of nodes", &command(&["CLUSTER", "SLOTS"])).await;
        if let Some(nodes) = reply.and_then(|reply| nodes(&reply, seed)) {
            return nodes;
        }
        probe.report_unanswered(findings);
    }
    seeds.iter().cloned().map(Expected::primary).collect()
}

/// Reads CLUSTER SLOTS; `None` if no slot is served.
fn nodes(reply: &Value, asked: &Address) -> Option<Vec<Expected>> {
    let mut nodes: Vec<Expected> = Vec::new();
    for entry in items(reply) {
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
