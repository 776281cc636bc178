//! A node starts while the server accepts no writes. The layout is there, so nothing needs to be written.

use session_core::{ErrorKind, LoadOptions, store::SessionStore as _};
use session_redis::RedisStore;
use session_testkit::Server;

use crate::rig::{TOMBSTONE, create, guarded, load, patient};

async fn connect(server: &Server) -> RedisStore {
    guarded(RedisStore::builder(patient(server.url())).tombstone(TOMBSTONE).connect()).await.unwrap()
}

#[tokio::test]
async fn out_of_memory() {
    let server = Server::start().await;
    let id = create(&connect(&server).await).await;
    server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await.expect("CONFIG");
    server.command(&["CONFIG", "SET", "maxmemory", "1"]).await.expect("CONFIG");
    let store = connect(&server).await;
    load(&store, &id).await;
    server.command(&["CONFIG", "SET", "maxmemory", "0"]).await.expect("CONFIG");
    create(&store).await;
}

#[tokio::test]
async fn it_cannot_save() {
    let server = Server::start().await;
    let id = create(&connect(&server).await).await;
    // A directory in place of the file.
    let in_the_way = server.dir().join("dump.rdb");
    std::fs::create_dir_all(in_the_way.join("in the way")).unwrap();
    server.command(&["CONFIG", "SET", "save", "3600 1"]).await.expect("CONFIG");
    server.command(&["BGSAVE"]).await.expect("BGSAVE");
    server
        .wait("the save fails", async || {
            server.command(&["SET", "any", "thing"]).await.error()?.starts_with("MISCONF").then_some(())
        })
        .await;
    let store = connect(&server).await;
    load(&store, &id).await;
    let error = guarded(store.check()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_answered()), (ErrorKind::Unavailable, true));
    std::fs::remove_dir_all(in_the_way).unwrap();
    server.command(&["SAVE"]).await.expect("SAVE");
    create(&store).await;
}

/// Reads are refused too: such a primary may have been replaced. The node is there when the replicas are.
#[tokio::test]
async fn replicas_are_missing() {
    let server = Server::start().await;
    let id = create(&connect(&server).await).await;
    server.command(&["CONFIG", "SET", "min-replicas-to-write", "1"]).await.expect("CONFIG");
    let store = connect(&server).await;
    let error = guarded(store.load(&id, LoadOptions::default())).await.unwrap_err();
    assert_eq!((error.kind(), error.is_answered()), (ErrorKind::Unavailable, true));
    server.command(&["CONFIG", "SET", "min-replicas-to-write", "0"]).await.expect("CONFIG");
    guarded(async { while store.check().await.is_err() {} }).await;
    load(&store, &id).await;
}

/// There is no layout, and it cannot be stored. The text has the reason.
#[tokio::test]
async fn an_empty_server() {
    let server = Server::builder().config("min-replicas-to-write", 1).start().await;
    let error = guarded(RedisStore::builder(patient(server.url())).tombstone(TOMBSTONE).connect()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_answered()), (ErrorKind::Unavailable, true));
    assert!(error.to_string().contains("too few replicas"), "{error}");
}
