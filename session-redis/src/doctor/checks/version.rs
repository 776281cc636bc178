//! The version of the server: whether the store runs on it, and whether it still gets fixes.

use std::collections::BTreeSet;

use super::super::{
    facts::Facts,
    findings::Findings,
    internals::{OLDEST_REDIS, OLDEST_VALKEY, Version, read_version},
};

/// The Redis project no longer fixes older versions. Distributions still do.
const REDIS_MAINTAINED: Version = (7, 2);

pub(super) fn check(facts: &Facts, findings: &mut Findings) {
    let hello = |name: &str| facts.hello.get(name).map(String::as_str);
    let (Some(server), Some(version)) = (hello("server"), hello("version")) else { return };
    check_version(server, version, findings);
}

fn check_version(server: &str, version: &str, findings: &mut Findings) {
    let found = format!("{server} {version}");
    let remedy = "run Redis 7.2 or later, or Valkey 8 or later";
    match (server, read_version(version)) {
        ("redis", Some(version)) if version < OLDEST_REDIS => {
            findings.critical("version", format!("{found} does not have every command that the store needs"), remedy);
        }
        ("valkey", Some(version)) if version < OLDEST_VALKEY => {
            findings.critical("version", format!("{found} does not have every command that the store needs"), remedy);
        }
        ("redis", Some(version)) if version < REDIS_MAINTAINED => {
            findings.info("version", format!("{found} works, but only distributions still fix it"), remedy);
        }
        ("redis" | "valkey", Some(_)) => findings.ok("version", found),
        _ => findings.warning("version", format!("the store has never been tested on {found}"), remedy),
    }
}

pub(super) fn check_all(all: &[Facts], findings: &mut Findings) {
    let versions: BTreeSet<_> = all.iter().filter_map(|facts| facts.hello.get("version")).map(String::as_str).collect();
    if versions.len() > 1 {
        let found =
            format!("the servers run different versions: {}", versions.into_iter().collect::<Vec<_>>().join(", "));
        findings.warning(
            "versions",
            found,
            "finish the upgrade: an older replica may not be able to read the data of a newer primary",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Severity, facts::Role, internals::Address};

    #[test]
    fn versions() {
        let severity = |server: &str, version: &str| {
            let mut findings = Findings::new();
            check_version(server, version, &mut findings);
            findings.into_vec()[0].severity()
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
    fn servers_of_different_versions() {
        let facts = |version: &str| {
            let mut facts = Facts::new(Address::tcp("a", 1), Role::Primary);
            facts.hello.insert("version".to_owned(), version.to_owned());
            facts
        };
        let found = |versions: &[&str]| {
            let mut findings = Findings::new();
            check_all(&versions.iter().map(|version| facts(version)).collect::<Vec<_>>(), &mut findings);
            findings.into_vec().iter().map(|found| found.severity()).collect::<Vec<_>>()
        };
        assert_eq!(found(&["7.2.1", "7.2.1"]), []);
        assert_eq!(found(&["7.2.1", "7.4.0"]), [Severity::Warning]);
    }
}
