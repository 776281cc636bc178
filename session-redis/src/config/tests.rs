mod redaction;

use session_core::ErrorKind;

use super::*;

fn remedy(config: RedisConfig) -> String {
    let error = config.validate().expect_err("it should be refused");
    assert_eq!(error.kind(), ErrorKind::Configuration);
    format!("{error:?}")
}

fn local() -> RedisConfig {
    RedisConfig::standalone("redis://localhost")
}

#[test]
fn good_ones() {
    for config in [
        local(),
        local().partitions(1).prefix("shop:sessions"),
        local().partitions(4_096),
        RedisConfig::standalone("redis://user:p%40ss@localhost:7000/3").database(3),
        RedisConfig::standalone("redis+unix:///run/redis.sock?db=2"),
        RedisConfig::standalone("unix:///run/redis.sock"),
        RedisConfig::cluster(["redis://a:1", "redis://b:2"]),
        RedisConfig::sentinel(["redis://a:1", "redis://b:2/4"], Sentinel::new("m")).urls(["redis://a/4"]),
        local().username("app").password(""),
    ] {
        config.validate().unwrap();
    }
}

#[test]
fn bad_ones_say_what_to_do() {
    let cases = [
        (RedisConfig::default(), "`urls` is empty"),
        (RedisConfig::standalone("localhost:6379"), "the URL has no scheme; write `redis://"),
        (RedisConfig::standalone("http://localhost"), "the URL has an unknown scheme; write `redis://`"),
        (RedisConfig::standalone("redis://127.0.0.1:70000"), "the URL has a port"),
        (RedisConfig::cluster(["redis://a", "localhost"]), "`urls[1]` has no scheme"),
        (RedisConfig::cluster(["redis://a", "rediss://b"]), "`urls[1]` has another scheme"),
        (RedisConfig::cluster(["redis://a", "redis://:x@b"]), "set `username`, `password`"),
        (RedisConfig::cluster(["redis://a/1"]), "only database 0"),
        (RedisConfig::cluster(["redis://a"]).database(1), "only database 0"),
        (RedisConfig::standalone("redis://a/1").database(2), "name it once"),
        (RedisConfig::standalone("redis://a/-1"), "negative"),
        (RedisConfig::sentinel(["redis://a"], Sentinel::new("")), "`sentinel.master` is empty"),
        (RedisConfig::sentinel(["redis://:x@a"], Sentinel::new("m")), "two things"),
        (local().username("app"), "no password"),
        (local().tls(TlsConfig::new()), "`tls` is set"),
        (local().prefix(""), "`prefix` is empty"),
        (local().prefix("a{b"), "braces"),
        (local().prefix("a}b"), "braces"),
        (local().prefix("a b"), "blanks"),
        (local().prefix("shop*"), "wildcards"),
        (local().prefix("sho?"), "wildcards"),
        (local().prefix("[shop"), "wildcards"),
        (local().prefix("shop]"), "wildcards"),
        (local().prefix("shop\\"), "wildcards"),
        (local().partitions(0), "power of two"),
        (local().partitions(3), "power of two"),
        (local().partitions(8_192), "power of two"),
        (local().call_deadline(Duration::ZERO), "`call_deadline_ms`"),
        (local().connect_deadline(Duration::MAX), "`connect_deadline_ms`"),
        (local().health_interval(Duration::ZERO), "`health_interval_ms`"),
        (local().max_in_flight(0), "`max_in_flight`"),
        (local().durable_connections(0), "`durable_connections`"),
    ];
    for (config, expected) in cases {
        let message = remedy(config);
        assert!(message.contains(expected), "{message} should say {expected}");
    }
}

#[cfg(feature = "tls")]
#[test]
fn bad_certificates_say_what_to_do() {
    let secure = |tls| RedisConfig::standalone("rediss://localhost").tls(tls);
    let cases = [
        (secure(TlsConfig::new().ca("nonsense")), "`tls.ca` holds no certificate"),
        (secure(TlsConfig::new().ca_file("/nowhere/ca.pem")), "`tls.ca_file` cannot be read"),
        (secure(TlsConfig::new().ca("a").ca_file("b")), "not both"),
        (secure(TlsConfig::new().client("swordfish", "swordfish")), "as PEM"),
        (RedisConfig::standalone("rediss://localhost#insecure"), "`tls.ca`"),
    ];
    for (config, expected) in cases {
        let message = remedy(config);
        assert!(message.contains(expected), "{message} should say {expected}");
        assert!(!message.contains("swordfish"), "{message}");
    }
    let half: TlsConfig = serde_json::from_str(r#"{ "client_certificate": "x" }"#).unwrap();
    assert!(remedy(secure(half)).contains("both or neither"));
}

#[test]
fn passwords_are_never_printed() {
    let config = RedisConfig::sentinel(
        [
            "redis://user:swordfish@host:1/2",
            "unix:///run/redis.sock?pass=swordfish",
            "user:swordfish@host",
            "redis://user:sword/fish@swordfish@host",
            "swordfish@",
        ],
        Sentinel::new("m").password("swordfish"),
    )
    .password("swordfish")
    .tls(TlsConfig::new().client("certificate", "swordfish"));
    for printed in [format!("{config:?}"), format!("{config:#?}"), remedy(config)] {
        assert!(!printed.contains("swordfish") && !printed.contains("sword/"), "{printed}");
    }
}

#[test]
fn read_by_serde() {
    let read = |text: &str| serde_json::from_str::<RedisConfig>(text);
    let config =
        read(r#"{ "urls": ["redis://a"], "call_deadline_ms": 500, "password": "x", "partitions": 16 }"#).unwrap();
    assert_eq!(config.call_deadline, Duration::from_millis(500));
    assert_eq!((config.partitions, config.topology.clone()), (16, Topology::Standalone));
    assert_eq!(config.prefix, "sessions", "what is left out has its default");
    config.validate().unwrap();
    assert_eq!(read(r#"{ "topology": "cluster" }"#).unwrap().topology, Topology::Cluster);
    let sentinel = read(r#"{ "topology": { "sentinel": { "master": "m", "username": "u" } } }"#).unwrap();
    assert_eq!(sentinel.topology, Topology::Sentinel(Sentinel::new("m").username("u")));
    for unknown in [r#"{ "url": "redis://a" }"#, r#"{ "topology": { "sentinel": { "master": "m", "x": 1 } } }"#] {
        assert!(read(unknown).is_err());
    }
    assert!(read(r#"{ "topology": { "sentinel": {} } }"#).is_err(), "a sentinel without a primary's name");
    assert!(read(r#"{ "tls": { "insecure": true } }"#).is_err());
}
