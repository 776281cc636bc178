//! The cluster: whether it serves all sessions, and how they are spread.

use super::super::{
    deployment::{Deployment, Kind},
    facts::Facts,
    findings::Findings,
};

/// The least number of partitions for each primary that spreads sessions well.
const PARTITIONS_EACH: usize = 4;

pub(super) fn check(facts: &Facts, findings: &mut Findings) {
    let info = |name: &str| facts.cluster.get(name).map(String::as_str);
    match info("cluster_state") {
        Some("ok") => findings.ok("cluster-state", "this node reports that the cluster is ok"),
        Some(state) => {
            let found = format!("this node reports the cluster state `{state}`, and refuses sessions");
            findings.critical(
                "cluster-state",
                found,
                "check CLUSTER INFO and CLUSTER NODES, and bring back the failed nodes",
            );
        }
        None => {}
    }
    if let Some(assigned) = info("cluster_slots_assigned").filter(|assigned| *assigned != "16384") {
        let found = format!("{assigned} of 16384 slots are assigned: sessions in the other slots cannot be stored");
        findings.critical("cluster-slots", found, "run redis-cli --cluster fix");
    }
    let failing =
        ["cluster_slots_pfail", "cluster_slots_fail"].into_iter().filter_map(info).filter(|slots| *slots != "0");
    if failing.count() > 0 {
        findings.critical("cluster-slots", "some slots belong to nodes that do not answer", "check CLUSTER NODES");
    }
    if facts.setting("cluster-allow-reads-when-down") == Some("yes") {
        let found = "cluster-allow-reads-when-down is yes: an isolated node keeps answering other programs from old data; \
                     the store does not believe it";
        findings.info("cluster-reads", found, "CONFIG SET cluster-allow-reads-when-down no");
    }
}

pub(super) fn check_all(all: &[Facts], deployment: &Deployment, findings: &mut Findings) {
    if deployment.kind != Kind::Cluster {
        return;
    }
    let primaries = all.iter().filter(|facts| facts.is_primary()).count();
    // Another finding says already that none can be reached.
    if primaries == 0 {
        return;
    }
    if primaries < 3 {
        let found = format!(
            "{primaries} primaries can be reached: without one of them there is no majority, so no failover can happen"
        );
        findings.warning("cluster-size", found, "run at least three primaries, each with a replica");
    } else {
        findings.ok("cluster-size", format!("{primaries} primaries"));
    }
    let partitions = deployment.partitions as usize;
    if partitions < primaries * PARTITIONS_EACH {
        let found = format!("{partitions} partitions on {primaries} primaries spread the sessions unevenly");
        findings.warning(
            "cluster-spread",
            found,
            "configure at least four partitions for each primary, before the first session",
        );
    }
}
