//! Inspects a Redis or Valkey deployment: what endangers sessions there, and what to do about it. It only reads.
//!
//! ```text
//! cargo run --example doctor -- redis://127.0.0.1/
//! cargo run --example doctor -- redis://10.0.0.1:26379 redis://10.0.0.2:26379 --sentinel mymaster
//! cargo run --example doctor -- redis://10.0.0.1:7000 --cluster --prefix shop
//! ```
//!
//! Passwords are read from `DOCTOR_PASSWORD` and `DOCTOR_SENTINEL_PASSWORD`, since everybody on a machine can see the
//! arguments of its processes. It sees most as an administrator; `--store-user` names the user whose rights are judged. The exit status is 1 if
//! anything critical was found, and 2 if the arguments are wrong.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use session_redis::{Doctor, RedisConfig, Sentinel, Severity, TlsConfig};

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
        if let Some(ca) = &self.ca {
            config = config.tls(TlsConfig::new().ca_file(ca));
        }
        config.prefix(&self.prefix).partitions(self.partitions)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse();
    let mut doctor = Doctor::new(args.config()).samples(args.samples);
    if let Some(user) = &args.store_user {
        doctor = doctor.store_user(user);
    }
    match doctor.examine().await {
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
