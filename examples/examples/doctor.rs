//! Inspects a Redis or Valkey deployment: what endangers sessions there, and what to do about it. It only reads.
//!
//! ```text
//! cargo run --example doctor -- redis://127.0.0.1/
//! cargo run --example doctor -- redis://10.0.0.1:26379 redis://10.0.0.2:26379 --sentinel mymaster
//! cargo run --example doctor -- redis://10.0.0.1:7000 --cluster --prefix shop
//! cargo run --example doctor -- rediss://cache.example:6379 --ca ca.pem --cert client.pem --key client.key
//! ```
//!
//! Passwords are read from `DOCTOR_PASSWORD` and `DOCTOR_SENTINEL_PASSWORD`, since everybody on a machine can see the
//! arguments of its processes. It sees most as an administrator; `--store-user` names the user whose rights are judged. The
//! exit status is 1 if anything critical was found, and 2 if the arguments are wrong.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use session_redis::{Doctor, RedisConfig, Report, Sentinel, Severity, TlsConfig};

const CRITICAL: u8 = 1;
const USAGE: u8 = 2;

/// Inspects a deployment for sessions; changes nothing.
#[derive(Debug, Parser)]
struct Args {
    /// The server, the sentinels, or some nodes of the cluster.
    #[arg(required = true)]
    urls: Vec<String>,
    /// The URLs are those of sentinels, which watch a primary of this name.
    #[arg(long, value_name = "MASTER", conflicts_with = "cluster")]
    sentinel: Option<String>,
    /// The URLs are those of nodes of a cluster.
    #[arg(long)]
    cluster: bool,
    /// What the keys of sessions begin with.
    #[arg(long, default_value = "sessions")]
    prefix: String,
    /// How many partitions the store is configured with.
    #[arg(long, default_value_t = 256)]
    partitions: u32,
    /// As whom to look; under Sentinel, at the servers.
    #[arg(long)]
    user: Option<String>,
    /// As whom to look at the sentinels.
    #[arg(long, requires = "sentinel")]
    sentinel_user: Option<String>,
    /// As whom the store connects, if not as the same user.
    #[arg(long, value_name = "USER")]
    store_user: Option<String>,
    /// The authorities to trust, as a PEM file.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The certificate to show to servers that want one (`tls-auth-clients yes`), as a PEM file.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// Its private key, as a PEM file.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// How many keys to look at; 0: none.
    #[arg(long, value_name = "KEYS", default_value_t = 1_000)]
    samples: usize,
}

impl Args {
    fn config(&self) -> RedisConfig {
        let urls = self.urls.iter().cloned();
        let mut config = match &self.sentinel {
            Some(master) => {
                let mut sentinel = Sentinel::new(master);
                if let Some(user) = &self.sentinel_user {
                    sentinel = sentinel.username(user);
                }
                if let Ok(password) = std::env::var("DOCTOR_SENTINEL_PASSWORD") {
                    sentinel = sentinel.password(password);
                }
                RedisConfig::sentinel(urls, sentinel)
            }
            None if self.cluster => RedisConfig::cluster(urls),
            None => RedisConfig::default().urls(urls),
        };
        if let Some(user) = &self.user {
            config = config.username(user);
        }
        if let Ok(password) = std::env::var("DOCTOR_PASSWORD") {
            config = config.password(password);
        }
        if let Some(tls) = self.tls() {
            config = config.tls(tls);
        }
        config.prefix(&self.prefix).partitions(self.partitions)
    }

    fn tls(&self) -> Option<TlsConfig> {
        let mut tls = self.ca.as_ref().map(|ca| TlsConfig::new().ca_file(ca));
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            tls = Some(tls.unwrap_or_default().client_files(cert, key));
        }
        tls
    }
}

async fn examine(args: &Args) -> Result<Report, session_core::Error> {
    let mut doctor = Doctor::new(args.config()).samples(args.samples);
    if let Some(user) = &args.store_user {
        doctor = doctor.store_user(user);
    }
    doctor.examine().await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match examine(&Args::parse()).await {
        Ok(report) => {
            print!("{report}");
            if report.worst() == Severity::Critical { ExitCode::from(CRITICAL) } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(USAGE)
        }
    }
}

#[cfg(test)]
mod tests {
    use session_testkit::{Certificates, Server};

    use super::*;

    fn args(words: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["doctor"], words].concat())
    }

    #[test]
    fn a_certificate_goes_with_its_key() {
        for half in [["rediss://a", "--cert", "f"], ["rediss://a", "--key", "f"]] {
            let refused = args(&half).unwrap_err();
            assert_eq!(refused.exit_code(), i32::from(USAGE), "{refused}");
        }
        assert!(args(&["rediss://a", "--cert", "f", "--key", "g"]).is_ok());
    }

    #[tokio::test]
    async fn a_server_that_wants_a_certificate_is_examined() {
        let certificates = Certificates::new();
        let server = Server::builder().tls(&certificates).require_client_certificate().start().await;
        let (url, ca) = (server.tls_url(), certificates.ca_file());
        let (cert, key) = (certificates.client_cert_file(), certificates.client_key_file());
        let [ca, cert, key] = [&ca, &cert, &key].map(|path| path.to_str().unwrap());
        let unknown = args(&[&url, "--ca", ca]).unwrap();
        let known = args(&[&url, "--ca", ca, "--cert", cert, "--key", key]).unwrap();
        let is_seen = |report: &Report| report.findings().iter().any(|finding| finding.check() == "eviction");
        let report = examine(&unknown).await.unwrap();
        assert!(!is_seen(&report) && report.worst() == Severity::Critical, "without a certificate:\n{report}");
        let report = examine(&known).await.unwrap();
        assert!(is_seen(&report), "{report}");
    }
}
