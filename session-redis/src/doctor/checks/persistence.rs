//! What a crash loses.

use super::super::{
    deployment::{Deployment, Kind},
    facts::Facts,
    notes::Notes,
};

pub(super) fn check(facts: &Facts, deployment: &Deployment, notes: &mut Notes) {
    let (Some(aof), Some(save)) = (facts.set("appendonly"), facts.set("save")) else { return };
    match (aof, facts.set("appendfsync").unwrap_or_default()) {
        ("yes", "always") => {
            notes.ok("persistence", "appendonly with appendfsync always: a crash loses nothing that was acknowledged");
        }
        ("yes", "no") => notes.warning(
            "persistence",
            "appendfsync no: a crash of the machine loses what the system had not written, 30 s or so",
            "CONFIG SET appendfsync everysec",
        ),
        ("yes", _) => notes.ok(
            "persistence",
            "appendonly with appendfsync everysec: a crash of the machine loses the last second or two",
        ),
        _ if !save.is_empty() => notes.warning(
            "persistence",
            format!("snapshots only (save {save}): a crash loses all changes since the last one, logouts too"),
            "CONFIG SET appendonly yes",
        ),
        _ => notes.warning("persistence", none(deployment.kind), "CONFIG SET appendonly yes, and CONFIG REWRITE"),
    }
    trouble(facts, notes);
}

fn none(kind: Kind) -> &'static str {
    match kind {
        Kind::Standalone => "nothing is written to disk: a restart ends all sessions",
        _ => {
            "nothing is written to disk: a primary that restarts before it is replaced comes back empty, and its replicas \
             empty themselves after it"
        }
    }
}

fn trouble(facts: &Facts, notes: &mut Notes) {
    for (line, what) in [
        ("rdb_last_bgsave_status", "the last snapshot failed"),
        ("aof_last_write_status", "the last write of the append-only file failed"),
    ] {
        if facts.told(line).is_some_and(|status| status != "ok") {
            let found = format!("{what}: the server may refuse writes until it succeeds");
            notes.critical("disk", found, "look at the server's log, and at the space on its disk");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        doctor::{Severity, facts::Role},
        net::Address,
    };

    #[test]
    fn a_disk_that_fails() {
        for (line, status, graves) in [
            ("rdb_last_bgsave_status", "ok", 0),
            ("rdb_last_bgsave_status", "err", 1),
            ("aof_last_write_status", "err", 1),
        ] {
            let mut facts = Facts::new(Address::tcp("a", 1), Role::Primary);
            facts.info.insert(line.to_owned(), status.to_owned());
            let mut notes = Notes::new();
            trouble(&facts, &mut notes);
            let findings = notes.into_findings();
            assert_eq!(
                findings.iter().filter(|found| found.severity() == Severity::Critical).count(),
                graves,
                "{line}"
            );
        }
    }
}
