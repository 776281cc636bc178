//! The arguments, and the configuration that they describe.

use std::path::PathBuf;

use clap::Parser;
use session_redis::{RedisConfig, Sentinel, TlsConfig, doctor::Doctor};

/// The password for the servers.
const PASSWORD: &str = "DOCTOR_PASSWORD";
/// The password for the sentinels.
const SENTINEL_PASSWORD: &str = "DOCTOR_SENTINEL_PASSWORD";

/// Inspects a Redis or Valkey deployment that stores sessions. It changes nothing.
///
/// Passwords are read from the environment variables DOCTOR_PASSWORD and DOCTOR_SENTINEL_PASSWORD. The exit status is 1
/// if there is a critical finding, and 2 if an argument is wrong.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// The URLs of the server, of the sentinels, or of some nodes of the cluster.
    #[arg(required = true)]
    urls: Vec<String>,
    /// The URLs are those of sentinels, which watch a primary of this name.
    #[arg(long, value_name = "MASTER", conflicts_with = "cluster")]
    sentinel: Option<String>,
    /// The URLs are those of nodes of a cluster.
    #[arg(long)]
    cluster: bool,
    /// The prefix of the store's keys.
    #[arg(long, default_value = "sessions")]
    prefix: String,
    /// The number of partitions that the store is configured with.
    #[arg(long, default_value_t = 256)]
    partitions: u32,
    /// The user to connect to the servers as.
    #[arg(long)]
    user: Option<String>,
    /// The user to connect to the sentinels as.
    #[arg(long, requires = "sentinel", value_name = "USER")]
    sentinel_user: Option<String>,
    /// The user whose permissions are checked: the one that the store connects as. The default is `--user`.
    #[arg(long, value_name = "USER")]
    store_user: Option<String>,
    /// The certificate authorities to trust, as a PEM file.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The client certificate, as a PEM file. Servers with `tls-auth-clients yes` require one.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The private key of the client certificate, as a PEM file.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// The number of keys to sample; 0 samples none.
    #[arg(long, value_name = "KEYS", default_value_t = 1_000)]
    samples: usize,
}

impl Args {
    /// The doctor that these arguments ask for.
    pub(crate) fn doctor(&self) -> Doctor {
        let doctor = Doctor::new(self.config()).samples(self.samples);
        match &self.store_user {
            Some(user) => doctor.store_user(user),
            None => doctor,
        }
    }

    fn config(&self) -> RedisConfig {
        let urls = self.urls.iter().cloned();
        let mut config = match &self.sentinel {
            Some(master) => RedisConfig::sentinel(urls, self.login_at_sentinels(Sentinel::new(master))),
            None if self.cluster => RedisConfig::cluster(urls),
            None => RedisConfig::default().urls(urls),
        };
        if let Some(user) = &self.user {
            config = config.username(user);
        }
        if let Ok(password) = std::env::var(PASSWORD) {
            config = config.password(password);
        }
        if let Some(tls) = self.tls() {
            config = config.tls(tls);
        }
        config.prefix(&self.prefix).partitions(self.partitions)
    }

    fn login_at_sentinels(&self, mut sentinel: Sentinel) -> Sentinel {
        if let Some(user) = &self.sentinel_user {
            sentinel = sentinel.username(user);
        }
        if let Ok(password) = std::env::var(SENTINEL_PASSWORD) {
            sentinel = sentinel.password(password);
        }
        sentinel
    }

    fn tls(&self) -> Option<TlsConfig> {
        let mut tls = self.ca.as_ref().map(|ca| TlsConfig::new().ca_file(ca));
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            tls = Some(tls.unwrap_or_default().client_files(cert, key));
        }
        tls
    }
}

#[cfg(test)]
mod tests {
    use session_redis::doctor::{Report, Severity};
    use session_testkit::{Certificates, Server};

    use super::*;

    fn args(words: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["session-redis-doctor"], words].concat())
    }

    #[test]
    fn a_certificate_goes_with_its_key() {
        for half in [["rediss://a", "--cert", "f"], ["rediss://a", "--key", "f"]] {
            let refused = args(&half).unwrap_err();
            assert_eq!(refused.exit_code(), i32::from(crate::USAGE), "{refused}");
        }
        assert!(args(&["rediss://a", "--cert", "f", "--key", "g"]).is_ok());
    }

    #[tokio::test]
    async fn a_server_that_requires_a_certificate_is_examined() {
        let certificates = Certificates::new();
        let server = Server::builder().tls(&certificates).require_client_certificate().start().await;
        let (url, ca) = (server.tls_url(), certificates.ca_file());
        let (cert, key) = (certificates.client_cert_file(), certificates.client_key_file());
        let [ca, cert, key] = [&ca, &cert, &key].map(|path| path.to_str().unwrap());
        let unknown = args(&[&url, "--ca", ca]).unwrap();
        let known = args(&[&url, "--ca", ca, "--cert", cert, "--key", key]).unwrap();
        let is_examined = |report: &Report| report.findings().iter().any(|finding| finding.check() == "eviction");
        let report = unknown.doctor().examine().await.unwrap();
        let is_critical = report.worst() == Severity::Critical;
        assert!(!is_examined(&report) && is_critical, "without a certificate:\n{report}");
        let report = known.doctor().examine().await.unwrap();
        assert!(is_examined(&report), "{report}");
    }
}
