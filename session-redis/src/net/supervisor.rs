//! Keeps a primary connected.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    task::AbortHandle,
    time::{sleep, timeout},
};

use super::{
    Cause, Failure,
    close_signal::CloseSignal,
    connection::Connection,
    dialer::hello,
    node::{ConnectionState, NodeState},
    node_context::NodeContext,
    pool::Pool,
    primary_locator::PrimaryLocator,
    suspicion::PROBATION_CHECKS,
};
use crate::backoff::Backoff;

/// Keeps one primary connected, in a task of the runtime that needed the connection first. The task ends with that
/// runtime, and is then spawned again in the runtime of the next call.
pub(super) struct Supervisor {
    context: Arc<NodeContext>,
    state: Arc<NodeState>,
    locator: PrimaryLocator,
    was_up: AtomicBool,
}

/// Records that the task has ended, however it ends.
struct StopOnDrop(Arc<NodeState>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.connection.send_replace(ConnectionState::Stopped);
    }
}

/// Why a connection was given up.
enum End {
    /// It is closed, or nothing comes over it.
    Lost(Cause),
    /// Its server is no longer the primary.
    Demoted(Cause),
    /// Its server must not be used as configured.
    Refused(Cause),
    /// Its server accepts its user no longer.
    LoggedOut(Cause),
}

impl Supervisor {
    pub(super) fn new(context: Arc<NodeContext>, state: Arc<NodeState>, locator: PrimaryLocator) -> Self {
        Self { context, state, locator, was_up: AtomicBool::new(false) }
    }

    /// Where it connects to, for messages.
    pub(super) fn destination(&self) -> String {
        self.locator.destination()
    }

    /// Spawns the task in the runtime of the caller.
    pub(super) fn spawn(self: Arc<Self>) -> AbortHandle {
        // Made here, since a runtime that is shutting down drops the task without polling it.
        let stop = StopOnDrop(self.state.clone());
        tokio::spawn(async move {
            let _stop = stop;
            self.run().await;
        })
        .abort_handle()
    }

    async fn run(&self) {
        loop {
            let connection = self.connect().await;
            self.state.connection.send_replace(ConnectionState::Up(connection.clone()));
            if self.was_up.swap(true, Relaxed) {
                self.context.stats.reconnects.count();
                self.context.hooks.primary_regained();
            }
            #[cfg(feature = "tracing")]
            tracing::info!(address = %connection.address, "connected to a primary");
            let end = self.watch(&connection).await;
            // A demoted server still answers: calls in flight on its connection end by themselves.
            let is_answering = !matches!(end, End::Lost(_));
            let is_refused = matches!(end, End::Refused(_));
            let (End::Demoted(cause) | End::Lost(cause) | End::Refused(cause) | End::LoggedOut(cause)) = end;
            #[cfg(feature = "tracing")]
            tracing::warn!(%cause, "a primary is lost");
            let state = if is_refused { ConnectionState::Broken(cause) } else { ConnectionState::Down(cause) };
            self.state.connection.send_replace(state);
            if !is_answering {
                connection.close_signal.close();
            }
            self.context.connection_lost.notify_one();
        }
    }

    /// Connects, however long it takes. The state shows waiting calls why it takes long.
    async fn connect(&self) -> Arc<Connection> {
        let mut backoff = Backoff::between_connects();
        loop {
            let failure = match self.attempt().await {
                Ok(connection) => return Arc::new(connection),
                Err(failure) => failure,
            };
            let state = match failure {
                Failure::Fatal(cause) => {
                    backoff.slow_down();
                    ConnectionState::Broken(cause)
                }
                Failure::Unsent(cause) | Failure::Unknown(cause) => ConnectionState::Down(cause),
                refused @ (Failure::Refused(_) | Failure::RefusedThroughout(_) | Failure::InDoubt(_)) => {
                    ConnectionState::Down(Cause::new(refused.message()))
                }
                Failure::Overloaded => ConnectionState::Down(Cause::new("the server accepts no requests yet")),
            };
            self.state.connection.send_replace(state);
            self.context.connection_lost.notify_one();
            backoff.pause().await;
        }
    }

    async fn attempt(&self) -> Result<Connection, Failure> {
        let mut close_signal = CloseSignal::default();
        let (mut multiplexed, address) = self
            .locator
            .dial(&self.context.dialer, || {
                // Each attempt has its own signal, which closes when the attempt is given up.
                close_signal = CloseSignal::default();
                close_signal.push_receiver()
            })
            .await?;
        let prepared = timeout(self.context.call_deadline, self.context.hooks.prepare(&mut multiplexed)).await;
        prepared
            .unwrap_or_else(|_| Err(Failure::Unsent(Cause::new("the first requests were not answered"))))
            .map_err(|failure| failure.at(&address))?;
        let pool = Arc::new(Pool::new(self.context.durable_connections, self.context.health_interval * 10));
        Ok(Connection { multiplexed, address, close_signal, pool })
    }

    /// Watches a connection until it must be given up.
    async fn watch(&self, connection: &Connection) -> End {
        loop {
            let suspected = self.state.suspicion.is_raised().then_some(PROBATION_CHECKS);
            let pause = self.context.health_interval.min(suspected.unwrap_or(Duration::MAX));
            tokio::select! {
                () = connection.close_signal.closed() => return lost(connection),
                () = sleep(pause) => {}
                () = self.state.check.notified() => {}
                () = self.locator.switched() => {}
            }
            tokio::select! {
                () = connection.close_signal.closed() => return lost(connection),
                end = self.check(connection) => match end {
                    Some(end) => return end,
                    None => self.state.suspicion.settle(&connection.address),
                },
            }
        }
    }

    /// Asks the server and, if there are any, the sentinels. If either finds the connection unfit, the other is not
    /// waited for.
    async fn check(&self, connection: &Connection) -> Option<End> {
        let mut server = pin!(self.check_server(connection));
        let mut sentinels = pin!(self.check_sentinels(connection));
        tokio::select! {
            end = &mut server => match end {
                None => sentinels.await,
                end => end,
            },
            end = &mut sentinels => match end {
                None => server.await,
                end => end,
            },
        }
    }

    /// Asks whether the primary has moved: a deposed primary believes for seconds that it is still primary, and writes
    /// that it accepts meanwhile are lost.
    async fn check_sentinels(&self, connection: &Connection) -> Option<End> {
        if !self.locator.has_moved_from(&connection.address).await {
            return None;
        }
        self.context.stats.demoted.count();
        Some(End::Demoted(Cause::new(format!("the sentinels report another primary than {}", connection.address))))
    }

    /// Asks what the store needs to know besides that, and whether the server accepts writes.
    async fn verify(&self, connection: &Connection) -> Option<End> {
        let mut multiplexed = connection.multiplexed.clone();
        match timeout(self.context.call_deadline, self.context.hooks.verify(&mut multiplexed)).await {
            Ok(Ok(())) => {
                self.state.suspicion.accepted(&connection.address);
            }
            Ok(Err(Failure::Refused(error))) => {
                self.state.suspicion.raise(&connection.address, &error);
            }
            Ok(Err(Failure::Fatal(cause))) => return Some(End::Refused(cause)),
            // Trouble with the connection shows in the next check.
            Ok(Err(_)) | Err(_) => {}
        }
        None
    }

    /// Asks for a sign of life and the role.
    ///
    /// The answer may take a whole call deadline. By then every call that was sent before the question has failed
    /// anyway, so that closing the connection fails none that could still have been answered, and a server that stalls
    /// for a moment keeps its connections.
    async fn check_server(&self, connection: &Connection) -> Option<End> {
        let mut multiplexed = connection.multiplexed.clone();
        match timeout(self.context.call_deadline, hello(&mut multiplexed)).await {
            Ok(Ok(hello)) if hello.is_primary => self.verify(connection).await,
            Ok(Ok(_)) => {
                self.context.stats.demoted.count();
                Some(End::Demoted(Cause::new(format!("{} became a replica", connection.address))))
            }
            Ok(Err(error)) if error.is_io_error() => Some(lost(connection)),
            Ok(Err(error)) if error.code() == Some("NOAUTH") => {
                Some(End::LoggedOut(Cause::new(format!("{} has ended the login", connection.address))))
            }
            // Any answer is a sign of life.
            Ok(Err(_)) => None,
            Err(_) => {
                self.context.stats.half_open.count();
                Some(End::Lost(Cause::new(format!("{} sent nothing for a whole call deadline", connection.address))))
            }
        }
    }
}

fn lost(connection: &Connection) -> End {
    End::Lost(Cause::new(format!("the connection to {} was lost", connection.address)))
}
