//! The checks, one file for each subject.

mod access;
mod channels;
mod clients;
mod clocks;
mod cluster;
mod failover;
mod layout;
mod memory;
mod permissions;
mod persistence;
mod replication;
mod sessions;
mod transport;
mod version;

use super::{
    deployment::Deployment,
    discover::Expected,
    facts::{Facts, Role},
    findings::Findings,
    internals::Address,
};

/// The checks that need no connection.
pub(super) fn before_connecting(
    seeds: &[Address],
    expected: &[Expected],
    deployment: &Deployment,
    findings: &mut Findings,
) {
    let mut seen: Vec<&Address> = Vec::new();
    for address in seeds.iter().chain(expected.iter().map(|expected| &expected.address)) {
        if !seen.contains(&address) {
            seen.push(address);
            transport::check_address(address, deployment, findings.at(address));
        }
    }
}

/// Checks each server, and then all servers together.
pub(super) fn run(all: &[Facts], deployment: &Deployment, findings: &mut Findings) {
    for facts in all {
        let findings = findings.at(&facts.address);
        access::check(facts, findings);
        version::check(facts, findings);
        if facts.role == Role::Sentinel {
            continue;
        }
        memory::check(facts, findings);
        persistence::check(facts, deployment, findings);
        replication::check(facts, deployment, findings);
        failover::check(facts, deployment, findings);
        transport::check(facts, deployment, findings);
        permissions::check(facts, deployment, findings);
        channels::check(facts, deployment, findings);
        clients::check(facts, deployment, findings);
        layout::check(facts, deployment, findings);
        cluster::check(facts, findings);
    }
    let findings = findings.deployment();
    sessions::check(all, deployment, findings);
    cluster::check_all(all, deployment, findings);
    version::check_all(all, findings);
    clocks::check(all, findings);
}
