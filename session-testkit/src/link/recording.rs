//! Records the requests of clients and their round trips.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use crate::link::Direction;

/// One round trip: all bytes that a client sent on a link before the reply started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchange {
    /// The number of the link, counted from 0 in the order of acceptance.
    pub link: u64,
    /// The bytes of the client.
    pub request: Vec<u8>,
    /// The number of bytes that the server sent before the client's next request.
    pub reply_bytes: usize,
}

/// A record of everything that clients have sent since its start; it ends when it is dropped.
///
/// A round trip starts when the client sends after the server has, or for the first time. A pipeline therefore counts as
/// one, and two commands of which the second waits for the first count as two. After a pushed message the next request
/// also counts as a new round trip, so count only on links without subscriptions.
#[derive(Clone, Debug)]
pub struct Recording {
    pub(super) log: Arc<Mutex<Log>>,
}

impl Recording {
    /// The number of round trips, over all links.
    #[must_use]
    pub fn round_trips(&self) -> usize {
        self.log.lock().exchanges.len()
    }

    /// The round trips in the order of their starts.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.log.lock().exchanges.clone()
    }

    /// The bytes that clients sent, one element per round trip.
    #[must_use]
    pub fn requests(&self) -> Vec<Vec<u8>> {
        self.log.lock().exchanges.iter().map(|exchange| exchange.request.clone()).collect()
    }

    /// The commands that clients sent, each with its arguments as text, link by link in the order sent. Only complete
    /// commands on unencrypted links are visible.
    #[must_use]
    pub fn commands(&self) -> Vec<Vec<String>> {
        let mut links: Vec<(u64, Vec<u8>)> = Vec::new();
        for exchange in &self.log.lock().exchanges {
            match links.iter_mut().find(|(link, _)| *link == exchange.link) {
                Some((_, bytes)) => bytes.extend_from_slice(&exchange.request),
                None => links.push((exchange.link, exchange.request.clone())),
            }
        }
        let mut commands = Vec::new();
        for (_, bytes) in &links {
            let mut rest = bytes.as_slice();
            while let Some(command) = command(&mut rest) {
                commands.push(command);
            }
        }
        commands
    }

    /// Clears the record.
    pub fn clear(&self) {
        *self.log.lock() = Log::default();
    }
}

#[derive(Debug, Default)]
pub(super) struct Log {
    exchanges: Vec<Exchange>,
    /// The newest round trip of each link.
    newest: HashMap<u64, usize>,
}

impl Log {
    pub(super) fn add(&mut self, link: u64, direction: Direction, bytes: &[u8]) {
        let newest = self.newest.get(&link).and_then(|at| self.exchanges.get_mut(*at));
        match (direction, newest) {
            (Direction::Requests, Some(exchange)) if exchange.reply_bytes == 0 => {
                exchange.request.extend_from_slice(bytes);
            }
            (Direction::Requests, _) => {
                self.newest.insert(link, self.exchanges.len());
                self.exchanges.push(Exchange { link, request: bytes.to_vec(), reply_bytes: 0 });
            }
            (Direction::Replies, Some(exchange)) => exchange.reply_bytes += bytes.len(),
            // The reply to a request from before the recording.
            (Direction::Replies, None) => {}
        }
    }
}

/// Parses one command from the front: a list of strings, the only form that client libraries send.
fn command(rest: &mut &[u8]) -> Option<Vec<String>> {
    let count = number(rest, b'*')?;
    let mut args = Vec::new();
    for _ in 0..count {
        let len = number(rest, b'$')?;
        let (arg, tail) = rest.split_at_checked(len)?;
        args.push(String::from_utf8_lossy(arg).into_owned());
        *rest = tail.strip_prefix(b"\r\n")?;
    }
    Some(args)
}

fn number(rest: &mut &[u8], kind: u8) -> Option<usize> {
    let tail = rest.strip_prefix(&[kind])?;
    let end = tail.windows(2).position(|two| two == b"\r\n")?;
    let number = std::str::from_utf8(&tail[..end]).ok()?.parse().ok()?;
    *rest = &tail[end + 2..];
    Some(number)
}
