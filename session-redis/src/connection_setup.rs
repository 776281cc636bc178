//! Prepares each new connection to a primary: loads the scripts, checks permissions and the layout, and replays recent
//! destroys before a read can find what a restart or a failover has brought back.

use std::sync::{Arc, OnceLock, Weak};

use futures_util::{FutureExt as _, future::BoxFuture};
use redis::{Cmd, Pipeline, RedisError, ServerError, Value as Reply, aio::MultiplexedConnection};

use crate::{
    layout::Layout,
    layout_check::LayoutCheck,
    net::{Cause, ConnectionHooks, Failure, unknown_command_message},
    permissions,
    protocol::SCRIPTS,
    replay,
    store_inner::StoreInner,
};

/// Prepares connections.
pub(crate) struct ConnectionSetup {
    permissions: Cmd,
    scripts: Pipeline,
    layout: Arc<LayoutCheck>,
    /// Set when the store is complete.
    store: OnceLock<Weak<StoreInner>>,
}

impl ConnectionSetup {
    pub(crate) fn new(
        layout: &Layout,
        layout_check: Arc<LayoutCheck>,
        is_cluster: bool,
        publish: &'static str,
    ) -> Self {
        let mut scripts = Pipeline::with_capacity(11);
        scripts.add_command(SCRIPTS.permissions.load());
        for script in SCRIPTS.all() {
            scripts.add_command(script.load());
        }
        Self {
            permissions: permissions::check(layout, is_cluster, publish),
            scripts,
            layout: layout_check,
            store: OnceLock::new(),
        }
    }

    /// Sets the store whose destroys are replayed. Called once.
    pub(crate) fn complete(&self, store: Weak<StoreInner>) {
        let _ = self.store.set(store);
    }

    async fn run(&self, connection: &mut MultiplexedConnection) -> Result<(), Failure> {
        let replies = connection.send_packed_commands(&self.scripts, 0, self.scripts.len()).await.map_err(lost)?;
        for reply in replies {
            if let Reply::ServerError(error) = reply {
                return Err(refused(error));
            }
        }
        match connection.send_packed_command(&self.permissions).await.map_err(lost)? {
            Reply::BulkString(report) if report == b"\n" => {
                self.layout.run(connection, lost).await?;
                match self.store.get().and_then(Weak::upgrade) {
                    Some(store) => replay::replay_on(&store, connection).await.map_err(lost),
                    None => Ok(()),
                }
            }
            Reply::BulkString(report) => Err(Failure::fatal(unfit(&String::from_utf8_lossy(&report)))),
            Reply::ServerError(error) => Err(refused(error)),
            _ => Err(Failure::Unsent(Cause::new("the server did not report its permissions"))),
        }
    }
}

/// What a report of `permissions.lua` says: the commands that are denied, and in the second line those that are unknown.
fn unfit(report: &str) -> String {
    match report.split_once('\n') {
        Some((_, unknown)) if !unknown.is_empty() => unknown_command_message(unknown),
        Some((denied, _)) => format!(
            "the server's ACL denies commands that this store needs: {denied}; grant the rule in the README, including \
             its keys and channels"
        ),
        None => "the server did not report its permissions".to_owned(),
    }
}

fn lost(error: RedisError) -> Failure {
    match ServerError::try_from(error) {
        Ok(error) => refused(error),
        Err(error) => Failure::Unsent(Cause::new(format!("the connection broke while it was prepared: {error}"))),
    }
}

fn refused(error: ServerError) -> Failure {
    match error.code() {
        "NOPERM" => Failure::fatal(
            "the server's ACL denies EVALSHA or SCRIPT LOAD; grant the rule in the README, including its keys and \
             channels",
        ),
        "ERR" if error.details().is_some_and(|details| details.starts_with("Error compiling script")) => {
            Failure::fatal("the server cannot run the store's scripts; it needs Redis 7.0 or Valkey 7.2, or newer")
        }
        _ => Failure::Refused(error),
    }
}

impl ConnectionHooks for ConnectionSetup {
    fn prepare<'a>(&'a self, connection: &'a mut MultiplexedConnection) -> BoxFuture<'a, Result<(), Failure>> {
        self.run(connection).boxed()
    }

    fn verify<'a>(&'a self, connection: &'a mut MultiplexedConnection) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            match self.layout.run(connection, lost).await? {
                Some(refusal) => Err(Failure::Refused(refusal)),
                None => Ok(()),
            }
        }
        .boxed()
    }

    fn primary_regained(&self) {
        if let Some(store) = self.store.get().and_then(Weak::upgrade) {
            replay::replay_all(&store);
        }
    }
}
