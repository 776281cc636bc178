//! The short mode: some seconds of faults on each topology. The long mode has more of both.

mod common;

use clap::ValueEnum as _;
use common::Short;
use session_history::harness::{FaultKind, Topology};

/// All faults but these.
fn all_but(excluded: &[FaultKind]) -> Vec<FaultKind> {
    FaultKind::value_variants().iter().copied().filter(|fault| !excluded.contains(fault)).collect()
}

fn short(topology: Topology, seconds: u64, faults: Vec<FaultKind>) -> Short {
    Short { topology, seed: 7, seconds, faults, mutant: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_single_server_no_rule_is_broken() {
    short(Topology::Single, 15, all_but(&[])).is_clean().await;
}

/// The faults after which a server may lose what it has acknowledged. A store repeats its destroys then, and not yet at every
/// id that the session had: see the ignored test.
const LOSSY: [FaultKind; 6] = [
    FaultKind::FailoverOrdered,
    FaultKind::PrimaryKilled,
    FaultKind::PrimaryKilledAhead,
    FaultKind::PrimaryPaused,
    FaultKind::ReplicationHeld,
    FaultKind::PrimaryIsolated,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_sentinel_no_rule_is_broken() {
    let excluded = [&LOSSY[..], &[FaultKind::NodeIsolatedWithPrimary]].concat();
    short(Topology::Sentinel, 20, all_but(&excluded)).is_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_cluster_no_rule_is_broken() {
    short(Topology::Cluster, 20, all_but(&LOSSY)).is_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_isolated_with_the_old_primary_reads_nothing_old() {
    short(Topology::Sentinel, 15, vec![FaultKind::NodeIsolatedWithPrimary]).is_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a destroy is not repeated at an id that the session left through another node"]
async fn a_session_does_not_come_back_at_an_id_that_it_had_left() {
    short(Topology::Sentinel, 20, vec![FaultKind::PrimaryIsolated, FaultKind::FailoverOrdered]).is_clean().await;
}
