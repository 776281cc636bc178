//! One server, with one problem at a time.

use session_redis::{
    RedisConfig,
    doctor::{Doctor, Report, Severity},
};
use session_testkit::{Certificates, Persistence, Server, ServerBuilder};

use crate::fixture::{as_doctor, assert_found, assert_healthy, assert_only, examine, healthy, problems, store};

async fn start(change: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Server {
    change(healthy(Server::builder())).start().await
}

/// The report about a healthy server after a command.
async fn after(command: &[&str]) -> Report {
    let server = start(|server| server).await;
    server.command(command).await.expect("the command succeeds");
    examine(RedisConfig::standalone(server.url())).await
}

#[tokio::test]
async fn a_healthy_server() {
    let server = start(|server| server).await;
    store(RedisConfig::standalone(server.url())).await.create().unwrap().commit().await.unwrap();
    let report = examine(RedisConfig::standalone(server.url())).await;
    assert_healthy(&report);
    for check in
        ["eviction", "persistence", "default-user", "acl-missing", "acl-breadth", "pubsub-buffer", "partitions"]
    {
        assert_found(&report, Severity::Ok, check, "");
    }
    assert_found(&report, Severity::Info, "replicas", "no replica");
}

/// The server's counts of commands and its log of refusals are the evidence.
#[tokio::test]
async fn it_only_reads() {
    let server = start(|server| server).await;
    store(RedisConfig::standalone(server.url())).await.create().unwrap().commit().await.unwrap();
    server.command(&["CONFIG", "RESETSTAT"]).await.expect("counters start anew");
    let report = examine(RedisConfig::standalone(server.url())).await;
    assert_healthy(&report);
    let stats = server.command(&["INFO", "commandstats"]).await.text();
    let reads = [
        "acl|dryrun",
        "acl|getuser",
        "acl|users",
        "config|get",
        "get",
        "hello",
        "hget",
        "info",
        "memory|usage",
        "object|encoding",
        "pttl",
        "scan",
        "time",
        "type",
    ];
    // The test itself sends these.
    let ours = ["auth", "config|resetstat"];
    for line in stats.lines().filter_map(|line| line.strip_prefix("cmdstat_")) {
        let name = line.split(':').next().unwrap_or_default();
        assert!(reads.contains(&name) || ours.contains(&name), "{name} was sent");
    }
    assert_eq!(server.command(&["ACL", "LOG"]).await.items(), []);
}

/// The server's log of slow commands has all commands with their arguments.
#[tokio::test]
async fn it_asks_for_no_password() {
    let server = start(|server| server).await;
    let log_all = ["CONFIG", "SET", "slowlog-log-slower-than", "0", "slowlog-max-len", "10000"];
    server.command(&log_all).await.expect("all commands are logged");
    assert_healthy(&examine(RedisConfig::standalone(server.url())).await);
    let log = server.command(&["SLOWLOG", "GET", "-1"]).await;
    let mut asked = Vec::new();
    for entry in log.items() {
        let words: Vec<String> = entry.items()[3].items().iter().map(session_testkit::Reply::text).collect();
        if words.len() > 2 && words[0].eq_ignore_ascii_case("CONFIG") && words[1].eq_ignore_ascii_case("GET") {
            asked.extend_from_slice(&words[2..]);
        }
    }
    assert!(asked.iter().any(|name| name == "maxmemory-policy"), "{asked:?}");
    for name in asked {
        let is_one = !name.contains(['*', '?', '[']);
        assert!(is_one && !name.contains("auth") && !name.contains("pass"), "it asked for {name}");
    }
}

/// Other applications on the server, and administrators.
#[tokio::test]
async fn other_users_that_may_publish() {
    let server = start(|server| server).await;
    let report = examine(RedisConfig::standalone(server.url())).await;
    assert_found(&report, Severity::Ok, "acl-publish", "no other application");
    let cases: [(&[&str], bool); 6] = [
        (&["on", "~other:*", "&*", "+@all"], true),
        (&["on", "~other:*", "&shop:*", "-@all", "+publish"], true),
        (&["on", "~other:*", "-@all", "+get", "(&shop:* +publish)"], true),
        (&["off", "~other:*", "&*", "+@all"], false),
        (&["on", "~other:*", "&other:*", "+@all"], false),
        (&["on", "~other:*", "&*", "+@all", "-publish"], false),
    ];
    for (rule, warns) in cases {
        let words = [&["ACL", "SETUSER", "other", "reset", ">secret"], rule].concat();
        server.command(&words).await.expect("ACL SETUSER");
        let report = examine(RedisConfig::standalone(server.url())).await;
        if warns {
            assert_only(&report, Severity::Warning, "acl-publish", ": other");
        } else {
            assert_healthy(&report);
        }
    }
    server.command(&["ACL", "SETUSER", "other", "reset", "on", ">secret", "~*", "&*", "+@all"]).await.expect("ACL");
    let report = examine(RedisConfig::standalone(server.url())).await;
    assert_healthy(&report);
    assert_found(&report, Severity::Info, "acl-writers", "other");
}

#[tokio::test]
async fn eviction() {
    for policy in ["allkeys-lru", "volatile-ttl"] {
        assert_only(
            &after(&["CONFIG", "SET", "maxmemory-policy", policy]).await,
            Severity::Critical,
            "eviction",
            policy,
        );
    }
}

#[tokio::test]
async fn memory() {
    let report = after(&["CONFIG", "SET", "maxmemory", "0"]).await;
    assert_healthy(&report);
    assert_found(&report, Severity::Info, "maxmemory", "not set");
    assert_only(&after(&["CONFIG", "SET", "maxmemory", "100000"]).await, Severity::Critical, "maxmemory", "in use");
}

#[tokio::test]
async fn keys_that_were_evicted() {
    let server = start(|server| server.config("maxmemory-policy", "allkeys-lru")).await;
    server.command(&["SET", "cached", "x"]).await.expect("a key");
    server.command(&["CONFIG", "SET", "maxmemory", "1"]).await.expect("too little");
    server.wait("the key is evicted", || async { (server.info("evicted_keys").await? != "0").then_some(()) }).await;
    server.command(&["CONFIG", "SET", "maxmemory", "256mb", "maxmemory-policy", "noeviction"]).await.expect("enough");
    assert_only(&examine(RedisConfig::standalone(server.url())).await, Severity::Warning, "evicted", "evicted");
}

#[tokio::test]
async fn persistence() {
    let cases = [
        (Persistence::None, Severity::Warning, "writes nothing"),
        (Persistence::Rdb, Severity::Warning, "snapshots only"),
        (Persistence::AofEverysec, Severity::Ok, "the last second"),
        (Persistence::AofAlways, Severity::Ok, "loses no acknowledged write"),
    ];
    for (persistence, severity, found) in cases {
        let server = start(|server| server.persistence(persistence)).await;
        assert_only(&examine(RedisConfig::standalone(server.url())).await, severity, "persistence", found);
    }
    let report = after(&["CONFIG", "SET", "appendfsync", "no"]).await;
    assert_only(&report, Severity::Warning, "persistence", "appendfsync no");
}

/// The server binds an address that is not this machine's, so no stranger can reach it in fact.
#[tokio::test]
async fn strangers_get_in() {
    let open = ["ACL", "SETUSER", "default", "on", "nopass", "~*", "&*", "+@all"];
    let report = after(&open).await;
    assert_healthy(&report);
    assert_found(&report, Severity::Info, "default-user", "every process on the server's machine");
    let server = start(|server| server.config("protected-mode", "no")).await;
    server.command(&open).await.expect("open");
    let report = examine(RedisConfig::standalone(server.url())).await;
    assert_only(&report, Severity::Warning, "protected-mode", "is off");
    let server = start(|server| server.config("protected-mode", "no").config("bind", "127.0.0.1 -192.0.2.1")).await;
    server.command(&open).await.expect("open");
    let report = examine(RedisConfig::standalone(server.url())).await;
    assert_found(&report, Severity::Critical, "default-user", "without a password");
}

#[tokio::test]
async fn the_store_s_user() {
    let report = after(&["ACL", "SETUSER", "shop", "+@all"]).await;
    assert_only(&report, Severity::Warning, "acl-breadth", "+@all, FLUSHALL");
    let report = after(&["ACL", "SETUSER", "shop", "+flushall"]).await;
    assert_only(&report, Severity::Warning, "acl-breadth", ": FLUSHALL");
    let report = after(&["ACL", "SETUSER", "shop", "~other:*", "&*"]).await;
    assert_found(&report, Severity::Warning, "acl-breadth", "~other:*");
    let report = after(&["ACL", "SETUSER", "shop", "-getex", "-script|load"]).await;
    assert_only(&report, Severity::Critical, "acl-missing", ": getex, script|load");
    let report = after(&["ACL", "SETUSER", "shop", "resetchannels"]).await;
    assert_only(&report, Severity::Critical, "acl-missing", "publish");
    assert_only(&after(&["ACL", "SETUSER", "shop", "off"]).await, Severity::Critical, "store-user", "off");
    assert_only(&after(&["ACL", "DELUSER", "shop"]).await, Severity::Critical, "store-user", "no user");
}

#[tokio::test]
async fn clients() {
    for (limits, found) in [("pubsub 0 0 0", "without a limit"), ("pubsub 65536 65536 60", "burst")] {
        let report = after(&["CONFIG", "SET", "client-output-buffer-limit", limits]).await;
        assert_only(&report, Severity::Warning, "pubsub-buffer", found);
    }
    assert_only(&after(&["CONFIG", "SET", "timeout", "1"]).await, Severity::Warning, "idle-timeout", "1 s");
    assert_only(&after(&["CONFIG", "SET", "tcp-keepalive", "0"]).await, Severity::Warning, "tcp-keepalive", "off");
    assert_only(&after(&["CONFIG", "SET", "maxclients", "1"]).await, Severity::Warning, "clients", "refused");
    let report = after(&["CONFIG", "SET", "hash-max-listpack-value", "63"]).await;
    assert_only(&report, Severity::Warning, "encoding", "value is 63");
    let report = after(&["CONFIG", "SET", "hash-max-listpack-entries", "8"]).await;
    assert_only(&report, Severity::Warning, "encoding", "entries is 8");
    assert_found(
        &after(&["CONFIG", "SET", "lazyfree-lazy-expire", "no"]).await,
        Severity::Info,
        "lazyfree",
        "main thread",
    );
    let report = after(&["CONFIG", "SET", "notify-keyspace-events", "KEA"]).await;
    assert_found(&report, Severity::Info, "keyspace-events", "twice");
}

/// A user with only the permissions of a store sees little, which is not an error.
#[tokio::test]
async fn missing_permissions_are_reported() {
    let server = start(|server| server).await;
    let config = RedisConfig::standalone(server.url()).prefix("shop").username("shop").password("secret");
    let report = Doctor::new(config).examine().await.unwrap();
    assert!(problems(&report).is_empty(), "{report}");
    for command in ["run CONFIG GET,", "run INFO,", "run ACL GETUSER,", "run SCAN,"] {
        assert_found(&report, Severity::Info, "not-permitted", command);
    }
}

#[tokio::test]
async fn an_unreachable_server() {
    let server = start(|server| server).await;
    let config = RedisConfig::standalone(server.url());
    server.kill().await;
    assert_only(&examine(config).await, Severity::Critical, "connect", "cannot be reached");
    server.restart().await;
    let config = as_doctor(RedisConfig::standalone(server.url())).password("wrong");
    let report = Doctor::new(config).examine().await.unwrap();
    assert_only(&report, Severity::Critical, "connect", "password");
    assert!(!report.to_string().contains("wrong"), "{report}");
    let config = as_doctor(RedisConfig::cluster([server.url()]));
    assert_only(&Doctor::new(config).examine().await.unwrap(), Severity::Critical, "connect", "not in cluster mode");
}

#[tokio::test]
async fn a_replica_without_its_primary() {
    let primary = start(|server| server).await;
    let replica = start(|server| server.replica_of(&primary)).await;
    replica.wait_for_primary_link().await;
    replica.command(&["CONFIG", "SET", "replica-read-only", "no"]).await.expect("the command succeeds");
    let report = examine(RedisConfig::standalone(replica.url())).await;
    assert_found(&report, Severity::Critical, "role", "replica");
    assert_found(&report, Severity::Ok, "replica-link", "connected to its primary");
    assert_found(&report, Severity::Warning, "replica-link", "accepts writes");
    primary.kill().await;
    replica
        .wait("the link is down", || async { (replica.info("master_link_status").await? == "down").then_some(()) })
        .await;
    assert_found(
        &examine(RedisConfig::standalone(replica.url())).await,
        Severity::Critical,
        "replica-link",
        "lost its primary",
    );
}

#[tokio::test]
async fn encryption() {
    let certificates = Certificates::new();
    let server = start(|server| server.tls(&certificates)).await;
    let tls = session_redis::TlsConfig::new().ca(certificates.ca_pem());
    let report = examine(RedisConfig::standalone(server.tls_url()).tls(tls)).await;
    assert_healthy(&report);
    assert_found(&report, Severity::Ok, "tls", "uses TLS");
    assert_found(&report, Severity::Info, "plain-port", "also listens without TLS");
    // The host does not exist. The checks of the address run all the same.
    let report = examine(RedisConfig::standalone("redis://sessions.invalid")).await;
    assert_found(&report, Severity::Warning, "tls", "clear text");
    assert_found(&report, Severity::Warning, "password-in-clear", "clear text");
    assert_found(&report, Severity::Critical, "connect", "sessions.invalid");
}

#[tokio::test]
async fn a_setting_out_of_range_is_an_error() {
    let config = RedisConfig::standalone("redis://127.0.0.1").partitions(3);
    let error = Doctor::new(config).examine().await.unwrap_err();
    assert_eq!(error.kind(), session_core::ErrorKind::Configuration);
}
