//! An attempt is lost, and its repeat meets another state.

use std::time::Duration;

use session_core::{
    ErrorKind, SessionCap,
    model::EndReason,
    store::{Absent, CreateOutcome, LoadOutcome, NewSession, SessionIndex as _, SessionStore as _},
};
use session_testkit::{Reply, Server};

use crate::{
    answers::Way,
    belongings::{key_of, keys},
    rig::{alice, config, connect, create, done, draw, found, guarded, kind, load, new, sign_in, signed_in, start},
};

/// "Unavailable" would mean that nothing was changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_is_refused_when_sent_again_is_unknown() {
    let way = Way::open().await;
    let (id, request) = (draw(), new());
    let (store, sent) = (way.store.clone(), request.clone());
    let call = async move { store.create(&id, &sent).await };
    let happened = async |server: &Server| {
        let there = !keys(server, "faults:1:*:s:*").await.is_empty();
        if there {
            server.command(&["CONFIG", "SET", "maxmemory", "1"]).await.expect("CONFIG");
        }
        there
    };
    assert_eq!(kind(way.lose(call, happened).await), ErrorKind::OutcomeUnknown);
    assert_eq!(found(&way.store, &id).await.record.stamp(), request.stamp(), "it had happened");
    way.server.command(&["CONFIG", "SET", "maxmemory", "0"]).await.expect("CONFIG");
    let CreateOutcome::Created(again) = done(way.store.create(&id, &request).await) else { panic!("it is there") };
    assert!(again.repeated);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_that_is_sent_again_has_ended_the_session() {
    let way = Way::open().await;
    let (id, _) = create(&way.store, &signed_in()).await;
    let key = key_of(&way.server, &id).await;
    let store = way.store.clone();
    let call = async move { store.revoke(&alice(), id.digest(), EndReason::Revoked).await };
    let ended = async |server: &Server| server.command(&[b"HLEN".as_slice(), &key]).await.int() == 1;
    assert!(done(way.lose(call, ended).await), "it was this call that ended it");
    assert!(!done(way.store.revoke(&alice(), id.digest(), EndReason::Revoked).await), "and no other");
}

/// The first attempt created the session, and did not get as far as ending the oldest one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_sign_in_ends_the_oldest() {
    let (_server, store) = start().await;
    let (oldest, _) = create(&store, &signed_in()).await;
    tokio::time::sleep(Duration::from_millis(2)).await;
    let first = signed_in();
    let (id, _) = create(&store, &first).await;
    let again = NewSession { sign_in: Some(sign_in().with_cap(SessionCap::EndOldest(1))), ..first };
    let CreateOutcome::Created(again) = done(store.create(&id, &again).await) else { panic!("it is there") };
    assert!(again.repeated);
    let LoadOutcome::Absent(Absent::NotFound(Some(ended))) = load(&store, &oldest).await else {
        panic!("there is one too many")
    };
    assert_eq!(ended.reason, EndReason::Limit);
    found(&store, &id).await;
}

/// A reader of the list finds a session gone. Before its entry is removed, the session is listed anew and stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_listed_anew_stays_listed() {
    let way = Way::open().await;
    let near = connect(config(way.server.url())).await;
    let request = signed_in();
    let (id, _) = create(&near, &request).await;
    // As if it had been lost long ago.
    let digest = id.digest().to_bytes();
    let key = key_of(&way.server, &id).await;
    way.server.command(&[b"DEL".as_slice(), &key]).await.expect("DEL");
    let list = keys(&way.server, "faults:1:*:p:*").await.remove(0);
    let Reply::Bulk(mut entry) = way.server.command(&[b"HGET".as_slice(), &list, &digest]).await else {
        panic!("listed")
    };
    entry[7..14].fill(0);
    way.server.command(&[b"HSET".as_slice(), &list, &digest, &entry]).await.expect("HSET");
    // Answers are delayed, so that it is stored after the last of them and before their consequences.
    let mut monitor = way.server.connect().await.expect("a connection");
    monitor.command(&["MONITOR"]).await.expect("MONITOR");
    way.delay(Duration::from_millis(500));
    let far = way.store.clone();
    let listing = tokio::spawn(async move { far.sessions(&alice(), 10).await });
    guarded("the session is looked for", async {
        while !format!("{:?}", monitor.receive().await.expect("MONITOR")).contains("@c") {}
    })
    .await;
    let CreateOutcome::Created(_) = done(near.create(&id, &request).await) else { panic!("it was not there") };
    assert_eq!(done(listing.await.expect("a list")).len(), 0);
    assert_eq!(done(near.sessions(&alice(), 10).await).len(), 1, "it cannot be revoked any more");
}
