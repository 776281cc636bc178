//! Encryption between the clients and the servers, and between the servers.

use super::super::{
    deployment::{Deployment, Kind},
    facts::{Facts, Role},
    findings::Findings,
    internals::Address,
};

/// Checks an address before the doctor connects to it.
pub(super) fn check_address(address: &Address, deployment: &Deployment, findings: &mut Findings) {
    if deployment.is_encrypted {
        return findings.ok("tls", "the connection uses TLS");
    }
    if Facts::new(address.clone(), Role::Primary).is_local() {
        return findings.ok("tls", "the connection has no TLS, and stays on this machine");
    }
    let remedy = "give the servers certificates, and use rediss:// in `urls`";
    findings.warning("tls", "sessions travel over the network in clear text", remedy);
    if deployment.has_password {
        findings.warning("password-in-clear", "the password travels over the network in clear text", remedy);
    }
}

/// Checks the settings of a server whose clients use TLS.
pub(super) fn check(facts: &Facts, deployment: &Deployment, findings: &mut Findings) {
    if !deployment.is_encrypted {
        return;
    }
    if facts.setting_number("port").is_some_and(|port| port != 0) {
        findings.info("plain-port", "the server also listens without TLS", "set `port 0` once all clients use TLS");
    }
    for (setting, traffic, is_used) in [
        ("tls-replication", "replication is", deployment.kind != Kind::Standalone),
        ("tls-cluster", "messages between the nodes are", deployment.kind == Kind::Cluster),
    ] {
        if is_used && facts.setting(setting) == Some("no") {
            let found = format!("{setting} is no: {traffic} in clear text, although clients use TLS");
            findings.warning("tls", found, format!("set {setting} yes"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{
        Severity,
        internals::{CheckedConfig, RedisConfig},
    };

    fn checks(url: &str) -> Vec<&'static str> {
        let config = RedisConfig::standalone(url);
        let setup = CheckedConfig::new(&config).unwrap();
        let mut findings = Findings::new();
        check_address(&setup.seeds[0], &Deployment::new(&config, &setup, None), &mut findings);
        let findings = findings.into_vec();
        findings.iter().filter(|found| found.severity() > Severity::Ok).map(|found| found.check()).collect()
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
    fn replication_in_clear_text() {
        let config = RedisConfig::cluster(["rediss://cache.example"]);
        let deployment = Deployment::new(&config, &CheckedConfig::new(&config).unwrap(), None);
        let mut facts = Facts::new(Address::tcp("cache.example", 6379), Role::Primary);
        for setting in ["tls-replication", "tls-cluster"] {
            facts.config = [(setting.to_owned(), "no".to_owned())].into();
            let mut findings = Findings::new();
            check(&facts, &deployment, &mut findings);
            let findings = findings.into_vec();
            assert!(findings.len() == 1 && findings[0].found().starts_with(setting), "{findings:?}");
        }
    }
}
