//! The examination.

use session_core::Error;
use tokio::time::Instant;

use super::{
    Report, checks,
    deployment::{Deployment, Kind},
    discover::{self, Expected},
    facts::{Facts, Share, gather},
    notes::Notes,
    sentinels,
};
use crate::{
    RedisConfig,
    net::{CheckedConfig, Dialer},
};

/// How many keys are looked at unless set otherwise.
const SAMPLES: usize = 1_000;

/// What a user needs to see everything that a [`Doctor`] looks at, as one rule of an ACL file. It can change nothing, but
/// it reads every setting, so keep it from the application. Sentinels that have users need
/// `+ping +hello +acl|getuser +sentinel|master +sentinel|replicas +sentinel|ckquorum` of their own.
///
/// ```text
#[doc = include_str!("acl.txt")]
/// ```
pub const DOCTOR_ACL_RULE: &str = include_str!("acl.txt");

/// Inspects a deployment: what endangers sessions there, and the remedy. It only reads.
///
/// It needs more rights than a store (see [`DOCTOR_ACL_RULE`]). What it is not permitted to see becomes a finding of
/// severity [`Info`](super::Severity::Info). It connects to every server it finds, replicas included, looks at a bounded
/// number of keys, and costs each server a few short commands.
///
/// ```no_run
/// # async fn example() -> Result<(), session_core::Error> {
/// use session_redis::{Doctor, RedisConfig};
///
/// let config = RedisConfig::standalone("redis://127.0.0.1/").username("admin").password("secret");
/// let report = Doctor::new(config).store_user("shop").examine().await?;
/// print!("{report}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Doctor {
    config: RedisConfig,
    store_user: Option<String>,
    samples: usize,
}

impl Doctor {
    /// Will examine the servers that this configuration names, with its prefix and partitions.
    pub fn new(config: RedisConfig) -> Self {
        Self { config, store_user: None, samples: SAMPLES }
    }

    /// As whom the store connects, if not as the user of the configuration: whose rights are examined.
    pub fn store_user(self, user: impl Into<String>) -> Self {
        Self { store_user: Some(user.into()), ..self }
    }

    /// How many keys to look at in all: 1,000 by default; 0 looks at none. Each costs a primary five short commands.
    pub fn samples(self, keys: usize) -> Self {
        Self { samples: keys, ..self }
    }

    /// Looks at everything. Servers that cannot be reached are findings too.
    ///
    /// # Errors
    /// [`Configuration`](session_core::ErrorKind::Configuration): a setting out of range, found before anything is dialed.
    ///
    /// # Cancel safety
    /// Nothing is changed, whenever the future is dropped.
    pub async fn examine(self) -> Result<Report, Error> {
        let setup = CheckedConfig::new(&self.config)?;
        let mut deployment = Deployment::new(&self.config, &setup, self.store_user.as_deref());
        let mut notes = Notes::new();
        // Clocks are compared with one moment.
        let epoch = Instant::now();
        let mode = if deployment.kind == Kind::Cluster { "cluster" } else { "standalone" };
        let dialer = Dialer::new(setup.servers, setup.connect_deadline, 64, mode);
        let (expected, mut facts) = match setup.sentinels {
            Some((login, master)) => {
                let dialer = Dialer::new(login, setup.connect_deadline, 64, "sentinel");
                sentinels::ask(&dialer, &master, &setup.seeds, &mut deployment, &mut notes).await
            }
            None if deployment.kind == Kind::Cluster => {
                (discover::cluster(&dialer, &setup.seeds, &deployment, &mut notes).await, Vec::new())
            }
            None => (setup.seeds.iter().cloned().map(Expected::primary).collect(), Vec::new()),
        };
        checks::on_the_way(&setup.seeds, &expected, &deployment, &mut notes);
        facts.extend(self.visit(&dialer, expected, &deployment, epoch, &mut notes).await);
        checks::run(&facts, &deployment, &mut notes);
        Ok(Report::new(notes.into_findings()))
    }

    async fn visit(
        &self,
        dialer: &Dialer,
        expected: Vec<Expected>,
        deployment: &Deployment,
        epoch: Instant,
        notes: &mut Notes,
    ) -> Vec<Facts> {
        let mut servers = discover::dial_all(dialer, expected, deployment, notes).await;
        let primaries = servers.iter().filter(|server| server.line.is_primary).count().max(1);
        let mut facts = Vec::new();
        for server in &mut servers {
            let share = Share { samples: self.samples.div_ceil(primaries), slots: &server.slots };
            facts.push(gather(&mut server.line, deployment, share, epoch).await);
            server.line.confess(notes);
        }
        facts
    }
}
