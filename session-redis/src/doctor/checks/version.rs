//! The version of the server: whether the store runs on it, whether it still gets fixes, and whether it has those of the
//! script engine.

use std::collections::BTreeSet;

use super::super::{
    facts::{Facts, Role},
    findings::Findings,
    internals::{OLDEST_REDIS, OLDEST_VALKEY, Version, read_version},
};

/// The Redis project no longer fixes older versions, though distributions may.
const REDIS_MAINTAINED: Version = (7, 2);

pub(super) fn check(facts: &Facts, findings: &mut Findings) {
    let hello = |name: &str| facts.hello.get(name).map(String::as_str);
    let (Some(server), Some(version)) = (hello("server"), hello("version")) else { return };
    check_version(server, version, findings);
    // Sentinels run no scripts.
    if facts.role != Role::Sentinel {
        check_scripts(server, version, findings);
    }
}

/// The first patch level of each line that has the fix of CVE-2025-49844; later lines have it from their first release on.
/// The rule of the store's user grants what an attacker needs for it, to load and to run a script.
const FIXED_REDIS: &[(Version, u32)] = &[((7, 2), 11), ((7, 4), 6), ((8, 0), 4), ((8, 2), 2)];
const FIXED_VALKEY: &[(Version, u32)] = &[((7, 2), 11), ((8, 0), 6), ((8, 1), 4)];

fn check_scripts(server: &str, version: &str, findings: &mut Findings) {
    let fixed = match server {
        "redis" => FIXED_REDIS,
        "valkey" => FIXED_VALKEY,
        _ => return,
    };
    let patch = version.split('.').nth(2).and_then(|patch| patch.parse::<u32>().ok());
    let (Some(line), Some(patch)) = (read_version(version), patch) else { return };
    let is_later = fixed.last().is_some_and(|(last, _)| line > *last);
    if is_later || fixed.iter().any(|(fixed, level)| line == *fixed && patch >= *level) {
        return findings.ok("lua-fix", format!("{server} {version} has the fix of CVE-2025-49844"));
    }
    let levels: Vec<_> = fixed.iter().map(|((major, minor), patch)| format!("{major}.{minor}.{patch}")).collect();
    findings.warning(
        "lua-fix",
        format!(
            "{server} {version} does not have the fix of CVE-2025-49844: a client that may run scripts, as the store's user \
             may, can execute code on the server"
        ),
        format!(
            "run {server} {} or later; a package of a distribution may have the fix at a lower version: check its changelog",
            levels.join(", ")
        ),
    );
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
            findings.warning("version", format!("{found} works, but its makers no longer fix it"), remedy);
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

    fn found(server: &str, version: &str) -> Vec<(Severity, &'static str, String)> {
        let mut findings = Findings::new();
        check_version(server, version, &mut findings);
        check_scripts(server, version, &mut findings);
        let findings = findings.into_vec();
        findings.iter().map(|found| (found.severity(), found.check(), found.found().to_owned())).collect()
    }

    #[test]
    fn versions() {
        for (server, version, severity) in [
            ("redis", "6.2.14", Severity::Critical),
            ("redis", "7.0.15", Severity::Warning),
            ("redis", "7.2.11", Severity::Ok),
            ("redis", "7.4.6", Severity::Ok),
            ("redis", "9.0.0", Severity::Ok),
            ("valkey", "7.0.0", Severity::Critical),
            ("valkey", "7.2.11", Severity::Ok),
            ("valkey", "8.1.4", Severity::Ok),
            ("redis", "unstable", Severity::Warning),
            ("keydb", "6.3.4", Severity::Warning),
        ] {
            let found = found(server, version);
            assert_eq!((found[0].0, found[0].1), (severity, "version"), "{server} {version}: {found:?}");
        }
    }

    /// The patch levels on both sides of each fix.
    #[test]
    fn patch_levels() {
        let vulnerable = |server: &str, version: &str| {
            let found = found(server, version);
            let lua = found.iter().find(|(_, check, _)| *check == "lua-fix");
            lua.is_some_and(|(severity, _, text)| {
                assert!(text.contains("CVE-2025-49844"), "{text}");
                *severity == Severity::Warning
            })
        };
        for (server, old, fixed) in [
            ("redis", "7.2.10", "7.2.11"),
            ("redis", "7.2.0", "7.2.12"),
            ("redis", "7.4.5", "7.4.6"),
            ("redis", "8.0.3", "8.0.4"),
            ("redis", "8.2.1", "8.2.2"),
            ("redis", "7.0.15", "8.2.10"),
            ("redis", "8.1.9", "8.4.0"),
            ("valkey", "7.2.10", "7.2.11"),
            ("valkey", "8.0.5", "8.0.6"),
            ("valkey", "8.1.3", "8.1.4"),
            ("valkey", "8.1.0", "9.0.0"),
        ] {
            assert!(vulnerable(server, old), "{server} {old}");
            assert!(!vulnerable(server, fixed), "{server} {fixed}");
        }
        // Nothing is known of others, nor of a version without a patch level.
        for (server, version) in [("keydb", "6.3.4"), ("redis", "unstable"), ("redis", "7.2")] {
            assert!(!vulnerable(server, version), "{server} {version}");
        }
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
