//! A cluster. It takes long to start, so one cluster gets several problems in turn.

use session_redis::{RedisConfig, doctor::Severity};
use session_testkit::Cluster;

use crate::fixture::{assert_found, assert_healthy, assert_only, examine, healthy, problems, store};

async fn set_all(cluster: &Cluster, name: &str, value: &str) {
    for node in cluster.nodes() {
        node.command(&["CONFIG", "SET", name, value]).await.expect("the command succeeds");
    }
}

#[tokio::test]
async fn problems_of_a_cluster() {
    let cluster = Cluster::builder().each(healthy).start().await;
    set_all(&cluster, "cluster-node-timeout", "60000").await;
    set_all(&cluster, "min-replicas-to-write", "1").await;
    let config = || RedisConfig::cluster(cluster.urls().into_iter().take(1));
    let sessions = store(config()).await;
    for _ in 0..20 {
        sessions.create().unwrap().persist().await.unwrap();
    }
    let found = examine(config()).await;
    assert_healthy(&found);
    for check in ["cluster-state", "cluster-size", "max-lag", "partitions", "sessions-without-ttl"] {
        assert_found(&found, Severity::Ok, check, "");
    }
    assert_found(&found, Severity::Info, "sample", "20 are sessions");
    let examined = found.findings().iter().filter(|finding| finding.check() == "eviction").count();
    assert_eq!(examined, cluster.nodes().len(), "replicas are examined too:\n{found}");

    set_all(&cluster, "min-replicas-to-write", "0").await;
    let found = examine(config()).await;
    assert_only(&found, Severity::Warning, "min-replicas", "answers loads with old sessions");
    let remedies: Vec<_> = problems(&found).iter().map(|finding| finding.remedy()).collect();
    assert!(remedies.iter().all(|remedy| remedy.ends_with("than cluster-node-timeout")), "{remedies:?}");
    set_all(&cluster, "min-replicas-to-write", "1").await;
    // The default lag is ten seconds, which a primary may exceed by two.
    for (timeout, severity, what) in [
        ("10000", Severity::Critical, "answers loads with old sessions"),
        ("11999", Severity::Warning, "before it stops"),
    ] {
        set_all(&cluster, "cluster-node-timeout", timeout).await;
        let found = examine(config()).await;
        assert_only(&found, severity, "max-lag", what);
        assert_found(&found, severity, "max-lag", &format!("cluster-node-timeout is {timeout} ms"));
    }
    set_all(&cluster, "cluster-node-timeout", "12000").await;
    assert_healthy(&examine(config()).await);
    set_all(&cluster, "cluster-allow-reads-when-down", "yes").await;
    let found = examine(config()).await;
    assert_healthy(&found);
    assert_found(&found, Severity::Info, "cluster-reads", "does not believe it");
    set_all(&cluster, "cluster-allow-reads-when-down", "no").await;
    let found = examine(config().partitions(8)).await;
    assert_found(&found, Severity::Warning, "cluster-spread", "8 partitions on 3 primaries");
    assert_found(&found, Severity::Critical, "partitions", "in 256 partitions");

    let owner = cluster.primary_of(0).await;
    owner.command(&["CLUSTER", "DELSLOTS", "0"]).await.expect("the node gives up the slot");
    owner
        .wait("the cluster fails", || async {
            let told = owner.try_command(&["CLUSTER", "INFO"]).await.ok()?.text();
            told.contains("cluster_state:fail").then_some(())
        })
        .await;
    let found = examine(RedisConfig::cluster([owner.url()])).await;
    assert_found(&found, Severity::Critical, "cluster-slots", "16383 of 16384");
    assert_found(&found, Severity::Critical, "cluster-state", "`fail`");
}
