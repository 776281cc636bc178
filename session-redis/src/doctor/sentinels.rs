//! The sentinels: what they report, and whether they can replace a primary.

use std::{collections::BTreeSet, time::Duration};

use redis::{Pipeline, Value};

use super::{
    deployment::Deployment,
    discover::Expected,
    facts::{Facts, Role, gather_common},
    findings::Findings,
    internals::{Address, Dialer, PrimaryReport, choose},
    probe::Probe,
    reply::{Table, items, table},
};

/// One sentinel's report about the primary.
#[derive(Clone, Debug)]
struct SentinelReport {
    sentinel: Address,
    primary: Table,
    replicas: Vec<Table>,
    /// Whether enough sentinels can reach each other to agree on a failover.
    has_quorum: Option<bool>,
}

impl SentinelReport {
    fn number(&self, name: &str) -> Option<u64> {
        self.primary.get(name)?.parse().ok()
    }

    /// The address in the description of a server.
    fn address_of(&self, described: &Table) -> Option<Address> {
        Some(Address::reported(described.get("ip")?, described.get("port")?.parse().ok()?, &self.sentinel))
    }

    /// The first flag of the primary that means a problem.
    fn problem(&self) -> Option<&str> {
        let flags = self.primary.get("flags")?;
        flags.split(',').find(|flag| ["s_down", "o_down", "disconnected", "failover_in_progress"].contains(flag))
    }
}

/// Asks all sentinels for the servers. The sentinels themselves are checked here, except for the facts returned.
pub(super) async fn ask(
    dialer: &Dialer,
    master: &str,
    seeds: &[Address],
    deployment: &mut Deployment,
    findings: &mut Findings,
) -> (Vec<Expected>, Vec<Facts>) {
    let (mut reports, mut facts) = (Vec::new(), Vec::new());
    for seed in seeds {
        match Probe::connect(dialer, seed, deployment.call_deadline).await {
            Ok(mut probe) => {
                let mut own = Facts::new(seed.clone(), Role::Sentinel);
                gather_common(&mut probe, &mut own).await;
                facts.push(own);
                reports.extend(report(&mut probe, master, findings).await);
                probe.report_unanswered(findings);
            }
            Err(reason) => {
                let remedy =
                    "start the sentinel, or remove it from `urls`; a failover needs a majority of the sentinels";
                findings.at(seed).warning("sentinels", reason, remedy);
            }
        }
    }
    deployment.down_after =
        reports.iter().filter_map(|report| report.number("down-after-milliseconds")).min().map(Duration::from_millis);
    check(&reports, seeds.len(), findings);
    (servers(&reports), facts)
}

async fn report(probe: &mut Probe, master: &str, findings: &mut Findings) -> Option<SentinelReport> {
    let mut questions = Pipeline::with_capacity(3);
    for question in ["MASTER", "REPLICAS", "CKQUORUM"] {
        questions.cmd("SENTINEL").arg(question).arg(master);
    }
    let about = "the primary that the sentinel watches";
    let mut replies = probe.ask_all("SENTINEL MASTER", about, &questions).await?.into_iter();
    let (primary, replicas, quorum) = (replies.next()?, replies.next()?, replies.next()?);
    if let Value::ServerError(error) = &primary
        && error.code() == "ERR"
    {
        let found = format!("the sentinel watches no primary named `{master}`");
        let remedy = "check `sentinel.master`, and `sentinel monitor` in the configuration of the sentinel";
        findings.at(&probe.address).critical("sentinels", found, remedy);
        return None;
    }
    let primary = probe.accept("SENTINEL MASTER", about, primary).ok()?;
    let replicas = probe.accept("SENTINEL REPLICAS", "the replicas", replicas).ok();
    let has_quorum = match &quorum {
        Value::ServerError(error) if error.code() == "NOQUORUM" => Some(false),
        _ => probe.accept("SENTINEL CKQUORUM", "the quorum", quorum).ok().map(|_| true),
    };
    Some(SentinelReport {
        sentinel: probe.address.clone(),
        primary: table(&primary),
        replicas: replicas.iter().flat_map(items).map(table).collect(),
        has_quorum,
    })
}

/// The reports that name the primary which a store would follow.
fn followed(reports: &[SentinelReport]) -> Vec<&SentinelReport> {
    let claims = reports.iter().filter_map(|report| {
        let epoch = report.number("config-epoch").unwrap_or(0);
        report.address_of(&report.primary).map(|primary| PrimaryReport { primary, epoch })
    });
    let chosen = choose(&claims.collect::<Vec<_>>());
    let is_chosen = |report: &&SentinelReport| {
        chosen.as_ref().is_some_and(|chosen| report.address_of(&report.primary).as_ref() == Some(&chosen.primary))
    };
    reports.iter().filter(is_chosen).collect()
}

/// The primary, and the replicas that most of these reports name: a single one may name any server, to learn the password.
fn servers(reports: &[SentinelReport]) -> Vec<Expected> {
    let followed = followed(reports);
    let Some(first) = followed.first() else { return Vec::new() };
    let mut named: Vec<(Address, usize)> = Vec::new();
    for report in &followed {
        let mut own: Vec<Address> = Vec::new();
        for address in report.replicas.iter().filter_map(|replica| report.address_of(replica)) {
            if !own.contains(&address) {
                own.push(address);
            }
        }
        for address in own {
            match named.iter_mut().find(|(known, _)| *known == address) {
                Some((_, times)) => *times += 1,
                None => named.push((address, 1)),
            }
        }
    }
    let primary = first.address_of(&first.primary).map(Expected::primary);
    let replicas = named.into_iter().filter(|(_, times)| times * 2 > followed.len());
    let replica = |(address, _)| Expected { is_primary: false, ..Expected::primary(address) };
    primary.into_iter().chain(replicas.map(replica)).collect()
}

fn check(reports: &[SentinelReport], named: usize, findings: &mut Findings) {
    findings.deployment();
    let followed = followed(reports);
    let Some(first) = followed.first() else {
        let remedy = "check `urls`, `sentinel.master` and the password of the sentinels";
        return findings.critical("sentinels", "no sentinel reports the primary", remedy);
    };
    let primaries = reports.iter().filter_map(|report| Some(report.address_of(&report.primary)?.to_string()));
    let primaries: BTreeSet<_> = primaries.collect();
    if primaries.len() > 1 {
        let list = primaries.into_iter().collect::<Vec<_>>().join(", ");
        findings.critical(
            "sentinels",
            format!("the sentinels name different primaries: {list}"),
            "check that the sentinels reach each other; run SENTINEL RESET on those that are out of date",
        );
    }
    for report in reports {
        if let Some(flag) = report.problem() {
            let found = format!("the sentinel marks the primary as {flag}");
            findings.at(&report.sentinel).critical(
                "sentinels",
                found,
                "check the logs of the sentinel and the primary",
            );
        }
    }
    check_quorum(reports, first, named, findings);
}

fn check_quorum(reports: &[SentinelReport], first: &SentinelReport, named: usize, findings: &mut Findings) {
    findings.deployment();
    let known = first.number("num-other-sentinels").map_or(reports.len() as u64, |others| others + 1);
    let quorum = first.number("quorum").unwrap_or(0);
    let found = format!("there are {known} sentinels, and {quorum} must agree that the primary is down");
    if reports.iter().any(|report| report.has_quorum == Some(false)) || quorum > known {
        let found = format!("{found}: not enough of them can be reached, so no failover can happen");
        findings.critical("quorum", found, "start the missing sentinels, or lower the quorum in `sentinel monitor`");
    } else if known < 3 {
        let found = format!("{found}: without one of them there is no majority, so no failover can happen");
        findings.warning("quorum", found, "run three sentinels, on machines that fail independently");
    } else if quorum < 2 {
        let found = format!("{found}: one isolated sentinel can start a failover of a healthy primary");
        findings.warning("quorum", found, "set the quorum in `sentinel monitor` to at least 2");
    } else {
        findings.ok("quorum", found);
    }
    if (named as u64) < known {
        let found =
            format!("`urls` names {named} of {known} sentinels: while those are down, the primary is not found");
        findings.info("sentinels", found, "name all sentinels in `urls`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    fn report(port: &str, flags: &str, others: &str, epoch: &str) -> SentinelReport {
        let fields = [
            ("ip", "10.0.0.1"),
            ("port", port),
            ("flags", flags),
            ("num-other-sentinels", others),
            ("quorum", "2"),
            ("config-epoch", epoch),
        ];
        let primary = fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        SentinelReport { sentinel: Address::tcp("s", 1), primary, replicas: Vec::new(), has_quorum: Some(true) }
    }

    fn problems(reports: &[SentinelReport]) -> Vec<(Severity, &'static str)> {
        let mut findings = Findings::new();
        check(reports, 3, &mut findings);
        let findings = findings.into_vec();
        findings
            .iter()
            .map(|found| (found.severity, found.check))
            .filter(|(severity, _)| *severity > Severity::Ok)
            .collect()
    }

    #[test]
    fn reports_are_compared() {
        let healthy = || report("1", "master", "2", "1");
        assert_eq!(problems(&[healthy(), healthy()]), []);
        assert_eq!(problems(&[healthy(), report("2", "master", "2", "1")]), [(Severity::Critical, "sentinels")]);
        assert_eq!(problems(&[healthy(), report("1", "master,s_down", "2", "1")]), [(Severity::Critical, "sentinels")]);
        assert_eq!(problems(&[report("1", "master", "1", "1")]), [(Severity::Warning, "quorum")]);
    }

    #[test]
    fn the_newest_report_names_the_primary() {
        let reports = [report("1", "master", "2", "7"), report("2", "master", "2", "10")];
        assert_eq!(servers(&reports), [Expected::primary(Address::tcp("10.0.0.1", 2))]);
    }

    /// The doctor's password is worth more than a store's.
    #[test]
    fn a_lying_sentinel_is_outvoted() {
        let epoch = u64::MAX.to_string();
        let honest = || report("1", "master", "2", "7");
        assert_eq!(
            servers(&[honest(), report("2", "master", "2", &epoch), honest()]),
            [Expected::primary(Address::tcp("10.0.0.1", 1))]
        );
        // It names the primary of the others, and a replica of its own.
        let replica = |port: &str| -> Table {
            [("ip", "10.0.0.1"), ("port", port)].map(|(name, value)| (name.to_owned(), value.to_owned())).into()
        };
        let with = |replicas: &[&str], report: SentinelReport| SentinelReport {
            replicas: replicas.iter().map(|port| replica(port)).collect(),
            ..report
        };
        let reports = [
            with(&["9", "9"], report("1", "master", "2", &epoch)),
            with(&["3", "4"], honest()),
            with(&["3", "4"], honest()),
        ];
        let ports: Vec<_> = servers(&reports).into_iter().map(|server| server.address).collect();
        assert_eq!(ports, [1, 3, 4].map(|port| Address::tcp("10.0.0.1", port)));
    }
}
