//! The sentinels, which report where the primary is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use redis::{
    PushInfo, PushKind, RedisError, Value,
    aio::{AsyncPushSender, MultiplexedConnection, SendError},
};
use tokio::{sync::Notify, time::timeout};

use super::{
    Address, Cause, Dialer, Failure,
    dialer::failure_of,
    primary_report::{Followed, PrimaryReport, choose},
    reply::text,
};

/// The channel on which sentinels announce a new primary.
const CHANNEL: &str = "+switch-master";

/// The sentinels, and the name under which they monitor the primary.
pub(super) struct Sentinels {
    nodes: Vec<SentinelNode>,
    dialer: Dialer,
    master: String,
    deadline: Duration,
    /// The epoch of the primary that the store is connected to.
    current_epoch: AtomicU64,
    switched: Arc<Notify>,
}

/// One sentinel, and the connection to it while there is one.
struct SentinelNode {
    address: Address,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Sentinels {
    pub(super) fn new(addresses: Vec<Address>, dialer: Dialer, master: String, deadline: Duration) -> Self {
        let nodes =
            addresses.into_iter().map(|address| SentinelNode { address, connection: Mutex::new(None) }).collect();
        Self { nodes, dialer, master, deadline, current_epoch: AtomicU64::new(0), switched: Arc::new(Notify::new()) }
    }

    /// The addresses of the sentinels, for messages.
    pub(super) fn destination(&self) -> String {
        let addresses = self.nodes.iter().map(|sentinel| sentinel.address.to_string());
        format!("the primary of the sentinels {}", addresses.collect::<Vec<_>>().join(", "))
    }

    /// The address of the primary. The caller is going to connect there.
    pub(super) async fn primary(&self) -> Result<Address, Failure> {
        let followed = self.followed().await?;
        self.current_epoch.store(followed.epoch, Relaxed);
        Ok(followed.primary)
    }

    /// Whether there is a newer primary than the one that the store connected to at this address.
    pub(super) async fn has_moved_from(&self, address: &Address) -> bool {
        let epoch = self.current_epoch.load(Relaxed);
        self.followed().await.is_ok_and(|followed| followed.supersedes(address, epoch))
    }

    /// Returns when a sentinel has announced a new primary.
    pub(super) async fn switched(&self) {
        self.switched.notified().await;
    }

    /// Asks all sentinels, and chooses from the reports of those that answer.
    async fn followed(&self) -> Result<Followed, Failure> {
        let reports = futures_util::future::join_all(self.nodes.iter().map(|sentinel| self.ask(sentinel))).await;
        followed(reports)
    }

    async fn ask(&self, sentinel: &SentinelNode) -> Result<PrimaryReport, Failure> {
        let address = &sentinel.address;
        // Taken out, so that it is dropped if anything goes wrong with it.
        let known = sentinel.connection.lock().take();
        let mut connection = match known {
            Some(connection) => connection,
            None => self.connect(address).await?,
        };
        let mut question = redis::pipe();
        question.cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&self.master);
        question.cmd("SENTINEL").arg("MASTER").arg(&self.master);
        let reply = timeout(self.deadline, connection.send_packed_commands(&question, 0, 2)).await;
        let reply = reply
            .map_err(|_| Failure::Unsent(Cause::new(format!("the sentinel {address} did not answer"))))?
            .map_err(|error| failure_of(address, error))?;
        *sentinel.connection.lock() = Some(connection);
        match reply.as_slice() {
            [Value::Nil, _] => Err(Failure::fatal(format!(
                "the sentinel {address} watches no primary of that name; check `sentinel.master`"
            ))),
            [Value::ServerError(error), _] => Err(failure_of(address, RedisError::from(error.clone()))),
            [primary, details] => report(address, primary, details).ok_or_else(|| {
                Failure::Unsent(Cause::new(format!("the sentinel {address} gave an answer that cannot be read")))
            }),
            _ => Err(Failure::Unsent(Cause::new(format!("the sentinel {address} gave an incomplete answer")))),
        }
    }

    async fn connect(&self, address: &Address) -> Result<MultiplexedConnection, Failure> {
        let notifier = SwitchNotifier(self.switched.clone());
        let (mut connection, _) = self.dialer.dial(address, Some(notifier)).await?;
        // Without the subscription the next health check finds a new primary, only later. So a sentinel that denies it
        // is accepted.
        let _ = timeout(self.deadline, connection.subscribe(CHANNEL)).await;
        Ok(connection)
    }
}

/// Notifies when a sentinel announces a new primary.
struct SwitchNotifier(Arc<Notify>);

impl AsyncPushSender for SwitchNotifier {
    fn send(&self, info: PushInfo) -> Result<(), SendError> {
        if info.kind == PushKind::Message {
            self.0.notify_one();
        }
        Ok(())
    }
}

/// The report to follow. If no sentinel answers, the failure that is worst.
fn followed(reports: impl IntoIterator<Item = Result<PrimaryReport, Failure>>) -> Result<Followed, Failure> {
    let mut answered = Vec::new();
    let mut failure = Failure::Unsent(Cause::new("no sentinel is known"));
    for report in reports {
        match report {
            Ok(report) => answered.push(report),
            Err(other) => failure = failure.or_worse(other),
        }
    }
    choose(&answered).ok_or(failure)
}

fn report(asked: &Address, primary: &Value, details: &Value) -> Option<PrimaryReport> {
    let Value::Array(place) = primary else { return None };
    let [host, port] = place.as_slice() else { return None };
    let primary = Address::reported(text(host)?, text(port)?.parse().ok()?, asked);
    Some(PrimaryReport { primary, epoch: epoch(details).unwrap_or(0) })
}

/// The epoch among the details, which come as a map or as a flat list.
fn epoch(details: &Value) -> Option<u64> {
    const NAME: &str = "config-epoch";
    let epoch = match details {
        Value::Map(fields) => fields.iter().find(|(name, _)| text(name) == Some(NAME)).map(|(_, value)| value),
        Value::Array(flat) => flat.chunks_exact(2).find(|pair| text(&pair[0]) == Some(NAME)).map(|pair| &pair[1]),
        _ => None,
    };
    text(epoch?)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permanent_failure_is_reported_first() {
        let silent = || Err(Failure::Unsent(Cause::new("silent")));
        assert!(matches!(followed([silent(), Err(Failure::fatal("no")), silent()]), Err(Failure::Fatal(_))));
        assert!(matches!(followed([silent()]), Err(Failure::Unsent(_))));
        let report = PrimaryReport { primary: Address::tcp("host", 1), epoch: 0 };
        assert!(followed([silent(), Err(Failure::fatal("no")), Ok(report)]).is_ok());
    }

    #[test]
    fn answers_of_both_protocols() {
        let read = |text: &str| epoch(&redis::parse_redis_value(text.as_bytes()).unwrap());
        assert_eq!(read("*4\r\n$4\r\nname\r\n$1\r\nm\r\n$12\r\nconfig-epoch\r\n$2\r\n17\r\n"), Some(17));
        assert_eq!(read("%1\r\n$12\r\nconfig-epoch\r\n$2\r\n17\r\n"), Some(17));
        assert_eq!(read("*1\r\n$12\r\nconfig-epoch\r\n"), None);
    }
}
