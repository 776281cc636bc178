//! Credentials that are renewed while a store is connected.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use parking_lot::Mutex;
use session_core::{
    Error, ErrorKind, LoadOptions,
    store::{SessionStore as _, async_trait},
};
use session_redis::{
    Credentials, CredentialsProvider, CredentialsRequest, RedisConfig, RedisStore, Sentinel, TlsConfig,
};
use session_testkit::{Certificates, SentinelTrio, Server};

use crate::rig::{config, connect, create, done, found, guarded, hasty, new};

/// Gives the credentials that the test has set last.
#[derive(Clone)]
struct Vault(Arc<State>);

struct State {
    servers: Mutex<Credentials>,
    sentinels: Mutex<Credentials>,
    is_broken: AtomicBool,
    asked: AtomicUsize,
    asked_after_a_refusal: AtomicUsize,
}

impl Vault {
    fn with(credentials: Credentials) -> Self {
        Self(Arc::new(State {
            servers: Mutex::new(credentials),
            sentinels: Mutex::default(),
            is_broken: AtomicBool::new(false),
            asked: AtomicUsize::new(0),
            asked_after_a_refusal: AtomicUsize::new(0),
        }))
    }

    fn renew(&self, credentials: Credentials) {
        *self.0.servers.lock() = credentials;
    }
}

#[async_trait]
impl CredentialsProvider for Vault {
    async fn credentials(&self, request: CredentialsRequest) -> Result<Credentials, Error> {
        self.0.asked.fetch_add(1, SeqCst);
        self.0.asked_after_a_refusal.fetch_add(usize::from(request.refused), SeqCst);
        if self.0.is_broken.load(SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "the vault is sealed"));
        }
        let of = if request.sentinel { &self.0.sentinels } else { &self.0.servers };
        Ok(of.lock().clone())
    }
}

fn password(password: &str) -> Credentials {
    Credentials::new().password(password)
}

/// A server with this password, at a URL without one.
async fn protected(by: &str) -> (Server, String) {
    let server = Server::builder().password(by).start().await;
    let url = format!("redis://{}", server.addr());
    (server, url)
}

async fn end_all_connections(server: &Server) {
    server.command(&["CLIENT", "KILL", "TYPE", "normal"]).await;
}

/// The refusal, which every call gets within its deadline. A write could be sent on a connection that is just being ended, and
/// its outcome would be unknown.
async fn refused(store: &RedisStore, why: &str) {
    let error = store.load(&crate::rig::draw(), LoadOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(format!("{error:?}").contains(why), "{error:?}");
    assert!(!format!("{error:?}").contains("swordfish"), "{error:?}");
}

/// Waits until calls succeed.
async fn recovered(store: &RedisStore) {
    guarded("the store is connected again", async { while store.check().await.is_err() {} }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_password_needs_no_new_store() {
    let (server, url) = protected("swordfish-1").await;
    let vault = Vault::with(password("swordfish-1"));
    // Calls of the first are to succeed, and those of the other to fail.
    let store = connect(config(url.clone()).credentials_provider(vault.clone())).await;
    let hasty = connect(hasty(url).credentials_provider(vault.clone())).await;
    let (id, _) = create(&store, &new()).await;
    assert_eq!(vault.0.asked_after_a_refusal.load(SeqCst), 0);

    server.command(&["CONFIG", "SET", "requirepass", "swordfish-2"]).await;
    found(&store, &id).await; // a connection that is open stays so
    end_all_connections(&server).await;
    refused(&hasty, "does not accept").await;
    assert!(vault.0.asked_after_a_refusal.load(SeqCst) > 0);

    vault.renew(password("swordfish-2"));
    recovered(&hasty).await;
    found(&store, &id).await;
}

/// A password that is renewed in time costs nothing: a call that finds no connection waits for the next one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_is_renewed_in_time() {
    let (server, url) = protected("swordfish-1").await;
    let vault = Vault::with(password("swordfish-1"));
    let store = connect(config(url).credentials_provider(vault.clone())).await;
    server.command(&["CONFIG", "SET", "requirepass", "swordfish-2"]).await;
    vault.renew(password("swordfish-2"));
    let asked = vault.0.asked.load(SeqCst);
    end_all_connections(&server).await;
    done(store.check().await);
    assert_eq!(vault.0.asked.load(SeqCst), asked + 1, "once for each connection");
}

/// Another user takes over. The connections of the old one end with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_user() {
    let server = Server::builder().acl_user("default off").start().await;
    server.command(&["ACL", "SETUSER", "blue", "on", ">swordfish", "~*", "&*", "+@all"]).await.expect("ACL");
    let vault = Vault::with(password("swordfish").username("blue"));
    let url = format!("redis://{}", server.addr());
    let store = connect(config(url).credentials_provider(vault.clone())).await;
    server.command(&["ACL", "SETUSER", "green", "on", ">swordfish-2", "~*", "&*", "+@all"]).await.expect("ACL");
    vault.renew(password("swordfish-2").username("green"));
    server.command(&["ACL", "DELUSER", "blue"]).await;
    done(store.check().await);
    let clients = server.command(&["CLIENT", "LIST", "TYPE", "NORMAL"]).await.text();
    assert!(clients.contains("user=green") && !clients.contains("user=blue"), "{clients}");
}

/// The server trusts another authority from now on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_certificate() {
    let (own, other) = (Certificates::new(), Certificates::another_authority());
    let server = Server::builder().tls(&own).require_client_certificate().start().await;
    let tls = |of: &Certificates| TlsConfig::new().ca(own.ca_pem()).client(of.client_cert_pem(), of.client_key_pem());
    let vault = Vault::with(Credentials::new().tls(tls(&own)));
    let at = |config: RedisConfig| config.connect_deadline(Duration::from_secs(10)).credentials_provider(vault.clone());
    let store = connect(at(config(server.tls_url()))).await;
    let hasty = connect(at(hasty(server.tls_url()).call_deadline(Duration::from_secs(3)))).await;
    let (id, _) = create(&store, &new()).await;

    let trusted = other.ca_file();
    let order = ["CONFIG", "SET", "tls-ca-cert-file", trusted.to_str().unwrap()];
    server.command(&order).await.expect("CONFIG SET");
    end_all_connections(&server).await;
    refused(&hasty, "TLS handshake").await;
    vault.renew(Credentials::new().tls(tls(&other)));
    recovered(&hasty).await;
    found(&store, &id).await;
}

/// Nor does a store start with refused credentials, or without any.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_fails() {
    let (server, url) = protected("swordfish").await;
    let vault = Vault::with(password("swordfish-not"));
    let config = || hasty(url.clone()).credentials_provider(vault.clone());
    let error = RedisStore::builder(config()).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    vault.renew(password("swordfish"));
    let store = connect(config()).await;
    vault.0.is_broken.store(true, SeqCst);
    end_all_connections(&server).await;
    refused(&store, "provider of credentials failed").await;
    vault.0.is_broken.store(false, SeqCst);
    recovered(&store).await;
}

/// TLS material for a plain URL, or a user without a password, is told as such.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_cannot_be_used() {
    let server = Server::start().await;
    for credentials in [Credentials::new().tls(TlsConfig::new()), Credentials::new().username("shop")] {
        let config = hasty(server.url()).credentials_provider(Vault::with(credentials));
        let error = RedisStore::builder(config).connect().await.unwrap_err();
        assert!(format!("{error:?}").contains("cannot be used"), "{error:?}");
    }
}

/// The provider is told which are asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_have_credentials_of_their_own() {
    let trio = SentinelTrio::builder()
        .each(|server| server.password("swordfish"))
        .each_sentinel(|sentinel| sentinel.password("watchword"))
        .start()
        .await;
    let urls: Vec<_> = trio.sentinels().iter().map(|sentinel| format!("redis://{}", sentinel.addr())).collect();
    let vault = Vault::with(password("swordfish"));
    *vault.0.sentinels.lock() = password("watchword");
    let config = RedisConfig::sentinel(urls, Sentinel::new(trio.master_name())).call_deadline(Duration::from_secs(20));
    let store = connect(config.credentials_provider(vault)).await;
    create(&store, &new()).await;
}
