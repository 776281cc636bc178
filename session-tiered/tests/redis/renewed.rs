//! A password is renewed while a node is running.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use session_core::{
    Error, ErrorKind, LoadOptions,
    store::{LoadOutcome, async_trait},
};
use session_redis::{Credentials, CredentialsProvider, CredentialsRequest, RedisConfig};
use session_testkit::Server;

use crate::{
    cache::SOUND,
    node::{HASTY, Node, Seen, step_of},
    split::Split,
    until,
};

#[derive(Clone)]
struct Vault(Arc<Mutex<&'static str>>);

#[async_trait]
impl CredentialsProvider for Vault {
    async fn credentials(&self, _: CredentialsRequest) -> Result<Credentials, Error> {
        Ok(Credentials::new().password(*self.0.lock()))
    }
}

/// While the servers refuse the old password, a node with a provider is in an outage like any other: it answers from its
/// copies if the caller allows it. The new password ends the outage, without a new store.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stale_answers_until_the_new_password_is_there() {
    let server = Server::builder().password("first").start().await;
    let vault = Vault(Arc::new(Mutex::new("first")));
    let config = RedisConfig::standalone(format!("redis://{}", server.addr())).credentials_provider(vault.clone());
    let node = Node::of(Split::none(HASTY.connect(config).await), SOUND);
    let id = node.open().await;
    node.write(&id, 1).await;
    node.warm(&id).await;

    server.command(&["CONFIG", "SET", "requirepass", "second"]).await;
    server.command(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    until("there is no lease", || async { (node.see(&id).await == Seen::Failed).then_some(()) }).await;
    let error = node.load(&id, LoadOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    let options = LoadOptions { stale_if_error: Some(Duration::from_secs(600)), ..LoadOptions::default() };
    let LoadOutcome::Found(found) = node.load(&id, options).await.unwrap() else { panic!("there is a copy") };
    assert_eq!((step_of(&found), found.staleness.is_some()), (1, true));

    *vault.0.lock() = "second";
    node.warm(&id).await;
    assert_eq!(node.hit(&id).await, Seen::Step(1));
}
