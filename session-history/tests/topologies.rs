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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_sentinel_no_rule_is_broken() {
    short(Topology::Sentinel, 20, all_but(&[FaultKind::NodeIsolatedWithPrimary])).is_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_cluster_no_rule_is_broken() {
    short(Topology::Cluster, 20, all_but(&[])).is_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_isolated_with_the_old_primary_reads_nothing_old() {
    short(Topology::Sentinel, 15, vec![FaultKind::NodeIsolatedWithPrimary]).is_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_does_not_come_back_at_an_id_that_it_had_left() {
    short(Topology::Sentinel, 20, vec![FaultKind::PrimaryIsolated, FaultKind::FailoverOrdered]).is_clean().await;
}

/// If a rule is broken or the run fails, this directory is kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_logs_of_all_servers_are_beside_the_history() {
    let dir = short(Topology::Sentinel, 1, Vec::new()).judge().await.dir;
    let files = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap());
    let is_log = |file: &std::fs::DirEntry| file.path().extension().is_some_and(|extension| extension == "log");
    let logs: Vec<_> = files.filter(is_log).map(|file| std::fs::read_to_string(file.path()).unwrap()).collect();
    assert_eq!(logs.len(), 6, "three servers and three sentinels");
    assert!(logs.iter().all(|log| !log.is_empty()), "a server always logs its start");
}
