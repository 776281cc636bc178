//! One call: sent, redirected, sent again, until it is answered or its deadline has come.

use std::{pin::pin, sync::Arc};

use redis::ServerError;
use tokio::time::timeout_at;

use super::{
    Cause, Failure, Resend, Slot, backoff::Backoff, link::Link, net::Inner, node::Node, request::Request,
    verdict::Verdict,
};

/// So many redirections in a row are followed at once; with more, nodes contradict each other and need time.
const QUICK_REDIRECTIONS: u32 = 2;

/// What became of a call so far.
#[derive(Default)]
struct Progress {
    /// Whether a server may have executed it, or a part of it.
    sent: bool,
    /// Whether an earlier attempt was lost on the way: a server may have executed that one.
    doubt: bool,
    redirections: u32,
    last: Option<Last>,
}

/// What a call met last.
enum Last {
    Refused(ServerError),
    Waiting(Arc<Node>),
    Failed(Cause),
}

impl Progress {
    /// What becomes of a call that failed at its last attempt.
    fn judge(&self, failure: Failure) -> Failure {
        if self.doubt { failure.in_doubt() } else { failure }
    }

    /// What to report at the deadline.
    fn expired(self) -> Failure {
        let cause = match self.last {
            Some(Last::Refused(error)) if !self.sent && !self.doubt => return Failure::Refused(error),
            Some(Last::Waiting(node)) => node.trouble(),
            Some(Last::Failed(cause)) => cause,
            Some(Last::Refused(_)) | None => Cause::new("no reply came within `call_deadline`"),
        };
        if self.sent || self.doubt { Failure::Unknown(cause) } else { Failure::Unsent(cause) }
    }
}

/// Where to go next.
enum Next {
    Done,
    Owner,
    Detour(Arc<Node>, bool),
}

impl Inner {
    /// Sends a request and gives its reply, within one deadline.
    pub(super) async fn call<R: Request>(
        &self,
        slot: Slot,
        mut request: R,
        resend: Resend,
    ) -> Result<R::Reply, Failure> {
        let mut progress = Progress::default();
        match timeout_at(self.crew.until(), self.drive(slot, &mut request, resend, &mut progress)).await {
            Ok(Ok(())) => request.reply().map_err(|failure| progress.judge(failure)),
            Ok(Err(failure)) => Err(progress.judge(failure)),
            Err(_) => {
                self.crew.stats.timeouts.count();
                Err(progress.expired())
            }
        }
    }

    /// Returns once the verdict is final.
    async fn drive<R: Request>(
        &self,
        slot: Slot,
        request: &mut R,
        resend: Resend,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let mut backoff = Backoff::of_a_call();
        let mut next = Next::Owner;
        loop {
            let (node, asking) = match next {
                Next::Done => return Ok(()),
                Next::Owner => (self.owner(slot, progress).await, false),
                Next::Detour(node, asking) => (node, asking),
            };
            let flight = node.board(&self.crew.stats)?;
            let Some(link) = self.link(slot, &node, asking, progress).await? else {
                flight.landed();
                next = Next::Owner;
                continue;
            };
            if let Err(failure) = request.prepare(&link, &self.crew.dialer).await {
                drop(flight);
                next = self.postpone(failure, progress, &mut backoff).await?;
                continue;
            }
            let outcome = {
                let exchange = pin!(async {
                    progress.sent = true;
                    request.exchange(&link, asking).await
                });
                link.pulse.until_closed(exchange).await
            };
            next = match outcome {
                Ok(verdict) => {
                    flight.landed();
                    progress.sent = request.is_partly_done();
                    self.follow(slot, verdict, &node, &link, progress, &mut backoff).await?
                }
                Err(_) => {
                    drop(flight);
                    self.broken(&link, resend, progress, &mut backoff).await?
                }
            };
        }
    }

    /// The primary of a slot, once there is one.
    async fn owner(&self, slot: Slot, progress: &mut Progress) -> Arc<Node> {
        loop {
            if let Some(node) = self.routes.owner(slot) {
                return node;
            }
            progress.last = Some(Last::Failed(Cause::new("no node of the cluster serves this slot")));
            self.routes.refresh();
            self.routes.reassigned(slot, None).await;
        }
    }

    /// The node's link; nothing if the slot has moved while we waited for one.
    async fn link(
        &self,
        slot: Slot,
        node: &Arc<Node>,
        asking: bool,
        progress: &mut Progress,
    ) -> Result<Option<Arc<Link>>, Failure> {
        if let Some(settled) = node.link() {
            return settled.map(Some);
        }
        progress.last = Some(Last::Waiting(node.clone()));
        // A slot on its way still has its old owner.
        let owner = if asking { self.routes.owner(slot) } else { Some(node.clone()) };
        tokio::select! {
            biased;
            link = node.wait() => link.map(Some),
            () = self.routes.reassigned(slot, owner.as_ref()) => Ok(None),
        }
    }

    /// Does what a verdict asks for.
    async fn follow(
        &self,
        slot: Slot,
        verdict: Verdict,
        node: &Arc<Node>,
        link: &Link,
        progress: &mut Progress,
        backoff: &mut Backoff,
    ) -> Result<Next, Failure> {
        match verdict {
            Verdict::Final => return Ok(Next::Done),
            Verdict::Moved(place) => {
                let node = self.routes.moved(slot, &place, &link.address)?;
                self.redirected(progress, backoff).await;
                return Ok(Next::Detour(node, false));
            }
            Verdict::Ask(place) => {
                let node = self.routes.at(&place, &link.address)?;
                self.redirected(progress, backoff).await;
                return Ok(Next::Detour(node, true));
            }
            Verdict::Later(error) => progress.last = Some(Last::Refused(error)),
            Verdict::Elsewhere(error) => {
                progress.last = Some(Last::Refused(error));
                node.suspect();
                self.routes.refresh();
            }
        }
        self.crew.stats.resends.count();
        backoff.pause().await;
        Ok(Next::Owner)
    }

    async fn redirected(&self, progress: &mut Progress, backoff: &mut Backoff) {
        self.crew.stats.redirections.count();
        progress.redirections += 1;
        if progress.redirections > QUICK_REDIRECTIONS {
            backoff.pause().await;
        }
    }

    /// A connection of its own was not to be had; the request has not left.
    async fn postpone(
        &self,
        failure: Failure,
        progress: &mut Progress,
        backoff: &mut Backoff,
    ) -> Result<Next, Failure> {
        match failure {
            Failure::Unsent(cause) => progress.last = Some(Last::Failed(cause)),
            other => return Err(other),
        }
        self.crew.stats.resends.count();
        backoff.pause().await;
        Ok(Next::Owner)
    }

    /// The connection broke while the request was on it.
    async fn broken(
        &self,
        link: &Link,
        resend: Resend,
        progress: &mut Progress,
        backoff: &mut Backoff,
    ) -> Result<Next, Failure> {
        let cause = Cause::new(format!("the connection to {} broke before the reply", link.address));
        if progress.sent && resend == Resend::Never {
            return Err(Failure::Unknown(cause));
        }
        progress.last = Some(Last::Failed(cause));
        progress.doubt |= progress.sent;
        self.crew.stats.resends.count();
        // A closed link is waited for; only one that failed and still is open would be used again at once.
        if !link.pulse.is_closed() {
            backoff.pause().await;
        }
        Ok(Next::Owner)
    }
}
