//! Faults of servers that no failover follows.

use std::{io, time::Duration};

use fastrand::Rng;
use session_testkit::Server;
use tokio::time::timeout;

use super::{FaultKind, Nemesis, last};

/// A command to a server in trouble is not waited for longer than this.
const COMMAND: Duration = Duration::from_secs(5);

impl Nemesis {
    /// Breaks servers and repairs them; returns what was done.
    pub(super) async fn break_servers(&self, fault: FaultKind, rng: &mut Rng) -> io::Result<String> {
        let servers = self.deployment.servers();
        let Some(server) = servers.get(rng.usize(..servers.len().max(1))) else { return Ok("no server".to_owned()) };
        let pause = rng.u64(200..1_000).to_string();
        match fault {
            FaultKind::ClientsKilled => send(server, &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await,
            FaultKind::SubscribersKilled => send(server, &["CLIENT", "KILL", "TYPE", "pubsub"]).await,
            FaultKind::ClientsPaused => {
                let which = if rng.bool() { "WRITE" } else { "ALL" };
                send(server, &["CLIENT", "PAUSE", &pause, which]).await;
                last(rng, 1_000..1_200).await;
            }
            FaultKind::ServerSleeps => {
                let seconds = format!("0.{}", rng.u8(1..9));
                send(server, &["DEBUG", "SLEEP", &seconds]).await;
            }
            FaultKind::ScriptsFlushed => send(server, &["SCRIPT", "FLUSH"]).await,
            FaultKind::ServerPaused => {
                server.pause().await;
                last(rng, 200..1_500).await;
                server.resume().await;
            }
            FaultKind::ServerKilled => {
                server.kill().await;
                last(rng, 10..1_500).await;
                server.restart().await;
            }
            _ => return self.break_topology(fault, rng).await,
        }
        Ok(format!("{fault:?} of port {}", server.port()))
    }
}

/// Sends a command. A server that does not answer has other troubles.
async fn send(server: &Server, command: &[&str]) {
    let _ = timeout(COMMAND, server.try_command(command)).await;
}
