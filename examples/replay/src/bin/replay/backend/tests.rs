//! Runs on a real server. The order of requests there varies, so the baseline's losses have no exact number.

use replay::{plan::Planner, trace};
use session_core::ErrorKind;
use session_testkit::Server;

use super::*;
use crate::{audit::Audit, drive::drive, progress::Progress};

const NODES: usize = 3;

async fn run(backend: &Backend, baseline: Option<Baseline>, clients: usize) -> Audit {
    let mut nodes = Vec::new();
    for _ in 0..NODES {
        nodes.push(backend.node(baseline).await.unwrap());
    }
    let mut planner = Planner::default();
    trace::generate(5_000, 3, &mut planner);
    drive(Arc::new(planner.finish()), &nodes, clients, Progress::hidden()).await.unwrap().audit
}

#[tokio::test]
async fn deltas_lose_and_resurrect_nothing_on_redis() {
    let backend = Backend::open(&Place::SpawnedRedis).await.unwrap();
    let audit = run(&backend, None, 64).await;
    assert!(audit.is_clean(), "{audit:?}");
    assert!(audit.lines_expected > 200 && audit.sessions_ended > 20, "{audit:?}");
}

#[tokio::test]
async fn whole_sessions_lose_lines_and_come_back_after_their_end_on_redis() {
    let backend = Backend::open(&Place::SpawnedRedis).await.unwrap();
    let audit = run(&backend, Some(Baseline::Blob), 64).await;
    assert!(audit.lines_lost > 0 && audit.sessions_resurrected > 0, "{audit:?}");
}

/// The baseline's losses on Redis come from concurrency alone.
#[tokio::test]
async fn whole_sessions_lose_nothing_to_a_single_client_on_redis() {
    let backend = Backend::open(&Place::SpawnedRedis).await.unwrap();
    let audit = run(&backend, Some(Baseline::Blob), 1).await;
    assert!(audit.is_clean() && audit.lines_expected > 200, "{audit:?}");
}

/// Two concurrent runs on one server that also has a key of another application.
#[tokio::test]
async fn runs_on_one_server_do_not_meet_and_clear_what_they_leave() {
    let server = Server::builder().start().await;
    server.command(&["SET", "other", "1"]).await;
    let place = Place::Redis(server.url());
    let (one, other) = (Backend::open(&place).await.unwrap(), Backend::open(&place).await.unwrap());
    let (deltas, blobs) = tokio::join!(run(&one, None, 8), run(&other, Some(Baseline::Blob), 1));
    assert!(deltas.is_clean() && blobs.is_clean(), "{deltas:?} {blobs:?}");
    assert!(keys(&server).await > 1_000);
    one.clear().await.unwrap();
    assert!(keys(&server).await > 1_000, "the keys of the other run");
    other.clear().await.unwrap();
    assert_eq!(keys(&server).await, 1);
}

async fn keys(server: &Server) -> i64 {
    server.command(&["DBSIZE"]).await.int()
}

/// The failure is an error, which becomes the exit status, and not a panic.
#[tokio::test]
async fn a_server_that_is_not_there_is_a_failure_of_the_store() {
    let server = Server::builder().start().await;
    let backend = Backend::open(&Place::Redis(server.url())).await.unwrap();
    server.kill().await;
    for baseline in [None, Some(Baseline::Blob)] {
        assert_eq!(backend.node(baseline).await.unwrap_err().kind(), ErrorKind::Unavailable);
    }
}

/// The copies on the other nodes are patched, not dropped.
#[cfg(feature = "tiered")]
#[tokio::test]
async fn local_caches_lose_and_resurrect_nothing_on_redis() {
    let backend = Backend::open(&Place::SpawnedRedis).await.unwrap();
    let (mut nodes, mut caches) = (Vec::new(), Vec::new());
    for _ in 0..NODES {
        let (node, cache) = crate::caching::tiered_node(&backend).await.unwrap();
        nodes.push(node);
        caches.push(cache);
    }
    let mut planner = Planner::default();
    trace::generate(5_000, 3, &mut planner);
    let audit = drive(Arc::new(planner.finish()), &nodes, 64, Progress::hidden()).await.unwrap().audit;
    assert!(audit.is_clean(), "{audit:?}");
    assert!(audit.lines_expected > 200 && audit.sessions_ended > 20, "{audit:?}");
    let stats: Vec<_> = caches.iter().map(crate::caching::Cache::stats).collect();
    assert!(stats.iter().all(|of_one| of_one.hits > 0 && of_one.patched > 0), "{stats:?}");
}
