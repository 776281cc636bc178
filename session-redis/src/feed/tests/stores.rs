//! Against real servers, with real stores as publishers: the feed reads what scripts publish.

use std::{sync::Arc, time::Duration};

use session_core::{
    Expiry, SessionId,
    model::{EndReason, OpId},
    store::{
        ChangeFeed as _, ChangeKind, Destroy, FeedItem, NewSession, Rotation, RotationKind, SessionStore as _, Update,
    },
};
use session_testkit::Server;

use super::{
    super::{Channels, Feed, FeedOptions},
    announcement::delta,
    rig::next,
};
use crate::{RedisConfig, RedisStore};

/// The feed of a store, over the store's own servers.
pub(super) fn feed_of(store: &RedisStore, sharded: bool, options: FeedOptions) -> Feed {
    let inner = &store.inner;
    Feed::new(Arc::new(inner.net.clone()), Channels::of(&inner.layout, sharded), options, inner.settings.origin)
}

pub(super) fn new_session() -> NewSession {
    NewSession { entries: delta(), ..NewSession::generate(Expiry::idle(Duration::from_secs(600))).unwrap() }
}

#[tokio::test]
async fn the_life_of_a_session() {
    let server = Server::start().await;
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let feed = feed_of(&store, false, FeedOptions::default());
    let mut items = feed.subscribe().await.unwrap();

    let (id, op) = (SessionId::generate().unwrap(), || OpId::generate().unwrap());
    let (moved, new) = (id.generate_sibling().unwrap(), new_session());
    store.create(&id, &new).await.unwrap();
    store.apply(&id, &Update::new(op(), delta())).await.unwrap();
    let rotation = Rotation { delta: delta(), ..Rotation::new(op(), moved, RotationKind::Privilege) };
    store.rotate(&id, &rotation).await.unwrap();
    let destroy = Destroy::new(op(), EndReason::Logout);
    store.destroy(&moved, &destroy).await.unwrap();
    // A repeat changes nothing, and is not published.
    store.destroy(&moved, &destroy).await.unwrap();

    let partition = id.digest().partition() & (feed.partitions() - 1) as u16;
    let barrier = items.barriers().barrier(partition).await.unwrap();
    let mut changes = Vec::new();
    loop {
        match next(&mut items).await.unwrap() {
            FeedItem::Change(change) => changes.push(change),
            FeedItem::Barrier(_, id) if id == barrier => break,
            other => panic!("{other:?}"),
        }
    }
    let rotated = ChangeKind::Rotated { to: *moved.digest(), kind: RotationKind::Privilege };
    let kinds: Vec<_> = changes.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [ChangeKind::Created, ChangeKind::Applied, rotated, ChangeKind::Destroyed(EndReason::Logout)]);
    let carried: Vec<_> = changes.iter().map(|change| change.delta.as_deref() == Some(&delta())).collect();
    assert_eq!(carried, [true, true, true, false]);
    assert_eq!((changes[0].before, changes[0].after), (None, Some(new.stamp())));
    for two in changes.windows(2) {
        assert_eq!((two[1].sequence, two[1].before), (two[0].sequence + 1, two[0].after));
    }
    assert_eq!(changes[3].after, None);
    assert!(changes.iter().all(|change| change.origin == feed.origin() && change.partition == partition));
    let digests: Vec<_> = changes.iter().map(|change| change.digest).collect();
    assert_eq!(digests, [*id.digest(), *id.digest(), *id.digest(), *moved.digest()]);
}

#[tokio::test]
async fn the_most_partitions_there_can_be() {
    let server = Server::start().await;
    let store = RedisStore::builder(RedisConfig::standalone(server.url()).partitions(4_096)).connect().await.unwrap();
    let feed = feed_of(&store, false, FeedOptions::default());
    let mut items = feed.subscribe().await.unwrap();
    let id = SessionId::generate().unwrap();
    store.create(&id, &new_session()).await.unwrap();
    match next(&mut items).await {
        Some(FeedItem::Change(change)) => assert_eq!(change.digest, *id.digest()),
        other => panic!("{other:?}"),
    }
}

/// Uses connections without preparing them.
struct Unprepared;

impl crate::net::ConnectionHooks for Unprepared {
    fn prepare<'a>(
        &'a self,
        _: &'a mut redis::aio::MultiplexedConnection,
    ) -> futures_util::future::BoxFuture<'a, Result<(), crate::net::Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn primary_regained(&self) {}
}

/// A user without the permission to subscribe gets an error at once, with the remedy.
#[tokio::test]
async fn a_user_without_the_channels_gets_the_remedy() {
    let server = Server::builder().acl_user("deaf on >secret ~* resetchannels +@all").start().await;
    let config = RedisConfig::standalone(server.url_as("deaf", "secret"));
    let net = crate::net::Net::connect(&config, Arc::new(Unprepared)).await.unwrap();
    let feed = super::rig::feed(Arc::new(net), FeedOptions::default());
    let error = feed.subscribe().await.unwrap_err();
    assert_eq!(error.kind(), session_core::ErrorKind::Configuration);
    assert!(error.to_string().contains("permit"), "{error}");
}
