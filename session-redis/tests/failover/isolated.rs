//! A primary that is isolated from its replicas and from the sentinels, and continues for the clients that still reach
//! it.
//!
//! One of two stores asks the sentinels and so follows them to the new primary; the other is on the side of the old
//! one. Writes that the old primary acknowledges meanwhile are lost when it returns, by design of Redis. The loss must
//! be visible, and no session that was ended there may come back.

use std::collections::BTreeMap;

use session_core::{
    Error, ErrorKind, LoadOptions, SessionId,
    model::{EndReason, OpId, Stamp},
    store::{Absent, ApplyOutcome, Destroy, GapCause, LoadOutcome, SessionStore, Update},
};
use session_redis::{RedisConfig, RedisStore};
use session_testkit::{Direction, SentinelTrio, Server};

use crate::{
    ledger::Ledger,
    listener::Listener,
    load::Load,
    reaper::{end, new_session, stay_ended},
    tally::{Tally, print},
    topology::{PARTITIONS, connect, found, under_sentinel},
    until, within,
};

/// A store that knows the servers themselves, and so stays with a server while that is a primary.
pub(crate) async fn inside(trio: &SentinelTrio, old: &Server) -> RedisStore {
    let others = trio.servers().iter().filter(|server| *server != old);
    let urls: Vec<String> = std::iter::once(old).chain(others).map(Server::url).collect();
    connect(RedisConfig::default().urls(urls).partitions(PARTITIONS)).await
}

async fn ledgers(store: &RedisStore, count: usize) -> Vec<Ledger> {
    let mut ledgers = Vec::new();
    for _ in 0..count {
        ledgers.push(Ledger::open(store, SessionId::generate().unwrap(), 0, 1).await);
    }
    ledgers
}

/// The losses of the ledgers, and where their sessions are now.
async fn settle(
    store: &RedisStore,
    ledgers: &[Ledger],
    safe_from: u32,
) -> (Tally, Vec<(session_core::model::IdDigest, Stamp)>) {
    let (mut tally, mut now) = (Tally::default(), Vec::new());
    for ledger in ledgers {
        let found = found(store, ledger.id()).await;
        tally += ledger.check(&found, 1, safe_from);
        now.push((*ledger.id().digest(), found.record.stamp()));
    }
    (tally, now)
}

async fn stamp_after(store: &RedisStore, id: &SessionId) -> Stamp {
    let mut delta = session_core::model::Delta::new();
    delta.remove(session_core::model::Field::new("nothing").unwrap());
    match store.apply(id, &Update::new(OpId::generate().unwrap(), delta)).await.unwrap() {
        ApplyOutcome::Applied(applied) => applied.stamp,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_acknowledged_is_lost_visibly_and_what_it_ended_stays_ended() {
    let trio = SentinelTrio::builder().replicas(1).behind_links().start().await;
    let old = trio.primary().await;
    let (outside, inside) = (under_sentinel(&trio).await, inside(&trio, old).await);
    let (theirs, ours) = (ledgers(&outside, 4).await, ledgers(&inside, 4).await);
    let mut doomed = Vec::new();
    for _ in 0..20 {
        doomed.push(new_session(&inside, SessionId::generate().unwrap(), 1).await);
    }
    let shared = new_session(&inside, SessionId::generate().unwrap(), 1).await;
    let (mut listener, mut inner) = (Listener::start(&outside, &theirs).await, Listener::start(&inside, &ours).await);
    let (load, inner_load) = (Load::start(&outside, theirs), Load::start(&inside, ours));
    load.go_on(5).await;

    trio.link_of(old).cut().await;
    let lost_from = inner_load.next_phase();
    let safe_from = load.next_phase();
    for id in &doomed {
        end(&inside, id).await;
    }
    let forgotten = new_session(&inside, SessionId::generate().unwrap(), 0).await;
    trio.wait_for_new_primary(old).await;
    load.go_on(5).await;
    inner_load.go_on(5).await;
    let (one, other) = (stamp_after(&outside, &shared).await, stamp_after(&inside, &shared).await);
    assert!(one.version() == other.version() && one != other, "two primaries: one version, two states, two stamps");

    trio.link_of(old).heal().await;
    trio.wait_until_settled().await;
    let inner_safe_from = inner_load.next_phase();
    inner_load.go_on(5).await;
    load.go_on(5).await;
    listener.wait_for(GapCause::FailedOver).await;
    inner.wait_for(GapCause::FailedOver).await;
    let (theirs, ours) = (load.stop().await, inner_load.stop().await);

    let (tally, now) = settle(&outside, &theirs, safe_from).await;
    let (inner_tally, inner_now) = settle(&inside, &ours, inner_safe_from).await;
    let in_vain: usize = ours.iter().map(|ledger| ledger.acknowledged_since(lost_from)).sum();
    assert!(inner_tally.lost > 0, "{in_vain} updates were acknowledged since it was isolated, and none is lost?");
    print("Sentinel, primary isolated", &[("0, outside".into(), tally), ("0, inside".into(), inner_tally)]);
    let gaps: BTreeMap<_, _> = listener.check(&now).await.gaps;
    println!("outside: {gaps:?}, inside: {:?}", inner.check(&inner_now).await.gaps);

    assert_eq!(
        inside.load(&forgotten, LoadOptions::default()).await.unwrap(),
        LoadOutcome::Absent(Absent::NotFound(None)),
        "it was created there and is lost"
    );
    let all = doomed.len() as u64;
    let undone = || async { (inside.stats().destroys_undone == all).then_some(()) };
    until("all that was ended is ended again", undone).await;
    stay_ended(&inside, &doomed).await;
    stay_ended(&outside, &doomed).await;
}

fn assert_refused<T: std::fmt::Debug>(outcome: Result<T, Error>) {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("too few replicas"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_min_replicas_to_write_it_soon_takes_no_more() {
    let trio = SentinelTrio::builder().replicas(1).min_replicas_to_write(1, 1).behind_links().start().await;
    let old = trio.primary().await;
    let inside = inside(&trio, old).await;
    until("the replica is counted", || async { inside.check().await.ok() }).await;
    let mut ledger = ledgers(&inside, 1).await.remove(0);
    let doomed = new_session(&inside, SessionId::generate().unwrap(), 1).await;
    let feed = inside.feed().unwrap().subscribe().await.unwrap();
    assert!(ledger.write(&inside, 0).await);

    // The connections stay open: the primary notices only that its replica is silent.
    trio.link_of(old).hold(Direction::Requests);
    trio.link_of(old).hold(Direction::Replies);
    within("it takes no more writes", async { while ledger.write(&inside, 1).await {} }).await;
    let in_vain = ledger.acknowledged_since(1);
    for _ in 0..5 {
        assert!(!ledger.write(&inside, 1).await, "it takes writes again, without a replica");
    }
    assert_refused(inside.destroy(&doomed, &Destroy::new(OpId::generate().unwrap(), EndReason::Logout)).await);
    assert_refused(inside.check().await);
    feed.barriers().barrier(0).await.expect_err("a barrier would prolong the lease of what is stale");
    assert_refused(inside.load(ledger.id(), LoadOptions::default()).await);
    trio.wait_for_new_primary(old).await;
    assert!(!ledger.write(&inside, 1).await);

    trio.link_of(old).heal().await;
    trio.wait_until_settled().await;
    until("it goes on", || async { inside.check().await.ok() }).await;
    assert!(ledger.write(&inside, 2).await);
    let (tally, _) = settle(&inside, &[ledger], 2).await;
    println!("with min-replicas-to-write, {in_vain} updates were acknowledged in vain, and then none");
    print("Sentinel, primary isolated, min-replicas-max-lag 1", &[("0, inside".into(), tally)]);
    end(&inside, &doomed).await;
}
