//! An update reaches the server after its call has ended.

use std::time::Duration;

use session_core::{
    ErrorKind, LoadOptions,
    store::{Applied, ApplyOutcome, LoadOutcome, SessionStore as _, Update},
};
use session_redis::RedisStore;
use session_testkit::{Direction, LinkCutter, Server};
use tokio::time::Instant;

use crate::{
    belongings::key_of,
    rig::{HASTE, config, connect, create, done, found, kind, new, op, set, start, update, value},
};

async fn apply(store: &RedisStore, id: &session_core::SessionId, update: &Update) -> Applied {
    match done(store.apply(id, update).await) {
        ApplyOutcome::Applied(applied) => applied,
        other => panic!("{other:?}"),
    }
}

/// The network holds the bytes of an update until the session has forgotten everything about that time. The server then
/// reads them, and applies nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_that_was_held_back_is_not_applied() {
    let server = Server::start().await;
    let link = LinkCutter::to(server.addr()).await;
    let near = connect(config(server.url())).await;
    // It keeps its connection for longer than the test takes.
    let far = config(link.url()).call_deadline(HASTE).health_interval(Duration::from_secs(60));
    let far = connect(far).await;
    let (id, _) = create(&near, &new()).await;

    let began = Instant::now();
    let known = found(&near, &id).await.now;

    // The first call of this store.
    link.hold(Direction::Requests);
    assert_eq!(kind(far.apply(&id, &update("theme", "held back")).await), ErrorKind::OutcomeUnknown);
    assert!(link.held_bytes(Direction::Requests) > 0);
    // The server's clock has to show that the call has ended.
    let ended = known.after(began.elapsed());
    let mut updates = 0;
    while apply(&near, &id, &update("theme", "newer")).await.now <= ended || updates < 20 {
        updates += 1;
    }
    let before = found(&near, &id).await.record;
    link.release(Direction::Requests);
    // The answer to this load follows that to the update.
    let LoadOutcome::Found(after) = done(far.load(&id, LoadOptions::default()).await) else { panic!("it is there") };
    assert_eq!(after.record, before);
    assert_eq!((far.stats().reconnects, after.record.state().get("theme")), (0, Some(&value("newer"))));
}

/// A server whose clock is ten minutes ahead of what it showed before refuses the update, which is then sent again with the
/// right time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_refuses_no_update() {
    let (server, store) = start().await;
    let (id, _) = create(&store, &new()).await;
    let now = found(&store, &id).await.now;
    // Scripts learn the time from what is left of a key's life.
    let (key, jump) = (key_of(&server, &id).await, 600_000);
    let left = server.command(&[b"PTTL".as_slice(), &key]).await.int();
    let less = (left - jump).to_string();
    server.command(&[b"PEXPIRE".as_slice(), &key, less.as_bytes()]).await.expect("PEXPIRE");

    let applied = apply(&store, &id, &update("theme", "dark")).await;
    assert!(applied.now.as_millis() - now.as_millis() >= jump as u64);
    assert!(!applied.repeated);
    assert_eq!(found(&store, &id).await.record.stamp().version(), 2);
    // The limit of the caller itself is kept.
    let limited = Update { not_after: Some(now), ..Update::new(op(), set("theme", "light")) };
    assert_eq!(kind(store.apply(&id, &limited).await), ErrorKind::Unavailable);
    assert_eq!(found(&store, &id).await.record.stamp(), applied.stamp);
}
