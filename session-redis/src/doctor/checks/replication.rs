//! Whether there is something to fail over to.

use super::super::{
    deployment::{Deployment, Kind},
    facts::{Facts, Role},
    notes::Notes,
};

pub(super) fn check(facts: &Facts, deployment: &Deployment, notes: &mut Notes) {
    match facts.role {
        Role::Primary => primary(facts, deployment, notes),
        Role::Replica => replica(facts, notes),
        Role::Sentinel => {}
    }
}

fn primary(facts: &Facts, deployment: &Deployment, notes: &mut Notes) {
    match (facts.count("connected_slaves"), deployment.kind) {
        (Some(0), Kind::Standalone) => {
            notes.info(
                "replicas",
                "no replica: while this server is down there are no sessions",
                "run replicas under Sentinel, or a cluster",
            );
        }
        (Some(0), _) => notes.critical(
            "replicas",
            "no replica is connected: if this primary dies, nothing takes its place",
            "start its replicas, and see whether they reach it",
        ),
        (Some(replicas), _) => notes.ok("replicas", format!("{replicas} replicas are connected")),
        (None, _) => {}
    }
}

fn replica(facts: &Facts, notes: &mut Notes) {
    match facts.told("master_link_status") {
        Some("up") => notes.ok("replica-link", "the replica is linked with its primary"),
        Some(_) => notes.critical(
            "replica-link",
            "the replica has lost its primary: its data grows old, and a failover to it would lose what came since",
            "see its log, and `masteruser` and `masterauth`",
        ),
        None => {}
    }
    if facts.set("replica-read-only") == Some("no") {
        notes.warning(
            "replica-link",
            "the replica accepts writes, which nobody else will see",
            "CONFIG SET replica-read-only yes",
        );
    }
}
