//! Against real servers.

mod probe;

mod cancellation;
mod cluster;
mod durable;
mod liar;
mod link_faults;
mod login;
mod outage;
mod replies;
mod sentinel;
mod tls;

use std::{sync::Arc, time::Duration};

use redis::{Cmd, Value};
use session_core::Error;

pub(super) use self::probe::Probe;
use super::{ConnectionHooks, HashSlot, Net};
use crate::RedisConfig;

const SLOT: HashSlot = HashSlot::new(7);
/// Only ends a test that hangs.
const GUARD: Duration = Duration::from_secs(20);
/// Longer than any test: a call that returns earlier has not waited for it.
const LONG: Duration = Duration::from_secs(3_600);

fn config(url: impl Into<String>) -> RedisConfig {
    RedisConfig::standalone(url)
}

async fn connect(config: RedisConfig) -> (Net, Arc<Probe>) {
    let probe = Probe::new();
    let net = try_connect(config, probe.clone()).await.expect("no connection");
    (net, probe)
}

async fn try_connect(config: RedisConfig, hooks: Arc<dyn ConnectionHooks>) -> Result<Net, Error> {
    guarded(Net::connect(&config, hooks)).await
}

async fn guarded<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(GUARD, work).await.expect("it hangs")
}

fn command(words: &[&str]) -> Cmd {
    let mut command = redis::cmd(words[0]);
    for word in &words[1..] {
        command.arg(*word);
    }
    command
}

fn bulk(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}
