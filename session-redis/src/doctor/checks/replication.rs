//! Replication: whether a failover has a server to fail over to.

use super::super::{
    deployment::{Deployment, Kind},
    facts::{Facts, Role},
    findings::Findings,
};

pub(super) fn check(facts: &Facts, deployment: &Deployment, findings: &mut Findings) {
    match facts.role {
        Role::Primary => primary(facts, deployment, findings),
        Role::Replica => replica(facts, findings),
        Role::Sentinel => {}
    }
}

fn primary(facts: &Facts, deployment: &Deployment, findings: &mut Findings) {
    match (facts.info_number("connected_slaves"), deployment.kind) {
        (Some(0), Kind::Standalone) => {
            findings.info(
                "replicas",
                "there is no replica: while this server is down, no session can be used",
                "run replicas under Sentinel, or a cluster",
            );
        }
        (Some(0), _) => findings.critical(
            "replicas",
            "no replica is connected: if this primary fails, no server takes its place",
            "start its replicas, and check that they reach it",
        ),
        (Some(replicas), _) => findings.ok("replicas", format!("{replicas} replicas are connected")),
        (None, _) => {}
    }
}

fn replica(facts: &Facts, findings: &mut Findings) {
    match facts.info("master_link_status") {
        Some("up") => findings.ok("replica-link", "the replica is connected to its primary"),
        Some(_) => findings.critical(
            "replica-link",
            "the replica has lost its primary: a failover to it would lose all writes since then",
            "check its log, `masteruser` and `masterauth`",
        ),
        None => {}
    }
    if facts.setting("replica-read-only") == Some("no") {
        findings.warning(
            "replica-link",
            "the replica accepts writes, which reach no other server",
            "CONFIG SET replica-read-only yes",
        );
    }
}
