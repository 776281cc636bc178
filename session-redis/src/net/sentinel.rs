//! What the sentinels say.

use redis::{RedisError, Value};
use std::time::Duration;
use tokio::time::timeout;

use super::{
    Address, Cause, Dialer, Failure,
    dialer::{failure_of, text},
    link::Watch,
    source::worse,
};

/// The sentinels, and what they call the primary.
pub(super) struct Sentinels {
    addresses: Vec<Address>,
    dialer: Dialer,
    master: String,
    deadline: Duration,
}

/// One sentinel's view: the primary, and the epoch in which it came to office.
struct View {
    primary: Address,
    epoch: u64,
}

impl Sentinels {
    pub(super) fn new(addresses: Vec<Address>, dialer: Dialer, master: String, deadline: Duration) -> Self {
        Self { addresses, dialer, master, deadline }
    }

    /// Where the primary is, according to the newest view among all sentinels that answer: one that was cut off still
    /// names the old primary, which may still take writes that are going to be lost.
    pub(super) async fn primary(&self) -> Result<Address, Failure> {
        let views = futures_util::future::join_all(self.addresses.iter().map(|address| self.ask(address))).await;
        let mut newest: Option<View> = None;
        let mut failure = Failure::Unsent(Cause::new("no sentinel is known"));
        for view in views {
            match view {
                Ok(view) if newest.as_ref().is_none_or(|newest| view.epoch > newest.epoch) => newest = Some(view),
                Ok(_) => {}
                Err(other) => failure = worse(failure, other),
            }
        }
        newest.map(|view| view.primary).ok_or(failure)
    }

    async fn ask(&self, address: &Address) -> Result<View, Failure> {
        let (mut connection, _) = self.dialer.dial(address, None::<Watch>).await?;
        let mut question = redis::pipe();
        question.cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&self.master);
        question.cmd("SENTINEL").arg("MASTER").arg(&self.master);
        let reply = timeout(self.deadline, connection.send_packed_commands(&question, 0, 2)).await;
        let reply = reply
            .map_err(|_| Failure::Unsent(Cause::new(format!("the sentinel {address} did not answer"))))?
            .map_err(|error| failure_of(address, error))?;
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
