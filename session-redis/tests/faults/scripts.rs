//! The server forgets the scripts.

use session_core::{
    model::EndReason,
    store::{Destroy, Rotation, RotationKind, SessionLock as _, SessionStore as _, TouchOptions},
};
use session_testkit::{Direction, LinkCutter};

use crate::{
    rig::{LEASE, config, connect, create, done, draw, guarded, new, op, signed_in, start, update},
    writer::{Load, OnError, Writer},
};

/// Between calls: no error, and exactly two more round trips (the script is loaded, then called again).
#[tokio::test]
async fn forgotten_between_calls() {
    let (server, _) = start().await;
    let cutter = LinkCutter::to(server.addr()).await;
    // No health check happens meanwhile.
    let quiet = config(cutter.url()).health_interval(std::time::Duration::from_secs(600));
    let store = connect(quiet).await;
    let (id, _) = create(&store, &new()).await;
    let recording = cutter.record();
    done(store.apply(&id, &update("theme", "dark")).await);
    let usual = recording.round_trips();
    assert_eq!(usual, 1);
    let to = id.generate_sibling().unwrap();
    for call in 0..6 {
        server.command(&["SCRIPT", "FLUSH"]).await;
        recording.clear();
        match call {
            0 => drop(done(store.apply(&id, &update("theme", "light")).await)),
            1 => drop(done(store.touch(&id, TouchOptions::default()).await)),
            2 => drop(done(store.create(&draw(), &new()).await)),
            3 => {
                let _ = done(store.acquire(&id, op(), LEASE).await);
            }
            4 => drop(done(store.rotate(&id, &Rotation::new(op(), to, RotationKind::Renew)).await)),
            _ => drop(done(store.destroy(&to, &Destroy::new(op(), EndReason::Logout)).await)),
        }
        assert_eq!(recording.round_trips(), 2, "call {call}: {:?}", recording.commands());
    }
    server.command(&["SCRIPT", "FLUSH"]).await;
    // Two scripts: the list's and the session's.
    create(&store, &signed_in()).await;
    assert_eq!(store.stats().resends, 0, "forgetting is no failure");
}

/// In the middle of a call: after the script was loaded and before it is called.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgotten_before_it_was_used() {
    let (server, _) = start().await;
    let cutter = LinkCutter::to(server.addr()).await;
    let store = connect(config(cutter.url()).health_interval(std::time::Duration::from_secs(600))).await;
    let (id, _) = create(&store, &new()).await;
    server.command(&["SCRIPT", "FLUSH"]).await;
    cutter.hold(Direction::Replies);
    let call = tokio::spawn(async move { store.apply(&id, &update("theme", "dark")).await });
    // The server does not know the script. Its answer causes the next request, which is held until answers are
    // released.
    cutter.wait_for_held(Direction::Replies, 1).await;
    cutter.hold(Direction::Requests);
    cutter.release(Direction::Replies);
    cutter.wait_for_held(Direction::Requests, 1).await;
    cutter.hold(Direction::Replies);
    cutter.release(Direction::Requests);
    // The script is loaded.
    cutter.wait_for_held(Direction::Replies, 1).await;
    server.command(&["SCRIPT", "FLUSH"]).await;
    cutter.heal().await;
    done(guarded("the call ends", call).await.unwrap());
}

/// During calls, repeatedly: no call fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgotten_during_calls() {
    let (server, store) = start().await;
    let load = Load::start(&store, Writer::crowd(&store, 8).await, OnError::Retry);
    for _ in 0..50 {
        server.command(&["SCRIPT", "FLUSH"]).await;
        load.progress(20).await;
    }
    assert_eq!(load.failed(), 0, "a forgotten script is sent again");
    load.check(&store).await;
}
