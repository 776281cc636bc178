//! Whether a replaced primary stops answering soon enough. The store believes a read only if its server could still
//! write.
//!
//! An isolated primary keeps answering the clients isolated with it, until it notices that its replicas are gone. It
//! measures their lag in whole seconds and checks once a second, so it can take two seconds longer than
//! `min-replicas-max-lag`. Sentinels replace it after `down-after-milliseconds`. The replicas of a cluster are elected
//! after `cluster-node-timeout` and half a second; the primary itself notices that it is isolated after 1 to 1.5
//! `cluster-node-timeout`, which may be later.

use std::time::Duration;

use super::super::{
    deployment::{Deployment, Kind},
    facts::Facts,
    findings::Findings,
};

/// The time by which a primary may notice late.
const COARSE: Duration = Duration::from_secs(2);

pub(super) fn check(facts: &Facts, deployment: &Deployment, findings: &mut Findings) {
    let (Some(least), Some(lag)) =
        (facts.setting_number("min-replicas-to-write"), facts.setting_number("min-replicas-max-lag"))
    else {
        return;
    };
    let (failover, setting) = match deployment.kind {
        Kind::Standalone => return,
        Kind::Sentinel => (deployment.down_after, "down-after-milliseconds"),
        Kind::Cluster => {
            (facts.setting_number("cluster-node-timeout").map(Duration::from_millis), "cluster-node-timeout")
        }
    };
    if least == 0 || lag == 0 {
        no_replicas_required(deployment.kind, setting, findings);
    } else if let Some(failover) = failover {
        compare_lag(lag, failover, setting, findings);
    }
    if least > 0 && lag > 0 && facts.is_primary() {
        count_replicas(facts, least, findings);
    }
}

fn no_replicas_required(kind: Kind, setting: &str, findings: &mut Findings) {
    let remedy = format!(
        "CONFIG SET min-replicas-to-write 1 on every server, and min-replicas-max-lag to at least two seconds less than \
         {setting}"
    );
    match kind {
        Kind::Cluster => findings.warning(
            "min-replicas",
            "min-replicas-to-write is off: until an isolated primary notices its isolation, it accepts writes that will \
             be lost and answers loads with old sessions, and it may be replaced before it notices",
            remedy,
        ),
        _ => findings.critical(
            "min-replicas",
            "min-replicas-to-write is off: an isolated primary keeps accepting writes that will be lost, and its clients \
             read stale sessions without any bound",
            remedy,
        ),
    }
}

fn compare_lag(lag: u64, failover: Duration, setting: &str, findings: &mut Findings) {
    let settings = format!("min-replicas-max-lag is {lag} s and {setting} is {} ms", failover.as_millis());
    let remedy = format!("set min-replicas-max-lag to 1, and {setting} to at least two seconds more");
    let lag = Duration::from_secs(lag);
    if lag >= failover {
        let found = format!(
            "{settings}: a replaced primary still accepts writes, which will be lost, and answers loads with old sessions"
        );
        findings.critical("max-lag", found, remedy);
    } else if lag + COARSE > failover {
        let found =
            format!("{settings}: the primary can take 2 s longer to notice, so it may be replaced before it stops");
        findings.warning("max-lag", found, remedy);
    } else {
        findings.ok("max-lag", format!("{settings}: a primary stops before it is replaced"));
    }
}

fn count_replicas(facts: &Facts, least: u64, findings: &mut Findings) {
    let good = facts.info_number("min_slaves_good_slaves");
    match good {
        Some(good) if good < least => {
            let found = format!(
                "{good} replicas are in sync and min-replicas-to-write is {least}: all loads and writes are refused now"
            );
            findings.critical("min-replicas", found, "bring the replicas back");
        }
        Some(good) if good == least => {
            let found = format!(
                "{good} replicas are in sync and min-replicas-to-write is {least}: if one fails, all loads and writes are refused"
            );
            findings.info("min-replicas", found, "run one replica more than min-replicas-to-write");
        }
        Some(good) => {
            findings.ok("min-replicas", format!("{good} replicas are in sync, and min-replicas-to-write is {least}"));
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    fn severity(lag: u64, failover: u64) -> Severity {
        let mut findings = Findings::new();
        compare_lag(lag, Duration::from_millis(failover), "down-after-milliseconds", &mut findings);
        findings.into_vec()[0].severity()
    }

    #[test]
    fn the_lag_must_end_before_the_failover() {
        assert_eq!(severity(10, 5_000), Severity::Critical);
        assert_eq!(severity(5, 5_000), Severity::Critical);
        assert_eq!(severity(4, 5_000), Severity::Warning);
        assert_eq!(severity(3, 5_000), Severity::Ok);
    }
}
