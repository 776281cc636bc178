//! Whether the cluster serves all sessions.

use super::super::{
    deployment::{Deployment, Kind},
    facts::Facts,
    notes::Notes,
};

/// So many partitions for each primary spread well enough.
const PARTITIONS_EACH: usize = 4;

pub(super) fn check(facts: &Facts, notes: &mut Notes) {
    let told = |name: &str| facts.cluster.get(name).map(String::as_str);
    match told("cluster_state") {
        Some("ok") => notes.ok("cluster-state", "the cluster is ok, as this node sees it"),
        Some(state) => {
            let found = format!("the cluster is in state `{state}`, as this node sees it: it refuses sessions");
            notes.critical("cluster-state", found, "see CLUSTER INFO and CLUSTER NODES, and bring back what failed");
        }
        None => {}
    }
    if let Some(assigned) = told("cluster_slots_assigned").filter(|assigned| *assigned != "16384") {
        let found = format!("{assigned} of 16384 slots are assigned: sessions in the others cannot be stored");
        notes.critical("cluster-slots", found, "redis-cli --cluster fix");
    }
    let failing =
        ["cluster_slots_pfail", "cluster_slots_fail"].into_iter().filter_map(told).filter(|slots| *slots != "0");
    if failing.count() > 0 {
        notes.critical("cluster-slots", "some slots are served by nodes that do not answer", "see CLUSTER NODES");
    }
    if facts.set("cluster-allow-reads-when-down") == Some("yes") {
        let found = "cluster-allow-reads-when-down is yes: a node that is cut off goes on answering from old data";
        notes.warning("cluster-reads", found, "CONFIG SET cluster-allow-reads-when-down no");
    }
}

pub(super) fn check_all(all: &[Facts], deployment: &Deployment, notes: &mut Notes) {
    if deployment.kind != Kind::Cluster {
        return;
    }
    let primaries = all.iter().filter(|facts| facts.is_primary()).count();
    // That none can be reached is said already.
    if primaries == 0 {
        return;
    }
    if primaries < 3 {
        let found =
            format!("{primaries} primaries can be reached: without one of them there is no majority, and no failover");
        notes.warning("cluster-size", found, "run three primaries at least, each with a replica");
    } else {
        notes.ok("cluster-size", format!("{primaries} primaries"));
    }
    let partitions = deployment.partitions as usize;
    if partitions < primaries * PARTITIONS_EACH {
        let found = format!("{partitions} partitions on {primaries} primaries are spread unevenly");
        notes.warning("cluster-spread", found, "take four partitions for each primary, before there are sessions");
    }
}
