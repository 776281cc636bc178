//! Users that the server refuses, or restricts.

use std::time::Duration;

use session_core::{Error, ErrorKind};
use session_redis::{ACL_RULE, RedisConfig, RedisStore, TlsConfig};
use session_testkit::{Certificates, Server};

use crate::rig::{PREFIX, config, create, done, new, update};

const PASSWORD: &str = "hunter2-of-the-shop";

/// The rule in the documentation, for this prefix.
pub(crate) fn rule() -> String {
    let rule = ACL_RULE.replace("user <name>", "shop").replace("<password>", PASSWORD).replace("<prefix>", PREFIX);
    rule.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Connects as the user of that rule.
pub(crate) fn as_shop(config: RedisConfig) -> RedisConfig {
    config.username("shop").password(PASSWORD)
}

/// Permissions that only a cluster needs.
const OF_CLUSTERS: [&str; 4] = ["cluster|slots", "asking", "spublish", "ssubscribe"];

/// The configuration must be refused at once: all deadlines are far away.
async fn refused(config: RedisConfig) -> Error {
    let patient = config.call_deadline(Duration::from_secs(50)).connect_deadline(Duration::from_secs(50));
    let shown = format!("{patient:?}");
    assert!(!shown.contains(PASSWORD) && !shown.contains("PRIVATE KEY"), "{shown}");
    let attempt = tokio::time::timeout(Duration::from_secs(20), RedisStore::builder(patient).connect()).await;
    let error = attempt.unwrap_or_else(|_| panic!("it is refused at once: {shown}")).expect_err("it is refused");
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error:?}");
    let mut shown_error = format!("{error} {error:?}");
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        shown_error += &format!(" {cause} {cause:?}");
        source = cause.source();
    }
    assert!(!shown_error.contains(PASSWORD) && !shown_error.contains("PRIVATE KEY"), "{shown_error}");
    error
}

/// With one permission less the store names it, and has written nothing.
#[tokio::test]
async fn one_permission_less() {
    let server = Server::start().await;
    let rule = rule();
    let permissions: Vec<&str> = rule.split(' ').filter_map(|word| word.strip_prefix('+')).collect();
    assert!(permissions.len() > 25);
    for permission in &permissions {
        let less: Vec<String> =
            rule.split(' ').filter(|word| word.strip_prefix('+') != Some(permission)).map(str::to_owned).collect();
        let words: Vec<String> = ["ACL", "SETUSER"].map(str::to_owned).into_iter().chain(less).collect();
        server.command(&["ACL", "DELUSER", "shop"]).await;
        server.command(&words).await.expect("ACL SETUSER");
        let config = as_shop(config(server.url()));
        if OF_CLUSTERS.contains(permission) {
            done(RedisStore::builder(config).connect().await);
            server.command(&["FLUSHALL"]).await;
            continue;
        }
        let error = refused(config).await;
        let name = permission.replace('|', " ");
        assert!(error.to_string().to_lowercase().contains(&name), "{permission}: {error}");
        assert_eq!(server.command(&["DBSIZE"]).await.int(), 0, "{permission}");
    }
}

/// With keys or channels of another prefix.
#[tokio::test]
async fn other_keys_or_channels() {
    let server = Server::start().await;
    for (pattern, named) in [("~", "hset"), ("&", "publish")] {
        let word = format!("{pattern}{PREFIX}:*");
        let other = rule().replace(&word, &format!("{pattern}other:*"));
        server.command(&["ACL", "DELUSER", "shop"]).await;
        let words: Vec<&str> = ["ACL", "SETUSER"].into_iter().chain(other.split(' ')).collect();
        server.command(&words).await.expect("ACL SETUSER");
        let error = refused(as_shop(config(server.url()))).await;
        assert!(error.to_string().to_lowercase().contains(named), "{error}");
        assert_eq!(server.command(&["DBSIZE"]).await.int(), 0);
    }
}

/// The rule by itself permits everything that the store does.
#[tokio::test]
async fn the_rule_is_enough() {
    let server = Server::builder().acl_user(&rule()).acl_user("default off").start().await;
    let store = crate::rig::connect(as_shop(config(server.url()))).await;
    let (id, _) = create(&store, &new()).await;
    done(session_core::store::SessionStore::apply(&store, &id, &update("theme", "dark")).await);
}

/// A wrong password, no password, and an unknown user.
#[tokio::test]
async fn wrong_credentials() {
    let server = Server::builder().acl_user(&rule()).acl_user("default off").start().await;
    let url = || config(server.url());
    refused(url().username("shop").password(format!("{PASSWORD}-not"))).await;
    refused(url().username("nobody").password(PASSWORD)).await;
    refused(url()).await;
    refused(config(server.url_as("shop", "wrong"))).await;
    let protected = Server::builder().password("another").start().await;
    refused(config(format!("redis://:{PASSWORD}@127.0.0.1:{}", protected.port()))).await;
    assert_eq!(protected.command(&["DBSIZE"]).await.int(), 0);
}

/// Certificates that do not match, on either side.
#[tokio::test]
async fn wrong_certificates() {
    let right = Certificates::new();
    let server = Server::builder().tls(&right).require_client_certificate().start().await;
    let with = |ca: &Certificates| TlsConfig::new().ca(ca.ca_pem());
    let client = |tls: TlsConfig, of: &Certificates| tls.client(of.client_cert_pem(), of.client_key_pem());
    let at = |tls: TlsConfig| config(server.tls_url()).tls(tls).password(PASSWORD);
    let other = Certificates::another_authority();
    refused(at(client(with(&other), &right))).await;
    refused(at(with(&right))).await;
    refused(at(client(with(&right), &other))).await;
    refused(at(client(with(&right), &Certificates::expired()))).await;
    // By name, since the URL says localhost.
    for wrong in [Certificates::expired(), Certificates::for_names(&["elsewhere.example"])] {
        let server = Server::builder().tls(&wrong).start().await;
        refused(config(server.tls_url()).tls(with(&wrong))).await;
        assert_eq!(server.command(&["DBSIZE"]).await.int(), 0);
    }
    let good = config(server.tls_url()).tls(client(with(&right), &right));
    crate::rig::connect(good).await;
}
