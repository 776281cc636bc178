//! What is wrong with the URL of a server.
//!
//! The parser of redis-rs has one error for most mistakes, and some mistakes it accepts: of `redis://user:1/2@host` it
//! makes the host `user`. The texts here never quote the URL, since a mistake may put the password anywhere.

use std::borrow::Cow;

use redis::{ConnectionAddr, IntoConnectionInfo as _};

/// How to write characters that have a meaning in URLs.
const ENCODING: &str = "in a user or password write `/` as %2F, `?` as %3F, `#` as %23, `@` as %40, `:` as %3A and `%` as \
                        %25, or set `username` and `password` beside the URL";

const FRAGMENT: &str = "has a fragment, which means nothing here; remove it";

/// A URL as `Debug` prints it. Of a URL without a mistake that is its scheme and its host, and a placeholder for the rest.
/// Anything else may be a password, or have one anywhere.
pub(crate) fn redacted_url(url: &str) -> String {
    const REST: &str = "<redacted>";
    let info = if mistake(url).is_none() { url.into_connection_info().ok() } else { None };
    let (Some(info), Some((scheme, _))) = (info, url.split_once("://")) else { return REST.to_owned() };
    let host = match info.addr() {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host,
        _ => return format!("{scheme}://{REST}"),
    };
    let shown = if host.contains(':') { format!("{scheme}://[{host}]") } else { format!("{scheme}://{host}") };
    if shown == url { shown } else { format!("{shown}/{REST}") }
}

/// The mistake in a URL and its remedy, to follow the name of the URL; `None` if there is none that this knows.
pub(super) fn mistake(url: &str) -> Option<Cow<'static, str>> {
    if url.trim().is_empty() {
        return Some("is empty; write `redis://host:6379`".into());
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return Some("has no scheme; write `redis://host:6379`, or `rediss://` for TLS".into());
    };
    match scheme.trim().to_ascii_lowercase().as_str() {
        _ if rest.trim_end().contains(['\n', '\r', '\t']) => {
            Some(format!("has a line break or tab, which parsers of URLs remove without a word; {ENCODING}").into())
        }
        "redis" | "valkey" => of_tcp(rest.trim_end(), false),
        "rediss" | "valkeys" => of_tcp(rest.trim_end(), true),
        "unix" | "redis+unix" | "valkey+unix" => of_socket_file(rest.trim_end()),
        _ => Some(
            "has an unknown scheme; write `redis://`, `rediss://` for TLS, or `redis+unix://` for a socket file".into(),
        ),
    }
}

fn of_socket_file(rest: &str) -> Option<Cow<'static, str>> {
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let database = query.split('&').find_map(|parameter| parameter.strip_prefix("db="));
    if !path.starts_with('/') {
        return Some("has no absolute path; write `redis+unix:///run/redis.sock`".into());
    }
    if path.contains("pass=") {
        return Some("has a parameter in its path; write `?` before the first parameter".into());
    }
    if !fragment.is_empty() {
        return Some(FRAGMENT.into());
    }
    if database.is_some_and(|database| database.parse::<i64>().is_err()) {
        return Some("has a database that is no number; write `?db=0`".into());
    }
    of_query(query, &["db", "user", "pass", "protocol"])
}

/// The mistake in the parameters, of which these are known. redis-rs ignores all others, and all but the last of several
/// with one name.
fn of_query(query: &str, known: &[&str]) -> Option<Cow<'static, str>> {
    let mut seen = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if !known.contains(&name) {
            return Some(unknown_parameter(known, seen.contains(&"pass")).into());
        }
        if seen.contains(&name) {
            return Some(format!("has the parameter `{name}` more than once; remove all but one").into());
        }
        if name == "protocol" && !matches!(value, "3" | "resp3") {
            return Some("asks for another protocol than RESP3, which every connection uses; remove `protocol`".into());
        }
        seen.push(name);
    }
    None
}

/// The name is not quoted: it may be the rest of a password that has a `?` or a `&`.
fn unknown_parameter(known: &[&str], is_behind_password: bool) -> String {
    if is_behind_password {
        return "has an unknown parameter behind `pass`; write `&` in a password as %26".to_owned();
    }
    let quoted: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [others @ .., last] if !others.is_empty() => {
            format!("has an unknown parameter; {} and {last} are known", others.join(", "))
        }
        known => format!("has an unknown parameter; {} is known", known.concat()),
    }
}

fn of_tcp(rest: &str, is_tls: bool) -> Option<Cow<'static, str>> {
    let authority_ends = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(authority_ends);
    if tail.contains('@') {
        return Some(format!("has an unencoded character in its user or password; {ENCODING}").into());
    }
    let (login, place) = authority.rsplit_once('@').unwrap_or(("", authority));
    if !is_encoded(login) {
        return Some(format!("has a `%` in its user or password that encodes nothing; {ENCODING}").into());
    }
    let (tail, fragment) = tail.split_once('#').unwrap_or((tail, ""));
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    let path = path.trim_matches('/');
    // This fragment has an error of its own.
    let is_insecure = is_tls && fragment == "insecure";
    let mistake = match of_place(place) {
        None if authority.contains('@') && matches!(login, "" | ":") => {
            Some("has neither a user nor a password before the `@`; remove the `@`, or write `redis://:password@host`")
        }
        None if login.ends_with(':') && login.matches(':').count() == 1 => {
            Some("has an empty password; write `redis://user:password@host`")
        }
        None if !path.is_empty() && path.parse::<i64>().is_err() => {
            Some("has a database that is no number; write `/0` after the port, or nothing")
        }
        None if !fragment.is_empty() && !is_insecure => Some(FRAGMENT),
        mistake => mistake,
    };
    mistake.map(Into::into).or_else(|| of_query(query, &["protocol"]))
}

/// The mistake in `host:port`.
fn of_place(place: &str) -> Option<&'static str> {
    if !place.contains(']') && place.matches(':').count() > 1 {
        return Some("has more than one `:` behind its user and password; write an IPv6 address as `[::1]`");
    }
    let (host, port) = match place.rfind(']') {
        Some(end) => (&place[..=end], place[end + 1..].strip_prefix(':')),
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Some("names no host; write `redis://host:6379`");
    }
    if matches!(host, "0.0.0.0" | "[::]") {
        return Some("names the address on which a server listens on all interfaces; write the address of one");
    }
    let port = port.unwrap_or("6379");
    let is_port = port.is_empty() || port.parse::<u16>().is_ok_and(|port| port > 0);
    (!is_port).then_some("has a port that is no number from 1 to 65535")
}

/// Whether each `%` begins an escape, and the escapes are UTF-8.
fn is_encoded(login: &str) -> bool {
    let mut decoded = Vec::with_capacity(login.len());
    let mut bytes = login.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits =
                    [bytes.next(), bytes.next()].map(|digit| digit.and_then(|digit| char::from(digit).to_digit(16)));
                let [Some(high), Some(low)] = digits else { return false };
                (high * 16 + low) as u8
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(url: &str) -> String {
        let mistake = mistake(url).unwrap_or_else(|| panic!("{url} was accepted"));
        assert!(!mistake.contains("swordfish"), "{mistake}");
        mistake.into_owned()
    }

    #[test]
    fn each_mistake_has_its_own_text() {
        let cases = [
            ("", "is empty"),
            (" ", "is empty"),
            ("localhost", "has no scheme"),
            ("localhost:6379", "has no scheme"),
            ("user:swordfish@localhost", "has no scheme"),
            ("http://localhost", "unknown scheme"),
            ("https://swordfish@localhost", "unknown scheme"),
            ("redis://", "names no host"),
            ("redis://user:swordfish@", "names no host"),
            ("redis://:6379", "names no host"),
            ("redis://h:70000", "port"),
            ("redis://h:0", "port"),
            ("redis://h:swordfish", "port"),
            ("redis://::1:6379", "[::1]"),
            ("redis://fe80::1:6379", "[::1]"),
            ("redis://0.0.0.0", "all interfaces"),
            ("redis://[::]:1", "all interfaces"),
            ("redis://h/abc", "database"),
            ("redis://h:1/abc", "database"),
            ("rediss://h#fragment", "fragment"),
            ("redis://h#insecure", "fragment"),
            ("redis://h?protocl=resp3", "an unknown parameter; `protocol` is known"),
            ("redis://h/0?timeout=5", "unknown parameter"),
            ("rediss://h?protocol=resp3&swordfish", "unknown parameter"),
            ("redis://h?PROTOCOL=resp3", "unknown parameter"),
            ("redis://user:1?swordfish", "unknown parameter; `protocol` is known"),
            ("redis://h?protocol=resp3&protocol=resp3", "`protocol` more than once"),
            ("redis://h?protocol=resp2", "RESP3"),
            ("redis://h/0/1", "database"),
            ("redis://@h", "neither a user nor a password"),
            ("redis://:@h", "neither a user nor a password"),
            ("redis://user:@h", "empty password"),
            ("redis://user:sword\nfish@h", "line break or tab"),
            ("redis+unix:///run/redis.sock#0", "fragment"),
            (
                "redis+unix:///run/redis.sock?database=2",
                "unknown parameter; `db`, `user`, `pass` and `protocol` are known",
            ),
            ("redis+unix:///run/redis.sock?db=1&db=2", "`db` more than once"),
            ("redis+unix:///run/redis.sock?pass=sword&swordfish", "behind `pass`"),
            ("redis+unix://run/redis.sock", "absolute path"),
            ("redis+unix:///run/redis.sock&pass=swordfish", "parameter in its path"),
            ("redis+unix:///run/redis.sock?db=x", "database"),
        ];
        for (url, expected) in cases {
            assert!(told(url).contains(expected), "{url}: {}", told(url));
        }
    }

    /// Each of these characters ends the user and password if it is not encoded, and redis-rs takes what precedes it for
    /// a host.
    #[test]
    fn unencoded_passwords() {
        for url in [
            "redis://user:sword/fish@host",
            "redis://user:1/swordfish@host",
            "redis://user:sword?fish@host:1",
            "redis://user:sword#fish@host/1",
            "redis://:sword@fi/sh@host",
            "redis://user:sword%fish@host",
            "redis://user:swordfish%@host",
            "redis://user:swordfish%FF@host",
        ] {
            let told = told(url);
            for remedy in ["%2F", "%3F", "%23", "%40", "%3A", "%25", "`password`"] {
                assert!(told.contains(remedy), "{url}: {told}");
            }
        }
    }

    #[test]
    fn right_ones() {
        for url in [
            "redis://localhost",
            "redis://localhost/",
            "redis://localhost:6379/3",
            "redis://[::1]:6379/0",
            "redis://[fe80::1]",
            "valkeys://user:p%40ss@host",
            // The last `@` ends the password, and the first `:` begins it.
            "redis://user:p@s:s@host:1",
            "rediss://host#insecure",
            "redis://host?protocol=resp3",
            "redis+unix:///run/redis.sock?db=2&pass=a@b",
            "unix:///run/redis.sock",
            "redis://host/?protocol=3",
            "redis://host/?",
            "redis://host/-1",
            "redis://host\n",
            "redis+unix:///run/redis.sock?user=a&pass=b&db=1&protocol=resp3",
        ] {
            assert_eq!(mistake(url), None, "{url}");
        }
    }
}
