//! No secret is printed, wherever in the configuration a mistake has put it.

use std::error::Error as StdError;

use serde::{
    Deserialize,
    de::value::{Error as ValueError, MapDeserializer},
};
use serde_json::{Value, json};

use crate::{Credentials, RedisConfig, RedisStore, Sentinel, TlsConfig, Topology};

/// The secret in every position. It is a number too, for the fields and the parts of URLs that are read as one.
const MARKER: &str = "48151";

/// The texts of an error and of its sources.
fn chain(error: &dyn StdError) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        text += &format!("{error} {error:?} {error:#?}\n");
        next = error.source();
    }
    text
}

#[track_caller]
fn assert_hidden(printed: &str, position: &str) {
    assert!(!printed.contains(MARKER), "{position}: {printed}");
}

#[test]
fn a_url_shows_its_scheme_and_host_only() {
    let secret = MARKER;
    let urls = [
        format!("redis://shop:{secret}@host"),
        format!("redis://shop:{secret}@"),
        format!("redis://shop:{secret}"),
        format!("redis://shop:{secret}?"),
        format!("redis://shop:{secret}#"),
        format!("redis://shop:{secret}/"),
        format!("redis://shop:{secret}?@host"),
        format!("redis://shop:a?{secret}@host"),
        format!("redis://shop:a#{secret}@host"),
        format!("redis://shop:a/{secret}@host"),
        format!("redis://shop:{secret}/a@host"),
        format!("redis://shop:{secret}#a@host/1?b"),
        format!("redis://shop:a@{secret}@host"),
        format!("redis://shop:{secret}@a@host"),
        format!("redis://shop:1?{secret}"),
        format!("redis://shop:1/{secret}"),
        format!("redis://shop:1#{secret}"),
        format!("redis://{secret}:word@host:7000"),
        format!("redis://{secret}@host"),
        format!("redis://:{secret}@host"),
        format!("redis://shop:%40{secret}%2F@host/1"),
        format!("redis://shop:%{secret}@host"),
        format!("redis://shop:%FF{secret}@host"),
        format!("redis://host:1/{secret}"),
        format!("redis://host?protocol={secret}"),
        format!("redis://host?{secret}"),
        format!("redis://host?{secret}={secret}"),
        format!("redis://host?password={secret}"),
        format!("redis://host#{secret}"),
        format!("rediss://shop:{secret}@host#insecure"),
        format!("redis+unix:///run/redis.sock?user=shop&pass={secret}"),
        format!("redis+unix:///run/redis.sock?pass=a&{secret}"),
        format!("redis+unix:///run/redis.sock?{secret}"),
        format!("unix:///run/redis.sock?pass={secret}#a"),
        format!("unix:///run/redis.sock&pass={secret}"),
        format!("unix://shop:{secret}@/run/redis.sock"),
        format!("redis:/shop:{secret}@host"),
        format!("redis:shop:{secret}@host"),
        format!("shop:{secret}@host"),
        format!("{secret}@"),
        format!("{secret}://host"),
        format!("shop:{secret}://host"),
        format!("http://shop:{secret}@host"),
        format!(" redis://shop:{secret}@host "),
        format!("redis://shop:a\n{secret}@host"),
        secret.to_owned(),
    ];
    for url in urls {
        let config = RedisConfig::standalone(&url);
        assert_hidden(&format!("{config:?} {config:#?}"), &url);
        let several = RedisConfig::cluster(["redis://host".to_owned(), url.clone()]);
        assert_hidden(&format!("{several:?} {:?}", RedisStore::builder(several.clone())), &url);
        for config in [config, several] {
            if let Err(error) = config.validate() {
                assert_hidden(&chain(&error), &url);
            }
        }
    }
}

#[test]
fn what_is_not_secret_is_shown() {
    for (url, shown) in [
        ("redis://cache.example", r#""redis://cache.example""#),
        ("rediss://shop:secret@cache.example:7000/3", r#""rediss://cache.example/<redacted>""#),
        ("redis://[::1]:7000", r#""redis://[::1]/<redacted>""#),
        ("redis+unix:///run/redis.sock", r#""redis+unix://<redacted>""#),
        ("cache.example", r#""<redacted>""#),
    ] {
        if cfg!(not(feature = "tls")) && url.starts_with("rediss") {
            continue;
        }
        let printed = format!("{:?}", RedisConfig::standalone(url));
        assert!(printed.contains(shown), "{printed} should show {shown}");
    }
}

#[test]
fn other_fields_show_no_secret() {
    let key = format!("-----BEGIN PRIVATE KEY-----\n{MARKER}\n-----END PRIVATE KEY-----");
    let sentinel = Sentinel::new("main").username("watcher").password(MARKER);
    let tls = || TlsConfig::new().client("certificate", MARKER);
    let printed = [
        format!("{sentinel:?} {:?}", Topology::Sentinel(sentinel.clone())),
        format!("{:?}", RedisConfig::default().password(MARKER).tls(tls())),
        format!("{:?}", Credentials::new().password(MARKER).tls(tls())),
        format!("{:?}", TlsConfig::new().client_files("certificate", &key)),
        format!("{:?}", TlsConfig::new().ca_file(&key)),
        format!("{:?}", RedisConfig::default().address_map([(format!("redis://shop:{MARKER}@a:1"), "b:1")])),
        format!("{:?}", RedisConfig::default().address_map([("a:1", format!("redis://shop:{MARKER}@b:1"))])),
    ];
    for printed in printed {
        assert_hidden(&printed, "a field");
    }
    let config = RedisConfig::standalone("redis://host");
    for pair in [(format!("shop:{MARKER}@a:1"), "b:1".to_owned()), ("a:1".to_owned(), format!("shop:{MARKER}@b:1"))] {
        assert_hidden(&chain(&config.clone().address_map([pair]).validate().unwrap_err()), "`address_map`");
    }
    let files = RedisConfig::standalone("rediss://host").tls(TlsConfig::new().client_files("certificate", key));
    assert_hidden(&chain(&files.validate().unwrap_err()), "`tls.client_key_file`");
}

/// The secret as a value of each type.
fn values() -> Vec<Value> {
    let number: u64 = MARKER.parse().unwrap();
    let text = format!("redis://shop:{MARKER}@host");
    let mut values = vec![
        json!(true),
        json!(null),
        json!(MARKER),
        json!(text),
        json!(number),
        json!(-(number as i64)),
        json!(number as f64 + 0.5),
        json!(u64::MAX - number),
    ];
    let scalars = values.clone();
    values.extend(scalars.iter().map(|value| json!([value])));
    values.extend(scalars.iter().map(|value| json!({ "a": value })));
    values.extend([json!({ MARKER: MARKER }), json!({ &text: text }), json!([[MARKER]]), json!({})]);
    values
}

/// Every field of the configuration, as a document with a place for a value.
fn documents() -> Vec<String> {
    let mut documents = vec!["?".to_owned()];
    let fields = [
        "urls",
        "topology",
        "username",
        "password",
        "database",
        "tls",
        "prefix",
        "partitions",
        "call_deadline_ms",
        "connect_deadline_ms",
        "start_deadline_ms",
        "health_interval_ms",
        "max_in_flight",
        "durable_connections",
        "address_map",
    ];
    documents.extend(fields.map(|field| format!(r#"{{ "{field}": ? }}"#)));
    let fields = ["ca", "ca_file", "client_certificate", "client_certificate_file", "client_key", "client_key_file"];
    documents.extend(fields.map(|field| format!(r#"{{ "tls": {{ "{field}": ? }} }}"#)));
    documents.push(r#"{ "topology": { "sentinel": ? } }"#.to_owned());
    documents.push(r#"{ "topology": { "sentinel": { "master": ? } } }"#.to_owned());
    for field in ["username", "password"] {
        documents.push(format!(r#"{{ "topology": {{ "sentinel": {{ "master": "m", "{field}": ? }} }} }}"#));
    }
    documents
}

#[test]
fn a_value_of_the_wrong_type_is_not_quoted() {
    let mut refused = 0;
    for document in documents() {
        for value in values() {
            let text = document.replace('?', &value.to_string());
            let parsed: Value = serde_json::from_str(&text).unwrap();
            let errors = [
                serde_json::from_str::<RedisConfig>(&text).err(),
                serde_json::from_slice::<RedisConfig>(text.as_bytes()).err(),
                serde_json::from_reader::<_, RedisConfig>(text.as_bytes()).err(),
                serde_json::from_value::<RedisConfig>(parsed).err(),
            ];
            for error in errors.into_iter().flatten() {
                assert_hidden(&chain(&error), &text);
                refused += 1;
            }
        }
    }
    assert!(refused > 1_000, "only {refused} were refused");
}

/// The types that are read by themselves, and a format whose values are all text, as those of the environment are.
#[test]
fn nor_in_another_format() {
    for value in values() {
        let errors = [
            serde_json::from_value::<Topology>(value.clone()).err(),
            serde_json::from_value::<Sentinel>(value.clone()).err(),
            serde_json::from_value::<TlsConfig>(value.clone()).err(),
            serde_json::from_value::<crate::Secret>(value.clone()).err(),
        ];
        for error in errors.into_iter().flatten() {
            assert_hidden(&chain(&error), &value.to_string());
        }
    }
    for field in
        ["urls", "topology", "database", "tls", "partitions", "call_deadline_ms", "max_in_flight", "address_map"]
    {
        let pairs = [(field, MARKER)].into_iter();
        let error = RedisConfig::deserialize(MapDeserializer::<_, ValueError>::new(pairs)).unwrap_err();
        assert_hidden(&chain(&error), field);
    }
}

/// An error without the value still says what to write.
#[test]
fn each_error_says_what_is_expected() {
    for (text, expected) in [
        (r#"{ "password": 1 }"#, "text, in quotes"),
        (r#"{ "username": 1 }"#, "text"),
        (r#"{ "urls": "redis://a" }"#, "a list of URLs"),
        (r#"{ "tls": "a" }"#, "`ca_file`"),
        (r#"{ "tls": { "ca": 1 } }"#, "text"),
        (r#"{ "topology": "a" }"#, "\"sentinel\""),
        (r#"{ "topology": { "sentinel": { "master": "m", "pasword": "x" } } }"#, "`password`"),
        (r#"{ "partitions": "a" }"#, "a whole number"),
        (r#"{ "call_deadline_ms": 1.5 }"#, "a whole number"),
        (r#"{ "address_map": [] }"#, "pairs of addresses"),
        (r#""redis://a""#, "`urls`"),
        (r#"{ "url": "redis://a" }"#, "unknown field `url`"),
    ] {
        let error = serde_json::from_str::<RedisConfig>(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: `{error}` should say `{expected}`");
        assert!(error.contains("line 1"), "{text}: `{error}` should say where");
    }
}
