//! The inspection as a whole.

use session_core::Error;
use tokio::time::Instant;

use super::{
    Report, checks,
    deployment::{Deployment, Kind},
    discover::{self, Expected},
    facts::{Facts, Share, gather},
    findings::Findings,
    internals::{CheckedConfig, Dialer, RedisConfig},
    sentinels,
};

/// How many keys are sampled by default.
const SAMPLES: usize = 1_000;

/// The replies that a connection may have outstanding; the doctor sends one pipeline at a time.
const QUEUE: usize = 64;

/// The least permissions with which a [`Doctor`] sees everything, as one rule of an ACL file. It permits no change, but it
/// permits reading every setting, passwords such as `requirepass` and `masterauth` among them, so keep this user from the
/// application. (The [`Doctor`] asks only for the settings that it checks.) Sentinels with ACL users need
/// `+ping +hello +acl|getuser +sentinel|master +sentinel|replicas +sentinel|ckquorum` in a rule of their own.
///
/// ```text
#[doc = include_str!("acl.txt")]
/// ```
pub const ACL_RULE: &str = include_str!("acl.txt");

/// Inspects a deployment, and reports what endangers its sessions. It only reads.
///
/// It needs more permissions than a store: see [`ACL_RULE`]. A missing one is a finding of severity
/// [`Info`](super::Severity::Info). It connects to every server that it finds, replicas included, samples a bounded number
/// of keys, and costs each server a few short commands.
#[derive(Clone, Debug)]
#[must_use]
pub struct Doctor {
    config: RedisConfig,
    store_user: Option<String>,
    samples: usize,
}

impl Doctor {
    /// Inspects the servers of this configuration, with its prefix and its number of partitions.
    pub fn new(config: RedisConfig) -> Self {
        Self { config, store_user: None, samples: SAMPLES }
    }

    /// The user that the store connects as, whose permissions are checked: by default the user of the configuration.
    pub fn store_user(self, user: impl Into<String>) -> Self {
        Self { store_user: Some(user.into()), ..self }
    }

    /// The number of keys to sample in all: 1,000 by default, none with 0. Each costs a primary five short commands.
    pub fn samples(self, keys: usize) -> Self {
        Self { samples: keys, ..self }
    }

    /// Inspects every server. A server that cannot be reached is a finding, not an error.
    ///
    /// # Errors
    /// [`Configuration`](session_core::ErrorKind::Configuration): a setting is out of range. This is checked before any
    /// connection is made.
    ///
    /// # Cancel safety
    /// The future changes nothing, so it may be dropped at any point.
    pub async fn examine(self) -> Result<Report, Error> {
        let setup = CheckedConfig::new(&self.config)?;
        let mut deployment = Deployment::new(&self.config, &setup, self.store_user.as_deref());
        let mut findings = Findings::new();
        // All clocks are compared with this one moment.
        let epoch = Instant::now();
        let mode = if deployment.kind == Kind::Cluster { "cluster" } else { "standalone" };
        let dialer = Dialer::new(setup.servers, setup.connect_deadline, QUEUE, mode);
        let (expected, mut facts) = match setup.sentinels {
            Some((login, master)) => {
                let dialer = Dialer::new(login, setup.connect_deadline, QUEUE, "sentinel");
                sentinels::ask(&dialer, &master, &setup.seeds, &mut deployment, &mut findings).await
            }
            None if deployment.kind == Kind::Cluster => {
                (discover::cluster(&dialer, &setup.seeds, &deployment, &mut findings).await, Vec::new())
            }
            None => (setup.seeds.iter().cloned().map(Expected::primary).collect(), Vec::new()),
        };
        checks::before_connecting(&setup.seeds, &expected, &deployment, &mut findings);
        facts.extend(self.visit(&dialer, expected, &deployment, epoch, &mut findings).await);
        checks::run(&facts, &deployment, &mut findings);
        Ok(Report::new(findings.into_vec()))
    }

    async fn visit(
        &self,
        dialer: &Dialer,
        expected: Vec<Expected>,
        deployment: &Deployment,
        epoch: Instant,
        findings: &mut Findings,
    ) -> Vec<Facts> {
        let mut servers = discover::connect_all(dialer, expected, deployment, findings).await;
        let primaries = servers.iter().filter(|server| server.probe.is_primary).count().max(1);
        let mut facts = Vec::new();
        for server in &mut servers {
            let share = Share { samples: self.samples.div_ceil(primaries), slots: &server.slots };
            facts.push(gather(&mut server.probe, deployment, share, epoch).await);
            server.probe.report_unanswered(findings);
        }
        facts
    }
}
