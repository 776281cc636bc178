//! Keeps one primary's link alive, for ever.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use super::{
    Cause, Dialer, Failure, Hooks, Stats,
    backoff::Backoff,
    dialer::hello,
    link::{Link, Pulse},
    node::{Node, Shared, State},
    pool::Pool,
    source::Source,
};

/// What all supervisors of one store share.
pub(super) struct Crew {
    pub(super) dialer: Dialer,
    pub(super) hooks: Arc<dyn Hooks>,
    pub(super) stats: Arc<Stats>,
    /// Rung when a link is lost: on a cluster the slots may have moved.
    pub(super) lost: Arc<Notify>,
    pub(super) call_deadline: Duration,
    pub(super) health_interval: Duration,
    pub(super) max_in_flight: usize,
    pub(super) durable_connections: usize,
}

impl Crew {
    /// A primary and the task that looks after it.
    pub(super) fn node(self: &Arc<Self>, source: Source) -> Node {
        let shared = Shared::new(self.max_in_flight);
        let supervisor = Supervisor { crew: self.clone(), shared: shared.clone(), source };
        Node::new(shared, tokio::spawn(supervisor.run()).abort_handle())
    }
}

struct Supervisor {
    crew: Arc<Crew>,
    shared: Arc<Shared>,
    source: Source,
}

impl Supervisor {
    async fn run(self) {
        let mut was_up = false;
        loop {
            let link = self.connect().await;
            self.shared.state.send_replace(State::Up(link.clone()));
            if was_up {
                self.crew.stats.reconnects.count();
                self.crew.hooks.regained();
            }
            was_up = true;
            #[cfg(feature = "tracing")]
            tracing::info!(address = %link.address, "connected to a primary");
            let end = self.watch(&link).await;
            // A server that was demoted still answers: what is under way on the link comes to its end by itself.
            let is_answering = matches!(end, End::Demoted(_));
            let (End::Demoted(cause) | End::Lost(cause)) = end;
            #[cfg(feature = "tracing")]
            tracing::warn!(%cause, "a primary is lost");
            self.shared.state.send_replace(State::Down(cause));
            if !is_answering {
                link.pulse.close();
            }
            self.crew.lost.notify_one();
        }
    }

    /// Connects, however long it takes. The state tells the waiting calls how it goes.
    async fn connect(&self) -> Arc<Link> {
        let mut backoff = Backoff::of_a_link();
        loop {
            let failure = match self.attempt().await {
                Ok(link) => return Arc::new(link),
                Err(failure) => failure,
            };
            let state = match failure {
                Failure::Fatal(cause) => {
                    backoff.slow_down();
                    State::Broken(cause)
                }
                Failure::Unsent(cause) | Failure::Unknown(cause) => State::Down(cause),
                refused @ (Failure::Refused(_) | Failure::Doubtful(_)) => State::Down(Cause::new(refused.told())),
                Failure::Overloaded => State::Down(Cause::new("the server takes no requests yet")),
            };
            self.shared.state.send_replace(state);
            self.crew.lost.notify_one();
            backoff.pause().await;
        }
    }

    async fn attempt(&self) -> Result<Link, Failure> {
        let mut pulse = Pulse::default();
        let (mut connection, address) = self
            .source
            .dial(&self.crew.dialer, || {
                // Each connection that is tried closes its own pulse when it is given up.
                pulse = Pulse::default();
                pulse.watch()
            })
            .await?;
        let greeted = timeout(self.crew.call_deadline, self.crew.hooks.greet(&mut connection)).await;
        greeted.map_err(|_| Failure::Unsent(Cause::new(format!("{address} did not answer the first requests"))))??;
        let pool = Arc::new(Pool::new(self.crew.durable_connections, self.crew.health_interval * 10));
        Ok(Link { connection, address, pulse, pool })
    }

    /// Looks after a link until it has to be given up, and says why.
    async fn watch(&self, link: &Link) -> End {
        loop {
            tokio::select! {
                () = link.pulse.closed() => return lost(link),
                () = sleep(self.crew.health_interval) => {}
                () = self.shared.suspect.notified() => {}
                () = self.source.switched() => {}
            }
            tokio::select! {
                () = link.pulse.closed() => return lost(link),
                unfit = self.examine(link) => if let Some(end) = unfit { return end },
            }
        }
    }

    /// Asks the server and, if there are any, the sentinels. Either may find the link unfit, and need not wait for the
    /// other then.
    async fn examine(&self, link: &Link) -> Option<End> {
        let mut look = pin!(self.look(link));
        let mut question = pin!(self.question(link));
        tokio::select! {
            unfit = &mut look => match unfit {
                None => question.await,
                unfit => unfit,
            },
            unfit = &mut question => match unfit {
                None => look.await,
                unfit => unfit,
            },
        }
    }

    /// Asks whether the primary is elsewhere: a deposed one thinks for seconds that it still is in office, and what it
    /// takes until then will be lost.
    async fn question(&self, link: &Link) -> Option<End> {
        if !self.source.has_left(&link.address).await {
            return None;
        }
        self.crew.stats.demoted.count();
        Some(End::Demoted(Cause::new(format!("the sentinels name another primary than {}", link.address))))
    }

    /// Asks for a sign of life and the role.
    ///
    /// The answer may take a whole call deadline: by then every call that was sent before the question has failed
    /// anyway, so giving the link up fails none that could still have been answered, and a server that is held up for
    /// a moment keeps its links.
    async fn look(&self, link: &Link) -> Option<End> {
        let mut connection = link.connection.clone();
        match timeout(self.crew.call_deadline, hello(&mut connection)).await {
            Ok(Ok(hello)) if hello.is_primary => None,
            Ok(Ok(_)) => {
                self.crew.stats.demoted.count();
                Some(End::Demoted(Cause::new(format!("{} became a replica", link.address))))
            }
            Ok(Err(error)) if error.is_io_error() => Some(lost(link)),
            // An answer is a sign of life, whatever it says.
            Ok(Err(_)) => None,
            Err(_) => {
                self.crew.stats.half_open.count();
                Some(End::Lost(Cause::new(format!("{} sent nothing for a whole call deadline", link.address))))
            }
        }
    }
}

fn lost(link: &Link) -> End {
    End::Lost(Cause::new(format!("the connection to {} was lost", link.address)))
}

/// Why a link was given up.
enum End {
    /// It is gone, or nothing comes over it.
    Lost(Cause),
    /// Its server is not the primary any more.
    Demoted(Cause),
}
