//! What the server does to its clients.

use super::super::{deployment::Deployment, facts::Facts, notes::Notes};

/// Less than this is used up by an ordinary burst of changes.
const SMALL: u64 = 1 << 20;

pub(super) fn check(facts: &Facts, deployment: &Deployment, notes: &mut Notes) {
    if let Some(limits) = facts.set("client-output-buffer-limit") {
        subscribers(limits, notes);
    }
    if let Some(timeout) = facts.number("timeout") {
        // Our connections are asked for a sign of life that often, subscriptions are exempt.
        if timeout != 0 && timeout <= 2 * deployment.health_interval.as_secs().max(1) {
            let found = format!("timeout is {timeout} s: connections are closed between two signs of life");
            notes.warning("idle-timeout", found, "CONFIG SET timeout 0, or lower `health_interval_ms`");
        } else {
            notes.ok("idle-timeout", format!("timeout is {timeout} s"));
        }
    }
    match facts.number("tcp-keepalive") {
        Some(0) => notes.warning(
            "tcp-keepalive",
            "tcp-keepalive is off: the server never notices subscribers that are gone, and buffers for them",
            "CONFIG SET tcp-keepalive 300",
        ),
        Some(seconds) => notes.ok("tcp-keepalive", format!("tcp-keepalive is {seconds} s")),
        None => {}
    }
    crowd(facts, notes);
    housekeeping(facts, notes);
}

/// `client-output-buffer-limit` names each class with a hard limit, a soft one, and its seconds.
fn subscribers(limits: &str, notes: &mut Notes) {
    let mut words = limits
        .split_whitespace()
        .skip_while(|word| *word != "pubsub")
        .skip(1)
        .map_while(|word| word.parse::<u64>().ok());
    let (Some(hard), Some(soft)) = (words.next(), words.next()) else { return };
    let told = format!("client-output-buffer-limit pubsub {hard} {soft}");
    match [hard, soft].into_iter().filter(|limit| *limit > 0).min() {
        None => notes.warning(
            "pubsub-buffer",
            format!("{told}: there is no limit, so one subscriber that does not read can use up the server's memory"),
            "CONFIG SET client-output-buffer-limit \"pubsub 33554432 8388608 60\"",
        ),
        Some(least) if least < SMALL => notes.warning(
            "pubsub-buffer",
            format!("{told}: a burst of changes cuts every subscriber, and all local copies end"),
            "CONFIG SET client-output-buffer-limit \"pubsub 33554432 8388608 60\"",
        ),
        Some(_) => notes
            .ok("pubsub-buffer", format!("{told}: only a subscriber that hangs is cut, which ends its local copies")),
    }
}

fn crowd(facts: &Facts, notes: &mut Notes) {
    let (Some(now), Some(most)) = (facts.count("connected_clients"), facts.number("maxclients")) else { return };
    if now.saturating_mul(10) >= most.saturating_mul(8) {
        let found = format!("{now} clients are connected, and maxclients is {most}: soon new ones are refused");
        notes.warning("clients", found, "raise maxclients and the limit of open files");
    } else {
        notes.ok("clients", format!("{now} of {most} clients are connected"));
    }
}

/// Settings that only cost time or memory.
fn housekeeping(facts: &Facts, notes: &mut Notes) {
    if facts.set("lazyfree-lazy-expire") == Some("no") {
        notes.info(
            "lazyfree",
            "expired sessions are freed on the server's main thread: fine while sessions are small",
            "with large sessions, CONFIG SET lazyfree-lazy-expire yes and lazyfree-lazy-user-del yes",
        );
    }
    // Version 7 renamed them; both names answer.
    if let Some(bytes) = facts.number("hash-max-listpack-value").filter(|bytes| *bytes < 64) {
        let found = format!(
            "hash-max-listpack-value is {bytes}: the metadata alone takes sessions out of the compact encoding"
        );
        notes.warning("encoding", found, "CONFIG SET hash-max-listpack-value 64 at least");
    }
    if let Some(entries) = facts.number("hash-max-listpack-entries").filter(|entries| *entries < 32) {
        let found =
            format!("hash-max-listpack-entries is {entries}: sessions with more fields take several times the memory");
        notes.warning("encoding", found, "CONFIG SET hash-max-listpack-entries 128");
    }
    if let Some(events) = facts.set("notify-keyspace-events").filter(|events| !events.is_empty()) {
        let found =
            format!("notify-keyspace-events is {events}: every change is announced twice; this store does not need it");
        notes.info(
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
    fn limits_of_subscribers() {
        let severity = |limits: &str| {
            let mut notes = Notes::new();
            subscribers(limits, &mut notes);
            notes.into_findings()[0].severity()
        };
        assert_eq!(severity("normal 0 0 0 slave 1 1 1 pubsub 33554432 8388608 60"), Severity::Ok);
        assert_eq!(severity("pubsub 33554432 0 0 normal 0 0 0"), Severity::Ok);
        assert_eq!(severity("normal 9999999 9999999 0 pubsub 0 0 0"), Severity::Warning);
        assert_eq!(severity("pubsub 33554432 65536 60"), Severity::Warning);
    }
}
