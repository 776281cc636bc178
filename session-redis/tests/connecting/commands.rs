//! Servers that miss what the store needs: a command, a version, a place for one more client.

use std::time::Duration;

use session_core::ErrorKind;
use session_redis::RedisStore;
use session_testkit::Server;

use crate::{
    rig::{TOMBSTONE, configuration, guarded, patient},
    stub::Stub,
};

/// A command that the configuration has renamed or disabled is named at once: all deadlines are far away.
#[tokio::test]
async fn renamed_commands() {
    for command in ["HELLO", "SCRIPT", "EVALSHA", "HSET", "GETEX", "PUBLISH", "PEXPIRETIME"] {
        let server = Server::builder().config("rename-command", format!("{command} \"\"")).start().await;
        let connecting =
            RedisStore::builder(patient(server.url()).password("swordfish")).tombstone(TOMBSTONE).connect();
        let error = guarded(connecting).await.expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::Configuration, "{command}: {error:?}");
        let text = format!("{error} {error:?}");
        for expected in [command, "rename-command", &server.addr().to_string()] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        assert!(!text.contains("swordfish"), "{text}");
    }
}

#[tokio::test]
async fn servers_that_are_too_old() {
    for (server, version) in [("redis", "6.2.14"), ("redis", "5.0.7"), ("valkey", "7.1.9")] {
        let stub = Stub::start(server, version).await;
        let builder = RedisStore::builder(patient(stub.url())).tombstone(TOMBSTONE);
        let error = configuration(guarded(builder.clone().connect()).await);
        for expected in [server, version, "Redis 7.0", "Valkey 7.2", &stub.url()["redis://".len()..]] {
            assert!(error.contains(expected), "{error}");
        }
        let lazy = builder.connect_lazy().unwrap();
        let error = configuration(guarded(session_core::store::SessionStore::check(&lazy)).await);
        assert!(error.contains(version), "{error}");
    }
}

/// It passes, so the store goes on trying.
#[tokio::test]
async fn too_many_clients() {
    let server = Server::builder().config("maxclients", 1).start().await;
    let config = patient(server.url()).start_deadline(Duration::from_millis(300));
    // The only place.
    let mut other = server.connect().await.unwrap();
    other.command(&["PING"]).await.unwrap();
    let error = guarded(RedisStore::builder(config).tombstone(TOMBSTONE).connect()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("maxclients"), "{error}");
    assert!(error.to_string().contains(&server.addr().to_string()), "{error}");
    let lazy = RedisStore::builder(patient(server.url())).tombstone(TOMBSTONE).connect_lazy().unwrap();
    let check = tokio::spawn(async move { session_core::store::SessionStore::check(&lazy).await });
    drop(other);
    guarded(check).await.unwrap().unwrap();
}
