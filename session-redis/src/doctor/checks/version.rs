//! Whether the server can run the store at all, and still gets fixes.

use std::collections::BTreeSet;

use super::super::{facts::Facts, notes::Notes};

type Version = (u32, u32);

/// The oldest of each that has all that is needed.
const REDIS: Version = (7, 0);
const VALKEY: Version = (7, 2);
/// Redis 7.0 gets no more fixes from its makers, though from distributions.
const REDIS_MAINTAINED: Version = (7, 2);

pub(super) fn check(facts: &Facts, notes: &mut Notes) {
    let told = |name: &str| facts.hello.get(name).map(String::as_str);
    let (Some(server), Some(version)) = (told("server"), told("version")) else { return };
    judge(server, version, notes);
}

fn judge(server: &str, version: &str, notes: &mut Notes) {
    let found = format!("{server} {version}");
    let remedy = "run Redis 7.2 or later, or Valkey 8 or later";
    match (server, read(version)) {
        ("redis", Some(version)) if version < REDIS => {
            notes.critical("version", format!("{found} lacks what the store needs"), remedy);
        }
        ("valkey", Some(version)) if version < VALKEY => {
            notes.critical("version", format!("{found} lacks what the store needs"), remedy);
        }
        ("redis", Some(version)) if version < REDIS_MAINTAINED => {
            notes.info("version", format!("{found} works, but gets fixes only from distributions"), remedy);
        }
        ("redis" | "valkey", Some(_)) => notes.ok("version", found),
        _ => notes.warning("version", format!("{found} is not known here: the store was never tested with it"), remedy),
    }
}

pub(super) fn check_all(all: &[Facts], notes: &mut Notes) {
    let versions: BTreeSet<_> = all.iter().filter_map(|facts| facts.hello.get("version")).map(String::as_str).collect();
    if versions.len() > 1 {
        let found =
            format!("the servers are of several versions: {}", versions.into_iter().collect::<Vec<_>>().join(", "));
        notes.warning("versions", found, "finish the upgrade: an older replica may not understand a newer primary");
    }
}

fn read(version: &str) -> Option<Version> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn versions() {
        let severity = |server: &str, version: &str| {
            let mut notes = Notes::new();
            judge(server, version, &mut notes);
            notes.into_findings()[0].severity()
        };
        assert_eq!(severity("redis", "6.2.14"), Severity::Critical);
        assert_eq!(severity("redis", "7.0.15"), Severity::Info);
        assert_eq!(severity("redis", "7.4.2"), Severity::Ok);
        assert_eq!(severity("valkey", "7.0.0"), Severity::Critical);
        assert_eq!(severity("valkey", "8.0.1"), Severity::Ok);
        assert_eq!(severity("redis", "unstable"), Severity::Warning);
        assert_eq!(severity("keydb", "6.3.4"), Severity::Warning);
    }

    #[test]
    fn servers_of_several_versions() {
        let facts = |version: &str| {
            let mut facts = Facts::new(crate::net::Address::tcp("a", 1), crate::doctor::facts::Role::Primary);
            facts.hello.insert("version".to_owned(), version.to_owned());
            facts
        };
        let found = |versions: &[&str]| {
            let mut notes = Notes::new();
            check_all(&versions.iter().map(|version| facts(version)).collect::<Vec<_>>(), &mut notes);
            notes.into_findings().iter().map(|found| found.severity()).collect::<Vec<_>>()
        };
        assert_eq!(found(&["7.2.1", "7.2.1"]), []);
        assert_eq!(found(&["7.2.1", "7.4.0"]), [Severity::Warning]);
    }
}
