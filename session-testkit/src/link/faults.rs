//! The current faults of the links, and their traffic.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{net::TcpStream, sync::watch};

use crate::link::{Direction, recording::Log};

/// The faults that affect bytes; faults of whole links are orders to the control loop.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    pub(super) delay: Duration,
    pub(super) bytes_per_sec: Option<u64>,
    pub(super) held: [bool; 2],
    pub(super) half_open: bool,
    /// The addresses whose links pass nothing.
    pub(super) severed: Vec<IpAddr>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) target: SocketAddr,
    pub(super) faults: Faults,
    pub(super) links: BTreeMap<u64, Link>,
    pub(super) accepted: u64,
    pub(super) forwarded: [u64; 2],
    pub(super) logs: Vec<Weak<Mutex<Log>>>,
}

/// One open link.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// The network has forgotten the link for good.
    pub(super) dead: bool,
    /// The address that it comes from.
    pub(super) from: Option<IpAddr>,
    /// Bytes received and not yet passed on.
    pub(super) waiting: [usize; 2],
    pub(super) sockets: Vec<Weak<TcpStream>>,
}

/// The state, with a notification of every change.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    bell: watch::Sender<()>,
}

impl Shared {
    pub(super) fn new(target: SocketAddr) -> Self {
        let state = State {
            target,
            faults: Faults::default(),
            links: BTreeMap::new(),
            accepted: 0,
            forwarded: [0; 2],
            logs: Vec::new(),
        };
        Self { state: Mutex::new(state), bell: watch::channel(()).0 }
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock())
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state.lock());
        self.bell.send_replace(());
        result
    }

    /// Waits until `look` returns a value; it is called again after every change.
    pub(super) async fn until<T>(&self, mut look: impl FnMut(&State) -> Option<T>) -> T {
        let mut bell = self.bell.subscribe();
        loop {
            bell.mark_unchanged();
            if let Some(found) = self.read(&mut look) {
                return found;
            }
            // The sender is a field of `self`, so this cannot fail.
            let _ = bell.changed().await;
        }
    }

    /// Counts bytes that arrived; recordings see them before the other end can react to them.
    pub(super) fn arrived(&self, link: u64, direction: Direction, bytes: &[u8]) {
        let logs: Vec<Arc<Mutex<Log>>> = self.change(|state| {
            if let Some(link) = state.links.get_mut(&link) {
                link.waiting[direction.index()] += bytes.len();
            }
            state.logs.retain(|log| log.strong_count() > 0);
            state.logs.iter().filter_map(Weak::upgrade).collect()
        });
        for log in logs {
            log.lock().add(link, direction, bytes);
        }
    }
}
