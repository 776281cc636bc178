//! Servers in good health, and what a report must say of them.

use session_core::Sessions;
use session_redis::{Doctor, Finding, RedisConfig, RedisStore, Report, Severity};
use session_testkit::{Persistence, ServerBuilder};

pub(crate) const PREFIX: &str = "shop";

/// A rule of an ACL file, with names put in, on one line.
fn rule(rule: &str, name: &str) -> String {
    let rule = rule.replace("user <name>", name).replace("<password>", "secret").replace("<prefix>", PREFIX);
    rule.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A server with nothing to complain about. It knows `shop`, who may do what a store needs, and `doctor`, who may see
/// what the doctor looks at.
pub(crate) fn sound(server: ServerBuilder) -> ServerBuilder {
    server
        .persistence(Persistence::AofEverysec)
        .config("maxmemory", "256mb")
        .acl_user("default off")
        .acl_user(&rule(session_redis::ACL_RULE, "shop"))
        .acl_user(&rule(session_redis::DOCTOR_ACL_RULE, "doctor"))
}

/// As the user who may see all that there is to see.
pub(crate) fn as_doctor(config: RedisConfig) -> RedisConfig {
    config.prefix(PREFIX).username("doctor").password("secret")
}

/// The doctor's report, about the store of the user `shop`.
pub(crate) async fn examine(config: RedisConfig) -> Report {
    Doctor::new(as_doctor(config)).store_user("shop").examine().await.expect("the configuration is right")
}

/// A store for the same servers.
pub(crate) async fn store(config: RedisConfig) -> Sessions {
    let config = config.prefix(PREFIX).username("shop").password("secret");
    Sessions::new(RedisStore::builder(config).connect().await.unwrap_or_else(|error| panic!("{error:?}")))
}

/// Findings that somebody should do something about.
pub(crate) fn grave(report: &Report) -> Vec<&Finding> {
    report.findings().iter().filter(|finding| finding.severity() >= Severity::Warning).collect()
}

/// Nothing is wrong, and everything could be looked at.
pub(crate) fn assert_sound(report: &Report) {
    let hidden = ["not-permitted", "not-answered"];
    let hidden = report.findings().iter().any(|finding| hidden.contains(&finding.check()));
    assert!(grave(report).is_empty() && !hidden, "{report}");
}

/// This is what was found, and nothing else that is as grave.
pub(crate) fn assert_only(report: &Report, severity: Severity, check: &str, found: &str) {
    assert_found(report, severity, check, found);
    assert!(grave(report).iter().all(|finding| finding.check() == check), "more than `{check}`:\n{report}");
}

/// This was found, among other things.
pub(crate) fn assert_found(report: &Report, severity: Severity, check: &str, found: &str) {
    let is_it = |finding: &&Finding| {
        finding.severity() == severity && finding.check() == check && finding.found().contains(found)
    };
    let finding = report.findings().iter().find(is_it);
    let finding = finding.unwrap_or_else(|| panic!("no {severity} `{check}` that says `{found}`:\n{report}"));
    assert!(severity <= Severity::Info || !finding.remedy().is_empty(), "no remedy for `{check}`");
}
