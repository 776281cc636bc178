//! Persistence: the loss after a crash.

use super::super::{
    deployment::{Deployment, Kind},
    facts::Facts,
    findings::Findings,
};

pub(super) fn check(facts: &Facts, deployment: &Deployment, findings: &mut Findings) {
    let (Some(aof), Some(save)) = (facts.setting("appendonly"), facts.setting("save")) else { return };
    match (aof, facts.setting("appendfsync").unwrap_or_default()) {
        ("yes", "always") => {
            findings.ok("persistence", "appendonly with appendfsync always: a crash loses no acknowledged write");
        }
        ("yes", "no") => findings.warning(
            "persistence",
            "appendfsync no: a crash of the machine loses the writes of about 30 s, which the system had not yet written to disk",
            "CONFIG SET appendfsync everysec",
        ),
        ("yes", _) => findings.ok(
            "persistence",
            "appendonly with appendfsync everysec: a crash of the machine loses the writes of the last second or two",
        ),
        _ if !save.is_empty() => findings.warning(
            "persistence",
            format!("snapshots only (save {save}): a crash loses all changes since the last snapshot, logouts included"),
            "CONFIG SET appendonly yes",
        ),
        _ => findings.warning("persistence", no_persistence(deployment.kind), "CONFIG SET appendonly yes, and CONFIG REWRITE"),
    }
    disk_errors(facts, findings);
}

fn no_persistence(kind: Kind) -> &'static str {
    match kind {
        Kind::Standalone => "the server writes nothing to disk: a restart ends all sessions",
        _ => {
            "the server writes nothing to disk: a primary that restarts before a failover comes back empty, and its \
             replicas then delete their data too"
        }
    }
}

fn disk_errors(facts: &Facts, findings: &mut Findings) {
    for (line, problem) in [
        ("rdb_last_bgsave_status", "the last snapshot failed"),
        ("aof_last_write_status", "the last write to the append-only file failed"),
    ] {
        if facts.info(line).is_some_and(|status| status != "ok") {
            let found = format!("{problem}: the server may refuse writes until one succeeds");
            findings.critical("disk", found, "check the server's log, and the free space on its disk");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Severity, facts::Role, internals::Address};

    #[test]
    fn a_failing_disk() {
        for (line, status, criticals) in [
            ("rdb_last_bgsave_status", "ok", 0),
            ("rdb_last_bgsave_status", "err", 1),
            ("aof_last_write_status", "err", 1),
        ] {
            let mut facts = Facts::new(Address::tcp("a", 1), Role::Primary);
            facts.info.insert(line.to_owned(), status.to_owned());
            let mut findings = Findings::new();
            disk_errors(&facts, &mut findings);
            let findings = findings.into_vec();
            assert_eq!(
                findings.iter().filter(|found| found.severity() == Severity::Critical).count(),
                criticals,
                "{line}"
            );
        }
    }
}
