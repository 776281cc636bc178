//! The server's settings for its clients, and settings that cost time or memory.

use super::super::{deployment::Deployment, facts::Facts, findings::Findings};

/// An ordinary burst of changes fills a smaller buffer.
const SMALL: u64 = 1 << 20;

pub(super) fn check(facts: &Facts, deployment: &Deployment, findings: &mut Findings) {
    if let Some(limits) = facts.setting("client-output-buffer-limit") {
        subscribers(limits, findings);
    }
    if let Some(timeout) = facts.setting_number("timeout") {
        // The store pings its connections at this interval. Subscriptions are exempt from the timeout.
        if timeout != 0 && timeout <= 2 * deployment.health_interval.as_secs().max(1) {
            let found = format!("timeout is {timeout} s: the server closes connections between two health checks");
            findings.warning("idle-timeout", found, "CONFIG SET timeout 0, or lower `health_interval_ms`");
        } else {
            findings.ok("idle-timeout", format!("timeout is {timeout} s"));
        }
    }
    match facts.setting_number("tcp-keepalive") {
        Some(0) => findings.warning(
            "tcp-keepalive",
            "tcp-keepalive is off: the server does not notice that a subscriber is gone, and keeps buffering for it",
            "CONFIG SET tcp-keepalive 300",
        ),
        Some(seconds) => findings.ok("tcp-keepalive", format!("tcp-keepalive is {seconds} s")),
        None => {}
    }
    client_count(facts, findings);
    costs(facts, findings);
}

/// `client-output-buffer-limit` lists for each class a hard limit, a soft limit and its seconds.
fn subscribers(limits: &str, findings: &mut Findings) {
    let mut words = limits
        .split_whitespace()
        .skip_while(|word| *word != "pubsub")
        .skip(1)
        .map_while(|word| word.parse::<u64>().ok());
    let (Some(hard), Some(soft)) = (words.next(), words.next()) else { return };
    let setting = format!("client-output-buffer-limit pubsub {hard} {soft}");
    match [hard, soft].into_iter().filter(|limit| *limit > 0).min() {
        None => findings.warning(
            "pubsub-buffer",
            format!("{setting}: without a limit, one subscriber that does not read can use up the server's memory"),
            "CONFIG SET client-output-buffer-limit \"pubsub 33554432 8388608 60\"",
        ),
        Some(least) if least < SMALL => findings.warning(
            "pubsub-buffer",
            format!("{setting}: a burst of changes disconnects every subscriber, which invalidates all local copies"),
            "CONFIG SET client-output-buffer-limit \"pubsub 33554432 8388608 60\"",
        ),
        Some(_) => findings.ok(
            "pubsub-buffer",
            format!("{setting}: only a hanging subscriber is disconnected, which invalidates its local copies"),
        ),
    }
}

fn client_count(facts: &Facts, findings: &mut Findings) {
    let (Some(now), Some(most)) = (facts.info_number("connected_clients"), facts.setting_number("maxclients")) else {
        return;
    };
    if now.saturating_mul(10) >= most.saturating_mul(8) {
        let found = format!("{now} clients are connected and maxclients is {most}: new clients will soon be refused");
        findings.warning("clients", found, "raise maxclients and the limit on open files");
    } else {
        findings.ok("clients", format!("{now} of {most} clients are connected"));
    }
}

/// Settings that cost time or memory, but no session.
fn costs(facts: &Facts, findings: &mut Findings) {
    if facts.setting("lazyfree-lazy-expire") == Some("no") {
        findings.info(
            "lazyfree",
            "the server frees expired sessions on its main thread, which is harmless while sessions are small",
            "for large sessions, CONFIG SET lazyfree-lazy-expire yes and lazyfree-lazy-user-del yes",
        );
    }
    // Version 7 renamed these settings, and answers to both names.
    if let Some(bytes) = facts.setting_number("hash-max-listpack-value").filter(|bytes| *bytes < 64) {
        let found = format!(
            "hash-max-listpack-value is {bytes}: the metadata alone exceeds it, so no session has the compact encoding"
        );
        findings.warning("encoding", found, "CONFIG SET hash-max-listpack-value 64, or more");
    }
    if let Some(entries) = facts.setting_number("hash-max-listpack-entries").filter(|entries| *entries < 32) {
        let found =
            format!("hash-max-listpack-entries is {entries}: sessions with more fields need several times the memory");
        findings.warning("encoding", found, "CONFIG SET hash-max-listpack-entries 128");
    }
    if let Some(events) = facts.setting("notify-keyspace-events").filter(|events| !events.is_empty()) {
        let found = format!(
            "notify-keyspace-events is {events}: the server publishes every change twice, and this store does not need it"
        );
        findings.info(
            "keyspace-events",
            found,
            "CONFIG SET notify-keyspace-events \"\", unless another application uses it",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn subscriber_limits() {
        let severity = |limits: &str| {
            let mut findings = Findings::new();
            subscribers(limits, &mut findings);
            findings.into_vec()[0].severity()
        };
        assert_eq!(severity("normal 0 0 0 slave 1 1 1 pubsub 33554432 8388608 60"), Severity::Ok);
        assert_eq!(severity("pubsub 33554432 0 0 normal 0 0 0"), Severity::Ok);
        assert_eq!(severity("normal 9999999 9999999 0 pubsub 0 0 0"), Severity::Warning);
        assert_eq!(severity("pubsub 33554432 65536 60"), Severity::Warning);
    }
}
