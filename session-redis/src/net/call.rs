//! One call: sent, redirected and resent until it is answered.

use std::{pin::pin, sync::Arc};

use redis::ServerError;

use super::{
    Cause, Failure, HashSlot, Resend, connection::Connection, node::Node, node_context::NodeContext, request::Request,
    routes::Routes, verdict::Verdict,
};
use crate::backoff::Backoff;

/// This many redirections in a row are followed at once. After more of them the nodes contradict each other and need
/// time.
const QUICK_REDIRECTIONS: u32 = 2;

/// One call, which ends when its request is answered or when its caller drops it at the deadline.
pub(super) struct Call<'a> {
    context: &'a NodeContext,
    routes: &'a Routes,
    slot: HashSlot,
    resend: Resend,
    backoff: Backoff,
    /// Whether a server may have executed the last attempt, or a part of it.
    sent: bool,
    /// Whether the connection of an earlier attempt broke: a server may have executed that one.
    in_doubt: bool,
    redirections: u32,
    obstacle: Option<Obstacle>,
}

/// Why the last attempt gave no answer.
enum Obstacle {
    Refused(ServerError),
    Disconnected(Arc<Node>),
    Failed(Cause),
}

/// Where to send the request next.
enum Next {
    Done,
    Owner,
    Detour(Arc<Node>, bool),
}

impl<'a> Call<'a> {
    pub(super) fn new(context: &'a NodeContext, routes: &'a Routes, slot: HashSlot, resend: Resend) -> Self {
        let backoff = Backoff::between_attempts();
        Self { context, routes, slot, resend, backoff, sent: false, in_doubt: false, redirections: 0, obstacle: None }
    }

    /// Sends a request and returns once its verdict is final.
    pub(super) async fn run<R: Request>(&mut self, request: &mut R) -> Result<(), Failure> {
        let mut next = Next::Owner;
        loop {
            let (node, asking) = match next {
                Next::Done => return Ok(()),
                Next::Owner => (self.owner().await?, false),
                Next::Detour(node, asking) => (node, asking),
            };
            let in_flight = node.admit(&self.context.stats)?;
            let Some(connection) = self.connection(&node, asking).await? else {
                in_flight.answered();
                next = Next::Owner;
                continue;
            };
            if let Err(failure) = request.prepare(&connection, &self.context.dialer).await {
                drop(in_flight);
                next = self.postpone(failure).await?;
                continue;
            }
            let outcome = {
                let exchange = pin!(async {
                    self.sent = true;
                    request.exchange(&connection, asking).await
                });
                connection.close_signal.until_closed(exchange).await
            };
            next = match outcome {
                Ok(verdict) => {
                    in_flight.answered();
                    self.sent = request.is_partly_done();
                    if verdict.is_final() {
                        request.compare(&node, &connection.address);
                    }
                    self.follow(verdict, &node, &connection).await?
                }
                Err(_) => {
                    drop(in_flight);
                    self.broken(&connection).await?
                }
            };
        }
    }

    /// The failure of the call, from that of its last attempt.
    pub(super) fn failed(&self, failure: Failure) -> Failure {
        if self.in_doubt { failure.in_doubt() } else { failure }
    }

    /// The failure of a call that reached its deadline.
    pub(super) fn expired(self) -> Failure {
        let cause = match self.obstacle {
            Some(Obstacle::Refused(error)) if !self.sent && !self.in_doubt => {
                return Failure::RefusedThroughout(error);
            }
            Some(Obstacle::Disconnected(node)) => node.down_cause(),
            Some(Obstacle::Failed(cause)) => cause,
            Some(Obstacle::Refused(_)) | None => match self.routes.owner(self.slot).and_then(|node| node.address()) {
                Some(address) => Cause::new(format!("{address} sent nothing within `call_deadline`")),
                None => Cause::new("nothing came within `call_deadline`"),
            },
        };
        if self.sent || self.in_doubt { Failure::Unknown(cause) } else { Failure::Unsent(cause) }
    }

    /// The primary of the slot. Waits until there is one.
    async fn owner(&mut self) -> Result<Arc<Node>, Failure> {
        if let Some(node) = self.routes.owner(self.slot) {
            return Ok(node);
        }
        let obstacle = &mut self.obstacle;
        Box::pin(self.routes.wait_for_owner(self.slot, |cause| *obstacle = Some(Obstacle::Failed(cause)))).await
    }

    /// The connection of a node. `None` if the slot moved during the wait for one.
    async fn connection(&mut self, node: &Arc<Node>, asking: bool) -> Result<Option<Arc<Connection>>, Failure> {
        if let Some(settled) = node.connection() {
            return settled.map(Some);
        }
        // Boxed like everything rare.
        Box::pin(self.wait_for_connection(node, asking)).await
    }

    /// Waits for the connection of a node.
    async fn wait_for_connection(
        &mut self,
        node: &Arc<Node>,
        asking: bool,
    ) -> Result<Option<Arc<Connection>>, Failure> {
        self.obstacle = Some(Obstacle::Disconnected(node.clone()));
        self.routes.start()?;
        // A slot that is being migrated still has its old owner.
        let owner = if asking { self.routes.owner(self.slot) } else { Some(node.clone()) };
        tokio::select! {
            biased;
            connection = node.connected() => connection.map(Some),
            () = self.routes.reassigned(self.slot, owner.as_ref()) => Ok(None),
        }
    }

    /// Does what a verdict asks for.
    async fn follow(&mut self, verdict: Verdict, node: &Node, connection: &Connection) -> Result<Next, Failure> {
        match verdict {
            Verdict::Final => return Ok(Next::Done),
            Verdict::Moved(place) => {
                let node = self.routes.moved(self.slot, &place, &connection.address)?;
                self.redirected().await;
                return Ok(Next::Detour(node, false));
            }
            Verdict::Ask(place) => {
                let node = self.routes.at(&place, &connection.address)?;
                self.redirected().await;
                return Ok(Next::Detour(node, true));
            }
            Verdict::Later(error) => self.obstacle = Some(Obstacle::Refused(error)),
            Verdict::Elsewhere(error) => {
                self.obstacle = Some(Obstacle::Refused(error));
                node.request_check();
                self.routes.refresh();
            }
        }
        self.context.stats.resends.count();
        self.backoff.pause().await;
        Ok(Next::Owner)
    }

    async fn redirected(&mut self) {
        self.context.stats.redirections.count();
        self.redirections += 1;
        if self.redirections > QUICK_REDIRECTIONS {
            self.backoff.pause().await;
        }
    }

    /// The request could not get a connection of its own. It was not sent.
    async fn postpone(&mut self, failure: Failure) -> Result<Next, Failure> {
        match failure {
            Failure::Unsent(cause) => self.obstacle = Some(Obstacle::Failed(cause)),
            other => return Err(other),
        }
        self.context.stats.resends.count();
        self.backoff.pause().await;
        Ok(Next::Owner)
    }

    /// The connection broke before the reply came.
    async fn broken(&mut self, connection: &Connection) -> Result<Next, Failure> {
        let cause = Cause::new(format!("the connection to {} broke before the reply", connection.address));
        if self.sent && self.resend == Resend::Never {
            return Err(Failure::Unknown(cause));
        }
        self.obstacle = Some(Obstacle::Failed(cause));
        self.in_doubt |= self.sent;
        self.context.stats.resends.count();
        // After a close the next attempt waits for a new connection. One that failed but is still open would be used
        // again at once.
        if !connection.close_signal.is_closed() {
            self.backoff.pause().await;
        }
        Ok(Next::Owner)
    }
}
