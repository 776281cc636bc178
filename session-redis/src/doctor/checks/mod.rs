//! What is judged, one file for each matter.

mod access;
mod clients;
mod clocks;
mod cluster;
mod failover;
mod layout;
mod memory;
mod persistence;
mod replication;
mod rights;
mod sessions;
mod transport;
mod version;

use super::{
    deployment::Deployment,
    discover::Expected,
    facts::{Facts, Role},
    notes::Notes,
};
use crate::net::Address;

/// What can be judged before anything is reached.
pub(super) fn on_the_way(seeds: &[Address], expected: &[Expected], deployment: &Deployment, notes: &mut Notes) {
    let mut seen: Vec<&Address> = Vec::new();
    for address in seeds.iter().chain(expected.iter().map(|expected| &expected.address)) {
        if !seen.contains(&address) {
            seen.push(address);
            transport::on_the_way(address, deployment, notes.at(address));
        }
    }
}

/// Judges all servers, one by one and together.
pub(super) fn run(all: &[Facts], deployment: &Deployment, notes: &mut Notes) {
    for facts in all {
        let notes = notes.at(&facts.address);
        access::check(facts, notes);
        version::check(facts, notes);
        if facts.role == Role::Sentinel {
            continue;
        }
        memory::check(facts, notes);
        persistence::check(facts, deployment, notes);
        replication::check(facts, deployment, notes);
        failover::check(facts, deployment, notes);
        transport::check(facts, deployment, notes);
        rights::check(facts, deployment, notes);
        clients::check(facts, deployment, notes);
        layout::check(facts, deployment, notes);
        cluster::check(facts, notes);
    }
    let notes = notes.everywhere();
    sessions::check(all, deployment, notes);
    cluster::check_all(all, deployment, notes);
    version::check_all(all, notes);
    clocks::check(all, notes);
}
