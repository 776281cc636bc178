//! Whether a primary that was replaced stops accepting writes soon enough.
//!
//! A client that is cut off together with the old primary goes on being answered by it. What ends that is the primary
//! itself, when it hears no replicas. It counts in whole seconds and looks once a second, so it takes up to two seconds
//! longer than `min-replicas-max-lag` says.

use std::time::Duration;

use super::super::{
    deployment::{Deployment, Kind},
    facts::Facts,
    notes::Notes,
};

/// By how much the lag may be exceeded before the primary notices.
const COARSE: Duration = Duration::from_secs(2);

pub(super) fn check(facts: &Facts, deployment: &Deployment, notes: &mut Notes) {
    let (Some(least), Some(lag)) = (facts.number("min-replicas-to-write"), facts.number("min-replicas-max-lag")) else {
        return;
    };
    let (failover, setting) = match deployment.kind {
        Kind::Standalone => return,
        Kind::Sentinel => (deployment.down_after, "down-after-milliseconds"),
        Kind::Cluster => (facts.number("cluster-node-timeout").map(Duration::from_millis), "cluster-node-timeout"),
    };
    if least == 0 || lag == 0 {
        unguarded(deployment.kind, notes);
    } else if let Some(failover) = failover {
        compare(lag, failover, setting, notes);
    }
    if least > 0 && lag > 0 && facts.is_primary() {
        enough(facts, least, notes);
    }
}

fn unguarded(kind: Kind, notes: &mut Notes) {
    let remedy = "CONFIG SET min-replicas-to-write 1 on every server, and min-replicas-max-lag at least two seconds below \
                  the failover time";
    match kind {
        Kind::Cluster => notes.warning(
            "min-replicas",
            "min-replicas-to-write is off: a primary that is cut off accepts writes, which will be lost, until it notices \
             by itself, which may be after it was replaced",
            remedy,
        ),
        _ => notes.critical(
            "min-replicas",
            "min-replicas-to-write is off: a primary that is cut off goes on accepting writes, which will be lost, and \
             clients beside it see stale sessions without any bound",
            remedy,
        ),
    }
}

fn compare(lag: u64, failover: Duration, setting: &str, notes: &mut Notes) {
    let told = format!("min-replicas-max-lag is {lag} s, and {setting} {} ms", failover.as_millis());
    let remedy = format!("set min-replicas-max-lag to 1, and {setting} to two seconds more at least");
    let lag = Duration::from_secs(lag);
    if lag >= failover {
        let found = format!("{told}: a primary that was replaced is still accepting writes, and they will be lost");
        notes.critical("max-lag", found, remedy);
    } else if lag + COARSE > failover {
        let found =
            format!("{told}: the primary takes up to 2 s more to notice, so it may be replaced before it stops");
        notes.warning("max-lag", found, remedy);
    } else {
        notes.ok("max-lag", format!("{told}: a primary stops before it is replaced"));
    }
}

fn enough(facts: &Facts, least: u64, notes: &mut Notes) {
    let good = facts.count("min_slaves_good_slaves");
    match good {
        Some(good) if good < least => {
            let found = format!(
                "{good} replicas are in step, and min-replicas-to-write is {least}: all writes are refused now"
            );
            notes.critical("min-replicas", found, "bring replicas back");
        }
        Some(good) if good == least => {
            let found = format!(
                "{good} replicas are in step, and min-replicas-to-write is {least}: without one of them all writes are refused"
            );
            notes.info("min-replicas", found, "run one replica more than min-replicas-to-write");
        }
        Some(good) => notes.ok("min-replicas", format!("{good} replicas are in step, {least} are needed")),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    fn severity(lag: u64, failover: u64) -> Severity {
        let mut notes = Notes::new();
        compare(lag, Duration::from_millis(failover), "down-after-milliseconds", &mut notes);
        notes.into_findings()[0].severity()
    }

    #[test]
    fn the_lag_must_end_before_the_failover() {
        assert_eq!(severity(10, 5_000), Severity::Critical);
        assert_eq!(severity(5, 5_000), Severity::Critical);
        assert_eq!(severity(4, 5_000), Severity::Warning);
        assert_eq!(severity(3, 5_000), Severity::Ok);
    }
}
