//! Healthy servers, and assertions on reports.

use session_core::Sessions;
use session_redis::{
    RedisConfig, RedisStore,
    doctor::{Doctor, Finding, Report, Severity},
};
use session_testkit::{Persistence, ServerBuilder};

pub(crate) const PREFIX: &str = "shop";

/// A rule of an ACL file on one line, with the placeholders replaced.
fn rule(rule: &str, name: &str) -> String {
    let rule = rule.replace("user <name>", name).replace("<password>", "secret").replace("<prefix>", PREFIX);
    rule.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A server without problems. The user `shop` has the permissions of a store, and `doctor` those of the doctor.
pub(crate) fn healthy(server: ServerBuilder) -> ServerBuilder {
    server
        .persistence(Persistence::AofEverysec)
        .config("maxmemory", "256mb")
        .acl_user("default off")
        .acl_user(&rule(session_redis::ACL_RULE, "shop"))
        .acl_user(&rule(session_redis::doctor::ACL_RULE, "doctor"))
}

/// The configuration with the user who may see everything.
pub(crate) fn as_doctor(config: RedisConfig) -> RedisConfig {
    config.prefix(PREFIX).username("doctor").password("secret")
}

/// The doctor's report about the store of the user `shop`.
pub(crate) async fn examine(config: RedisConfig) -> Report {
    Doctor::new(as_doctor(config)).store_user("shop").examine().await.expect("the configuration is valid")
}

/// A store for the same servers.
pub(crate) async fn store(config: RedisConfig) -> Sessions {
    let config = config.prefix(PREFIX).username("shop").password("secret");
    Sessions::new(RedisStore::builder(config).connect().await.unwrap_or_else(|error| panic!("{error:?}")))
}

/// The findings that need a remedy. The version is that of the servers on the machine, which may be an old one.
pub(crate) fn problems(report: &Report) -> Vec<&Finding> {
    let is_problem = |finding: &&Finding| {
        finding.severity() >= Severity::Warning && !["version", "lua-fix"].contains(&finding.check())
    };
    report.findings().iter().filter(is_problem).collect()
}

/// The report has no problem, and everything could be examined.
pub(crate) fn assert_healthy(report: &Report) {
    let hidden = ["not-permitted", "not-answered"];
    let hidden = report.findings().iter().any(|finding| hidden.contains(&finding.check()));
    assert!(problems(report).is_empty() && !hidden, "{report}");
}

/// The report has this finding, and no problem from another check.
pub(crate) fn assert_only(report: &Report, severity: Severity, check: &str, found: &str) {
    assert_found(report, severity, check, found);
    assert!(problems(report).iter().all(|finding| finding.check() == check), "more than `{check}`:\n{report}");
}

/// The report has this finding, perhaps among others.
pub(crate) fn assert_found(report: &Report, severity: Severity, check: &str, found: &str) {
    let matches = |finding: &&Finding| {
        finding.severity() == severity && finding.check() == check && finding.found().contains(found)
    };
    let finding = report.findings().iter().find(matches);
    let finding = finding.unwrap_or_else(|| panic!("no {severity} `{check}` that says `{found}`:\n{report}"));
    assert!(severity <= Severity::Info || !finding.remedy().is_empty(), "no remedy for `{check}`");
}
