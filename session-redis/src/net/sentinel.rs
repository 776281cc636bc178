//! What the sentinels say.

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
    dialer::{failure_of, text},
    source::worse,
};

/// Where sentinels announce that another server came to office.
const CHANNEL: &str = "+switch-master";

/// The sentinels, and what they call the primary.
pub(super) struct Sentinels {
    all: Vec<Sentinel>,
    dialer: Dialer,
    master: String,
    deadline: Duration,
    /// The epoch of the primary that we follow.
    followed: AtomicU64,
    switched: Arc<Notify>,
}

/// One of them, and the connection to it while there is one.
struct Sentinel {
    address: Address,
    connection: Mutex<Option<MultiplexedConnection>>,
}

/// One sentinel's view: the primary, and the epoch in which it came to office.
struct View {
    primary: Address,
    epoch: u64,
}

impl Sentinels {
    pub(super) fn new(addresses: Vec<Address>, dialer: Dialer, master: String, deadline: Duration) -> Self {
        let all = addresses.into_iter().map(|address| Sentinel { address, connection: Mutex::new(None) }).collect();
        Self { all, dialer, master, deadline, followed: AtomicU64::new(0), switched: Arc::new(Notify::new()) }
    }

    /// Where the primary is, and that it will be followed there.
    pub(super) async fn primary(&self) -> Result<Address, Failure> {
        let newest = self.newest().await?;
        self.followed.store(newest.epoch, Relaxed);
        Ok(newest.primary)
    }

    /// Whether there is a newer primary than the one followed to this address.
    pub(super) async fn has_left(&self, address: &Address) -> bool {
        let followed = self.followed.load(Relaxed);
        self.newest().await.is_ok_and(|view| view.supersedes(address, followed))
    }

    /// Returns when a sentinel has announced a new primary.
    pub(super) async fn switched(&self) {
        self.switched.notified().await;
    }

    /// The newest view among all sentinels that answer: one that was cut off still names the old primary, which may
    /// still take writes that are going to be lost.
    async fn newest(&self) -> Result<View, Failure> {
        let views = futures_util::future::join_all(self.all.iter().map(|sentinel| self.ask(sentinel))).await;
        newest(views)
    }

    async fn ask(&self, sentinel: &Sentinel) -> Result<View, Failure> {
        let address = &sentinel.address;
        // Taken out, so that it is gone if anything goes wrong with it.
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
            [primary, details] => view(address, primary, details).ok_or_else(|| {
                Failure::Unsent(Cause::new(format!("the sentinel {address} gave an answer that cannot be read")))
            }),
            _ => Err(Failure::Unsent(Cause::new(format!("the sentinel {address} gave an incomplete answer")))),
        }
    }

    async fn connect(&self, address: &Address) -> Result<MultiplexedConnection, Failure> {
        let bell = Bell(self.switched.clone());
        let (mut connection, _) = self.dialer.dial(address, Some(bell)).await?;
        // Without it a new primary is found by asking, only later; so a sentinel that does not allow it will do.
        let _ = timeout(self.deadline, connection.subscribe(CHANNEL)).await;
        Ok(connection)
    }
}

/// Rings when a sentinel announces a new primary.
struct Bell(Arc<Notify>);

impl AsyncPushSender for Bell {
    fn send(&self, info: PushInfo) -> Result<(), SendError> {
        if info.kind == PushKind::Message {
            self.0.notify_one();
        }
        Ok(())
    }
}

impl View {
    /// Whether the primary that is followed to an address, since an epoch, is one no more. A sentinel that was cut off
    /// names an older one; it must not lure anybody back.
    fn supersedes(&self, address: &Address, followed: u64) -> bool {
        self.epoch >= followed && self.primary != *address
    }
}

fn newest(views: impl IntoIterator<Item = Result<View, Failure>>) -> Result<View, Failure> {
    let mut newest: Option<View> = None;
    let mut failure = Failure::Unsent(Cause::new("no sentinel is known"));
    for view in views {
        match view {
            Ok(view) if newest.as_ref().is_none_or(|newest| view.epoch > newest.epoch) => newest = Some(view),
            Ok(_) => {}
            Err(other) => failure = worse(failure, other),
        }
    }
    newest.ok_or(failure)
}

fn view(asked: &Address, primary: &Value, details: &Value) -> Option<View> {
    let Value::Array(place) = primary else { return None };
    let [host, port] = place.as_slice() else { return None };
    let primary = Address::reported(text(host)?, text(port)?.parse().ok()?, asked);
    Some(View { primary, epoch: epoch(details).unwrap_or(0) })
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

    fn seen(port: u16, epoch: u64) -> Result<View, Failure> {
        Ok(View { primary: Address::tcp("host", port), epoch })
    }

    fn found(views: Vec<Result<View, Failure>>) -> Address {
        newest(views).ok().unwrap().primary
    }

    #[test]
    fn the_newest_view_counts_wherever_it_stands() {
        let new = Address::tcp("host", 2);
        assert_eq!(found(vec![seen(1, 3), seen(2, 4), seen(1, 3)]), new);
        assert_eq!(found(vec![seen(2, 4), seen(1, 3)]), new);
        assert_eq!(found(vec![Err(Failure::fatal("no")), seen(2, 0)]), new);
    }

    #[test]
    fn the_failure_that_no_waiting_mends_is_told() {
        let silent = || Err(Failure::Unsent(Cause::new("silent")));
        assert!(matches!(newest([silent(), Err(Failure::fatal("no")), silent()]), Err(Failure::Fatal(_))));
        assert!(matches!(newest([silent()]), Err(Failure::Unsent(_))));
    }

    #[test]
    fn an_older_view_leads_nobody_back() {
        let followed = Address::tcp("host", 2);
        let leaves = |view: Result<View, Failure>| view.ok().unwrap().supersedes(&followed, 4);
        assert!(leaves(seen(3, 5)));
        assert!(!leaves(seen(1, 3)), "an older view");
        assert!(!leaves(seen(2, 5)), "the same primary");
    }

    #[test]
    fn answers_of_both_protocols() {
        let read = |text: &str| epoch(&redis::parse_redis_value(text.as_bytes()).unwrap());
        assert_eq!(read("*4\r\n$4\r\nname\r\n$1\r\nm\r\n$12\r\nconfig-epoch\r\n$2\r\n17\r\n"), Some(17));
        assert_eq!(read("%1\r\n$12\r\nconfig-epoch\r\n$2\r\n17\r\n"), Some(17));
        assert_eq!(read("*1\r\n$12\r\nconfig-epoch\r\n"), None);
    }
}
