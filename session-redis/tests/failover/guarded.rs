//! Reads count only if their server could still write: a primary that is cut off from its replicas, and may have been
//! replaced, is not believed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use session_core::{
    Error, ErrorKind, LoadOptions, Principal, SessionId, SignIn,
    store::{Absent, LoadOutcome, NewSession, SessionStore},
};
use session_redis::RedisStore;
use session_testkit::{Cluster, Direction, Persistence, Reply, SentinelTrio, Server};

use crate::{
    isolated::inside,
    reaper::{end, new_session},
    topology::{PARTITIONS, found, id_in, in_cluster, slot_of, under_sentinel},
    until,
};

/// The doctor wants two seconds more than the lag that is allowed; one more is for busy machines.
const DOWN_AFTER: Duration = Duration::from_secs(4);

async fn load(store: &RedisStore, id: &SessionId) -> Result<LoadOutcome, Error> {
    store.load(id, LoadOptions::default()).await
}

fn assert_refused<T: std::fmt::Debug>(outcome: Result<T, Error>, why: &str) {
    let error = outcome.expect_err("a server that cannot write is not believed");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains(why), "{error}");
}

/// Loads until it is told to stop, and returns how many loads that began after the end was acknowledged found the
/// session.
async fn found_after(store: RedisStore, id: SessionId, ended: Arc<AtomicBool>, stop: Arc<AtomicBool>) -> usize {
    let mut count = 0;
    while !stop.load(SeqCst) {
        let is_after = ended.load(SeqCst);
        let is_found = matches!(load(&store, &id).await, Ok(LoadOutcome::Found(_)));
        count += usize::from(is_after && is_found);
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_primary_answers_no_load() {
    let trio = SentinelTrio::builder().down_after(DOWN_AFTER).min_replicas_to_write(1, 1).behind_links();
    let trio = trio.start().await;
    let old = trio.primary().await;
    let (outside, inside) = (under_sentinel(&trio).await, inside(&trio, old).await);
    until("the replicas are counted", || async { inside.check().await.ok() }).await;
    let principal = Principal::new("ada").unwrap();
    let signed_in = NewSession {
        sign_in: Some(SignIn::new(principal.clone())),
        ..NewSession::generate(Default::default()).unwrap()
    };
    inside.create(&SessionId::generate().unwrap(), &signed_in).await.unwrap();
    let doomed = new_session(&inside, SessionId::generate().unwrap(), 2).await;
    let known = Some(found(&inside, &doomed).await.record.stamp());
    let reconnects = inside.stats().reconnects;

    // The connections stay open: the primary notices only that its replicas are silent.
    trio.link_of(old).hold(Direction::Requests);
    trio.link_of(old).hold(Direction::Replies);
    let (ended, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let reader = tokio::spawn(found_after(inside.clone(), doomed, ended.clone(), stop.clone()));
    trio.wait_for_new_primary(old).await;
    end(&outside, &doomed).await;
    ended.store(true, SeqCst);
    for _ in 0..20 {
        assert_refused(load(&inside, &doomed).await, "too few replicas");
    }
    assert_refused(inside.load(&doomed, LoadOptions { known, ..LoadOptions::default() }).await, "too few replicas");
    assert_refused(inside.index().unwrap().sessions(&principal, 10).await, "too few replicas");
    stop.store(true, SeqCst);
    assert_eq!(reader.await.unwrap(), 0, "a session that was destroyed on the new primary was found");
    assert_eq!(inside.stats().reconnects, reconnects, "the link works, and stays");

    trio.link_of(old).heal().await;
    trio.wait_until_settled().await;
    until("it follows", || async { load(&inside, &doomed).await.ok() }).await;
    assert!(matches!(load(&inside, &doomed).await, Ok(LoadOutcome::Absent(Absent::NotFound(Some(_))))));
}

/// The isolation of a replaced primary ends. Acknowledgements that its former replicas sent long ago still arrive, and
/// then the ends of their connections. It accepts writes in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_has_refused_is_not_believed_at_once() {
    let trio = SentinelTrio::builder().down_after(Duration::from_secs(60)).min_replicas_to_write(1, 1).behind_links();
    let trio = trio.replicas(1).start().await;
    let old = trio.primary().await;
    let (link, store) = (trio.link_of(old), inside(&trio, old).await);
    until("the replica is counted", || async { store.check().await.ok() }).await;
    let id = new_session(&store, SessionId::generate().unwrap(), 1).await;
    let accepts = || async { old.command(&["SET", "any", "thing"]).await.is_ok() };

    link.hold(Direction::Requests);
    until("loads are refused", || async { load(&store, &id).await.is_err().then_some(()) }).await;
    link.release(Direction::Requests);
    until("it accepts writes", || async { accepts().await.then_some(()) }).await;
    assert_refused(load(&store, &id).await, "too few replicas");
    link.hold(Direction::Requests);
    link.close().await;
    until("it refuses writes", || async { (!accepts().await).then_some(()) }).await;
    assert_refused(load(&store, &id).await, "too few replicas");

    link.heal().await;
    until("it is believed", || async { load(&store, &id).await.ok() }).await;
    found(&store, &id).await;
}

/// A health check notices a refusal, so that a client which sent nothing meanwhile does not believe it either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_no_call_met_counts_too() {
    let trio = SentinelTrio::builder().down_after(Duration::from_secs(60)).min_replicas_to_write(1, 1).behind_links();
    let trio = trio.replicas(1).start().await;
    let old = trio.primary().await;
    let (link, store) = (trio.link_of(old), inside(&trio, old).await);
    until("the replica is counted", || async { store.check().await.ok() }).await;
    let id = new_session(&store, SessionId::generate().unwrap(), 1).await;

    link.hold(Direction::Requests);
    let refused = || async { old.command(&["SET", "any", "thing"]).await.error().is_some().then_some(()) };
    until("it refuses writes", refused).await;
    let declarations = async || {
        let stats = old.command(&["INFO", "commandstats"]).await.text();
        let line = stats.lines().find(|line| line.starts_with("cmdstat_set:")).expect("a declaration was refused");
        let (_, refused) = line.split_once("rejected_calls=").expect("rejected calls");
        refused.split(',').next().and_then(|count| count.parse::<u64>().ok()).expect("a number")
    };
    // Only the supervisor's checks send anything, and one of them is answered before the next begins.
    let before = declarations().await;
    until("two checks were refused", || async { (declarations().await >= before + 2).then_some(()) }).await;
    link.release(Direction::Requests);
    until("it accepts writes", || async { old.command(&["SET", "any", "thing"]).await.is_ok().then_some(()) }).await;
    assert_refused(load(&store, &id).await, "too few replicas");
}

/// A replica of a cluster is elected before the old primary notices that it is isolated.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_primary_of_a_cluster_answers_no_load() {
    let cluster = Cluster::builder().node_timeout(DOWN_AFTER).can_split();
    let cluster = cluster.each(|node| node.config("min-replicas-to-write", 1).config("min-replicas-max-lag", 1));
    let cluster = cluster.start().await;
    let (doomed, slot) = (id_in(0, PARTITIONS), slot_of(0, PARTITIONS));
    let old = cluster.primary_of(slot).await;
    // Otherwise it would notice in time in half of the runs.
    old.command(&["CONFIG", "SET", "cluster-node-timeout", "60000"]).await.expect("CONFIG SET");
    let store = in_cluster(&cluster, PARTITIONS).await;
    until("the replicas are counted", || async { store.check().await.ok() }).await;
    new_session(&store, doomed, 1).await;
    let known = Some(found(&store, &doomed).await.record.stamp());

    cluster.isolate(old);
    let (ended, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let reader = tokio::spawn(found_after(store.clone(), doomed, ended.clone(), stop.clone()));
    let new = cluster.wait_for_new_primary(slot, old).await;
    // No client of this side reaches the new primary, so the session is ended there by hand.
    new.command(&["CONFIG", "SET", "min-replicas-to-write", "0"]).await.expect("CONFIG SET");
    let keys = new.command(&["CLUSTER", "GETKEYSINSLOT", &slot.to_string(), "100"]).await;
    for key in keys.items() {
        let Reply::Bulk(key) = key else { panic!("{key:?}") };
        if key.ends_with(&doomed.digest().to_bytes()) {
            assert_eq!(new.command(&[b"DEL".as_slice(), key]).await.int(), 1);
            ended.store(true, SeqCst);
        }
    }
    assert!(ended.load(SeqCst), "the new primary had the session");
    for _ in 0..20 {
        assert_refused(load(&store, &doomed).await, "too few replicas");
    }
    assert_refused(store.load(&doomed, LoadOptions { known, ..LoadOptions::default() }).await, "too few replicas");
    assert_eq!(old.info("role").await.unwrap(), "master", "it does not know");
    stop.store(true, SeqCst);
    assert_eq!(reader.await.unwrap(), 0, "a session that was destroyed on the new primary was found");

    cluster.heal().await;
    until("it follows", || async { load(&store, &doomed).await.ok() }).await;
    assert_eq!(load(&store, &doomed).await.unwrap(), LoadOutcome::Absent(Absent::NotFound(None)));
}

/// The replica of one primary is silent. The cluster does not notice it, and would not replace the primary, which cannot
/// tell this from being cut off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_of_a_cluster_without_replicas_answers_no_load() {
    let cluster = Cluster::builder().node_timeout(Duration::from_secs(60));
    let cluster = cluster.each(|node| node.config("min-replicas-to-write", 1).config("min-replicas-max-lag", 1));
    let cluster = cluster.start().await;
    let store = in_cluster(&cluster, PARTITIONS).await;
    let (here, elsewhere) = (id_in(0, PARTITIONS), id_in(PARTITIONS as u16 - 1, PARTITIONS));
    for id in [&here, &elsewhere] {
        until("the replicas are counted", || async {
            store.create(id, &NewSession::generate(Default::default()).unwrap()).await.ok()
        })
        .await;
    }
    let slot = slot_of(0, PARTITIONS);
    let replica = cluster.replicas_of(slot).await[0];
    replica.pause().await;
    until("loads are refused", || async { load(&store, &here).await.is_err().then_some(()) }).await;
    for _ in 0..20 {
        assert_refused(load(&store, &here).await, "too few replicas");
        found(&store, &elsewhere).await;
    }
    replica.resume().await;
    until("loads are answered", || async { load(&store, &here).await.ok() }).await;
    found(&store, &here).await;

    // This setting makes a primary answer reads while it knows that it is cut off.
    let primary = cluster.primary_of(slot).await;
    primary.command(&["CONFIG", "SET", "cluster-allow-reads-when-down", "yes"]).await.expect("CONFIG SET");
    let other = slot_of(1, PARTITIONS).to_string();
    primary.command(&["CLUSTER", "DELSLOTS", &other]).await.expect("the node gives up a slot");
    primary
        .wait("its cluster is down", || async {
            let info = primary.command(&["CLUSTER", "INFO"]).await.text();
            info.contains("cluster_state:fail").then_some(())
        })
        .await;
    // It is tried again until the deadline, which may come while a request is in flight.
    assert_eq!(load(&store, &here).await.unwrap_err().kind(), ErrorKind::Unavailable);
}

/// Makes a server unable to save, so that it refuses writes.
async fn stop_saving(server: &Server) {
    std::fs::create_dir_all(server.dir().join("dump.rdb").join("in the way")).unwrap();
    server.command(&["CONFIG", "SET", "save", "3600 1"]).await.expect("CONFIG SET");
    server.command(&["BGSAVE"]).await.expect("BGSAVE");
    server
        .wait("it cannot save", || async {
            server.command(&["SET", "any", "thing"]).await.error()?.starts_with("MISCONF").then_some(())
        })
        .await;
}

/// Sentinels consider a primary that cannot save as down, and replace it while it is connected to everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_cannot_save_is_believed_only_without_sentinels() {
    let trio = SentinelTrio::builder()
        .down_after(Duration::from_secs(60))
        .each(|server| server.persistence(Persistence::None));
    let trio = trio.replicas(1).start().await;
    let old = trio.primary().await;
    let (watched, alone) = (under_sentinel(&trio).await, inside(&trio, old).await);
    let id = new_session(&watched, SessionId::generate().unwrap(), 0).await;
    stop_saving(old).await;
    assert_refused(load(&watched, &id).await, "cannot save");
    found(&alone, &id).await;
}
