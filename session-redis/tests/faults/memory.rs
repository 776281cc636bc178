//! The server is out of memory and may not evict keys.

use session_core::{
    ErrorKind,
    model::EndReason,
    store::{
        Destroy, DestroyOutcome, Rotation, RotationKind, SessionLock as _, SessionStore as _, TouchOptions,
        TouchOutcome,
    },
};

use crate::{
    belongings::{Belongings, Listener},
    rig::{LEASE, create, done, draw, found, kind, new, op, sign_in, signed_in, start, update},
    writer::{Load, OnError, Writer},
};

/// An operation that takes memory is refused as a whole; one that frees memory, or keeps a session alive, works.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn out_of_memory() {
    let (server, store) = start().await;
    let (id, stamp) = create(&store, &new()).await;
    let (doomed, _) = create(&store, &new()).await;
    server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let before = Belongings::of(&server).await;
    let mut listener = Listener::to(&server).await;

    let rotation = Rotation::new(op(), id.generate_sibling().unwrap(), RotationKind::Renew);
    let refusals = [
        kind(store.create(&draw(), &new()).await),
        kind(store.create(&draw(), &signed_in()).await),
        kind(store.apply(&id, &update("theme", "dark")).await),
        kind(store.rotate(&id, &rotation).await),
        kind(store.rotate(&id, &Rotation { sign_in: Some(sign_in()), ..rotation.clone() }).await),
        kind(store.acquire(&id, op(), LEASE).await),
    ];
    assert_eq!(refusals, [ErrorKind::Unavailable; 6]);
    let error = store.apply(&id, &update("theme", "dark")).await.unwrap_err();
    assert!(error.to_string().contains("out of memory"), "{error}");
    assert!(error.is_answered(), "the server works, and refuses only what takes memory");
    assert_eq!(before.differences(&Belongings::of(&server).await), Vec::<String>::new());
    assert_eq!(listener.received().await, 0, "a refusal is not published");

    assert_eq!(found(&store, &id).await.record.stamp(), stamp);
    done(store.check().await);
    let idle = TouchOptions { idle: Some(std::time::Duration::from_secs(7_200)), ..TouchOptions::default() };
    assert!(matches!(done(store.touch(&id, idle).await), TouchOutcome::Touched(_)));
    let destroy = Destroy::new(op(), EndReason::Logout);
    assert_eq!(
        done(store.destroy(&doomed, &destroy).await),
        DestroyOutcome::Destroyed { replicas: None, forwarded: None }
    );

    server.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
    done(store.rotate(&id, &rotation).await);
    done(store.apply(&id, &update("theme", "dark")).await);
}

/// Memory runs short under load: each refused update is applied once, later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn short_of_memory_under_load() {
    let (server, store) = start().await;
    let load = Load::start(&store, Writer::crowd(&store, 4).await, OnError::Retry);
    for _ in 0..5 {
        load.progress(20).await;
        server.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
        load.failures(20).await;
        server.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
    }
    load.progress(20).await;
    load.check(&store).await;
}
