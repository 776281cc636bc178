//! Who can listen in.

use super::super::{
    deployment::{Deployment, Kind},
    facts::{Facts, Role},
    notes::Notes,
};
use crate::net::Address;

/// What the address tells, before it is dialed.
pub(super) fn on_the_way(address: &Address, deployment: &Deployment, notes: &mut Notes) {
    if deployment.is_encrypted {
        return notes.ok("tls", "TLS is spoken");
    }
    if Facts::new(address.clone(), Role::Primary).is_local() {
        return notes.ok("tls", "without TLS, and within this machine");
    }
    let remedy = "give the servers certificates, and write rediss:// in `urls`";
    notes.warning("tls", "sessions travel over the network in clear text", remedy);
    if deployment.has_password {
        notes.warning("password-in-clear", "the password travels over the network in clear text", remedy);
    }
}

/// What the server tells.
pub(super) fn check(facts: &Facts, deployment: &Deployment, notes: &mut Notes) {
    if !deployment.is_encrypted {
        return;
    }
    if facts.number("port").is_some_and(|port| port != 0) {
        notes.info("plain-port", "the server listens without TLS as well", "set `port 0` once all clients speak TLS");
    }
    for (setting, what, is_used) in [
        ("tls-replication", "replicas get their data", deployment.kind != Kind::Standalone),
        ("tls-cluster", "the nodes of the cluster talk", deployment.kind == Kind::Cluster),
    ] {
        if is_used && facts.set(setting) == Some("no") {
            let found = format!("{setting} is no: {what} in clear text, though clients speak TLS");
            notes.warning("tls", found, format!("set {setting} yes"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RedisConfig, net::CheckedConfig};

    fn checks(url: &str) -> Vec<&'static str> {
        let config = RedisConfig::standalone(url);
        let setup = CheckedConfig::new(&config).unwrap();
        let mut notes = Notes::new();
        on_the_way(&setup.seeds[0], &Deployment::new(&config, &setup, None), &mut notes);
        let findings = notes.into_findings();
        findings.iter().filter(|found| found.severity() > crate::Severity::Ok).map(|found| found.check()).collect()
    }

    #[test]
    fn clear_text_beyond_this_machine() {
        assert_eq!(checks("redis://cache.example"), ["tls"]);
        assert_eq!(checks("redis://:secret@cache.example"), ["tls", "password-in-clear"]);
        for url in ["redis://:secret@localhost", "redis://127.0.0.9", "redis://[::1]", "redis+unix:///socket"] {
            assert_eq!(checks(url), [""; 0], "{url}");
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn encrypted() {
        assert_eq!(checks("rediss://:secret@cache.example"), [""; 0]);
    }

    #[cfg(feature = "tls")]
    #[test]
    fn replicas_in_clear_text() {
        let config = RedisConfig::cluster(["rediss://cache.example"]);
        let deployment = Deployment::new(&config, &CheckedConfig::new(&config).unwrap(), None);
        let mut facts = Facts::new(Address::tcp("cache.example", 6379), Role::Primary);
        for setting in ["tls-replication", "tls-cluster"] {
            facts.config = [(setting.to_owned(), "no".to_owned())].into();
            let mut notes = Notes::new();
            check(&facts, &deployment, &mut notes);
            let findings = notes.into_findings();
            assert!(findings.len() == 1 && findings[0].found().starts_with(setting), "{findings:?}");
        }
    }
}
